"""The two slots below the viewer: an upload, its view position, and the way to take the image off the page again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import gradio as gr

from priorrg import texts
from priorrg.errors import PriorRGError
from priorrg.imaging.pairs import Remark
from priorrg.study import UNKNOWN_VIEW, ClinicalContext
from priorrg.ui.notes_payload import notes_payload
from priorrg.ui.sessions import Session
from priorrg.ui.study_on_page import SIDES, Changes, SessionOf, StudyOnPage
from priorrg.ui.uploads import read_and_delete


class Slots:
    """files, views, removes: side -> its upload, its box of the view position, its button."""

    def __init__(self, view_positions: Iterable[str]):
        named = [name for name in view_positions if name != UNKNOWN_VIEW]
        choices = [(texts.page.PAGE["not stated"], UNKNOWN_VIEW), *((name, name) for name in named)]
        self.known_views = frozenset((UNKNOWN_VIEW, *named))
        self.files: dict[str, gr.File] = {}
        self.views: dict[str, gr.Dropdown] = {}
        self.removes: dict[str, gr.Button] = {}
        with gr.Row(elem_id="uploads"):
            for side in SIDES:
                with gr.Column(min_width=150):
                    self._lay_out(side, choices)

    def _lay_out(self, side: str, choices: list[tuple[str, str]]) -> None:
        words = texts.page.PAGE
        self.files[side] = gr.File(label=words["upload"].format(side=words[side]), height=72, elem_id=f"upload-{side}")
        with gr.Row():
            self.views[side] = gr.Dropdown(
                choices,
                value=UNKNOWN_VIEW,
                label=words["view"].format(side=words[side]),
                min_width=110,
                elem_id=f"view-{side}",
            )
            self.removes[side] = gr.Button(words[f"remove {side}"], size="sm", min_width=90, elem_id=f"remove-{side}")

    def wire(self, study: StudyOnPage, session_of: SessionOf) -> None:
        for side in SIDES:
            self._wire_side(side, study, session_of)

        def on_view(view: str, prior_view: str, request: gr.Request) -> Changes:
            session = session_of(request)
            session.views = {"current": view, "prior": prior_view}
            return {study.notes: notes_payload(session)}

        boxes = [self.views[side] for side in SIDES]
        for box in boxes:
            box.input(on_view, boxes, [study.notes], queue=False, api_visibility="private", show_progress="hidden")

    def _wire_side(self, side: str, study: StudyOnPage, session_of: SessionOf) -> None:
        slot = self.files[side]

        def on_upload(path: str, indication: str, history: str, request: gr.Request) -> Changes:
            session = session_of(request)
            is_first = session.is_empty
            try:
                example = take_upload(session, side, path)
            except PriorRGError as error:
                kept = texts.page.PAGE["kept"] if getattr(session, side) is not None else ""
                refused = texts.page.PAGE["refused"].format(side=texts.page.PAGE[side], reason=error)
                return {study.problem: refused + kept, slot: None}
            changed = (side,) if example is None else SIDES
            emptied = study.emptied(example, is_first, indication, history)
            return study.shown(session, changed) | emptied | {slot: None}

        def on_remove(request: gr.Request) -> Changes:
            session = session_of(request)
            session.put(side, None)
            return study.shown(session, (side,))

        inputs = [slot, study.indication, study.history]
        slot.upload(on_upload, inputs, [*study.parts, slot], api_visibility="private")
        self.removes[side].click(on_remove, None, study.parts, api_visibility="private")


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
