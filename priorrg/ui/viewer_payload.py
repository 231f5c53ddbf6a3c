"""The viewer's payload as plain values: what assets/ui/viewer.js needs beside the pixels. No Gradio, no model."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from priorrg import texts
from priorrg.explain.placement import seen_square
from priorrg.imaging.orientation import told, window_names, window_number
from priorrg.study import UNKNOWN_VIEW, Radiograph
from priorrg.ui.pixels import image_key, picture_of

if TYPE_CHECKING:
    from priorrg.ui.sessions import Session


def image_payload(radiograph: Radiograph | None, is_brief: bool = False) -> dict[str, Any] | None:
    """What the viewer needs beside the pixels: their key and size, the window at the start, units, a caption
    without identifiers, the square that the model sees, how its reader corrected it, and the windows of its file.

    is_brief: the caption is the date alone.
    """
    if radiograph is None:
        return None
    rows, columns = radiograph.pixels.shape
    facts = [radiograph.study_date.isoformat()] if radiograph.study_date else []
    if not is_brief:
        facts += [radiograph.view_position] if radiograph.view_position != UNKNOWN_VIEW else []
        facts += [f"{columns} x {rows}", texts.viewer.DEPTH.format(bits=radiograph.bits, source=radiograph.source)]
    return {
        "picture": asdict(picture_of(radiograph)),
        "file": {"width": columns, "height": rows},
        "window": list(radiograph.window),
        "units": list(radiograph.units if radiograph.curve is None else (1.0, 0.0)),
        "caption": " · ".join(facts),
        "notes": [texts.said_anew(note, texts.language()) for note in radiograph.notes],
        "seen": asdict(seen_square(radiograph)),
        "key": image_key(radiograph),
        "corrected": told(radiograph.orientation),
        "windows": [texts.said_anew(name, texts.language()) for name in window_names(radiograph)],
        "windowInUse": window_number(radiograph),
        "spacing": radiograph.spacing_mm,
        "isOfDetector": radiograph.is_spacing_of_detector,
    }


def viewer_payload(session: Session) -> dict[str, Any]:
    sides = {side: image_payload(getattr(session, side), is_brief=True) for side in ("current", "prior")}
    return sides | {"token": session.token}
