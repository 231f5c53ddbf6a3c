"""The report as plain text: a file to keep, and the shorter form that goes into the clipboard."""

from __future__ import annotations

import textwrap

from priorrg import texts
from priorrg.export.contents import ReportExport, fact, facts

WIDTH = 100  # characters of a line


def write_text(export: ReportExport) -> str:
    """The whole export as text. Lines that a human broke stay broken."""
    told = [fact(name, value) for name, value in facts(export)]
    parts = [texts.export.TITLE, *_wrapped(export.statements()), *_wrapped(told)]
    headings = texts.export.PLAIN_HEADINGS
    sections = [(headings["report"], export.text)]
    if export.is_edited:
        sections.append((headings["as written"], export.written_text))
    sections.append((headings[export.draft_heading], export.draft_text))
    return "\n".join(parts) + "".join(f"\n\n{name}\n{_body(body)}" for name, body in sections) + "\n"


def clipboard_text(export: ReportExport) -> str:
    """The report, and below it in one paragraph what every export says."""
    return f"{export.text}\n\n[{' '.join(export.statements())}]\n"


def _wrapped(lines) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, WIDTH, break_long_words=False)]


def _body(text: str) -> str:
    return "\n".join("\n".join(_wrapped([line])) for line in text.strip().splitlines())
