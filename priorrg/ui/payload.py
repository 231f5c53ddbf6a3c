"""Plain values for the page's two hand-written parts: the viewer and the report. No Gradio, no model."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from priorrg import texts
from priorrg.explain.drawing import levels
from priorrg.explain.overlays import Overlay
from priorrg.explain.placement import seen_square
from priorrg.study import UNKNOWN_VIEW, Radiograph
from priorrg.ui.pixels import image_key, picture_of
from priorrg.ui.sessions import Session


def undiffed(payload: dict[str, Any], name: str) -> dict[str, Any]:
    """A payload that a generator yields, with what stands under `name` as JSON text, which the scripts read.

    Gradio sends of each yield what differs from the one before, and takes away other things than were meant where lists
    stand in lists (gradio/utils.py, diff: the places of inner deletions are counted down once more by the outer list).
    """
    return payload | {name: json.dumps(payload[name])} if name in payload else payload


def image_payload(radiograph: Radiograph | None) -> dict[str, Any] | None:
    """What the viewer needs beside the pixels: their key and size, the window at the start, units, a caption
    without identifiers, and the square that the model sees."""
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
        "units": list(radiograph.units),
        "caption": " · ".join(facts),
        "notes": list(radiograph.notes),
        "seen": asdict(seen_square(radiograph)),
        "key": image_key(radiograph),
    }


def viewer_payload(session: Session) -> dict[str, Any]:
    sides = {side: image_payload(getattr(session, side)) for side in ("current", "prior")}
    return sides | {"token": session.token}


def overlay_payload(overlay: Overlay) -> dict[str, Any]:
    return {
        "current": levels(overlay.current).tolist(),
        "prior": None if overlay.prior is None else levels(overlay.prior).tolist(),
        "shares": None if overlay.shares is None else list(overlay.shares),
    }
