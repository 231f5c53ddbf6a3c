"""Generate and Stop over the report, and what End session, in the head, does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.errors import PriorRGError
from priorrg.ui.editing import left_unsent, put_aside
from priorrg.ui.feedback import FeedbackForm
from priorrg.ui.message import build_message
from priorrg.ui.report_payload import undiffed
from priorrg.ui.runs import Runs
from priorrg.ui.sessions import Session
from priorrg.ui.study_on_page import SIDES, Changes, SessionOf, StudyOnPage


class Actions:
    """said: beside Generate, why it was refused and what the report below no longer stands for."""

    def __init__(self) -> None:
        words = texts.page.PAGE
        with gr.Row(elem_id="actions"):
            self.generate = gr.Button(words["generate"], variant="primary", min_width=110, scale=2, elem_id="generate")
            self.stop = gr.Button(words["stop"], min_width=70, elem_id="stop")
        elsewhere = texts.page.REPORT_IN_ENGLISH if texts.language() != texts.ENGLISH else ""
        build_message("report-language", '<div class="said beside"></div>', "hide-when-empty", elsewhere)
        self.said = build_message(
            "said-at-generate", '<div class="said beside" role="status"></div>', "hide-when-empty"
        )

    def wire(
        self,
        runs: Runs,
        study: StudyOnPage,
        method: gr.Radio,
        feedback: FeedbackForm,
        session_of: SessionOf,
        end_session: Callable[[gr.Request], Changes],
        keep: gr.HTML,
        end: gr.Button,
    ) -> None:
        self._wire_generate(runs, study, method, feedback, session_of)
        self._wire_outdated(study, session_of)

        def on_stop(request: gr.Request) -> Changes:
            return {study.report: runs.stop(session_of(request)) or gr.skip()}

        self.stop.click(on_stop, None, [study.report], queue=False, api_visibility="private", show_progress="hidden")

        def on_end(request: gr.Request) -> Changes:
            ended = end_session(request)
            emptied = {study.indication: "", study.history: ""}
            return study.shown(Session()) | emptied | ended | {self.said: texts.page.PAGE["ended"]}

        end.click(on_end, None, [*study.parts, keep], api_visibility="private")

    def _wire_outdated(self, study: StudyOnPage, session_of: SessionOf) -> None:
        """A report says what it stands for no longer, as soon as context or view are changed after it."""
        boxes = [study.indication, study.history]

        def on_change(indication: str, history: str, request: gr.Request) -> Changes:
            return {self.said: study.outdated(session_of(request), indication, history)}

        for box in boxes:
            box.change(
                on_change,
                boxes,
                [self.said],
                queue=False,
                trigger_mode="always_last",  # of what is typed while an answer is on its way, only the last is asked
                api_visibility="private",
                show_progress="hidden",
            )

    def _wire_generate(
        self, runs: Runs, study: StudyOnPage, method: gr.Radio, feedback: FeedbackForm, session_of: SessionOf
    ) -> None:
        def on_press(
            indication: str,
            history: str,
            comment: str,
            corrected: str,
            unsent: str,
            request: gr.Request,
        ) -> Changes:
            session = session_of(request)
            left = left_unsent(session, comment, corrected)
            try:
                runs.press(session, indication, history, *(study.view_of(session, side) for side in SIDES))
            except PriorRGError as error:
                return {self.said: {"said": str(error), "kind": "problem"}}
            shown = {study.problem: "", self.said: "", study.report: runs.waiting(session)}
            return shown | feedback.emptied(put_aside(session, unsent, left))

        def on_generate(method: str, request: gr.Request) -> Iterator[Changes | Any]:
            for payload in runs.generate(session_of(request), method):
                yield {study.report: undiffed(payload, "changes")}
            # Gradio sends the last thing yielded once more at the end, and by then the page may show another study.
            yield gr.skip()

        def on_written(corrected: str, request: gr.Request) -> Changes | Any:
            """The correction starts from the report, unless somebody has written one meanwhile."""
            session = session_of(request)
            if session.report is None or (corrected or "").strip():
                return gr.skip()
            session.offered = session.report.text
            return {feedback.corrected: session.edited_text or session.report.text}

        # The press is taken at once, whoever's turn it is; the reading waits for its own.
        self.generate.click(
            on_press,
            [study.indication, study.history, feedback.comment, feedback.corrected, feedback.unsent],
            [study.problem, self.said, study.report, *feedback.parts],
            queue=False,
            api_visibility="private",
            show_progress="hidden",  # it would dim the report for a moment, whose own column says what becomes of it
        ).then(
            on_generate,
            [method],
            [study.report],
            trigger_mode="multiple",  # "once" would drop this press where the reading before it still runs
            concurrency_id="readings",  # whose turn it is, and how many are before it, is ours to say
            concurrency_limit=None,
            api_visibility="private",
            show_progress="hidden",
        ).then(
            on_written,
            feedback.corrected,
            [feedback.corrected],
            queue=False,
            api_visibility="private",
            show_progress="hidden",
        )
