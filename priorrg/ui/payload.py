"""Plain values for the page's two hand-written parts: the viewer and the report. No Gradio, no model."""

from __future__ import annotations

import base64
import io
from dataclasses import asdict
from typing import Any

import matplotlib
import numpy as np
from PIL import Image

from priorrg.explain.overlays import Overlay
from priorrg.explain.placement import seen_square
from priorrg.report import differences
from priorrg.study import UNKNOWN_VIEW, Radiograph
from priorrg.ui.sessions import Session

LONGEST_EDGE = 1400  # pixels sent to the page; the model always gets the full image
COLOURS = [[int(255 * part) for part in matplotlib.colormaps["inferno"](step / 255)[:3]] for step in range(256)]


def image_payload(radiograph: Radiograph | None) -> dict[str, Any] | None:
    """The windowed image as a PNG data address, the square that the model sees, and a caption without identifiers."""
    if radiograph is None:
        return None
    picture = Image.fromarray(radiograph.display())
    picture.thumbnail((LONGEST_EDGE, LONGEST_EDGE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    rows, columns = radiograph.pixels.shape
    facts = [f"{columns} x {rows}", f"{radiograph.bits} bit {radiograph.source}"]
    if radiograph.view_position != UNKNOWN_VIEW:
        facts.insert(0, radiograph.view_position)
    if radiograph.study_date:
        facts.insert(0, radiograph.study_date.isoformat())
    return {
        "src": "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(),
        "caption": " · ".join(facts),
        "notes": list(radiograph.notes),
        "seen": asdict(seen_square(radiograph)),
        "key": radiograph.fingerprint[:12],
    }


def viewer_payload(session: Session) -> dict[str, Any]:
    return {"current": image_payload(session.current), "prior": image_payload(session.prior), "colours": COLOURS}


def overlay_payload(overlay: Overlay) -> dict[str, Any]:
    return {
        "current": _levels(overlay.current),
        "prior": None if overlay.prior is None else _levels(overlay.prior),
        "shares": None if overlay.shares is None else list(overlay.shares),
    }


def _levels(grid: np.ndarray) -> list[list[int]]:
    """0 to 255, its own largest value the brightest: colours compare places in one image, not images."""
    low, high = float(grid.min()), float(grid.max())
    scaled = (grid - low) / (high - low) if high > low else np.zeros_like(grid)
    return np.rint(scaled * 255).astype(int).tolist()


def report_payload(
    status: str,
    busy: bool,
    draft: str = "",
    report: str = "",
    sentences: tuple[str, ...] = (),
    overlays: list[Overlay] | None = None,
    method: str = "",
    draft_note: str = "",
    context_note: str = "",
    submissions: int = 0,
) -> dict[str, Any]:
    """sentences: empty while the report is still being written. submissions: kept so far for this report."""
    return {
        "status": status,
        "busy": busy,
        "draft": draft,
        "report": report,
        "sentences": list(sentences),
        "overlays": [overlay_payload(overlay) for overlay in overlays or []],
        "method": method,
        "draftNote": draft_note,
        "contextNote": context_note,
        "submissions": submissions,
        "changes": [asdict(d) for d in differences(draft, report)] if sentences and draft else [],
    }
