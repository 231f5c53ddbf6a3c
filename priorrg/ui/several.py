"""Several files or a folder at once: they are sorted into the current image, its prior, and what is set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.archives import HEAD_BYTES, is_archive, is_dicom_directory, looks_like_a_film, unpack
from priorrg.imaging.pairs import Remark, Sorting, sort_files
from priorrg.plain_text import plain_text
from priorrg.study import ClinicalContext, Radiograph
from priorrg.ui.scripts import script
from priorrg.ui.sessions import Session
from priorrg.ui.study_on_page import Changes, SessionOf, StudyOnPage
from priorrg.ui.uploads import OUT_OF_SIGHT, UNPACKED, discard, read_and_delete

MAX_FILES = 24  # films of a folder or an archive; all of them are in memory until two are chosen
LONGEST_NAME = 60  # characters of a file's name in a message


class SeveralFiles:
    """One line that says what may be dropped anywhere, with a button for files and one for a folder.

    The uploads behind it are out of sight: assets/ui/intake.js gives them what is dropped, a folder opened.
    """

    def __init__(self) -> None:
        words = texts.notes.NOTES
        gr.HTML(
            {},
            html_template='<div class="intake"></div>',
            js_on_load=script("intake-line.js"),
            elem_id="intake",
            texts={name: words[name] for name in ("several", "files", "folder")},
        )
        with gr.Row(elem_id="upload-several", elem_classes=OUT_OF_SIGHT):
            self.files = gr.File(label=words["files"], file_count="multiple", elem_id="upload-set")
            self.folder = gr.File(label=words["folder"], file_count="directory", elem_id="upload-folder")

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


def take_files(session: Session, paths: Sequence[str | Path]) -> ClinicalContext | None:
    """Sort several uploads, archives among them, into the session's study and delete them all, whatever comes of it.

    Gives the context of the example study that gave way to them, None where there was none. Raises ImageError where
    none of them can be read; then the session keeps what it had.
    """
    uploads = [Path(path) for path in paths]
    try:
        brought = _brought(uploads)
        images: list[tuple[str, Radiograph]] = []
        unread = list(brought.remarks)
        for path, name in brought.films:
            try:
                images.append((name, read_and_delete(path, session.client, name)))
            except ImageError as error:
                unread.append(Remark("not read", values={"reason": str(error)}))
    finally:
        for path in uploads:
            discard(path)
    if not images:
        reasons = " ".join(remark.values["reason"] for remark in unread[:3] if "reason" in remark.values)
        raise ImageError(f"{texts.notes.NOTES['none read']} {reasons}".strip())
    sorting = sort_files(images)
    return _put(session, replace(sorting, remarks=(*sorting.remarks, *unread)))


@dataclass
class _Brought:
    """films: where each lies and what messages call it. remarks: on what was not looked at, or cannot be."""

    films: list[tuple[Path, str]] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


def _brought(uploads: list[Path]) -> _Brought:
    """Up to MAX_FILES films of these uploads, archives unpacked beside where they lie."""
    found, others, left = _Brought(), 0, 0
    names: Counter[str] = Counter()
    is_folder = len(uploads) > MAX_FILES  # of a CD: full of other things, which shall not take the places of the films

    def add(path: Path, name: str) -> None:
        name = plain_text(name)[:LONGEST_NAME] or texts.notes.NOTES["unnamed file"].format(number=len(found.films) + 1)
        names[name] += 1
        if names[name] > 1:
            name = texts.notes.NOTES["same name"].format(name=name, number=names[name])
        found.films.append((path, name))

    for upload in uploads:
        if is_archive(upload):
            called = plain_text(upload.name)[:LONGEST_NAME]
            try:
                unpacked = unpack(
                    upload, Path(mkdtemp(prefix=UNPACKED, dir=upload.parent)), MAX_FILES - len(found.films), called
                )
            except ImageError as error:
                found.remarks.append(Remark("not read", values={"reason": str(error)}))
                continue
            for path, name in unpacked.films:
                add(path, name)
            others, left = others + unpacked.others, left + unpacked.left
            if not unpacked.films and not unpacked.left:
                reason = texts.imaging.ARCHIVE_EMPTY.format(called=called)
                found.remarks.append(Remark("not read", values={"reason": reason}))
        elif _is_other(upload, is_folder):
            others += 1
        elif len(found.films) < MAX_FILES:
            add(upload, upload.name)
        else:
            left += 1
    if others:
        found.remarks.insert(0, Remark("no image" if others == 1 else "no images", values={"count": others}))
    if left:
        values = {"read": len(found.films), "count": len(found.films) + left}
        found.remarks.append(Remark("too many", values=values, is_warning=True))
    return found


def _is_other(path: Path, is_folder: bool) -> bool:
    """Whether a file is left alone: a CD's directory, and in a folder whatever does not begin as a film."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False  # reading it will say what is wrong
    return is_dicom_directory(head) or (is_folder and not looks_like_a_film(head))


def _put(session: Session, sorting: Sorting) -> ClinicalContext | None:
    with session.lock:
        example = session.leave_example()
        session.put("current", sorting.current)
        session.put("prior", sorting.prior)
        session.arrival = sorting.remarks
    return example
