"""The two slots of the study, which are the films themselves: an upload each, its view position, taking it off again.

The uploads are out of sight: assets/ui/intake.js gives them what is dropped, assets/ui/films.js what is chosen on a
film's own corner. From there come the events `viewed` and `removed` too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.errors import PriorRGError
from priorrg.imaging.archives import is_archive
from priorrg.imaging.pairs import Remark
from priorrg.study import UNKNOWN_VIEW, ClinicalContext
from priorrg.ui.notes_payload import notes_payload
from priorrg.ui.sessions import Session
from priorrg.ui.several import take_files
from priorrg.ui.study_on_page import SIDES, Changes, SessionOf, StudyOnPage
from priorrg.ui.uploads import OUT_OF_SIGHT, read_and_delete


def views_offered(view_positions: Iterable[str]) -> list[str]:
    """The view positions that a reader may choose, the one for `not stated` first."""
    return [UNKNOWN_VIEW, *(name for name in view_positions if name != UNKNOWN_VIEW)]


class Slots:
    """files: side -> its upload."""

    def __init__(self) -> None:
        self.files = {
            side: gr.File(label=texts.page.PAGE[side], elem_id=f"upload-{side}", elem_classes=OUT_OF_SIGHT)
            for side in SIDES
        }

    def wire(self, study: StudyOnPage, session_of: SessionOf, when_viewed: Callable[[Session], None]) -> None:
        """when_viewed: called with the session after a view position was chosen; must not wait."""
        for side in SIDES:
            self._wire_upload(side, study, session_of)

        def on_viewed(indication: str, history: str, event: gr.EventData, request: gr.Request) -> Changes | Any:
            session, side, view = session_of(request), event._data.get("side"), event._data.get("view")
            if side not in SIDES or view not in study.views_offered:
                return gr.skip()
            session.views[side] = view
            when_viewed(session)
            said = study.outdated(session, indication, history)
            return {study.notes: notes_payload(session), study.said_at_generate: said}

        def on_removed(event: gr.EventData, request: gr.Request) -> Changes | Any:
            side, session = event._data.get("side"), session_of(request)
            if side not in SIDES:
                return gr.skip()
            session.put(side, None)
            return study.shown(session)

        html: Any = study.viewer
        boxes, parts = [study.indication, study.history], [study.notes, study.said_at_generate]
        html.viewed(on_viewed, boxes, parts, queue=False, api_visibility="private", show_progress="hidden")
        html.removed(on_removed, None, study.parts, api_visibility="private")

    def _wire_upload(self, side: str, study: StudyOnPage, session_of: SessionOf) -> None:
        slot = self.files[side]

        def on_upload(path: str, indication: str, history: str, request: gr.Request) -> Changes:
            session = session_of(request)
            is_first = session.is_empty
            try:
                example = take_files(session, [path]) if is_archive(Path(path)) else take_upload(session, side, path)
            except PriorRGError as error:
                kept = texts.page.PAGE["kept"] if getattr(session, side) is not None else ""
                refused = texts.page.PAGE["refused"].format(side=texts.page.PAGE[side], reason=error)
                return {study.problem: refused + kept, slot: None}
            return study.shown(session) | study.emptied(example, is_first, indication, history) | {slot: None}

        inputs = [slot, study.indication, study.history]
        slot.upload(on_upload, inputs, [*study.parts, slot], api_visibility="private")


def take_upload(session: Session, side: str, path: str | Path) -> ClinicalContext | None:
    """Read an upload into the session's `current` or `prior` and delete the file, whatever comes of it.

    Gives the context of the example study that gave way to it, None where there was none. Raises ImageError; then
    the session keeps the images that it had.
    """
    radiograph = read_and_delete(path, session.client)
    with session.lock:
        example = session.leave_example()
        session.put(side, radiograph)
        if example is not None:
            session.arrival = (Remark("example gone"),)
    return example
