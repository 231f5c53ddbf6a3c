"""Reading a study: a Study in, a stream of events out, until the refined report stands.

The app, the command line and a Python call all go through Reader.read. It owns the cache of image features and the
lock round the model; it knows no page and draws no overlay.
"""

import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import StoppingCriteria, StoppingCriteriaList
from transformers.cache_utils import Cache
from transformers.modeling_outputs import BaseModelOutput

from priorrg.errors import CheckpointError, ImageError
from priorrg.imaging.open import read_radiograph
from priorrg.model.configuration import COARSE_FROM_MEMORY, PriorRGConfig
from priorrg.model.modeling import Memory, PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from priorrg.model.vision import VisionFeatures
from priorrg.report import Sentence, split_sentences
from priorrg.study import ClinicalContext, Radiograph, Study, check_context

EMBEDDED_WEIGHTS = Path(__file__).parent.parent / "assets" / "embedded"
CACHED_IMAGES = 16  # at paper scale 55 MB each


@dataclass(frozen=True)
class WeightsCard:
    """What a reader is told about the loaded weights. kind, note, coarse_draft: see PriorRGConfig."""

    name: str
    kind: str
    note: str
    coarse_draft: str


@dataclass(frozen=True)
class Progress:
    """step: `images`, `encoding`, `drafting` or `refining`; message is for the reader."""

    step: str
    message: str


@dataclass(frozen=True)
class DraftWord:
    """The coarse draft up to its last whole word."""

    text_so_far: str


@dataclass(frozen=True)
class DraftDone:
    text: str


@dataclass(frozen=True)
class ReportWord:
    """The refined report up to its last whole word; only when it is read greedily."""

    text_so_far: str


@dataclass(frozen=True)
class ReportDone:
    """tokens: ids that were generated, without the start token, with the end token if it came."""

    text: str
    tokens: tuple[int, ...]
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Stopped:
    """The reader pressed Stop. What was written until then is kept."""

    draft: str
    report: str


Event = Progress | DraftWord | DraftDone | ReportWord | ReportDone | Stopped


@dataclass(frozen=True)
class Reading:
    """What a whole stream of events comes to."""

    draft: str
    report: str


