"""The two pages as HTML: a frame without anybody's data, with the scripts and words in it. All else is asked for."""

from __future__ import annotations

import html
import json
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

from priorrg import texts
from priorrg.assets import PAGE_FILES
from priorrg.explain.drawing import COLOURS
from priorrg.ui.pixels import TOKEN_HEADER

# The viewer's own scripts, in a scope of their own: `element`, `props` and `fetchFilm` are given. A film is shown as it
# is and not corrected here, since what is read must be the same for all.
VIEWER = """const mountViewer = (element, props, fetchFilm) => {{
  const shows = [];
  const watch = (_, show) => shows.push(show);
  const showCorrection = () => {{}};
{scripts}
  return {{ element, marks, show: (value) => {{ props.value = value; for (const one of shows) one(); }} }};
}};"""
READING = ("session-clock", "session-outbox", "session-work", "session-desk", "session-keys", "session")

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><link rel="icon" href="data:,"><title>{tab}</title>
<style>
{styles}
</style></head>
<body class="dark">
{body}
<script type="application/json" id="session-data">{data}</script>
<script>(() => {{
{scripts}
}})();</script>
</body></html>
"""
READING_BODY = """<div id="session" data-screen="card">
<header class="session-bar"><h1 id="title">{welcome}</h1>
<span id="place" hidden></span><progress id="progress" hidden></progress>
<span class="bar-tools"><span id="saved" role="status"></span>
<button type="button" id="read-again" hidden>{instructions}</button>
<button type="button" id="show-keys" hidden>{keys}</button>
<button type="button" id="pause" hidden>{pause}</button>
<button type="button" id="theme">{theme}</button></span></header>
<p class="notice-bar">{notice}</p>
<p id="banner" role="status"></p>
<main id="stage"></main>
</div>"""
ORGANISER_BODY = """<div id="organise">
<header class="session-bar"><h1>{title}</h1><span class="bar-tools">
<button type="button" id="theme">{theme}</button></span></header>
<p class="notice-bar">{notice} {rehearsal}</p>
<main id="stage"></main>
</div>"""


@lru_cache(maxsize=64)
def reading_page(root_path: str, name: str) -> str:
    """The reader's page of one session. root_path: the setting."""
    gaps = {"leftOut": texts.report.LEFT_OUT, "leftOutRemark": texts.report.LEFT_OUT_REMARK}
    words = texts.session_page.READING | {"rehearsal": texts.session_page.REHEARSAL} | gaps
    data = {
        "words": words,
        "viewerWords": texts.viewer.VIEWER | {"helpNote": texts.session_page.FILMS_NOTE},
        "base": f"{base_of(root_path)}/session/{quote(name)}",
        "tokenHeader": TOKEN_HEADER,
        "colours": COLOURS,
    }
    viewer = VIEWER.format(scripts=_scripts("viewer", "overlay", "tools", "session-marks"))
    scripts = "\n".join([_scripts("theme", "shared", "gaps", "pixels"), viewer, _scripts(*READING)])
    return _page(words["tab"], READING_BODY, words, data, scripts, ("viewer", "session"))


@lru_cache(maxsize=4)
def organiser_page(root_path: str) -> str:
    words = texts.session_page.ORGANISER
    data = {"words": words, "base": f"{base_of(root_path)}/organise"}
    said = words | {"rehearsal": texts.session_page.REHEARSAL, "theme": texts.session_page.READING["theme"]}
    return _page(
        words["tab"], ORGANISER_BODY, said, data, _scripts("theme", "shared", "session-organise"), ("session",)
    )


def base_of(root_path: str) -> str:
    """The path below which the app is shown, without a slash at its end."""
    return urlsplit(root_path).path.rstrip("/")


def _page(
    tab: str, body: str, words: dict[str, Any], data: dict[str, Any], scripts: str, styles: tuple[str, ...]
) -> str:
    told = {key: html.escape(word) for key, word in words.items() if isinstance(word, str)}
    return PAGE.format(
        tab=html.escape(tab),
        styles="\n".join((PAGE_FILES / f"{name}.css").read_text(encoding="utf-8") for name in styles),
        body=body.format(**told),
        data=json.dumps(data).replace("<", "\\u003c"),
        scripts=scripts,
    )


def _scripts(*names: str) -> str:
    return "\n".join((PAGE_FILES / f"{name}.js").read_text(encoding="utf-8") for name in names)
