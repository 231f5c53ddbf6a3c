"""The report as plain text: a file to keep, and the shorter form that goes into the clipboard."""

from __future__ import annotations

import textwrap

from priorrg.export.contents import TITLE, ReportExport, facts

WIDTH = 100  # characters of a line


def write_text(export: ReportExport) -> str:
    """The whole export as text. Lines that a human broke stay broken."""
    parts = [TITLE, *_wrapped(export.statements()), *_wrapped(f"{name}: {value}" for name, value in facts(export))]
    sections = [("REPORT", export.text)]
    if export.is_edited:
        sections.append(("AS THE MODEL WROTE IT", export.report))
    sections.append(("COARSE DRAFT, BEFORE THE MODEL REFINED IT", export.draft or "none"))
    return "\n".join(parts) + "".join(f"\n\n{name}\n{_body(body)}" for name, body in sections) + "\n"


def clipboard_text(export: ReportExport) -> str:
    """The report, and below it in one paragraph what every export says."""
    return f"{export.text}\n\n[{' '.join(export.statements())}]\n"


def _wrapped(lines) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, WIDTH, break_long_words=False)]


def _body(text: str) -> str:
    return "\n".join("\n".join(_wrapped([line])) for line in text.strip().splitlines())
