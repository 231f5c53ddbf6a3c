"""The page's scripts and styles, as they lie in assets/ui."""

from __future__ import annotations

from priorrg.assets import PAGE_FILES

SHARED = "shared.js"  # what the scripts of several parts call
OF_THE_PAGE = (
    "theme.js",
    "logout.js",
    "intake.js",
)  # these belong to no gr.HTML: they run once, when the page has come
STYLES = [PAGE_FILES / f"{part}.css" for part in ("style", "viewer", "films", "notes", "report", "exports", "room")]


def script(*names: str) -> str:
    """The script of one part, out of files that share one scope."""
    return "\n".join((PAGE_FILES / name).read_text(encoding="utf-8") for name in (SHARED, *names))


def page_script() -> str:
    """A function that Gradio calls once, when the page has come."""
    return f"() => {{\n{script(*OF_THE_PAGE)}\n}}"
