"""The report's part of the page: the column of draft and report, and the four readings below. Layout and wiring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.feedback.store import REASONS
from priorrg.ui.actions import Actions
from priorrg.ui.readings import NOTHING, compare
from priorrg.ui.report_payload import report_payload, undiffed
from priorrg.ui.sessions import Session

# Empty: all that stands in it is set by the scripts, by textContent.
REPORT = (
    '<div class="report"><ol class="steps"></ol><div class="status" role="status"></div>'
    '<div class="context-note"></div><div class="report-head"></div>'
    '<div class="draft"></div><div class="refined"></div><div class="hint"></div><div class="draft-note"></div>'
    '<div class="glance"></div><details class="received"><summary></summary><code></code></details></div>'
)
READINGS = '<div class="readings"></div>'
REPORT_SCRIPTS = ("report.js", "sentences.js", "glance.js")  # one after the other, in one scope


def build_report(assets: Path) -> gr.HTML:
    """The column, empty. assets: the folder of its scripts."""
    return gr.HTML(
        report_payload(texts.report.READY, busy=False),
        html_template=REPORT,
        js_on_load="\n".join((assets / name).read_text(encoding="utf-8") for name in REPORT_SCRIPTS),
        elem_id="report",
        texts=texts.report.REPORT,
        reasons={reason: texts.feedback.REASONS[reason] for reason in REASONS},
    )


def build_readings(assets: Path) -> tuple[gr.Button, gr.HTML]:
    """The button that asks for the four readings, and where they stand."""
    button = gr.Button(texts.page.COMPARE, elem_id="compare")
    readings = gr.HTML(
        NOTHING,
        html_template=READINGS,
        js_on_load=(assets / "readings.js").read_text(encoding="utf-8"),
        elem_id="readings",
        texts=texts.page.READINGS,
    )
    return button, readings


def wire(
    actions: Actions,
    session_of: Callable[[gr.Request], Session],
    report: gr.HTML,
    corrected: Any,
    unsent: Any,
    button: gr.Button,
    readings: gr.HTML,
) -> None:
    """Listeners of edits and of the four readings."""

    def on_edited(corrected: str, event: gr.EventData, request: gr.Request) -> list[Any]:
        session = session_of(request)
        told = event._data
        payload = actions.edit(session, str(told.get("key")), told.get("rows") or [], int(told.get("turn") or 0))
        if payload is None:
            left = "\n\n".join(session.unsent)
            return [gr.skip(), gr.skip(), gr.update(value=left, visible=True) if left else gr.skip()]
        correction = actions.correction(session, corrected or "")
        return [payload, gr.skip() if correction is None else correction, gr.skip()]

    report.edited(  # type: ignore[attr-defined]
        on_edited,
        corrected,
        [report, corrected, unsent],
        queue=False,
        trigger_mode="multiple",  # "once" would drop what is told while the last is on its way; turns put them in order
        api_visibility="private",
        show_progress="hidden",
    )

    def on_compare(request: gr.Request) -> Iterator[Any]:
        for payload in compare(actions, session_of(request)):
            yield undiffed(payload, "columns")

    button.click(
        on_compare,
        None,
        readings,
        concurrency_id="readings",
        concurrency_limit=None,
        api_visibility="private",
        show_progress="hidden",
    )
