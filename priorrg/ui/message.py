"""One sentence that a part of the page says, or nothing. Its script sets it by textContent: a template of Gradio would
run code out of a file's or a reader's words."""

from __future__ import annotations

import gradio as gr

from priorrg.ui.scripts import script


def build_message(elem_id: str, html_template: str, elem_classes: str | None = None, said: str = "") -> gr.HTML:
    """html_template: an element whose class `said` is one of its classes. said: at first."""
    return gr.HTML(
        said, html_template=html_template, js_on_load=script("message.js"), elem_id=elem_id, elem_classes=elem_classes
    )
