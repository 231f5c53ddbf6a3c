"""Records -> examples -> batches, from pixels or from the frozen vision encoder's cached features.

Simulated records carry their truth, which lets the text be written anew each epoch and a pair be read backwards.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from priorrg.errors import DataError, ImageError
from priorrg.imaging.open import read_trusted
from priorrg.model.processing import PriorRGProcessor
from priorrg.study import UNKNOWN_VIEW, ClinicalContext, Radiograph
from train.data import Record
from train.features import FeatureCache
from train.heads import stacked, targets_of_context
from train.simulate.context import AskedContext, read_context
from train.simulate.reports import deciding_words, write_context, write_report
from train.simulate.truth import StudyTruth
from train.simulate.typed import with_strange_words


@dataclass(frozen=True)
class Example:
    """One study as it goes into a batch, prior possibly withheld and text possibly written anew.

    study_number: the same for all images of one study, read the same way, in every process.
    more_contexts: other texts that could stand with it, for the heads that learn what a text asks.
    """

    record: Record
    prior: str | None
    current: str
    view: str
    prior_view: str
    context: ClinicalContext
    findings: str
    truth: StudyTruth | None
    prior_truth: StudyTruth | None
    study_number: int
    more_contexts: tuple[ClinicalContext, ...] = ()


class StudyDataset(Dataset):
    """Examples of a split. `epoch` is set by the trainer: the text of an epoch depends on it and the seed alone.

    four_views: a simulated pair is read forward, backward (its changes inverted), and one of its images alone.
    more_contexts: so many other contexts come with each example (simulated records only). strange_share: so many
    indications that are written anew get words in between that mean nothing.
    """

    def __init__(
        self,
        records: Sequence[Record],
        *,
        resample: bool = False,
        four_views: bool = False,
        more_contexts: int = 0,
        strange_share: float = 0.0,
        seed: int = 0,
    ):
        # In shared memory: loading processes that live on for several epochs have their own copy of all else.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self._seed = seed
        self._resample = resample
        self._more_contexts = more_contexts
        self._strange_share = strange_share
        if (resample or four_views) and any(r.truth is None for r in records):
            raise DataError("Writing text anew needs simulated records: set resample_text and four_views to false.")
        if four_views:
            pairs = [r for r in records if r.prior]
            self._items = [(r, way) for r in pairs for way in ("forward", "backward", "alone") if _makes_sense(r, way)]
        else:
            self._items = [(r, "forward") for r in records]
        # A simulated pair read another way is another study: another current image, another report.
        studies = dict.fromkeys((record.study_id, way) for record, way in self._items)
        self._numbers = {study: number for number, study in enumerate(studies)}

    @property
    def epoch(self) -> int:
        return int(self._epoch)

    @epoch.setter
    def epoch(self, number: int) -> None:
        self._epoch.fill_(number)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Example:
        record, way = self._items[index]
        rng = random.Random(f"{self._seed} {self.epoch} {index}")
        prior, current, view, prior_view = record.prior, record.current, record.view, record.prior_view
        truth, prior_truth = record.truth, record.prior_truth
        if way == "backward" or (way == "alone" and rng.random() < 0.5):
            assert prior is not None
            prior, current, view, prior_view = current, prior, prior_view, view
            truth, prior_truth = prior_truth, truth
        if way == "alone":
            prior, prior_truth, prior_view = None, None, UNKNOWN_VIEW
        context, findings = record.context, record.findings
        if self._resample or way != "forward":
            assert truth is not None
            context = self._write_context(truth, prior_truth, rng)
            findings = write_report(truth, prior_truth, context, rng)
        number = self._numbers[record.study_id, way]
        more = tuple(self._write_context(truth, prior_truth, rng) for _ in range(self._more_contexts) if truth)
        return Example(record, prior, current, view, prior_view, context, findings, truth, prior_truth, number, more)

    def _write_context(self, now: StudyTruth, before: StudyTruth | None, rng: random.Random) -> AskedContext:
        context = write_context(now, before, rng)
        if self._strange_share and rng.random() < self._strange_share:
            context = replace(context, indication=with_strange_words(context.indication, rng))
        return context


def examples_of(records: Sequence[Record]) -> list[Example]:
    """The written examples of records, in order."""
    dataset = StudyDataset(records)
    return [dataset[number] for number in range(len(dataset))]


def _makes_sense(record: Record, way: str) -> bool:
    """Read backward, a broken rib would heal in days and wires leave a sternum: such a pair is read forward only."""
    lasting = [
        ({f.key for f in truth.findings if f.name == "fracture"}, truth.device("sternotomy wires"))
        for truth in (record.truth, record.prior_truth)
        if truth
    ]
    return way != "backward" or lasting[0] == lasting[-1]


class LostImages:
    """Images that became unreadable after the run began (a disk that fails at hour nine): named once, up to a limit.

    In shared memory, so that all loading processes of a training process count together, in every epoch.
    """

    def __init__(self, paths: Sequence[str], most: int) -> None:
        self._places = {path: place for place, path in enumerate(paths)}
        self._is_lost = torch.zeros(len(paths), dtype=torch.bool).share_memory_()
        self._most = most

    def __len__(self) -> int:
        return int(self._is_lost.sum())

    def add(self, path: str, error: Exception) -> None:
        """Raises DataError for one image more than may be lost."""
        place = self._places[path]
        if not self._is_lost[place]:
            print("lost", f"{path}: {error}", flush=True)
            self._is_lost[place] = True
        if len(self) > self._most:
            raise DataError(
                f"More than {self._most} images became unreadable while the run went on (data.max_unreadable), the "
                f"last is {path}: {error}"
            )


class Collator:
    """Examples -> tensors of one batch, named as the model's forward names them, plus the stages' targets.

    What the cache holds comes from there, all else from pixels: without layers in the cache a current image's pixels.
    word_weight: of the words that say how much there is and how it changed, in the labels' weights.
    lost: where an image may have become unreadable its example gives its place to another one of the batch, or is left
    out where `shrinks`; a batch of which nothing is left is the last whole example seen. None, the default, raises at
    the first: where an example belongs to its place, as in evaluation, no other may stand for it.
    """

    def __init__(
        self,
        processor: PriorRGProcessor,
        root: Path,
        cache: FeatureCache | None,
        *,
        layers: bool,
        stage1: bool = False,
        auxiliary: bool = False,
        word_weight: float = 1.0,
        context_length: int | None = None,
        lost: LostImages | None = None,
        shrinks: bool = False,
    ) -> None:
        self._processor, self._root, self._cache = processor, root, cache
        self._layers, self._stage1, self._auxiliary = layers, stage1, auxiliary
        self._word_weight, self._context_length = word_weight, context_length
        self._lost, self._shrinks = lost, shrinks
        self._whole: tuple[Example, dict[str, Radiograph]] | None = None  # the last that was read

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        processor = self._processor
        batch, examples = self._images(examples)
        batch["has_prior"] = torch.tensor([e.prior is not None for e in examples])
        batch["view_ids"] = torch.tensor([processor.view_id(e.view) for e in examples])
        batch["prior_view_ids"] = torch.tensor([processor.view_id(e.prior_view) for e in examples])
        ids, mask = processor.context([processor.context_text(e.context) for e in examples], self._context_length)
        batch["context_input_ids"], batch["context_attention_mask"] = ids, mask
        if self._stage1:
            ids, mask = processor.stage1_report([e.findings for e in examples])
            batch["report_input_ids"], batch["report_attention_mask"] = ids, mask
            batch["study_numbers"] = torch.tensor([e.study_number for e in examples])
        else:
            ids, mask = processor.report([e.findings for e in examples])
            batch["decoder_input_ids"] = ids[:, :-1]
            batch["labels"] = ids[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
            if self._word_weight != 1:
                batch["label_weights"] = self._label_weights([e.findings for e in examples], ids)[:, 1:]
        if self._auxiliary:
            pairs = [(e.truth, e.prior_truth if e.prior else None) for e in examples if e.truth]
            batch |= stacked(pairs, [read_context(e.context) for e in examples])
            more = [context for e in examples for context in e.more_contexts]
            if more:
                texts = [processor.context_text(context) for context in more]
                batch["more_context_ids"], batch["more_context_mask"] = processor.context(texts, self._context_length)
                batch["more_asked"] = torch.tensor([targets_of_context(read_context(context)) for context in more])
        return batch

    def _label_weights(self, texts: Sequence[str], ids: Tensor) -> Tensor:
        """(N, T) as ids: word_weight for tokens of deciding words, 1 for all others."""
        offsets = self._processor.report_offsets(texts)
        weights = torch.ones(ids.shape)
        for row, (text, places) in enumerate(zip(texts, offsets, strict=True)):
            for begin, end in deciding_words(text):
                for column, (first, last) in enumerate(places):
                    if first < end and last > begin:
                        weights[row, column] = self._word_weight
        return weights

    def _images(self, examples: Sequence[Example]) -> tuple[dict[str, Any], Sequence[Example]]:
        """What the batch shows, and the examples that are in it. Where there is no prior its rows are never read."""
        cache = self._cache
        current_pixels = cache is None or (self._layers and not cache.has_layers)
        images: dict[str, Radiograph] = {}
        if current_pixels:
            examples, images = self._read(examples, with_priors=cache is None)
        current, prior = [e.current for e in examples], [e.prior or e.current for e in examples]
        batch: dict[str, Any] = {}
        if current_pixels:
            rows = {path: row for row, path in enumerate(images)}
            pixels = self._processor.images(list(images.values()))
            batch["pixel_values"] = pixels[[rows[path] for path in current]]
            if cache is None:
                batch["prior_pixel_values"] = pixels[[rows[path] for path in prior]]
        if cache is None:
            return batch, examples
        batch["prior_last_hidden_state"] = cache.last(prior)
        if not current_pixels:
            batch["current_last_hidden_state"] = cache.last(current)
            if self._layers:
                batch["current_hidden_states"] = cache.layers(current)
        return batch, examples

    def _read(self, examples: Sequence[Example], with_priors: bool) -> tuple[Sequence[Example], dict[str, Radiograph]]:
        images: dict[str, Radiograph] = {}

        def is_whole(example: Example) -> bool:
            return example.current in images and (not with_priors or not example.prior or example.prior in images)

        for path in dict.fromkeys(p for e in examples for p in (e.current, e.prior if with_priors else None) if p):
            try:
                images[path] = read_trusted(self._root / path, judge=False)
            except (ImageError, OSError) as error:
                if self._lost is None:
                    raise DataError(f"An image can no longer be read. {path}: {error}") from error
                self._lost.add(path, error)
        whole = [e for e in examples if is_whole(e)]
        if not whole:
            if self._whole is None:
                raise DataError(f"No image of the first batch can be read any more, such as {examples[0].current}.")
            example, read = self._whole
            return [example] * (1 if self._shrinks else len(examples)), read
        shown = (whole[-1].current, whole[-1].prior)
        self._whole = whole[-1], {path: images[path] for path in shown if path in images}
        if self._shrinks:
            return whole, images
        # As many as before, because processes compare their batches with each other.
        return [e if is_whole(e) else whole[place % len(whole)] for place, e in enumerate(examples)], images
