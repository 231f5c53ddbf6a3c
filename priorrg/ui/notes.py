"""The page's notes on the two images, and the area that takes several files or a folder at once.

What is the case is found in priorrg/imaging/pairs.py; here it becomes sentences (priorrg/texts/notes.py) and parts of
the page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.pairs import Remark, Sorting, remarks_on, sort_files
from priorrg.study import UNKNOWN_VIEW, ClinicalContext, Radiograph
from priorrg.ui.sessions import Session
from priorrg.ui.uploads import discard, read_and_delete

MAX_FILES = 24  # of a folder; all of them are in memory until two are chosen


@dataclass(frozen=True)
class Awareness:
    """The parts of the page: the notes under the viewer, the area for several files and the button for a folder."""

    notes: gr.HTML
    files: gr.File
    folder: gr.UploadButton


def build_notes(assets: Path) -> gr.HTML:
    """assets: the folder of the page's scripts."""
    return gr.HTML(
        {},
        html_template='<div class="notes" role="status"></div>',
        js_on_load=(assets / "notes.js").read_text(encoding="utf-8"),
        elem_id="notes",
        texts={name: texts.notes.NOTES[name] for name in ("mark", "exchange", "facts")},
    )


def build_set_upload(notes: gr.HTML) -> Awareness:
    with gr.Row(elem_id="upload-several"):
        files = gr.File(
            label=texts.notes.NOTES["several"],
            file_count="multiple",
            height=48,
            min_width=200,
            elem_id="upload-set",
            scale=3,
        )
        folder = gr.UploadButton(texts.notes.NOTES["folder"], file_count="directory", size="sm", min_width=110, scale=1)
    return Awareness(notes, files, folder)


def wire(
    parts: Awareness,
    session_of: Callable[[gr.Request], Session],
    view_boxes: dict[str, Any],
    shown_study: list[Any],
    study_shown: Callable[[Session], list[Any]],
    context: list[Any],
    emptied: Callable[..., list[Any]],
    problem: Any,
) -> None:
    """Listeners of these parts.

    shown_study: what a new study changes on the page; study_shown: with which values. context: indication and history;
    emptied: what becomes of them where an example gave way.
    """
    views = [view_boxes["current"], view_boxes["prior"]]

    def on_files(paths: list[str] | None, indication: str, history: str, request: gr.Request) -> list[Any]:
        session = session_of(request)
        is_first = session.is_empty
        try:
            example = take_files(session, paths or [])
        except ImageError as error:
            skipped: list[Any] = [gr.skip()] * len(shown_study)
            skipped[shown_study.index(problem)] = str(error)
            return [*skipped, gr.skip(), gr.skip(), None]
        return [*study_shown(session), *emptied(example, is_first, indication, history), None]

    for part in (parts.files, parts.folder):
        part.upload(on_files, [part, *context], [*shown_study, *context, part], api_visibility="private")

    def on_exchange(view: str, prior_view: str, request: gr.Request) -> list[Any]:
        session = session_of(request)
        session.exchange()
        values = study_shown(session)
        for box, kept in zip(views, (prior_view, view), strict=True):  # as the reader had set them
            values[shown_study.index(box)] = kept
        return values

    parts.notes.exchange(on_exchange, views, shown_study, api_visibility="private")  # type: ignore[attr-defined]

    def on_view(view: str, prior_view: str, request: gr.Request) -> dict[str, Any]:
        session = session_of(request)
        session.views = {"current": view, "prior": prior_view}
        return notes_payload(session)

    for box in views:
        box.input(on_view, views, parts.notes, queue=False, api_visibility="private", show_progress="hidden")


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


def notes_payload(session: Session) -> dict[str, Any]:
    """Sentences and facts for assets/ui/notes.js. A view position that the reader chose goes before the file's."""
    with session.lock:
        current, prior, arrival, views = session.current, session.prior, session.arrival, dict(session.views)
    if current is not None and "current" in views:
        current = replace(current, view_position=views["current"])
    if prior is not None and "prior" in views:
        prior = replace(prior, view_position=views["prior"])
    remarks = (*remarks_on(current, prior), *arrival)
    # What may make the reading worthless comes first.
    ordered = sorted(remarks, key=lambda remark: not remark.is_warning)
    return {
        "notes": [
            {"text": sentence(remark), "warning": remark.is_warning, "swap": remark.offers_swap} for remark in ordered
        ],
        "facts": _facts(current, prior),
    }


def sentence(remark: Remark) -> str:
    """The remark in words."""
    values = dict(remark.values)
    if "unit" in values:
        one, several = texts.notes.SPANS[values["unit"]]
        values["span"] = (one if values["count"] == 1 else several).format(count=values["count"])
    if "doubts" in values:
        values["reasons"] = texts.notes.NOTES["and"].join(texts.notes.DOUBTS[doubt] for doubt in values["doubts"])
    if "laterality" in values:
        values["laterality"] = texts.notes.SIDES[values["laterality"]]
    if "number" in values:
        values["file"] = texts.notes.NOTES["file"].format(number=values["number"], count=values["count"])
        facts = ", ".join(fact for fact in (values["view"], f"{values['date']} {values['time']}".strip()) if fact)
        values["described"] = f" ({facts})" if facts else ""
    return texts.notes.REMARKS[remark.kind].format(side=texts.notes.NOTES.get(remark.side, ""), **values)


def _facts(current: Radiograph | None, prior: Radiograph | None) -> list[list[str]]:
    """Rows of the table of what the files say, its head first; empty where there is no image."""
    shown = [(name, image) for name, image in (("current", current), ("prior", prior)) if image is not None]
    if not shown:
        return []
    columns = [_facts_of(image) for _, image in shown]
    head = ["", *(texts.notes.FACTS[name] for name, _ in shown)]
    return [head, *([texts.notes.FACTS[name], *(column[name] for column in columns)] for name in columns[0])]


def _facts_of(image: Radiograph) -> dict[str, str]:
    header = image.header
    rows, columns = image.pixels.shape
    missing = texts.notes.FACTS["missing"]
    time = header.time.strftime(" %H:%M") if header and header.time else ""
    acquired = header.acquisition_date.isoformat() if header and header.acquisition_date else missing
    return {
        "modality": (header.modality if header else "") or missing,
        "part": (header.body_part.capitalize() if header else "") or missing,
        "view": missing if image.view_position == UNKNOWN_VIEW else image.view_position,
        "laterality": texts.notes.SIDES[header.laterality] if header and header.laterality else missing,
        "date": f"{image.study_date.isoformat()}{time}" if image.study_date else missing,
        "acquired": acquired,
        "size": texts.notes.FACTS["pixels"].format(rows=rows, columns=columns),
        "bits": texts.notes.FACTS["depth"].format(bits=image.bits, source=image.source),
        "assumed": " ".join(image.notes) or texts.notes.FACTS["nothing"],
    }
