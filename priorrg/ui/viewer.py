"""The viewer's part of the page: one gr.HTML whose drawing and tools are assets/ui/{pixels,viewer,tools}.js.

It is given the payload of priorrg/ui/payload.py, fetches pixels from priorrg/ui/pixels.py, and listens for the window's
event `priorrg:overlay`, whose detail is one overlay of the report's payload or null.
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from priorrg import texts
from priorrg.explain.drawing import COLOURS
from priorrg.ui.pixels import TOKEN_HEADER

TEMPLATE = '<div class="viewer"><div class="panes"></div><div class="viewer-tools"></div></div>'
SCRIPTS = ("pixels.js", "viewer.js", "tools.js")  # one after the other, in one scope


def build_viewer(assets: Path) -> gr.HTML:
    """The viewer, empty. assets: the folder of its scripts."""
    return gr.HTML(
        {},
        html_template=TEMPLATE,
        js_on_load="\n".join((assets / name).read_text() for name in SCRIPTS),
        elem_id="viewer",
        texts=texts.viewer.VIEWER,
        colours=COLOURS,
        tokenHeader=TOKEN_HEADER,
    )
