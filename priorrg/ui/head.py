"""The head of the page: title, what this is not, which weights read, light or dark, the end; and what went wrong."""

from __future__ import annotations

import gradio as gr

from priorrg import texts
from priorrg.reporting.reporter import WeightsCard
from priorrg.ui.languages import Language
from priorrg.ui.message import build_message
from priorrg.ui.scripts import script


class Head:
    """problem: where a part says why it did not do what was asked. end: ends the session (actions.py). has_login:
    whether readers log in and so log out.

    Light and dark, and logging out, are scripts alone: assets/ui/theme.js, logout.js.
    """

    def __init__(self, card: WeightsCard, has_login: bool):
        words = texts.page.PAGE
        with gr.Row(elem_id="head"):
            gr.Markdown(f"# {words['title']}", elem_id="title")
            gr.HTML(
                {
                    "notice": texts.report.DISCLAIMER,
                    "weights": words["weights"].format(name=card.name, note=card.note),
                },
                html_template='<div class="notice-bar"></div>',
                js_on_load=script("notice.js"),
                elem_id="notice",
            )
            Language()
            gr.Button(words["theme"], size="sm", min_width=90, scale=0, elem_id="theme")
            self.end = gr.Button(words["end"], size="sm", min_width=90, scale=0, elem_id="end")
            gr.Button(words["log out"], size="sm", min_width=70, scale=0, elem_id="logout", visible=has_login)
        self.problem = build_message("problem", '<div class="said problem" role="alert"></div>', "hide-when-empty")
