"""The head of the study's column: title, light or dark, what this is not, which weights read, and what went wrong."""

from __future__ import annotations

import gradio as gr

from priorrg import texts
from priorrg.reporting.reporter import WeightsCard
from priorrg.ui.message import build_message
from priorrg.ui.scripts import script


class Head:
    """problem: where a part says why it did not do what was asked. has_login: whether readers log in and so log out.

    Light and dark, and logging out, are scripts alone: assets/ui/theme.js, logout.js.
    """

    def __init__(self, card: WeightsCard, has_login: bool):
        with gr.Row(elem_id="head"):
            gr.Markdown(f"# {texts.page.PAGE['title']}", elem_id="title")
            gr.Button(texts.page.PAGE["theme"], size="sm", min_width=100, scale=0, elem_id="theme")
            gr.Button(texts.page.PAGE["log out"], size="sm", min_width=80, scale=0, elem_id="logout", visible=has_login)
        gr.HTML(
            {
                "notice": texts.report.DISCLAIMER,
                "weights": texts.page.PAGE["weights"].format(name=card.name, note=card.note),
            },
            html_template='<div class="notice-bar"></div>',
            js_on_load=script("notice.js"),
            elem_id="notice",
        )
        self.problem = build_message("problem", '<div class="said problem" role="alert"></div>', "hide-when-empty")
