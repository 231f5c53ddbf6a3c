"""The page of whoever runs the app: a button that fetches the published weights, and how far that is.

Its address ends in a secret that is made at each start and printed in the terminal alone, so that no visitor has it,
wherever the app is served and whether there is a login or a proxy before it. Plain HTML that loads itself anew while
something goes on.
"""

from __future__ import annotations

import html
import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from priorrg import texts
from priorrg.errors import PriorRGError
from priorrg.reporting import kept
from priorrg.ui.server.refusals import Refused

PATH = "/operator/"
EVERY_S = 2  # between two looks at how far it is
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{refresh}
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; }}
progress {{ width: 100%; }} button {{ font: inherit; padding: .4rem 1rem; }} .only {{ opacity: .8; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #0b0f17; color: #e5e9f0; }} }}
</style></head><body><main><h1>{title}</h1><p class="only">{only}</p><p>{now}</p>{body}
<p class="only">{note}</p></main></body></html>"""
log = logging.getLogger("priorrg.weights")


class Fetching:
    """The published weights on their way: `idle`, `looking`, `told`, `fetching`, `importing`, `done` or `failed`;
    `here` where they were before.

    said: sentences for the page. have, size: bytes. fetch: what fetches them.
    """

    def __init__(self, fetch: Callable[..., Any] = kept.published) -> None:
        self.state = "here" if (kept.published_folder() / kept.SOURCE).is_file() else "idle"
        self.said: list[str] = []
        self.have = self.size = self._at_first = 0
        self._began = 0.0
        self._fetch = fetch
        self._lock = threading.Lock()

    def look(self) -> None:
        self._start("looking", ("idle", "failed"), self._look)

    def fetch(self) -> None:
        self._start("fetching", ("told",), self._take)

    def left_s(self) -> float | None:
        """Seconds that the rest will take at the pace so far; None before there is one."""
        come = self.have - self._at_first
        return (self.size - self.have) * (time.monotonic() - self._began) / come if come > 0 else None

    def _start(self, state: str, after: tuple[str, ...], work: Callable[[], None]) -> None:
        with self._lock:
            if self.state not in after:  # pressed twice, or in another tab
                return
            self.state = state

        def run() -> None:
            try:
                work()
            except PriorRGError as error:
                self.said, self.state = [str(error)], "failed"
            except Exception:
                self.said, self.state = [texts.operator.OPERATOR["failed"]], "failed"
                log.exception("the published weights could not be fetched")

        threading.Thread(target=run, name="published weights", daemon=True).start()

    def _look(self) -> None:
        from priorrg.model.hub import Repository

        repository = Repository.at(kept.AUTHORS)
        self.said, self.state = kept.what_it_takes(repository, repository.report_checkpoint()), "told"

    def _take(self) -> None:
        self.have = self.size = 0
        self._fetch(say=lambda sentence: None, on_bytes=self._count)
        kept.choose(kept.PUBLISHED)
        self.state = "done"

    def _count(self, have: int, size: int) -> None:
        if not self.size:
            self._began, self._at_first = time.monotonic(), have
        self.have, self.size = have, size
        self.state = "fetching" if have < size else "importing"


def serve_operator(app: FastAPI, name: str, is_named: bool, fetching: Fetching | None = None) -> str:
    """Add the page; returns its path. name: the weights of this app. is_named: whether they were named at its start."""
    fetching = fetching or Fetching()
    key = secrets.token_urlsafe(24)

    def check(given: str) -> None:
        if not secrets.compare_digest(given.encode(), key.encode()):
            raise Refused(404, "operator", texts.server.NOT_HERE)

    @app.get(PATH + "{given}")
    def page(given: str) -> HTMLResponse:
        check(given)
        return HTMLResponse(_page(fetching, key, name, is_named), headers={"Cache-Control": "no-store"})

    @app.post(PATH + "{given}/{act}")
    def press(given: str, act: str) -> Response:
        check(given)
        {"look": fetching.look, "fetch": fetching.fetch}.get(act, lambda: None)()
        return RedirectResponse(f"../{given}", 303)

    return PATH + key


def _page(fetching: Fetching, key: str, name: str, is_named: bool) -> str:
    words, state = texts.operator.OPERATOR, fetching.state
    parts = [f"<p>{html.escape(sentence)}</p>" for sentence in fetching.said if state in ("told", "failed")]
    match state:
        case "idle":
            parts += [f"<p>{html.escape(words['offer'])}</p>", _button(key, "look", words["look"])]
        case "told":
            parts.append(_button(key, "fetch", words["fetch"]))
        case "failed":
            parts.append(_button(key, "look", words["again"]))
        case "fetching" if fetching.size:
            share = fetching.have / fetching.size
            parts += [f'<progress max="1" value="{share:.3f}"></progress>', f"<p>{html.escape(_how_far(fetching))}</p>"]
        case "here":
            parts.append(f"<p>{html.escape(words['here'])}</p>")
        case "done":
            parts += [
                f"<p>{html.escape(said)}</p>" for said in [words["done"], *([words["named"]] if is_named else [])]
            ]
        case _:
            parts.append(f"<p>{html.escape(words['importing' if state == 'importing' else 'looking'])}</p>")
    goes_on = state in ("looking", "fetching", "importing")
    return PAGE.format(
        title=html.escape(words["title"]),
        only=html.escape(words["only"]),
        now=html.escape(words["now"].format(name=name)),
        refresh=f'<meta http-equiv="refresh" content="{EVERY_S}">' if goes_on else "",
        body="".join(parts),
        note=html.escape(texts.report.DISCLAIMER),
    )


def _button(key: str, act: str, said: str) -> str:
    # Relative to .../operator/KEY: also below the path at which a proxy shows the app.
    return f'<form method="post" action="{key}/{act}"><button>{html.escape(said)}</button></form>'


def _how_far(fetching: Fetching) -> str:
    from priorrg.model.hub import in_bytes

    left = fetching.left_s()
    return texts.operator.OPERATOR["fetching"].format(
        have=in_bytes(fetching.have),
        size=in_bytes(fetching.size),
        percent=int(100 * fetching.have / fetching.size),
        left="?" if left is None else f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s",
    )
