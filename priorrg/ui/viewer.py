"""The viewer's part of the page: one gr.HTML whose drawing and tools are the scripts PARTS in assets/ui.

It is given the payload of viewer_payload.py, fetches pixels from priorrg/ui/pixels.py, and listens for the window's
event `priorrg:overlay`, whose detail is one overlay of the report's payload or null.
"""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from priorrg import texts
from priorrg.explain.drawing import COLOURS
from priorrg.study import UNKNOWN_VIEW
from priorrg.ui.pixels import TOKEN_HEADER
from priorrg.ui.scripts import script

PARTS = ("pixels", "viewer", "overlay", "correction", "films", "presets", "lens", "measure", "align", "tools")
TEMPLATE = '<div class="viewer"><div class="panes"></div><div class="viewer-tools"></div></div>'


class Viewer:
    """Empty at first. views_offered: view positions to choose from on a film's corner."""

    def __init__(self, views_offered: Sequence[str]) -> None:
        names = [texts.page.PAGE["not stated"] if name == UNKNOWN_VIEW else name for name in views_offered]
        self.html = gr.HTML(
            {},
            html_template=TEMPLATE,
            # One after the other, in one scope.
            js_on_load=script(*(f"{part}.js" for part in PARTS)),
            elem_id="viewer",
            texts=texts.viewer.VIEWER,
            colours=COLOURS,
            tokenHeader=TOKEN_HEADER,
            views=[list(pair) for pair in zip(views_offered, names, strict=True)],
        )
