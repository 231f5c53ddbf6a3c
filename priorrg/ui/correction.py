"""What a reader does to an image that both eye and model then see: turning, mirroring, inverting, another window.

It is asked for on each film (assets/ui/correction.js) and in the notes that doubt one (assets/ui/notes.js), and
always drops the report, as a new image does.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from priorrg.errors import ImageError
from priorrg.imaging.orientation import corrected, orientation_of, through
from priorrg.ui.pixels import image_key
from priorrg.ui.sessions import Session
from priorrg.ui.study_on_page import SIDES, Changes, SessionOf, StudyOnPage

RESET = "reset"  # in the place of a correction: back to how the file was read


def take_correction(session: Session, said: dict[str, Any]) -> bool:
    """Carry out what a film or a note asks for; whether anything changed.

    said: side; key of the image that was on the screen, so that no other is turned; step (in the words of
    `orientation_of`, or RESET) or window (its number).
    """
    side = str(said.get("side"))
    if side not in SIDES:
        return False
    with session.lock:
        image = getattr(session, side)
    if image is None or image_key(image) != said.get("key"):
        return False
    if "window" in said:
        number = said["window"]
        if not isinstance(number, int) or not 0 <= number < len(image.windows):
            return False
        new = through(image, number)
    else:
        try:
            step = image.orientation.undone() if said.get("step") == RESET else orientation_of(str(said.get("step")))
        except ImageError:
            return False
        new = corrected(image, step)
    with session.lock:
        if getattr(session, side) is not image or image_key(new) == image_key(image):
            return False
        session.correct(side, new)
    return True


def wire_correction(part: gr.HTML, study: StudyOnPage, session_of: SessionOf) -> None:
    """Listen to the event `corrected` of a part of the page."""

    def on_corrected(event: gr.EventData, request: gr.Request) -> Changes | Any:
        session = session_of(request)
        return study.shown(session) if take_correction(session, event._data) else gr.skip()

    part.corrected(on_corrected, None, study.parts, api_visibility="private")  # type: ignore[attr-defined]
