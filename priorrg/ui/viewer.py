"""The viewer's part of the page: one gr.HTML whose drawing and tools are assets/ui/{pixels,viewer,correction,tools}.js.

It is given the payload of viewer_payload, fetches pixels from priorrg/ui/pixels.py, and listens for the window's
event `priorrg:overlay`, whose detail is one overlay of the report's payload or null.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.explain.drawing import COLOURS
from priorrg.explain.placement import seen_square
from priorrg.imaging.orientation import told, window_number
from priorrg.study import UNKNOWN_VIEW, Radiograph
from priorrg.ui.pixels import TOKEN_HEADER, image_key, picture_of
from priorrg.ui.scripts import script
from priorrg.ui.sessions import Session

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


def image_payload(radiograph: Radiograph | None) -> dict[str, Any] | None:
    """What the viewer needs beside the pixels: their key and size, the window at the start, units, a caption
    without identifiers, the square that the model sees, how its reader corrected it, and the windows of its file."""
    if radiograph is None:
        return None
    rows, columns = radiograph.pixels.shape
    facts = [f"{columns} x {rows}", texts.viewer.DEPTH.format(bits=radiograph.bits, source=radiograph.source)]
    if radiograph.view_position != UNKNOWN_VIEW:
        facts.insert(0, radiograph.view_position)
    if radiograph.study_date:
        facts.insert(0, radiograph.study_date.isoformat())
    return {
        "picture": asdict(picture_of(radiograph)),
        "file": {"width": columns, "height": rows},
        "window": list(radiograph.window),
        "units": list(radiograph.units if radiograph.curve is None else (1.0, 0.0)),
        "caption": " · ".join(facts),
        "notes": list(radiograph.notes),
        "seen": asdict(seen_square(radiograph)),
        "key": image_key(radiograph),
        "corrected": told(radiograph.orientation),
        "windows": [
            window.name or texts.viewer.UNNAMED_WINDOW.format(number=number)
            for number, window in enumerate(radiograph.windows, start=1)
        ],
        "windowInUse": window_number(radiograph),
    }


def viewer_payload(session: Session) -> dict[str, Any]:
    sides = {side: image_payload(getattr(session, side)) for side in ("current", "prior")}
    return sides | {"token": session.token}
