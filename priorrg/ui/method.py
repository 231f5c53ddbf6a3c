"""Which overlays the page shows: where a finding is likely to be, where the model looked, what a sentence hangs on."""

from __future__ import annotations

import gradio as gr

from priorrg import texts
from priorrg.explain.overlays import methods_of
from priorrg.model.configuration import PriorRGConfig
from priorrg.ui.runs import Runs
from priorrg.ui.study_on_page import Changes, SessionOf, StudyOnPage


class Method:
    def __init__(self, config: PriorRGConfig) -> None:
        known = methods_of(config)
        self.choice = gr.Radio(
            [(texts.page.METHODS[name], name) for name in known],
            value=known[0],
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
