"""The notes under the viewer: what the two images say about each other, and what their files say."""

from __future__ import annotations

import gradio as gr

from priorrg import texts
from priorrg.ui.scripts import script
from priorrg.ui.study_on_page import Changes, SessionOf, StudyOnPage


class Notes:
    """Its values are those of notes_payload.py."""

    def __init__(self) -> None:
        self.html = gr.HTML(
            {},
            html_template='<div class="notes" role="status"></div>',
            js_on_load=script("notes.js"),
            elem_id="notes",
            texts={name: texts.notes.NOTES[name] for name in ("mark", "exchange", "facts")},
        )

    def wire(self, study: StudyOnPage, session_of: SessionOf) -> None:
        def on_exchange(request: gr.Request) -> Changes:
            session = session_of(request)
            session.exchange()
            return study.shown(session)

        self.html.exchange(on_exchange, None, study.parts, api_visibility="private")  # type: ignore[attr-defined]
