"""All that PriorRG says to a reader: on its page, in messages and notes, in exported files. One module a part.

Used as `texts.imaging.FLAT_TONE`: within `speaking(language)` that is the constant in the language, from the gettext
catalogue in languages/, else as it stands here, in English. So whatever is said while a request is answered is in its
reader's language, and whoever says it need not know. Every constant is a context of its own in the catalogue
(`imaging.FLAT_TONE`); the keys of dictionaries are never translated; a tuple is always one and several of a thing, for
`counted`. Templates are for str.format; their fields in braces stay, in whatever order the language wants them.
`python .ci/words.py` takes new texts into the catalogues, and tests/test_texts.py sees to it that none is missing and
that no sentence is written anywhere else.

In English alone:
- what is written into exported files, which keep to the language of the report (ENGLISH_ALONE), the page of feedback
  sessions, and the command line
- examples of indication and history, which the model reads

Not here:
- messages for whoever installs, trains or starts the app in a terminal: the command line, settings and logins,
  import of checkpoints, weights that cannot be loaded, the log, train/
- Gradio's own words at its upload areas and its queue, which it translates by the browser's language
- sentences of reports and names of the weights: they come from the model, the simulator and the weights' own files
- words of the DICOM standard (PA, CHEST, DX) and the meanings of codes, which the standards fix
- keys that are stored or sent (the reasons of feedback in its database, names of the API): priorrg/feedback/store.py

Imports nothing of ours.
"""

import gettext
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from string import Formatter
from types import ModuleType
from typing import Any

from priorrg.texts import (
    about,
    context,
    export,
    exports,
    feedback,
    imaging,
    keep,
    keys,
    many,
    notes,
    operator,
    pacs,
    page,
    reading,
    readings,
    report,
    server,
    session_page,
    sessions,
    viewer,
)

__all__ = [
    "about",
    "context",
    "export",
    "exports",
    "feedback",
    "imaging",
    "keep",
    "keys",
    "many",
    "notes",
    "operator",
    "pacs",
    "page",
    "reading",
    "readings",
    "report",
    "server",
    "session_page",
    "sessions",
    "viewer",
]

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "de": "Deutsch"}
# Rooms and constants that no catalogue has.
ENGLISH_ALONE = {"export", "many", "operator", "pacs", "session_page", "sessions", "context.CONTEXT_EXAMPLES"}
A_NAME = "name"  # the field of a file's own name: no words of ours
CATALOGUES = Path(__file__).parent / "languages"
DOMAIN = "priorrg"

_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


def language() -> str:
    """That of whoever is spoken to just now, a key of LANGUAGES."""
    return _language.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """In this block texts are in that language; one that is not among LANGUAGES is English."""
    before = _language.set(language if language in LANGUAGES else ENGLISH)
    try:
        yield
    finally:
        _language.reset(before)


def counted(pair: tuple[str, str], count: int, **values: object) -> str:
    """The template for one or that for several, filled in. A tuple in these files is always such a pair."""
    one, several = pair
    said = (one if count == 1 else several) if language() == ENGLISH else _words(language()).ngettext(*pair, count)
    return said.format(count=count, **values)


@cache
def _words(language: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, CATALOGUES, [language])


def _said(value: Any, context: str, language: str) -> Any:
    """A constant in the language."""
    if isinstance(value, str):
        return _words(language).pgettext(context, value) if value else value
    if isinstance(value, dict):
        return {key: _said(one, context, language) for key, one in value.items()}
    if isinstance(value, list):
        return [_said(one, context, language) for one in value]
    return value  # a pair, see `counted`


@lru_cache(maxsize=4096)
def said_anew(sentence: str, language: str) -> str:
    """What `imaging` said in some language, in this one: notes are kept with their film, and its reader may switch.

    A sentence of no template, or of this language already, stays as it is.
    """
    for other in LANGUAGES:
        for pattern, template in _templates(other, language) if other != language else ():
            if found := pattern.fullmatch(sentence):
                own = {
                    field: value if field == A_NAME else said_anew(value, language)
                    for field, value in found.groupdict().items()
                }
                return template.format(**own)
    return sentence


@cache
def _templates(other: str, language: str) -> list[tuple[re.Pattern[str], str]]:
    """What recognises each text of `imaging` in another language, and its template in this one; the wordiest first."""
    names = [name for name in vars(imaging) if name.isupper()]

    def found(spoken: str) -> list[str]:
        with speaking(spoken):
            return [text for name in names for text in _leaves(getattr(imaging, name))]

    pairs = sorted(zip(found(other), found(language), strict=True), key=lambda pair: -len(pair[0]))
    return [(_recognising(its), own) for its, own in pairs]


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _leaves(one)


def _recognising(template: str) -> re.Pattern[str]:
    """A field that stands twice in a template is the same word twice."""
    pattern, known = "", set[str]()
    for literal, field, _, _ in Formatter().parse(template):
        pattern += re.escape(literal)
        if field:
            pattern += f"(?P={field})" if field in known else f"(?P<{field}>.+)"
            known.add(field)
    return re.compile(pattern, re.DOTALL)


class _Room(ModuleType):
    """A module of texts, whose constants are those of the language that is spoken."""

    def __getattribute__(self, name: str) -> Any:
        if not name.isupper() or (language := _language.get()) == ENGLISH:
            return super().__getattribute__(name)
        room = super().__getattribute__("__name__").rpartition(".")[2]
        return _constant(room, name, language)


@cache
def _constant(room: str, name: str, language: str) -> Any:
    context = f"{room}.{name}"
    value = vars(sys.modules[f"{__name__}.{room}"])[name]
    return value if {room, context} & ENGLISH_ALONE else _said(value, context, language)


for _name in __all__:
    sys.modules[f"{__name__}.{_name}"].__class__ = _Room
