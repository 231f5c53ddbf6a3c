"""The viewer's part of the page: one gr.HTML whose drawing and tools are assets/ui/{pixels,viewer,correction,tools}.js.

It is given the payload of viewer_payload.py, fetches pixels from priorrg/ui/pixels.py, and listens for the window's
event `priorrg:overlay`, whose detail is one overlay of the report's payload or null.
"""

from __future__ import annotations

import gradio as gr

from priorrg import texts
from priorrg.explain.drawing import COLOURS
from priorrg.ui.pixels import TOKEN_HEADER
from priorrg.ui.scripts import script

TEMPLATE = '<div class="viewer"><div class="panes"></div><div class="viewer-tools"></div></div>'


class Viewer:
    """Empty at first."""

    def __init__(self) -> None:
        self.html = gr.HTML(
            {},
            html_template=TEMPLATE,
            js_on_load=script(
                "pixels.js", "viewer.js", "correction.js", "tools.js"
            ),  # one after the other, in one scope
            elem_id="viewer",
            texts=texts.viewer.VIEWER,
            colours=COLOURS,
            tokenHeader=TOKEN_HEADER,
        )