class Reader:
    """A model, its processor, and what is remembered between two readings.

    Several sessions may read at once: every call of the model is made under `lock`. A beam search is one call, so its
    progress is handed out while its own thread holds the lock; everything else is handed out without. Whoever calls the
    model from outside (explanations) takes it too.
    """

    def __init__(self, model: PriorRGModel, processor: PriorRGProcessor, cached_images: int = CACHED_IMAGES):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device).eval()  # type: ignore[arg-type]
        self.model.requires_grad_(False)
        self.processor = processor
        self.lock = threading.RLock()
        self._features: OrderedDict[str, VisionFeatures] = OrderedDict()
        self._features_lock = threading.Lock()
        self._cached_images = cached_images

    @classmethod
    def load(cls, path_or_repo: str | Path | None = None) -> "Reader":
        """Load weights from a folder or hub repository in our format; without one, the embedded weights.

        Only safetensors are read. Raises CheckpointError.
        """
        source = str(path_or_repo or EMBEDDED_WEIGHTS)
        try:
            # Asked first: transformers would build a random model out of any other configuration.
            kind = PriorRGConfig.get_config_dict(source)[0].get("model_type")
            if kind is None:
                raise FileNotFoundError(f"{source} has no config.json")
            if kind != PriorRGConfig.model_type:
                raise CheckpointError(
                    f"{source} holds weights of another model ({kind}). Import a published PriorRG checkpoint with "
                    "`python -m priorrg import-checkpoint` first."
                )
            processor = PriorRGProcessor.from_pretrained(source)
            model, info = PriorRGModel.from_pretrained(  # type: ignore[misc]
                source, dtype=torch.float32, use_safetensors=True, output_loading_info=True
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise CheckpointError(
                f"No PriorRG weights could be loaded from {source} ({type(error).__name__}). Expected is a folder or "
                "hub repository with config.json, model.safetensors, tokenizer.json and preprocessor_config.json."
            ) from error
        if info["missing_keys"] or info["unexpected_keys"]:
            missing, unknown = (", ".join(sorted(info[f"{kind}_keys"])) or "none" for kind in ("missing", "unexpected"))
            raise CheckpointError(f"The weights in {source} do not fit. Missing: {missing}; not known: {unknown}.")
        return cls(model, processor)

    @property
    def config(self) -> PriorRGConfig:
        return self.model.config  # type: ignore[return-value]

    @property
    def card(self) -> WeightsCard:
        config = self.config
        return WeightsCard(config.weights_name, config.weights_kind, config.training_note, config.coarse_draft)

    # Images

    def prepare(self, radiograph: Radiograph) -> VisionFeatures:
        """Vision features (1, P, H) and (1, L, P, H) of one radiograph, computed at most once while it is cached."""
        with self.lock:  # two sessions with one image: the second waits and finds it
            with self._features_lock:
                features = self._features.get(radiograph.fingerprint)
                if features is not None:
                    self._features.move_to_end(radiograph.fingerprint)
                    return features
            with torch.no_grad():
                features = self.model.encode_image(self.processor.images([radiograph]).to(self.device))
            with self._features_lock:
                self._features[radiograph.fingerprint] = features
                while len(self._features) > self._cached_images:
                    self._features.popitem(last=False)
            return features

    def forget(self, fingerprints: Iterable[str]) -> None:
        """Drop what is remembered of these images (Radiograph.fingerprint)."""
        with self._features_lock:
            for fingerprint in fingerprints:
                self._features.pop(fingerprint, None)

    def remembers(self, radiograph: Radiograph) -> bool:
        with self._features_lock:
            return radiograph.fingerprint in self._features

    # Study -> inputs and memory, also for explanations

    def study_inputs(self, study: Study) -> dict[str, Any]:
        """Keyword arguments of PriorRGModel.encode_study for one study, B = 1."""
        current = self.prepare(study.current)
        fitting, _ = self.processor.fit_context(check_context(study.context))
        ids, mask = self.processor.context([self.processor.context_text(fitting)])
        inputs = {
            "current_last_hidden_state": current.last_hidden_state,
            "current_hidden_states": current.hidden_states,
            "context_input_ids": ids,
            "context_attention_mask": mask,
            "view_ids": torch.tensor([self.processor.view_id(study.current.view_position)]),
        }
        if study.prior is not None:
            inputs["prior_last_hidden_state"] = self.prepare(study.prior).last_hidden_state
            inputs["prior_view_ids"] = torch.tensor([self.processor.view_id(study.prior.view_position)])
        return {name: value.to(self.device) for name, value in inputs.items() if value is not None}

    def context_note(self, context: ClinicalContext) -> str:
        """A sentence on how much of the context these weights read, empty where it is all of it."""
        return self.processor.fit_context(check_context(context))[1]

    def memory(self, study: Study, output_attentions: bool = False) -> Memory:
        """The whole memory of a study, with the perceiver's and the fusion's attention if asked for."""
        inputs = self.study_inputs(study)
        with self.lock, torch.no_grad():
            return self.model.encode_study(**inputs, output_attentions=output_attentions)

    # Reading

    def report(self, study: Study, num_beams: int | None = None) -> Reading:
        """Read a study to the end."""
        draft = report = ""
        for event in self.read(study, num_beams=num_beams):
            if isinstance(event, DraftDone):
                draft = event.text
            elif isinstance(event, ReportDone):
                report = event.text
        return Reading(draft, report)

    def read(self, study: Study, stop: threading.Event | None = None, num_beams: int | None = None) -> Iterator[Event]:
        """Read a study; events come as soon as there is something to show.

        stop: when set, the reading ends within one token with a Stopped event that holds what was written.
        num_beams: 1 reads the refined report greedily and streams it; more search beams and give it whole; None as the
        weights' configuration says. Raises StudyError for a context that is too long.
        """
        check_context(study.context)
        stop = stop or threading.Event()
        yield Progress("images", "Looking at the images" if study.has_prior else "Looking at the image")
        for radiograph in (study.current, study.prior):
            if stop.is_set():
                yield Stopped("", "")
                return
            if radiograph is not None:
                self.prepare(radiograph)
        yield Progress("encoding", "Putting images and context together")
        inputs = self.study_inputs(study)
        with self.lock, torch.no_grad():
            memory = self.model.encode_study(**inputs, memory_level="coarse")
        if self.config.coarse_draft != COARSE_FROM_MEMORY:
            memory = self._refine(memory, inputs)

        yield Progress("drafting", "Writing the coarse draft")
        latents = memory.coarse if self.config.coarse_draft == COARSE_FROM_MEMORY else memory.full
        writing = Writing(self, latents, stop)
        for text in writing.words():
            yield DraftWord(text)
        draft = writing.text
        if stop.is_set():
            yield Stopped(draft, "")
            return
        yield DraftDone(draft)

        yield Progress("refining", "Refining the report")
        if memory.joint is None:
            memory = self._refine(memory, inputs)
        num_beams = num_beams or self.config.num_beams
        if num_beams == 1:
            writing = Writing(self, memory.full, stop)
            for text in writing.words():
                yield ReportWord(text)
        else:
            writing = BeamSearch(self, memory.full, stop, num_beams)
            yield from writing.progress()
        if stop.is_set():
            yield Stopped(draft, writing.text)
            return
        yield ReportDone(writing.text, tuple(writing.tokens), tuple(split_sentences(writing.text)))

    def _refine(self, memory: Memory, inputs: dict[str, Any]) -> Memory:
        with self.lock, torch.no_grad():
            joint = self.model.joint_features(inputs["current_hidden_states"], inputs["view_ids"])
            return self.model.refine_memory(memory, joint)


class Writing:
    """Greedy writing from one memory (1, M, H), token by token, the same ids as transformers' greedy generate."""

    def __init__(self, reader: Reader, memory: torch.Tensor, stop: threading.Event):
        self.reader = reader
        self.memory = memory
        self.stop = stop
        self.tokens: list[int] = []

    @property
    def text(self) -> str:
        return self.reader.processor.decode(self.tokens)

    def words(self) -> Iterator[str]:
        """The text so far, each time another word is whole. Ends at the end token, the length limit, or stop."""
        shown = ""
        for _ in self._write():
            whole = self.text.rpartition(" ")[0]  # what stands before the last space cannot change any more
            if len(whole) > len(shown):
                shown = whole
                yield shown
        if len(self.text) > len(shown):
            yield self.text

    def _write(self) -> Iterator[int]:
        config, model = self.reader.config, self.reader.model
        previous = config.decoder_start_token_id
        past: Cache | None = None
        for _ in range(config.max_report_tokens - 1):  # the published limit counts the start token
            if self.stop.is_set():
                return
            with self.reader.lock, torch.no_grad():
                outputs = model(
                    memory=self.memory,
                    decoder_input_ids=torch.tensor([[previous]], device=self.reader.device),
                    past_key_values=past,
                    use_cache=True,
                )
            past = outputs.past_key_values
            previous = int(outputs.logits[0, -1].argmax())
            self.tokens.append(previous)
            if previous == config.eos_token_id:
                return
            yield previous


class BeamSearch(Writing):
    """Beam search from one memory, in a thread of its own; shows how far it is, then the whole text."""

    def __init__(self, reader: Reader, memory: torch.Tensor, stop: threading.Event, num_beams: int):
        super().__init__(reader, memory, stop)
        self.num_beams = num_beams

    def progress(self) -> Iterator[Progress]:
        """One event a step. Whoever stops listening ends the search too."""
        steps: queue.SimpleQueue[int | None] = queue.SimpleQueue()  # lengths; None at the end
        abandoned = threading.Event()
        failures: list[BaseException] = []

        def search() -> None:
            try:
                self._search(lambda length: steps.put(length), abandoned)
            except BaseException as error:  # handed to the listener, who raises it
                failures.append(error)
            finally:
                steps.put(None)

        thread = threading.Thread(target=search, name="beam search", daemon=True)
        thread.start()
        try:
            while (length := steps.get()) is not None:
                most = self.reader.config.max_report_tokens
                yield Progress("refining", f"Comparing {self.num_beams} versions, {length} of at most {most} tokens")
        finally:
            abandoned.set()
            thread.join()
        if failures:
            raise failures[0]

    def _search(self, on_step: Callable[[int], None], abandoned: threading.Event) -> None:
        stop = self.stop

        class Watch(StoppingCriteria):
            def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs) -> torch.Tensor:
                on_step(input_ids.shape[1])
                ended = stop.is_set() or abandoned.is_set()
                return torch.full((len(input_ids),), ended, dtype=torch.bool, device=input_ids.device)

        with self.reader.lock, torch.no_grad():
            ids = self.reader.model.generate(  # type: ignore[misc]
                encoder_outputs=BaseModelOutput(last_hidden_state=self.memory),  # type: ignore[arg-type]
                num_beams=self.num_beams,
                max_length=self.reader.config.max_report_tokens,
                stopping_criteria=StoppingCriteriaList([Watch()]),
            )
        assert isinstance(ids, torch.Tensor)
        self.tokens = ids[0, 1:].tolist()


def read_study(
    current: str | Path,
    prior: str | Path | None = None,
    indication: str = "",
    history: str = "",
    view: str = "",
    prior_view: str = "",
) -> Study:
    """A Study from files: DICOM, PNG or JPEG.

    view, prior_view: the view positions, where the files do not say or say it wrongly. Raises ImageError, StudyError.
    """
    return Study(
        _radiograph(current, view),
        None if prior is None else _radiograph(prior, prior_view),
        check_context(ClinicalContext(indication, history)),
    )


def _radiograph(path: str | Path, view: str) -> Radiograph:
    try:
        radiograph = read_radiograph(path)
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}.") from error
    return replace(radiograph, view_position=view) if view else radiograph
