"""Several files or a folder at once: they are sorted into the current image, its prior, and what is set aside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.pairs import Remark, Sorting, sort_files
from priorrg.study import ClinicalContext, Radiograph
from priorrg.ui.sessions import Session
from priorrg.ui.study_on_page import Changes, SessionOf, StudyOnPage
from priorrg.ui.uploads import discard, read_and_delete

MAX_FILES = 24  # of a folder; all of them are in memory until two are chosen


class SeveralFiles:
    """An area for files, and a button for a folder. A folder that is dropped is opened by assets/ui/several.js."""

    def __init__(self) -> None:
        with gr.Row(elem_id="upload-several"):
            self.files = gr.File(
                label=texts.notes.NOTES["several"],
                file_count="multiple",
                height=48,
                min_width=200,
                elem_id="upload-set",
                scale=3,
            )
            self.folder = gr.UploadButton(
                texts.notes.NOTES["folder"], file_count="directory", size="sm", min_width=110, scale=1
            )

    def wire(self, study: StudyOnPage, session_of: SessionOf) -> None:
        for part in (self.files, self.folder):

            def on_files(
                paths: list[str] | None, indication: str, history: str, request: gr.Request, part: Any = part
            ) -> Changes:
                session = session_of(request)
                is_first = session.is_empty
                try:
                    example = take_files(session, paths or [])
                except ImageError as error:
                    return {study.problem: str(error), part: None}
                emptied = study.emptied(example, is_first, indication, history)
                return study.shown(session) | emptied | {part: None}

            inputs = [part, study.indication, study.history]
            part.upload(on_files, inputs, [*study.parts, part], api_visibility="private")


def looks_like_an_image(path: str) -> bool:
    """By its first bytes: DICOM with its preamble, PNG or JPEG."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(132)
    except OSError:
        return True  # reading it will say what is wrong
    return head[128:] == b"DICM" or head.startswith((b"\x89PNG", b"\xff\xd8\xff"))


def take_files(session: Session, paths: list[str]) -> ClinicalContext | None:
    """Sort several uploads into the session's study and delete them all, whatever comes of it.

    Gives the context of the example study that gave way to them, None where there was none. Raises ImageError where
    none of them can be read; then the session keeps what it had.
    """
    images: list[tuple[int, Radiograph]] = []
    unread: list[Remark] = []
    try:
        # A folder from a CD is full of other things: they shall not take the places of the images.
        alike = [path for path in paths if len(paths) <= MAX_FILES or looks_like_an_image(path)]
        others, paths_read = len(paths) - len(alike), alike or paths
        if others and alike:
            unread.append(Remark("no images", values={"count": others}))
        for number, path in enumerate(paths_read, start=1):
            called = texts.notes.NOTES["file"].format(number=number, count=len(paths_read))
            if number > MAX_FILES:
                break
            try:
                images.append((number, read_and_delete(path, session.client, called)))
            except ImageError as error:
                unread.append(Remark("not read", values={"reason": str(error)}))
    finally:
        for path in paths:
            discard(path)
    if not images:
        reasons = " ".join(remark.values["reason"] for remark in unread[:3])
        raise ImageError(f"{texts.notes.NOTES['none read']} {reasons}".strip())
    if len(paths_read) > MAX_FILES:
        unread.append(Remark("too many", values={"read": MAX_FILES, "count": len(paths_read)}, is_warning=True))
    sorting = sort_files(images, len(paths_read))
    return _put(session, replace(sorting, remarks=(*sorting.remarks, *unread)))


def _put(session: Session, sorting: Sorting) -> ClinicalContext | None:
    with session.lock:
        example = session.leave_example()
        session.put("current", sorting.current)
        session.put("prior", sorting.prior)
        session.arrival = sorting.remarks
    return example
