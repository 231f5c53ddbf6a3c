"""The API for programs: /report, /draft, /overlay and /where. Files in, plain values out, nothing kept.

What they take and give is a promise: names of arguments and of keys stay within one version of the API, keys may be
added. Everything else that the page does is private to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from inspect import Parameter, Signature, cleandoc
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.context import LocalContext

from priorrg import __version__, texts
from priorrg.errors import BusyError, ImageError, PriorRGError, StudyError
from priorrg.explain.boxes import boxes_of
from priorrg.explain.knowledge import knowledge_of
from priorrg.explain.overlays import Overlay, explain, explain_phrases, methods_of
from priorrg.explain.placement import seen_square
from priorrg.export.contents import remarks_after, remarks_before
from priorrg.imaging.orientation import corrected, orientation_of, through_asked, window_in_use, words_of
from priorrg.report.sentences import split_sentences
from priorrg.reporting.events import DraftDone, ReportDone, gathered
from priorrg.reporting.reporter import Reporter
from priorrg.reporting.stopping import Stop
from priorrg.study import ClinicalContext, Radiograph, Study, check_context
from priorrg.ui.queue import Client, ReadingQueue
from priorrg.ui.server.listeners import Listeners
from priorrg.ui.server.visits import client_of
from priorrg.ui.uploads import discard, read

API_VERSION = 1
DIGITS = 5  # significant ones of a number in a grid
PHRASES = 20  # of one question to /where


@dataclass(frozen=True)
class Asked:
    """What every endpoint takes.

    current, prior: files, DICOM, PNG or JPEG; prior may be None. view, prior_view: view positions where the files
    do not say or say it wrongly. orientation, prior_orientation: how the images are corrected before they are
    read: `90` (degrees clockwise), `180`, `270`, `mirrored`, `inverted`, or several of them. window, prior_window:
    which of the display windows that a file names its image is read through, by name or number from 1. write_on:
    whether a report that ended at the limit of tokens is written on until it ends by itself.
    """

    current: str | None
    prior: str | None = None
    indication: str = ""
    history: str = ""
    view: str = ""
    prior_view: str = ""
    orientation: str = ""
    prior_orientation: str = ""
    window: str = ""
    prior_window: str = ""
    write_on: bool = False


FILES = ("current", "prior")
NAMES = [field.name for field in fields(Asked)]
DEFAULTS: dict[str, Any] = {name: None if name in FILES else "" for name in (*NAMES[1:], "method", "text")}
DEFAULTS["write_on"] = False
# Where the names of `Asked` end before which an endpoint's own stand: a program may give them by their place.
OWN_AT = NAMES.index("orientation")


class Api:
    """The endpoints as plain methods over one Reporter; they raise PriorRGError.

    client: who calls. stop: set when nobody waits for the answer any more.
    """

    def __init__(
        self,
        reporter: Reporter,
        queue: ReadingQueue,
        client: Client | None = None,
        stop: Stop | None = None,
    ):
        self.reporter = reporter
        self.queue = queue
        self.client = client or Client()
        self.stop = stop or Stop()

    def report(self, asked: Asked) -> dict[str, Any]:
        """Read one study to the end.

        Gives coarse_draft, refined_report, sentences (of the refined report), is_cut (it ended at the limit of tokens:
        ask with write_on for more) and what every answer has: orientation (of
        current and prior, as it was asked for), window (of both, its name), api and version (of this API, of PriorRG),
        weights, weights_kind, context_note (what of the context was left out), remarks (sentences to know before the
        answer is shown to others, such as that an image may show a name), note (the disclaimer).
        """
        with Uploads(self.reporter, asked, self.client) as uploads:
            study = self._study(uploads)
            with self._turn():
                return self._read(study, asked.write_on)[0]

    def draft(self, asked: Asked) -> dict[str, Any]:
        """Write the coarse draft alone. Takes what /report takes, gives coarse_draft and what every answer has."""
        with Uploads(self.reporter, asked, self.client) as uploads:
            study = self._study(uploads)
            with self._turn(), closing(self.reporter.stream(study, self.stop)) as events:  # type: ignore[type-var]
                text = next((event.text for event in events if isinstance(event, DraftDone)), None)
            if text is None:
                raise BusyError(texts.reading.CALLER_LEFT)
            return self._answer(study, coarse_draft=text)

    def overlay(self, asked: Asked, method: str = "") -> dict[str, Any]:
        """Read one study to the end and say of every sentence where on the images it came from.

        method: grounding (where what the sentence names is likely to be; the default where the weights can),
        attention or gradient. Gives what /report gives, and method, overlays and seen.
        overlays: one for each sentence: sentence, start and end (its place in refined_report); current and prior: G
        rows of G numbers >= 0, from the top left, prior None without a prior image; boxes: on each of the two the
        smallest places that hold half of the numbers' sum, left, top, width, height as fractions of the image and
        mass, their share; shares: how the gradient's evidence divides between current and prior, None for the others;
        lost: what the sentence's log-probability loses, in nats, where the prior, the context or the current film is
        withheld; hangs_on: those without which it is less than a tenth as likely.
        Numbers of grounding are from 0 to 1, the largest one how likely the image shows what the sentence names; the
        others compare among the sentences of one report and image only.
        seen: the square of each image, as corrected, that the grid covers: left, top, width, height as fractions of it.
        """
        with Uploads(self.reporter, asked, self.client) as uploads:
            method = self._method(method)
            study = self._study(uploads)
            with self._turn():
                answer, done = self._read(study, asked.write_on)
                overlays = explain(self.reporter, study, done.tokens, done.sentences, method, stop=self.stop)
                spoke = knowledge_of(self.reporter, study, done.tokens, done.sentences)
            traced = _traced(study, method, overlays)
            for overlay, knowledge in zip(traced["overlays"], spoke, strict=False):
                overlay["lost"] = {source: _number(nats) for source, nats in knowledge.lost.items()}
                overlay["hangs_on"] = list(knowledge.hangs_on)
            return answer | traced

    def where(self, asked: Asked, text: str = "", method: str = "") -> dict[str, Any]:
        """Say of any text where on the images each of its sentences points; nothing is reported.

        text: a phrase ('left effusion') or sentences, up to PHRASES of them. Takes besides what /overlay takes; gives
        method, overlays (start and end: in text), seen and what every answer has.
        """
        with Uploads(self.reporter, asked, self.client) as uploads:
            method = self._method(method)
            phrases = split_sentences(text or "")
            if not 1 <= len(phrases) <= PHRASES:
                raise StudyError(texts.reading.NO_PHRASE.format(most=PHRASES, count=len(phrases)))
            study = self._study(uploads)
            with self._turn():
                wanted = [phrase.text for phrase in phrases]
                overlays = explain_phrases(self.reporter, study, wanted, method, stop=self.stop)
            placed = [replace(overlay, sentence=phrase) for overlay, phrase in zip(overlays, phrases, strict=False)]
            return self._answer(study) | _traced(study, method, placed)

    def _method(self, method: str | None) -> str:
        known = methods_of(self.reporter.config)
        method = (method or known[0]).strip().lower()
        if method not in known:
            raise StudyError(texts.reading.UNKNOWN_METHOD.format(name=method[:20], known=", ".join(known)))
        return method

    def _study(self, uploads: Uploads) -> Study:
        """The files decoded, before the model's turn comes: a slow file holds up nobody. Raises BusyError too."""
        self.queue.check(self.client)
        return uploads.study()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait in the queue and enter the block when it is this call's turn. Raises BusyError."""
        with self.queue.place(self.client) as place:
            for _ in place.wait(self.stop):
                pass
            if self.stop.is_set():
                raise BusyError(texts.reading.CALLER_LEFT)
            yield

    def _read(self, study: Study, write_on: bool) -> tuple[dict[str, Any], ReportDone]:
        draft, done = gathered(self.reporter.stream(study, self.stop, with_words=False, to_the_end=write_on))
        if done is None:
            raise BusyError(texts.reading.CALLER_LEFT)
        sentences = [sentence.text for sentence in done.sentences]
        written = {"refined_report": done.text, "sentences": sentences, "is_cut": done.is_cut}
        return self._answer(study, done, coarse_draft=draft, **written), done

    def _answer(self, study: Study, done: ReportDone | None = None, **more: Any) -> dict[str, Any]:
        remarks = remarks_before(study) + (remarks_after(study, done.text, done.is_cut) if done else [])
        return more | {
            "remarks": remarks,
            "orientation": {
                "current": words_of(study.current.orientation),
                "prior": words_of(study.prior.orientation) if study.prior else None,
            },
            "window": {
                "current": window_in_use(study.current),
                "prior": window_in_use(study.prior) if study.prior else None,
            },
            "context_note": self.reporter.received_context(study.context).note,
            "weights": self.reporter.card.name,
            "weights_kind": self.reporter.card.kind,
            "note": texts.report.DISCLAIMER,
            "api": API_VERSION,
            "version": __version__,
        }


