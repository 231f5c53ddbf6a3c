"""The grounding head learns where sentences point, when all else of the weights stands still. The paper has none.

First the frozen model reads sentences of simulated reports, and phrases as they are typed (train/phrases.py), in
teacher-forced passes; then the head learns to find what each names, by the masks, among the patches of both images.
What it learns for a sentence that names nothing, or nothing that is shown, is to show nothing.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from priorrg.errors import DataError
from priorrg.model.grounding import Grounding, GroundingHead
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from priorrg.report.sentences import split_sentences
from train.batches import Collator, Example, StudyDataset
from train.config import GroundingConfig, RunConfig
from train.data import Record, image_paths
from train.features import FeatureCache, encoder_digest
from train.masks import COVERED, Channels, channels_of, mask_grid
from train.phrases import write_phrase

_LOG_STEPS = 100
_SAVE_STEPS = 200
_READ_AT_ONCE = 24  # studies
_PHRASES = 3  # of each study, beside the sentences of its report
_PATCHES, _PEAK, _SHOWS = 4.0, 1.0, 1.0  # weights of the losses

Masks = dict[str, np.ndarray]  # image -> (C, P) float16


@dataclass(frozen=True)
class ReadStudy:
    """One study's sentences as the frozen decoder read them: (N, H) float16, and what each names on which image."""

    current: str
    prior: str | None
    states: Tensor
    named: tuple[tuple[Channels, Channels], ...]


def train_grounding(
    model: PriorRGModel,
    processor: PriorRGProcessor,
    records: Sequence[Record],
    config: RunConfig,
    resume: bool = False,
) -> dict[str, Any]:
    """Give the model a head and train it; returns figures. `output/last.pt` holds what a resumed run needs.

    Raises DataError for records without simulated truth, and where a run would go on otherwise than it began.
    """
    settings, output = config.grounding, Path(config.grounding.output)
    pairs = [record for record in records if record.prior and record.truth and record.prior_truth]
    if not pairs:
        raise DataError("The grounding head learns from simulated pairs and their masks; the split has none.")
    torch.manual_seed(config.seed)
    pairs = random.Random(config.seed).sample(pairs, min(settings.patients, len(pairs)))
    model.requires_grad_(False)
    model.eval()
    head = model.add_grounding(settings.size).requires_grad_(True)
    cache = features_of(model, processor, pairs, config)
    masks = masks_of(records, image_paths(pairs), config, model)
    studies = read_studies(model, processor, pairs, config, cache, masks)
    figures = _learn(head, studies, cache, masks, settings, config.seed, _stored(output, settings, resume), output)
    model.requires_grad_(True)
    return figures


def features_of(
    model: PriorRGModel, processor: PriorRGProcessor, records: Sequence[Record], config: RunConfig
) -> FeatureCache:
    """The features of the stages where they are of this encoder and these images, else others beside them: none are
    written over."""
    digest, paths = encoder_digest(model, processor), image_paths(records)
    folder = Path(config.data.cache or f"{config.grounding.output}/features")
    for index in (folder / "last.json", folder / "layers.json"):
        known = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else {}
        if known.get("digest") != digest or not known["stamps"].keys() >= set(paths):
            folder = Path(f"{folder}_ground") / digest
            break
    return FeatureCache.open(folder, model, processor, Path(config.data.image_root), paths, config.data.max_unreadable)


def masks_of(records: Sequence[Record], paths: Sequence[str], config: RunConfig, model: PriorRGModel) -> Masks:
    """What each patch of these images shows. records: among them the one of each image."""
    vision = model.config.vision_config
    size = vision.image_size // vision.patch_size
    files = {record.current: record.masks for record in records if record.masks}
    missing = [path for path in paths if path not in files]
    if missing:
        raise DataError(f"The data set has no masks of {len(missing)} images, the first is {missing[0]}.")
    root = Path(config.data.image_root)
    grids = {path: mask_grid(root / str(files[path]), size) for path in paths}
    return {path: grid.reshape(len(grid), -1).astype(np.float16) for path, grid in grids.items()}


