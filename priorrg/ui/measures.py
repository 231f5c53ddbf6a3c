"""What a reader measures on the films (assets/ui/measure.js) and wants in exports: kept in the session, in words."""

from __future__ import annotations

import math
from typing import Any

import gradio as gr

from priorrg.imaging.measures import KINDS, Line, measured
from priorrg.ui.pixels import image_key
from priorrg.ui.sessions import Session
from priorrg.ui.study_on_page import SIDES, SessionOf

MOST_LINES = 20  # on one film


def take_measures(session: Session, said: dict[str, Any]) -> bool:
    """Keep what the page says was measured on a film, all of it anew; whether it could be meant.

    said: side; key of the image that was on the screen; lines, each of kind, from and to in pixels of its file.
    """
    side, given = str(said.get("side")), said.get("lines")
    if side not in SIDES or not isinstance(given, list) or len(given) > MOST_LINES:
        return False
    try:
        lines = [_line(one) for one in given]
    except (KeyError, TypeError, ValueError):
        return False
    with session.lock:
        image = getattr(session, side)
        if image is None or image_key(image) != said.get("key"):
            return False
        session.measures[side] = measured(image, lines)
    return True


def _line(said: dict[str, Any]) -> Line:
    """Raises KeyError, TypeError or ValueError for what is no line."""
    (x, y), (u, v) = ([float(place) for place in said[end]] for end in ("from", "to"))
    if said["kind"] not in KINDS or not all(math.isfinite(place) and abs(place) < 1e6 for place in (x, y, u, v)):
        raise ValueError
    return Line(said["kind"], (x, y), (u, v))


def wire_measures(viewer: gr.HTML, session_of: SessionOf) -> None:
    def on_measured(request: gr.Request, event: gr.EventData) -> None:
        take_measures(session_of(request), event._data)

    viewer.measured(on_measured, None, None, queue=False, trigger_mode="multiple", api_visibility="private")  # type: ignore[attr-defined]
