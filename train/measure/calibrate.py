"""What a sentence's token probabilities are worth: monotone maps to the probability that its facts are right.

Fitted on one split, measured on another, written as calibration.json beside the weights, where Reporter.load finds it.
A sentence is right when everything it states (findings with their place, changes, devices with their side and what
became of them) stands in the reference, and nothing it denies does; what a reference does not name is absent. How
severe a finding is does not count. A sentence without a fact of its own ('No other acute abnormality.') is right when
the report has missed nothing that the reference names.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.optimize import isotonic_regression
from tqdm import tqdm
from transformers.modeling_outputs import BaseModelOutput

from priorrg.errors import DataError
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from priorrg.report.facts import sentence_kind
from priorrg.report.sentences import split_sentences
from priorrg.reporting.confidence import (
    ANY_KIND,
    HIGH,
    MEDIUM,
    Calibration,
    Confidence,
    sentence_places,
    sentence_scores,
    weights_digest,
)
from train.batches import Collator, Example, examples_of
from train.config import RunConfig
from train.data import Record
from train.measure.evaluate import batch_size, open_split
from train.measure.parsing import ParsedReport, parse_report
from train.roc import roc_auc

KNOTS = 12  # at most; as many groups of equally many sentences
FEWEST = 40  # sentences a group
BINS = 10  # of the calibration error, equally wide


@dataclass(frozen=True)
class Judged:
    """One sentence that was written about a study: what it is about, its scores, and whether its facts are right."""

    kind: str
    scores: dict[str, float]
    is_right: bool


def calibrate(
    model: PriorRGModel,
    processor: PriorRGProcessor,
    fit_on: Sequence[Record],
    measure_on: Sequence[Record],
    config: RunConfig,
    output: Path,
    split: str = "test",
) -> dict[str, Any]:
    """Read both sets of studies as the app does, fit on the first, measure on the second, print and write the map.

    split: what the second set is called. The score that tells right from wrong best on the first set is taken.
    Raises DataError where the first set holds too few sentences, or nothing but right or wrong ones.
    """
    fitting, measuring = (
        judged_sentences(model, processor, records, config, name)
        for records, name in ((fit_on, "fitting"), (measure_on, "measuring"))
    )
    maps = {name: fit_kinds(fitting, name) for name in sentence_scores([])}
    drawn = {name: Calibration(name, knots, 0.0, 0, split) for name, knots in maps.items()}
    areas = {name: discrimination(fitting, drawn[name]) for name in maps}
    best = max(areas, key=lambda name: areas[name])
    probabilities = np.array([drawn[best].probability(one.kind, one.scores) for one in measuring])
    rights = np.array([one.is_right for one in measuring], dtype=np.float64)
    figures: dict[str, Any] = {
        "score": best,
        "knots": {
            kind: [[round(score, 9), round(value, 4)] for score, value in knots] for kind, knots in maps[best].items()
        },
        "error": round(calibration_error(probabilities, rights), 4),
        "sentences": len(measuring),
        "measured_on": split,
        "weights": weights_digest(model),
        "fitted_on": len(fitting),
        "right": round(float(rights.mean()), 4),
        "discrimination": {name: round(discrimination(measuring, one), 4) for name, one in drawn.items()},
        "by_kind": _kinds(measuring, drawn[best]),
        "brier": round(float(np.mean((probabilities - rights) ** 2)), 4),
        "levels": _levels(probabilities, rights),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(table(figures))
    return figures


@torch.no_grad()
def judged_sentences(
    model: PriorRGModel, processor: PriorRGProcessor, records: Sequence[Record], config: RunConfig, name: str
) -> list[Judged]:
    """Every sentence of the refined reports of these studies. name: for the progress bar."""
    cache, kept = open_split(model, processor, records, config)
    collator = Collator(processor, Path(config.data.image_root), cache, layers=True)
    examples = examples_of(kept)
    model.eval()
    size = batch_size(model)
    found: list[Judged] = []
    for start in tqdm(range(0, len(examples), size), desc=name, unit="batch", mininterval=5):
        batch = examples[start : start + size]
        for example, (tokens, probabilities) in zip(batch, _write(model, collator, batch), strict=True):
            found += _judge(processor, example, tokens, probabilities)
    return found


def _write(model: PriorRGModel, collator: Collator, examples: Sequence[Example]) -> list[tuple[list[int], list[float]]]:
    """Tokens of each refined report, the end token among them, and the probability of each, given those before."""
    device = next(model.parameters()).device
    study = {n: t.to(device) for n, t in collator(examples).items() if n not in ("decoder_input_ids", "labels")}
    memory = model.encode_study(**study).full
    ids = model.generate(  # type: ignore[misc]
        encoder_outputs=BaseModelOutput(last_hidden_state=memory),  # type: ignore[arg-type]
        num_beams=model.config.num_beams,
        do_sample=False,
        max_length=model.config.max_report_tokens,
    )
    assert isinstance(ids, torch.Tensor)
    logits = model(memory=memory, decoder_input_ids=ids[:, :-1]).logits.float()
    chosen = logits.softmax(dim=-1).gather(2, ids[:, 1:, None])[..., 0].cpu()
    found = []
    for tokens, probabilities in zip(ids[:, 1:].tolist(), chosen.tolist(), strict=True):
        ends = tokens.index(model.config.eos_token_id) + 1 if model.config.eos_token_id in tokens else len(tokens)
        found.append((tokens[:ends], probabilities[:ends]))
    return found


def _judge(
    processor: PriorRGProcessor, example: Example, tokens: list[int], probabilities: list[float]
) -> list[Judged]:
    text = processor.decode(tokens)
    sentences = split_sentences(text)
    truth, whole = parse_report(example.findings), parse_report(text)
    places = sentence_places(processor, tokens, sentences)
    return [
        Judged(
            sentence_kind(sentence.text),
            sentence_scores([probabilities[n] for n in wrote]),
            is_right(sentence.text, truth, whole),
        )
        for sentence, wrote in zip(sentences, places, strict=True)
    ]


def is_right(sentence: str, truth: ParsedReport, whole: ParsedReport) -> bool:
    """Whether the facts of a sentence are right (see the top of this file). whole: the report that it stands in."""
    said = parse_report(sentence)
    stated = _stated(said)
    named = {*(key[0] for key in truth.findings), *truth.devices}
    if not stated and not said.denied:
        return not (truth.findings.keys() - whole.findings.keys()) and not (truth.devices.keys() - whole.devices.keys())
    return stated <= _stated(truth) and not said.denied & named


def _stated(parsed: ParsedReport) -> set[tuple[Any, ...]]:
    return {
        *(("finding", key) for key in parsed.findings),
        *(("change", *item) for item in parsed.changes.items()),
        *(("device", *item) for item in parsed.devices.items()),
        *(("device change", *item) for item in parsed.device_changes.items()),
    }


def discrimination(judged: Sequence[Judged], calibration: Calibration) -> float:
    """Area under the ROC curve: how often a right sentence has the higher probability than a wrong one.

    0.5 where all are right, or all are wrong.
    """
    values = np.array([calibration.probability(one.kind, one.scores) for one in judged])
    rights = np.array([one.is_right for one in judged])
    area = roc_auc(values, rights)
    return 0.5 if area is None else area


def fit_kinds(judged: Sequence[Judged], score: str) -> dict[str, tuple[tuple[float, float], ...]]:
    """One map for each kind of sentence that there are enough of, and one over all. Raises DataError as `fit` does."""
    kinds = {kind: [one for one in judged if one.kind == kind] for kind in sorted({one.kind for one in judged})}
    enough = {kind: those for kind, those in kinds.items() if len(those) >= 2 * FEWEST}
    return {
        kind: fit([one.scores[score] for one in those], [one.is_right for one in those])
        for kind, those in ({ANY_KIND: list(judged)} | enough).items()
    }


def fit(scores: Sequence[float], rights: Sequence[bool]) -> tuple[tuple[float, float], ...]:
    """Knots of the map: groups of equally many sentences by score, then neighbours pooled until their shares rise
    (scipy's isotonic regression). Sentences of one score are in one group. Raises DataError for too few sentences."""
    if len(scores) < 2 * FEWEST:
        raise DataError(
            f"{len(scores)} sentences are too few for a calibration: it takes {2 * FEWEST} at least. Name a split with "
            "more studies (--split)."
        )
    order = np.argsort(scores, kind="stable")
    values, hits = np.asarray(scores)[order], np.asarray(rights, dtype=np.float64)[order]
    first = [group[0] for group in np.array_split(np.arange(len(values)), min(KNOTS, len(values) // FEWEST))]
    starts = np.unique(np.searchsorted(values, values[first]))
    counts = np.diff([*starts, len(values)])
    pooled = isotonic_regression(np.add.reduceat(hits, starts) / counts, weights=counts)
    starts = starts[pooled.blocks[:-1]]
    counts = np.diff([*starts, len(values)])
    means = np.add.reduceat(values, starts) / counts
    # One right and one wrong more: no group is certain of itself.
    shares = np.maximum.accumulate((np.add.reduceat(hits, starts) + 1) / (counts + 2))
    return tuple((float(score), float(share)) for score, share in zip(means, shares, strict=True))


def calibration_error(probabilities: np.ndarray, rights: np.ndarray) -> float:
    """Expected calibration error over BINS equally wide bins (Naeini et al. 2015). (N,) each."""
    places = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    error = 0.0
    for place in range(BINS):
        inside = places == place
        if inside.any():
            error += inside.mean() * abs(float(probabilities[inside].mean() - rights[inside].mean()))
    return error


def _kinds(judged: Sequence[Judged], calibration: Calibration) -> dict[str, dict[str, Any]]:
    found = {}
    for kind in sorted({one.kind for one in judged}):
        those = [one for one in judged if one.kind == kind]
        found[kind] = {
            "sentences": len(those),
            "right": round(float(np.mean([one.is_right for one in those])), 4),
            "mean_probability": round(float(np.mean([calibration.probability(kind, one.scores) for one in those])), 4),
            "discrimination": round(discrimination(those, calibration), 4),
        }
    return found


def _levels(probabilities: np.ndarray, rights: np.ndarray) -> dict[str, dict[str, Any]]:
    names = np.array([Confidence(float(p), True).level for p in probabilities])
    return {
        level: {
            "sentences": int((names == level).sum()),
            "right": round(float(rights[names == level].mean()), 4) if (names == level).any() else None,
        }
        for level in ("high", "medium", "low")
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    lines = [
        f"expected calibration error {figures['error']:.3f} on {figures['sentences']} sentences"
        f" of {figures['measured_on']} ({figures['right']:.3f} of them right; fitted on {figures['fitted_on']} others)",
        "area under ROC: " + ", ".join(f"{name} {area:.3f}" for name, area in figures["discrimination"].items()),
        f"taken: {figures['score']}; Brier score {figures['brier']:.3f}",
    ]
    bounds = {"high": f">= {HIGH}", "medium": f">= {MEDIUM}", "low": f"< {MEDIUM}"}
    for level, row in figures["levels"].items():
        right = "-" if row["right"] is None else f"{row['right']:.3f}"
        lines.append(f"{level:7} {bounds[level]:7} {row['sentences']:6} sentences, {right} right")
    for kind, row in figures["by_kind"].items():
        lines.append(
            f"{kind:15} {row['sentences']:6} sentences, {row['right']:.3f} right, {row['mean_probability']:.3f} given, "
            f"area {row['discrimination']:.3f}"
        )
    return "\n".join(lines)