@torch.no_grad()
def read_studies(
    model: PriorRGModel,
    processor: PriorRGProcessor,
    records: Sequence[Record],
    config: RunConfig,
    cache: FeatureCache,
    masks: Masks,
    resample: bool = True,
) -> list[ReadStudy]:
    """Every pair forward, backward and apart, its report and some phrases read by the frozen model."""
    dataset = StudyDataset(records, resample=resample, four_views=resample, seed=config.seed)
    examples = [dataset[number] for number in range(len(dataset))]
    collator = Collator(processor, Path(config.data.image_root), cache, layers=True)
    found: list[ReadStudy] = []
    for start in tqdm(range(0, len(examples), _READ_AT_ONCE), desc="sentences", unit="batch", mininterval=5):
        found += _read(model, processor, examples[start : start + _READ_AT_ONCE], collator, masks, config.seed + start)
    return found


def _read(
    model: PriorRGModel,
    processor: PriorRGProcessor,
    examples: Sequence[Example],
    collator: Collator,
    masks: Masks,
    seed: int,
) -> list[ReadStudy]:
    rng = random.Random(seed)
    batch = {name: value.to(model.device) for name, value in collator(examples).items()}
    study = {name: value for name, value in batch.items() if name not in ("decoder_input_ids", "labels")}
    memory = model.encode_study(**study)
    sentences = [split_sentences(example.findings) for example in examples]
    reports = _states(
        model,
        processor,
        memory,
        [e.findings for e in examples],
        [[(sentence.start, sentence.end) for sentence in found] for found in sentences],
    )
    phrases = [[write_phrase(_shown(example, masks), rng) for _ in range(_PHRASES)] for example in examples]
    alone = [
        _states(model, processor, memory, texts, [[(0, len(text))] for text in texts])[:, 0]
        for texts in ([of[number].text for of in phrases] for number in range(_PHRASES))
    ]
    read = []
    for row, example in enumerate(examples):
        states = torch.cat([reports[row, : len(sentences[row])], torch.stack([part[row] for part in alone])])
        named = [channels_of(sentence.text) for sentence in sentences[row]]
        named += [(phrase.channels, phrase.channels) for phrase in phrases[row]]
        read.append(ReadStudy(example.current, example.prior, states.half().cpu(), tuple(named)))
    return read


def _states(
    model: PriorRGModel,
    processor: PriorRGProcessor,
    memory: Any,
    texts: Sequence[str],
    spans: Sequence[Sequence[tuple[int, int]]],
) -> Tensor:
    ids, owned = processor.spans_read(texts, spans)
    return model.sentence_states(memory, ids.to(model.device), owned.to(model.device))


def _shown(example: Example, masks: Masks) -> set[int]:
    paths = [path for path in (example.current, example.prior) if path]
    return {int(channel) for path in paths for channel in np.flatnonzero(masks[path].max(axis=1) >= COVERED)}


def targets_of(study: ReadStudy, masks: Masks) -> np.ndarray:
    """(N, 2, P) what part of each patch of the current and the prior image shows what each sentence names."""
    patches = masks[study.current].shape[1]
    found = np.zeros((len(study.named), 2, patches), dtype=np.float32)
    for number, named in enumerate(study.named):
        for place, (path, channels) in enumerate(zip((study.current, study.prior), named, strict=True)):
            if path and channels:
                found[number, place] = masks[path][list(channels)].max(axis=0)
    return found


def batch_of(studies: Sequence[ReadStudy], cache: FeatureCache, masks: Masks) -> tuple[Tensor, ...]:
    """States (B, N, H), tokens of both images (B, P + 1, D), targets (B, N, 2, P) and which are known (B, N, 2)."""
    most = max(len(study.named) for study in studies)
    states = torch.zeros(len(studies), most, studies[0].states.shape[1])
    targets = torch.zeros(len(studies), most, 2, masks[studies[0].current].shape[1])
    known = torch.zeros(len(studies), most, 2, dtype=torch.bool)
    for row, study in enumerate(studies):
        count = len(study.named)
        states[row, :count] = study.states.float()
        targets[row, :count] = torch.from_numpy(targets_of(study, masks))
        known[row, :count, 0] = True
        known[row, :count, 1] = study.prior is not None
    current = cache.last([study.current for study in studies]).float()
    prior = cache.last([study.prior or study.current for study in studies]).float()
    return states, current, prior, targets, known


