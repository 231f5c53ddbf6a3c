"""Reading a study: a Study in, a stream of events out, until the refined report stands.

The app, the command line and a Python call all go through Reporter.stream. It owns the lock round the model and what is
remembered of images; it knows no page and draws no overlay. How one text is written stands in writing.py.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.open import read_radiograph
from priorrg.imaging.orientation import corrected, orientation_of, through_asked
from priorrg.model.configuration import COARSE_FROM_MEMORY, PriorRGConfig
from priorrg.model.memory import Memory
from priorrg.model.modeling import PriorRGModel
from priorrg.model.precision import lower
from priorrg.model.precisions import FLOAT32, INT8
from priorrg.model.processing import PriorRGProcessor
from priorrg.plain_text import plain_text
from priorrg.report.sentences import split_sentences
from priorrg.reporting import kept, zero_gpu
from priorrg.reporting.batches import Batches
from priorrg.reporting.confidence import Calibration, read_calibration, sentence_confidences
from priorrg.reporting.events import (
    DraftDone,
    DraftWord,
    Event,
    Progress,
    ReportDone,
    ReportWord,
    Stopped,
    read_to_end,
    stopped_after,
)
from priorrg.reporting.image_features import ImageFeatures, SeenImage
from priorrg.reporting.loading import load_weights
from priorrg.reporting.memories import Memories, SeenFeatures
from priorrg.reporting.on_device import decoder_of, images_at_once, studies_at_once
from priorrg.reporting.stopping import Stop
from priorrg.reporting.together import Together
from priorrg.reporting.writing import BeamSearch, Writer, Writing
from priorrg.study import UNKNOWN_VIEW, ClinicalContext, Orientation, Radiograph, Study, check_context

CACHED_IMAGES = 16  # and so many pairs of them; at paper scale 8 MB each


@dataclass(frozen=True)
class WeightsCard:
    """What a reader is told about the loaded weights. kind, note, coarse_draft: see PriorRGConfig."""

    name: str
    kind: str
    note: str
    coarse_draft: str


@dataclass(frozen=True)
class ReceivedContext:
    """The context as the model is given it. text: its tokens, put together again, markers included.

    tokens, most: how many they are, and how many these weights read. note: a sentence on what was left out, or empty.
    """

    text: str
    tokens: int
    most: int
    note: str


@dataclass(frozen=True)
class Reading:
    """What a whole stream of events comes to. is_cut: the report ended at the limit of tokens."""

    draft: str
    report: str
    is_cut: bool = False


class Reporter:
    """A model, its processor, and what is remembered between two readings.

    Several sessions may read at once: images are encoded, memories built and texts written in batches of all of them,
    beside each other, by calls that change nothing of the model. Whoever calls the model from outside (explanations)
    takes `lock`: only under it does the decoder's attention change.
    calibration: what turns probabilities of words into those of sentences; None where these weights have none.
    source: the folder of the weights; empty where they came from none. precision: what is computed
    with fewer bits (priorrg/model/precision.py).
    """

    def __init__(
        self,
        model: PriorRGModel,
        processor: PriorRGProcessor,
        cached_images: int = CACHED_IMAGES,
        calibration: Calibration | None = None,
        source: str = "",
        precision: str = FLOAT32,
    ):
        lower(model.image_encoder, precision)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        # Where the decoder stays in float32 (ReportDecoder), nothing may say that it is in 8 bits.
        self.precision = FLOAT32 if precision == INT8 and self.device.type != "cpu" else precision
        self.model = model.to(self.device).eval()  # type: ignore[arg-type]
        self.model.requires_grad_(False)
        self.processor = processor
        self.lock = threading.RLock()
        self.calibration = calibration
        self.source = source
        # Two of each reading at least: what is written just now must not be encoded again.
        most = max(cached_images, 2 * self.at_once)
        self.images = ImageFeatures(Batches(self._encode, images_at_once(self.config, self.device)).begin, most)
        self.memories = Memories(self.model, most)
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._steps: Together | None = None
        self._making_steps = threading.Lock()  # not `lock`: no text waits for an explanation

    @classmethod
    def load(cls, path_or_repo: str | Path | None = None, most_tokens: int = 0, precision: str = FLOAT32) -> "Reporter":
        """Load weights from a folder or hub repository in our format; without one, the embedded weights.

        `published` are those of the paper's authors, fetched if need be (priorrg/reporting/kept.py). most_tokens: the
        limit of a report, 0 as these weights' configuration has it.

        Only safetensors are read. Raises CheckpointError that names the file which is wrong.
        """
        source = kept.resolve(str(path_or_repo or kept.EMBEDDED))
        model, processor = load_weights(source, most_tokens)
        calibration = read_calibration(source, model)  # of these weights, before any of them loses bits
        return cls(model, processor, calibration=calibration, source=source, precision=precision)

    @property
    def config(self) -> PriorRGConfig:
        return self.model.config  # type: ignore[return-value]

    @property
    def at_once(self) -> int:
        """How many studies may well be read at once."""
        return studies_at_once(self.config, self.device)

    @property
    def card(self) -> WeightsCard:
        config = self.config
        name, note = plain_text(config.weights_name), plain_text(config.training_note)
        name = name if self.precision == FLOAT32 else f"{name} ({self.precision})"  # wherever they are named
        return WeightsCard(name, config.weights_kind, note, config.coarse_draft)

    # Images

    @cached_property
    def blank_film(self) -> SeenImage:
        """Features of a film of one grey, encoded once: what stands for a current film that is withheld."""
        vision = self.config.vision_config
        grey = torch.zeros(1, vision.num_channels, vision.image_size, vision.image_size, device=self.device)
        return self._seen_in(grey)[0]

    def _encode(self, radiographs: Sequence[Radiograph]) -> list[SeenImage]:
        return self._seen_in(self.processor.images(radiographs).to(self.device))

    @torch.no_grad()
    def _seen_in(self, pixels: torch.Tensor) -> list[SeenImage]:
        features = self.model.encode_image(pixels)
        assert features.last_hidden_state is not None and features.hidden_states is not None
        # Copies: a part of a batch that is remembered would keep all of it. One by one: a batch takes no less time.
        parts = zip(features.last_hidden_state.split(1), features.hidden_states.split(1), strict=True)
        return [SeenImage(last.clone(), self.model.fuse_layers(layers)) for last, layers in parts]

    def prepare(self, radiograph: Radiograph) -> SeenImage:
        """What the encoder saw in one radiograph, computed at most once while it is cached."""
        return self.images.of(radiograph)

    @torch.no_grad()
    def layers(self, radiograph: Radiograph) -> torch.Tensor:
        """(1, L, P, H): every layer of the encoder's, computed anew: they are too large to be remembered."""
        layers = self.model.encode_image(self.processor.images([radiograph]).to(self.device)).hidden_states
        assert layers is not None
        return layers

    def encode_ahead(self, radiograph: Radiograph, is_wanted: Callable[[], bool]) -> Future[None]:
        """Encode an image in the background, before anybody reads it; see ImageFeatures.if_wanted.

        What is asked for ahead is computed one after another. A failure is no one's yet: whoever reads the image meets
        it again. Not on ZeroGPU, where a GPU is lent for a reading and would be paid for by the visitor.
        """
        return self._in_background(lambda: self.images.if_wanted(radiograph, is_wanted))

    def fuse_ahead(self, study: Study, is_wanted: Callable[[], bool]) -> Future[None]:
        """As encode_ahead, what of a study does not depend on its context, which may still be typed."""

        def work() -> None:
            if is_wanted():
                self._seen(study, self._image_inputs(study))
            if not is_wanted():
                self.memories.forget({image.fingerprint for image in (study.current, study.prior) if image})

        return self._in_background(work)

    def _in_background(self, work: Callable[[], None]) -> Future[None]:
        if not zero_gpu.IS_ON:
            return self._ahead.submit(work)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def forget(self, fingerprints: Iterable[str]) -> None:
        """Drop what is remembered of these images (Radiograph.fingerprint)."""
        gone = set(fingerprints)
        self.images.forget(gone)
        self.memories.forget(gone)

    # Study -> inputs and memory, also for explanations

    def study_inputs(self, study: Study) -> dict[str, Any]:
        """Keyword arguments of PriorRGModel.encode_study for one study, B = 1."""
        fitting, _ = self.processor.fit_context(check_context(study.context))
        ids, mask = self.processor.context([self.processor.context_text(fitting)])
        context = {"context_input_ids": ids.to(self.device), "context_attention_mask": mask.to(self.device)}
        return self._image_inputs(study) | context

    def _image_inputs(self, study: Study) -> dict[str, torch.Tensor]:
        """Those of them that come from the images."""
        current = self.prepare(study.current)
        inputs = {
            "current_last_hidden_state": current.last,
            "current_fused_layers": current.fused,
            "view_ids": torch.tensor([self.processor.view_id(study.current.view_position)]),
        }
        if study.prior is not None:
            inputs["prior_last_hidden_state"] = self.prepare(study.prior).last
            inputs["prior_view_ids"] = torch.tensor([self.processor.view_id(study.prior.view_position)])
        return {name: value.to(self.device) for name, value in inputs.items()}

    def received_context(self, context: ClinicalContext) -> ReceivedContext:
        """What the model is given of a context. Raises StudyError for one that is too long to be read at all."""
        fitting, note = self.processor.fit_context(check_context(context))
        ids, _ = self.processor.context([self.processor.context_text(fitting)])
        text = str(self.processor.tokenizer.decode(ids[0], skip_special_tokens=False)).strip()
        return ReceivedContext(text, len(ids[0]), self.config.max_context_tokens, note)

    def memory(self, study: Study, output_attentions: bool = False) -> Memory:
        """The whole memory of a study, with the perceiver's and the fusion's attention if asked for."""
        inputs = self.study_inputs(study)
        with self.lock, torch.no_grad():
            return self.model.encode_study(**inputs, output_attentions=output_attentions)

    # Reading

    def report(self, study: Study, num_beams: int | None = None) -> Reading:
        """Read a study to the end."""
        draft, report = read_to_end(self.stream(study, num_beams=num_beams))
        return Reading(draft, report.text, report.is_cut)

    @zero_gpu.on_gpu(stopped_after)
    def stream(
        self,
        study: Study,
        stop: Stop | None = None,
        num_beams: int | None = None,
        with_draft: bool = True,
        begun: Sequence[int] = (),
        with_words: bool = True,
        to_the_end: bool = False,
    ) -> Iterator[Event]:
        """Read a study; events come as soon as there is something to show.

        stop: when set, the reading ends within one token with a Stopped event that holds what was written.
        num_beams: 1 reads the refined report greedily and streams each word; more search beams and stream the words
        that all versions share, which cannot change any more; None as the weights' configuration says. with_draft:
        False writes the refined report alone; it is the same one, for the draft is not part of what it is written
        from. begun: tokens of this study's report that ended at its limit; the refined report goes on from them.
        with_words: False for who waits for whole texts: no event in the middle of one. to_the_end: a report that
        reached its limit is written on in the same stream until it ends by itself or the position table is full.
        Raises StudyError for a context that is too long.
        """
        check_context(study.context)
        stop = stop or Stop()
        yield Progress("images", texts.reading.READING_IMAGES if study.has_prior else texts.reading.READING_IMAGE)
        for radiograph in (study.current, study.prior):
            if stop.is_set() or (radiograph is not None and not self.images.wait(radiograph, stop)):
                yield Stopped("", "")
                return
        yield Progress("encoding", texts.reading.ENCODING)
        inputs = self.study_inputs(study)
        seen = self._seen(study, inputs)
        memory = self.memories.coarse(inputs, seen)
        draft = ""
        if with_draft:
            if self.config.coarse_draft != COARSE_FROM_MEMORY:
                memory = self.memories.whole(memory, seen)
            yield Progress("drafting", texts.reading.DRAFTING)
            latents = memory.coarse if self.config.coarse_draft == COARSE_FROM_MEMORY else memory.full
            writing = Writing(self._writer, latents, stop)
            for text in writing.words() if with_words else writing.finish():
                yield DraftWord(text)
            draft = writing.text
        if stop.is_set():
            yield Stopped(draft, "")
            return
        if with_draft:
            yield DraftDone(draft)

        yield Progress("refining", texts.reading.REFINING)
        if memory.joint is None:
            memory = self.memories.whole(memory, seen)
        num_beams = num_beams or self.config.num_beams
        if num_beams == 1:
            writing = Writing(self._writer, memory.full, stop, begun, to_the_end)
        else:
            writing = BeamSearch(self._writer, memory.full, stop, num_beams, begun, to_the_end)
        if not with_words:
            writing.finish()
        elif num_beams == 1:
            for text in writing.words():
                yield ReportWord(text)
        else:
            shown = writing.begun_text
            for _ in writing.steps():
                if stop.is_set():  # a step that was taken ahead
                    continue
                if len(writing.settled_text) > len(shown):
                    shown = writing.settled_text
                    yield ReportWord(shown)
                yield Progress("refining", texts.reading.COMPARING.format(versions=num_beams))
        if stop.is_set():
            yield Stopped(draft, writing.text)
            return
        yield self._done(writing)

    def _done(self, writing: Writing) -> ReportDone:
        tokens, sentences = tuple(writing.tokens), tuple(split_sentences(writing.text))
        confidences = sentence_confidences(self.processor, tokens, writing.probabilities, sentences, self.calibration)
        is_cut = not tokens or tokens[-1] != self.config.eos_token_id
        probabilities = tuple(writing.probabilities)
        can_go_on = is_cut and len(tokens) + 1 < self.config.decoder_config.max_position_embeddings
        return ReportDone(writing.text, tokens, sentences, tuple(confidences), probabilities, is_cut, can_go_on)

    @property
    def _writer(self) -> Writer:
        return Writer(self.model, self._together, self.processor, self.device)

    @property
    def _together(self) -> Together:
        """Made when the first text is written, once: of two, each would take steps of its own."""
        with self._making_steps:
            if self._steps is None:
                self._steps = Together(decoder_of(self.model, self.device, self.precision), self.device)
            return self._steps

    def warm_up(self) -> None:
        """Read a grey film before any reader's, so that what the first reading has to make is made by then."""
        grey = Radiograph(np.full((64, 64), 2048, np.uint16), (2048.0, 4096.0), UNKNOWN_VIEW, source="PNG", bits=12)
        self.report(Study(grey, grey))
        self.forget([grey.fingerprint])

    def _seen(self, study: Study, inputs: dict[str, Any]) -> SeenFeatures:
        images = [image for image in (study.current, study.prior) if image is not None]
        views = [self.processor.view_id(image.view_position) for image in images]
        return self.memories.seen((*(image.fingerprint for image in images), *views), inputs)