class Uploads:
    """The files of one call. When it ends, however it does, they are deleted and their features forgotten."""

    def __init__(self, reporter: Reporter, asked: Asked, client: Client):
        self.reporter = reporter
        self.asked = asked
        self.client = client
        self.files = {side: Path(path) for side, path in (("current", asked.current), ("prior", asked.prior)) if path}
        self.radiographs: dict[str, Radiograph] = {}

    def study(self) -> Study:
        """Raises ImageError, StudyError."""
        said = self.asked
        views = {"current": said.view, "prior": said.prior_view}
        known = {side: self.reporter.processor.check_view(name) for side, name in views.items() if name}
        turns = {"current": said.orientation, "prior": said.prior_orientation}
        steps = {side: orientation_of(text or "") for side, text in turns.items()}
        windows = {"current": said.window, "prior": said.prior_window}
        context = check_context(ClinicalContext(said.indication or "", said.history or ""))
        if "current" not in self.files:
            raise StudyError(texts.reading.NO_CURRENT_FILE)
        for side, file in self.files.items():
            try:
                radiograph = corrected(through_asked(read(file, self.client), windows[side] or ""), steps[side])
            except ImageError as error:
                refused = texts.page.PAGE["refused"].format(side=texts.page.PAGE[side], reason=error)
                raise ImageError(refused) from error
            self.radiographs[side] = replace(radiograph, view_position=known[side]) if side in known else radiograph
        return Study(self.radiographs["current"], self.radiographs.get("prior"), context)

    def __enter__(self) -> Uploads:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self.files.values():  # not before: one file may be named twice
            discard(file)
        self.reporter.forget(sorted({radiograph.fingerprint for radiograph in self.radiographs.values()}))