def grounding_loss(found: Grounding, targets: Tensor, known: Tensor) -> Tensor:
    """targets: (B, N, I, P) in [0, 1]; known: (B, N, I) bool. Patches learn where something is shown, `shows` whether.

    Two losses on the patches: how much of each is covered, and that the likeliest of all be one of those.
    """
    is_shown = known & (targets.amax(dim=-1) >= COVERED)
    is_nothing = known & (targets.amax(dim=-1) == 0)  # what is barely shown is neither
    asked = is_shown | is_nothing
    shows = F.binary_cross_entropy_with_logits(found.shows[asked], is_shown[asked].float())
    patches, wanted = found.patches[is_shown], targets[is_shown]
    covered = F.binary_cross_entropy_with_logits(patches, (2 * wanted).clamp(max=1))
    peak = -(patches.log_softmax(dim=-1) * wanted / wanted.sum(dim=-1, keepdim=True)).sum(dim=-1).mean()
    return _PATCHES * covered + _PEAK * peak + _SHOWS * shows


def _learn(
    head: GroundingHead,
    studies: Sequence[ReadStudy],
    cache: FeatureCache,
    masks: Masks,
    settings: GroundingConfig,
    seed: int,
    state: dict[str, Any] | None,
    output: Path,
) -> dict[str, Any]:
    device = next(head.parameters()).device
    optimiser = torch.optim.AdamW(head.parameters(), lr=settings.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=settings.steps, pct_start=0.1
    )
    start = 0
    if state is not None:
        head.load_state_dict(state["head"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        start = state["step"]
    began, losses = time.time(), []
    for step in range(start, settings.steps):
        chosen = random.Random(f"{seed} {step}").sample(studies, min(settings.batch_size, len(studies)))
        states, current, prior, targets, known = (part.to(device) for part in batch_of(chosen, cache, masks))
        loss = grounding_loss(head(states, current, prior), targets, known)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if (step + 1) % _LOG_STEPS == 0:
            recent = sum(losses[-_LOG_STEPS:]) / len(losses[-_LOG_STEPS:])
            print(f"step {step + 1}/{settings.steps} loss {recent:.4f} {time.time() - began:.0f} s", flush=True)
        if (step + 1) % _SAVE_STEPS == 0:
            _store(output, settings, head, optimiser, schedule, step + 1)
    recent = losses[-_LOG_STEPS:]
    return {
        "finished": True,
        "studies": len(studies),
        "sentences": sum(len(study.named) for study in studies),
        "loss": sum(recent) / len(recent) if recent else None,
        "steps": settings.steps,
        "minutes": (time.time() - began) / 60,
    }


def _store(
    output: Path, settings: GroundingConfig, head: GroundingHead, optimiser: Any, schedule: Any, step: int
) -> None:
    state = {"head": head.state_dict(), "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()}
    torch.save(state | {"step": step, "settings": json.dumps(asdict(settings))}, output / "last.tmp")
    (output / "last.tmp").replace(output / "last.pt")


def _stored(output: Path, settings: GroundingConfig, resume: bool) -> dict[str, Any] | None:
    """What an earlier run left to go on from; a new run begins without it."""
    output.mkdir(parents=True, exist_ok=True)
    if not resume:
        (output / "last.pt").unlink(missing_ok=True)
    if not (output / "last.pt").is_file():
        return None
    state = torch.load(output / "last.pt", weights_only=True)
    if state["settings"] != json.dumps(asdict(settings)):
        raise DataError(
            f"The run in {output} was begun with other settings: {state['settings']}. Go on with those, or begin anew "
            "without --resume."
        )
    return state
