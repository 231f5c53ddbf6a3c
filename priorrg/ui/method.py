"""Which overlays the page shows: where the model looked, or what a sentence hangs on."""

from __future__ import annotations

import gradio as gr

from priorrg import texts
from priorrg.ui.runs import Runs
from priorrg.ui.study_on_page import Changes, SessionOf, StudyOnPage


class Method:
    def __init__(self) -> None:
        self.choice = gr.Radio(
            [(words, name) for name, words in texts.page.METHODS.items()],
            value="attention",
            label=texts.page.PAGE["method"],
            elem_id="method",
        )

    def wire(self, runs: Runs, study: StudyOnPage, session_of: SessionOf) -> None:
        def on_method(method: str, request: gr.Request) -> Changes:
            return {study.report: runs.trace(session_of(request), method) or gr.skip()}

        self.choice.change(
            on_method,
            self.choice,
            [study.report],
            concurrency_id="model",
            api_visibility="private",
            show_progress="hidden",
        )
