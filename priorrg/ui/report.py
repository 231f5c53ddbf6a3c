"""The report's column: progress, coarse draft and refined report, its sentences to select, edit and mark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.errors import BusyError
from priorrg.feedback.store import REASONS
from priorrg.ui.editing import correction, edit, mark
from priorrg.ui.feedback import FeedbackForm
from priorrg.ui.longer import correction_after
from priorrg.ui.report_payload import report_payload, standing_report, undiffed
from priorrg.ui.runs import Runs
from priorrg.ui.scripts import script
from priorrg.ui.sessions import Session
from priorrg.ui.study_on_page import Changes, SessionOf

# Empty: all that stands in it is set by the scripts, by textContent.
TEMPLATE = (
    '<div class="report"><ol class="steps"></ol><div class="status" role="status"></div>'
    '<div class="context-note"></div><div class="report-head"></div>'
    '<div class="captions" role="note"></div><div class="draft-note"></div>'
    '<div class="draft"></div><div class="refined"></div><div class="other"></div>'
    '<div class="hint"></div>'
    '<div class="glance"></div><details class="received"><summary></summary><code></code></details></div>'
)


# In one scope, one after the other.
SCRIPTS = ("report.js", "sentences.js", "draft.js", "others.js", "opening.js", "glance.js", "gaps.js")


class Report:
    """Empty at first. Its values are those of report_payload.py. hold_s: how long a draft stands there at least."""

    def __init__(self, hold_s: float) -> None:
        self.html = gr.HTML(
            report_payload(texts.report.READY, busy=False),
            html_template=TEMPLATE,
            js_on_load=script(*SCRIPTS),
            elem_id="report",
            texts=texts.report.REPORT | texts.readings.IN_REPORT | {"leftOut": texts.report.LEFT_OUT},
            hold=hold_s,
            reasons={reason: texts.feedback.REASONS[reason] for reason in REASONS},
        )

    def wire(self, runs: Runs, method: gr.Radio, feedback: FeedbackForm, session_of: SessionOf) -> None:
        """feedback: where the corrected report follows what is edited here."""

        def unsent_of(session: Session) -> Changes | Any:
            left = "\n\n".join(session.unsent)
            return {feedback.unsent: gr.update(value=left, visible=True)} if left else gr.skip()

        def on_edited(corrected: str, event: gr.EventData, request: gr.Request) -> Changes | Any:
            session, said = session_of(request), event._data
            payload = edit(session, str(said.get("key")), said.get("rows") or [], int(said.get("number") or 0))
            if payload is None:
                return unsent_of(session)
            new = correction(session, corrected or "")
            return {self.html: payload} | ({} if new is None else {feedback.corrected: new})

        def on_typed(request: gr.Request) -> Changes | Any:
            payload = runs.trace_typed(session_of(request))
            return gr.skip() if payload is None else {self.html: payload}

        self.html.edited(  # type: ignore[attr-defined]
            on_edited,
            feedback.corrected,
            [self.html, feedback.corrected, feedback.unsent],
            queue=False,
            trigger_mode="multiple",  # "once" would drop what is said while the last is on its way; numbers order them
            api_visibility="private",
            show_progress="hidden",
        ).then(
            on_typed,
            None,
            [self.html],
            concurrency_id="model",
            trigger_mode="multiple",
            api_visibility="private",
            show_progress="hidden",
        )

        def on_longer(event: gr.EventData, request: gr.Request) -> Changes | Any:
            session, said = session_of(request), event._data
            key, rows = str(said.get("key")), said.get("rows") or []
            if edit(session, key, rows, int(said.get("number") or 0)) is None:  # what an open editor held, too
                return unsent_of(session)
            try:
                is_asked = runs.press_longer(session, key)
            except BusyError as error:
                stands = standing_report(session)
                return gr.skip() if stands is None else {self.html: stands | {"status": str(error)}}
            return {self.html: runs.waiting(session)} if is_asked else gr.skip()

        def on_reading(method: str, request: gr.Request) -> Iterator[Changes | Any]:
            for payload in runs.generate(session_of(request), method):
                yield {self.html: undiffed(payload, "changes")}
            yield gr.skip()  # see Actions: Gradio sends the last thing once more

        def on_longer_written(corrected: str, request: gr.Request) -> Changes | Any:
            new = correction_after(session_of(request), corrected or "")
            return gr.skip() if new is None else {feedback.corrected: new}

        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        self.html.longer(on_longer, None, [self.html, feedback.unsent], queue=False, **quiet).then(  # type: ignore[attr-defined]
            on_reading,
            method,
            [self.html],
            trigger_mode="multiple",
            concurrency_id="readings",
            concurrency_limit=None,
            **quiet,
        ).then(on_longer_written, feedback.corrected, [feedback.corrected], queue=False, **quiet)

        def on_marked(request: gr.Request, event: gr.EventData) -> None:
            mark(session_of(request), event._data.get("marks") or {}, int(event._data.get("number") or 0))

        self.html.marked(on_marked, None, None, queue=False, trigger_mode="multiple", api_visibility="private")  # type: ignore[attr-defined]