def _traced(study: Study, method: str, overlays: list[Overlay]) -> dict[str, Any]:
    return {
        "method": method,
        "overlays": [_overlay(overlay, study) for overlay in overlays],
        "seen": {
            "current": asdict(seen_square(study.current)),
            "prior": asdict(seen_square(study.prior)) if study.prior else None,
        },
    }


def _overlay(overlay: Overlay, study: Study) -> dict[str, Any]:
    boxes = {
        side: None
        if found is None
        else [{name: _number(value) for name, value in asdict(box).items()} for box in found]
        for side, found in boxes_of(overlay, study).items()
    }
    return {
        "sentence": overlay.sentence.text,
        "start": overlay.sentence.start,
        "end": overlay.sentence.end,
        "current": _rows(overlay.current),
        "prior": None if overlay.prior is None else _rows(overlay.prior),
        "boxes": boxes,
        "shares": None if overlay.shares is None else list(overlay.shares),
    }


def _rows(grid: np.ndarray) -> list[list[float]]:
    return [[_number(value) for value in row] for row in grid]


def _number(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def build_api(reporter: Reporter, queue: ReadingQueue, listeners: Listeners) -> None:
    """Add the endpoints to the page that is being built (inside its `with gr.Blocks()`); nothing of them is seen.

    Files come in through gr.File, which takes nothing but this server's own uploads; gr.api would take any path.
    """

    def answering(name: str, own: Sequence[str]) -> Callable[..., dict[str, Any]]:
        """The endpoint as Gradio calls it, by place, with the names of what it takes for programs to see.

        An error for a reader becomes Gradio's, which reaches the client as its sentence; all others do not.
        """
        names = [*NAMES[:OWN_AT], *own, *NAMES[OWN_AT:]]

        def call(*values: Any) -> dict[str, Any]:
            given = dict(zip(names, values, strict=True))
            more = {name: given.pop(name) for name in own}
            request, event = LocalContext.request.get(None), LocalContext.event_id.get(None)
            try:
                with listeners.call(getattr(request, "session_hash", None) or "", event or "") as stop:
                    api = Api(reporter, queue, client_of(request), stop)
                    return getattr(api, name)(Asked(**given), **more)
            except PriorRGError as error:
                raise gr.Error(str(error), print_exception=False) from None

        parameters = [
            Parameter(one, Parameter.POSITIONAL_OR_KEYWORD, default=DEFAULTS.get(one, Parameter.empty)) for one in names
        ]
        call.__name__, call.__signature__ = name, Signature(parameters)  # type: ignore[attr-defined]
        call.__doc__ = "\n\n".join(cleandoc(one.__doc__ or "") for one in (getattr(Api, name), Asked))
        return call

    with gr.Column(visible=False):
        # A value makes a text optional for the client; a default of the function other than None does not.
        boxes: dict[str, gr.Component] = {
            name: gr.Textbox("", label=name) for name in (*NAMES, "method", "text") if name not in FILES
        }
        boxes["write_on"] = gr.Checkbox(False, label="write_on")
        boxes |= {name: gr.File(label=name) for name in FILES}
        answer, ask = gr.JSON(label="answer"), gr.Button("ask")
    for name, own in (("report", []), ("draft", []), ("overlay", ["method"]), ("where", ["text", "method"])):
        ask.click(
            answering(name, own),
            [boxes[one] for one in (*NAMES[:OWN_AT], *own, *NAMES[OWN_AT:])],
            answer,
            api_name=name,
            concurrency_id="readings",  # whose turn it is, is ours to say
            concurrency_limit=None,
        )