def read_study(
    current: str | Path,
    prior: str | Path | None = None,
    indication: str = "",
    history: str = "",
    view: str = "",
    prior_view: str = "",
    orientation: str = "",
    prior_orientation: str = "",
    window: str = "",
    prior_window: str = "",
) -> Study:
    """A Study from files: DICOM, PNG or JPEG.

    view, prior_view: the view positions, where the files do not say or say it wrongly. orientation, prior_orientation:
    how the images are to be corrected, as orientation_of (priorrg/imaging/orientation.py) takes it: `90` (degrees
    clockwise), `180`, `270`, `mirrored`, `inverted`, or several of them. window, prior_window: which of the windows
    that a file names the image is read through, by name or number from 1. Raises ImageError, StudyError.
    """
    steps = orientation_of(orientation), orientation_of(prior_orientation)
    return Study(
        _radiograph(current, view, steps[0], window),
        None if prior is None else _radiograph(prior, prior_view, steps[1], prior_window),
        check_context(ClinicalContext(indication, history)),
    )


def _radiograph(path: str | Path, view: str, step: Orientation, window: str) -> Radiograph:
    try:
        radiograph = corrected(through_asked(read_radiograph(path), window), step)
    except OSError as error:
        raise ImageError(texts.imaging.UNREADABLE.format(path=path, reason=error.strerror or error)) from error
    return replace(radiograph, view_position=view) if view else radiograph
