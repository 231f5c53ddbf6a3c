"""What the paper claims of its parts, each held against something that could refute it.

Withholding the prior says little about it: without one no sentence compares. Exchanging it says more. A claim is shown
where the 95% interval of its difference lies above zero, refuted where it lies below, and else not shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from priorrg.errors import DataError
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from priorrg.reporting.confidence import weights_digest
from train.batches import Collator, Example, examples_of
from train.config import RunConfig
from train.data import Record
from train.masks import COVERED, channels_named, mask_grid
from train.measure.bootstrap import Interval, estimate, mean_counts
from train.measure.evaluate import ablated, batch_size, open_split
from train.simulate.context import read_context
from train.simulate.truth import DEVICES, FINDINGS

SHOWN, REFUTED, NOT_SHOWN = "shown", "refuted", "not shown"

# Claim -> reading whose figure is taken from the refined report's (train/measure/evaluate.py), and the figure.
_OF_REPORTS = {
    "the prior tells what has changed: its own against another patient's": (
        "another patient's prior",
        "change_macro_f1",
    ),
    "the context tells what to answer: its own against another patient's": ("another context", "answered_rightly"),
    "fine detail finds more: refined against coarse": ("coarse", "finding_micro_f1"),
    "fine detail compares better: refined against coarse": ("coarse", "change_macro_f1"),
}
_LOOKS = "the context guides where the model looks: attention on what is asked for, its own against another context"
OWN, EXCHANGED, ANYWHERE = "own context", "another context", "anywhere"


def claims(
    model: PriorRGModel,
    processor: PriorRGProcessor,
    records: Sequence[Record],
    config: RunConfig,
    evaluation: dict[str, Any],
) -> dict[str, Any]:
    """{weights, claims: claim -> {difference, interval, verdict}, attention}.

    evaluation: what `evaluate --ablate` wrote of the same weights; raises DataError where it is of others, or was not
    ablated.
    """
    digest = weights_digest(model)
    if evaluation.get("weights") != digest or not {run for run, _ in _OF_REPORTS.values()} <= {*evaluation}:
        raise DataError("The claims need an evaluation of these weights: run evaluate --ablate with them first.")
    found = {name: evaluation["differences"][run][figure] for name, (run, figure) in _OF_REPORTS.items()}
    attention = attention_on_asked(model, processor, records, config)
    found[_LOOKS] = attention.pop("difference")
    judged = {name: row | {"verdict": verdict(row["interval"])} for name, row in found.items()}
    return {"weights": digest, "claims": judged, "attention": attention}


def verdict(interval: Interval | Sequence[float] | None) -> str:
    if interval is None or interval[0] <= 0 <= interval[1]:
        return NOT_SHOWN
    return SHOWN if interval[0] > 0 else REFUTED


@torch.no_grad()
def attention_on_asked(
    model: PriorRGModel, processor: PriorRGProcessor, records: Sequence[Record], config: RunConfig
) -> dict[str, Any]:
    """What part of the spatiotemporal latents' attention lies on the finding that was asked for and is there.

    With the study's own context, with another patient's, and what part of the patches the finding covers (which is what
    a model would have that looks everywhere alike); and own minus exchanged, with its interval over patients.
    Raises DataError where no study has a question whose answer lies on the film.
    """
    cache, kept = open_split(model, processor, records, config)
    collator = Collator(processor, Path(config.data.image_root), cache, layers=False)
    vision = model.config.vision_config
    asked = [
        (own, other, on)
        for own, other in _pairs(examples_of(kept), config.seed)
        if (on := _asked_patches(own, Path(config.data.image_root), vision.image_size // vision.patch_size)) is not None
    ]
    if not asked:
        raise DataError("No study of the split asks for a finding that a mask shows: there is nothing to look for.")
    shares: dict[str, list[float]] = {OWN: [], EXCHANGED: []}
    size = batch_size(model)
    for start in tqdm(range(0, len(asked), size), desc="attention", unit="batch", mininterval=5):
        part = asked[start : start + size]
        on = torch.from_numpy(np.stack([patches for _, _, patches in part]))
        shares[OWN] += _attended(model, collator, [own for own, _, _ in part], on)
        shares[EXCHANGED] += _attended(model, collator, [other for _, other, _ in part], on)
    subjects = [own.record.subject_id for own, _, _ in asked]
    measured = {
        name: estimate([mean_counts("share", values)], subjects, config.seed) for name, values in shares.items()
    }
    return {
        "studies": len(asked),
        "share": {name: found.value["share"] for name, found in measured.items()}
        | {ANYWHERE: float(np.mean([patches.mean() for _, _, patches in asked]))},
        "difference": measured[OWN].minus(measured[EXCHANGED], "share"),
    }


def _pairs(examples: Sequence[Example], seed: int) -> list[tuple[Example, Example]]:
    """Each study beside itself with another patient's context, where that asks for nothing of what its own asks for."""
    return [
        (own, other)
        for own, other in zip(examples, ablated(examples, "another context", seed), strict=True)
        if not {*read_context(own.context).asked} & {*read_context(other.context).asked}
    ]


def _asked_patches(example: Example, root: Path, size: int) -> np.ndarray | None:
    """(size * size,) bool: the patches of the current image that show what was asked for; None where there are none."""
    masks = example.record.masks
    topics = [topic for topic in read_context(example.context).asked if topic in (*FINDINGS, *DEVICES)]
    if not masks or not topics:
        return None
    channels = [channel for topic in topics for channel in channels_named(topic, "")]
    on = mask_grid(root / masks, size)[channels].max(axis=0) >= COVERED
    return on.flatten() if on.any() else None


def _attended(model: PriorRGModel, collator: Collator, examples: Sequence[Example], on: torch.Tensor) -> list[float]:
    """on: (B, P). The part of the attention to patches, over layers, heads and latents, that lies on them."""
    batch = collator(examples)
    device = next(model.parameters()).device
    study = {n: t.to(device) for n, t in batch.items() if n not in ("decoder_input_ids", "labels")}
    memory = model.encode_study(**study, memory_level="coarse", output_attentions=True)
    weights = torch.stack(memory.weights["spatiotemporal"].cross).float().mean(dim=(0, 2, 3))[:, 1:].cpu()  # not CLS
    return ((weights * on).sum(dim=1) / weights.sum(dim=1)).tolist()


def table(figures: dict[str, Any]) -> str:
    """One row a claim."""
    lines = []
    for name, row in figures["claims"].items():
        low, high = row["interval"] or (float("nan"),) * 2
        lines.append(f"{row['verdict']:10} {row['difference']:+.4f} ({low:+.4f} {high:+.4f})  {name}")
    shares = ", ".join(f"{name} {share:.4f}" for name, share in figures["attention"]["share"].items())
    return "\n".join([*lines, f"attention on what is asked for, {figures['attention']['studies']} studies: {shares}"])
