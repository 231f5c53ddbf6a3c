"""All that PriorRG says to a reader: on its page, in messages and notes, in exported files. One module a part.

To translate it, translate this folder: constants, the values of dictionaries (never their keys) and templates for
str.format, whose fields in braces stay, in whatever order the language wants them. Nothing else has to change, and
tests/test_texts.py sees to it that no sentence is written anywhere else. Used as `texts.imaging.FLAT_TONE`.

Not here:
- messages for whoever installs, trains or starts the app in a terminal: the command line, settings and logins,
  import of checkpoints, weights that cannot be loaded, the log, train/
- Gradio's own words at its upload areas and its queue, which it translates by the browser's language
- sentences of reports, and names of the examples and of the weights: they come from the model, the simulator and the
  weights' own files
- words of the DICOM standard (PA, CHEST, DX) and the meanings of codes, which the standards fix
- keys that are stored or sent (the reasons of feedback in its database, names of the API): priorrg/feedback/store.py

Imports nothing of ours.
"""

from priorrg.texts import (
    about,
    context,
    export,
    exports,
    feedback,
    imaging,
    keep,
    many,
    notes,
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
    "many",
    "notes",
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


def counted(pair: tuple[str, str], count: int) -> str:
    """The template for one or that for several, filled in. A tuple in these files is always such a pair."""
    one, several = pair
    return (one if count == 1 else several).format(count=count)
