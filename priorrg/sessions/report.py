"""The report of a session as HTML and PDF, from the sections that evaluation.py computed."""

from __future__ import annotations

import base64
import html
import io
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import priorrg
from priorrg import texts
from priorrg.errors import SessionError
from priorrg.sessions.evaluation import evaluate
from priorrg.sessions.export import private
from priorrg.sessions.sections import Chart, Section
from priorrg.sessions.session import Session
from priorrg.sessions.tables import tables

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1a2430}"
    "table{border-collapse:collapse;margin:1em 0}td,th{border-bottom:1px solid "
    "#cbd5e1;padding:.25em .8em;text-align:left}"
    "th{border-bottom:2px solid #64748b}.caution{border-left:4px solid #b45309;padding:.5em 1em;background:#fef3c7}"
    "img{max-width:100%}"
)
PAGE = (8.27, 11.69)  # inches, A4
LINE_CHARACTERS, LINES_A_PAGE = 96, 68


def write_report(session: Session, folder: Path) -> list[Path]:
    """`report.html` and `report.pdf` in the folder; gives both. Raises SessionError where they cannot be written, or
    the libraries of the extra `sessions` are not installed."""
    try:
        import krippendorff  # noqa: F401
        import statsmodels  # noqa: F401
    except ImportError as error:
        raise SessionError(
            f"The report needs {error.name}, which is not installed. Install it: pip install priorrg[sessions]"
        ) from error
    sections = evaluate(session.protocol, tables(session))
    files = [folder / "report.html", folder / "report.pdf"]
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        with open(files[0], "w", encoding="utf-8", opener=private) as out:
            out.write(as_html(session, sections))
        with open(files[1], "wb", opener=private) as out:
            out.write(as_pdf(session, sections))
    except OSError as error:
        raise SessionError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return files


def as_html(session: Session, sections: list[Section]) -> str:
    """One file without anything from elsewhere."""
    title = html.escape(session.protocol.title)
    told = [f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>']
    told.append(f'<h1>{title}</h1><p class="caution">{html.escape(" ".join(cautions()))}</p>')
    told.append(f"<p>{html.escape(_source(session))}</p>")
    for section in sections:
        told.append(f"<h2>{html.escape(section.title)}</h2><p>{html.escape(section.words)}</p>")
        if section.chart and section.chart.bars:
            picture = base64.b64encode(_picture(section.chart)).decode()
            named = html.escape(section.chart.title)
            told.append(f'<img alt="{named}; its numbers stand in the table" src="data:image/png;base64,{picture}">')
        if section.rows:
            told.append(f"<table><tr>{''.join(f'<th>{html.escape(name)}</th>' for name in section.columns)}</tr>")
            for row in section.rows:
                told.append(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>")
            told.append("</table>")
    return "\n".join([*told, "</html>"])


def cautions() -> list[str]:
    return [texts.report.DISCLAIMER, texts.sessions.REHEARSAL_ONLY]


def _source(session: Session) -> str:
    return f"Session {session.name}, protocol {session.digest}, PriorRG {priorrg.__version__}."


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def _picture(chart: Chart) -> bytes:
    figure = _figure(6, 0.5 + 0.45 * max(2, len(chart.bars)))
    _draw(figure.add_axes((0.3, 0.28, 0.65, 0.6)), chart)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=130)
    return out.getvalue()


def _draw(axes: Any, chart: Chart) -> None:
    """Points with their intervals, one arm or reader a line."""
    for place, (_, interval) in enumerate(chart.bars):
        axes.plot(interval.value, place, "o", color="#0369a1")
        if interval.low == interval.low:  # not NaN
            axes.plot([interval.low, interval.high], [place, place], color="#0369a1", linewidth=2)
    axes.set_yticks(range(len(chart.bars)), [name for name, _ in chart.bars])
    axes.set_ylim(len(chart.bars) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_title(chart.title, fontsize=10)
    axes.set_xlabel(chart.axis, fontsize=9)
    axes.tick_params(labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def as_pdf(session: Session, sections: list[Section]) -> bytes:
    from matplotlib.backends.backend_pdf import PdfPages

    out = io.BytesIO()
    lines = [session.protocol.title, "", *_wrapped(" ".join(cautions())), "", *_wrapped(_source(session))]
    for section in sections:
        lines += ["", "", section.title.upper(), "", *_wrapped(section.words), "", *_table(section)]
    with PdfPages(
        out, metadata={"Title": session.protocol.title, "Creator": f"PriorRG {priorrg.__version__}"}
    ) as pages:
        for start in range(0, len(lines), LINES_A_PAGE):
            figure = _figure(*PAGE)
            text = "\n".join(lines[start : start + LINES_A_PAGE]).replace("$", r"\$")
            figure.text(0.07, 0.95, text, family="monospace", fontsize=7.6, va="top", linespacing=1.35)
            figure.text(0.07, 0.03, texts.report.DISCLAIMER, fontsize=7)
            pages.savefig(figure)
        charts = [section.chart for section in sections if section.chart and section.chart.bars]
        for start in range(0, len(charts), 3):
            figure = _figure(*PAGE)
            for number, chart in enumerate(charts[start : start + 3]):
                _draw(figure.add_axes((0.3, 0.72 - 0.31 * number, 0.6, 0.2)), chart)
            figure.text(0.07, 0.03, texts.report.DISCLAIMER, fontsize=7)
            pages.savefig(figure)
    return out.getvalue()


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, LINE_CHARACTERS)


def _table(section: Section) -> Iterator[str]:
    """Columns as wide as they need; a cell that is too long for the page is cut with the rest of its line below."""
    if not section.rows:
        return
    listed = [section.columns, *section.rows]
    widths = [max(len(row[number]) for row in listed) for number in range(len(section.columns))]
    while sum(widths) + 2 * len(widths) > LINE_CHARACTERS:
        widths[widths.index(max(widths))] -= 1
    for number, row in enumerate(listed):
        cells = [textwrap.wrap(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
        for line in range(max(map(len, cells))):
            parts = [cell[line] if line < len(cell) else "" for cell in cells]
            yield "  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()
        if number == 0:
            yield "  ".join("-" * width for width in widths)
