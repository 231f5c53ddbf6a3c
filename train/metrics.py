"""Scores generated reports against their references: findings, changes, questions, and the usual text metrics.

Findings and changes are read from both texts by `train.parsing`, which knows the simulator's words only.
BLEU is NLTK's corpus BLEU over lower-cased word tokens; ROUGE-L is the mean F of the rouge-score package.
METEOR needs WordNet data that cannot be shipped here and the usual CIDEr needs Java; both are left out
rather than replaced by something of the same name.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from nltk.translate.bleu_score import corpus_bleu
from rouge_score.rouge_scorer import RougeScorer

from priorrg.study import ClinicalContext
from train.parsing import ParsedReport, parse_report
from train.simulate.context import read_context
from train.simulate.truth import CHANGES, DEVICES, FINDINGS

_RESAMPLES = 1000


def labels_of(parsed: ParsedReport) -> set[str]:
    """Findings with side and zone, devices with side: what micro and macro F1 are counted over."""
    findings = {" ".join(filter(None, key)) for key in parsed.findings}
    return findings | {f"{name} {side}".strip() for name, side in parsed.devices.items()}


def changes_of(parsed: ParsedReport) -> set[tuple[str, str]]:
    """(finding with its place, change) pairs."""
    return {(" ".join(filter(None, key)), change) for key, change in parsed.changes.items()}


def score(
    references: Sequence[str],
    hypotheses: Sequence[str],
    contexts: Sequence[ClinicalContext],
    has_prior: Sequence[bool],
    subject_ids: Sequence[str],
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of one evaluation; rates and F1 in 0 to 1, 95% intervals by bootstrap over patients.

    Figures that nothing was there to count for are None.
    """
    truth, guess = [parse_report(t) for t in references], [parse_report(t) for t in hypotheses]
    rows = [_row(*item) for item in zip(truth, guess, contexts, has_prior, strict=True)]
    patients: dict[str, list[int]] = defaultdict(list)
    for number, subject in enumerate(subject_ids):
        patients[subject].append(number)
    summary = _summary(rows)
    summary["interval"] = _intervals(rows, list(patients.values()), seed)
    by_name = {name: _f1([_only(r["labels"], name) for r in rows]) for name in (*FINDINGS, *DEVICES)}
    by_change = {c: _f1([_only_change(r["changes"], c) for r in rows]) for c in CHANGES}
    return summary | {"by_finding": by_name, "by_change": by_change, "text": text_metrics(references, hypotheses)}


def text_metrics(references: Sequence[str], hypotheses: Sequence[str]) -> dict[str, float]:
    """BLEU-1 to BLEU-4 and ROUGE-L, in 0 to 1."""
    wanted, got = [[_tokens(t)] for t in references], [_tokens(t) for t in hypotheses]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NLTK warns of an n-gram order without overlap, where the score is 0
        weights = [tuple(1 / n for _ in range(n)) for n in range(1, 5)]
        values: list[Any] = [corpus_bleu(wanted, got, weights=shares) for shares in weights]
    bleu = {f"bleu_{n}": float(value) for n, value in enumerate(values, start=1)}
    scorer = RougeScorer(["rougeL"])
    rouge = [scorer.score(r, h)["rougeL"].fmeasure for r, h in zip(references, hypotheses, strict=True)]
    return bleu | {"rouge_l": float(np.mean(rouge)) if rouge else 0.0}


def _tokens(text: str) -> list[str]:
    return re.findall(r"[a-z]+|\d+(?:\.\d+)?|[^\sa-z\d]", text.lower())


def _row(truth: ParsedReport, guess: ParsedReport, context: ClinicalContext, has_prior: bool) -> dict[str, Any]:
    asked = read_context(context).asked
    # A question is answered where the hypothesis speaks of its subject at all, as found or as denied.
    spoken = {key[0] for key in (*guess.findings, *guess.changes)} | guess.denied | guess.devices.keys()
    spoken |= guess.device_changes.keys()
    # A nodule's size is given in place of a severity; it is not scored.
    matched = {key for key, severity in truth.findings.items() if severity is not None and key in guess.findings}
    tips = truth.tips.keys()
    compared = truth.device_changes.items()
    moved = [name for name, change in compared if change == "moved"]
    return {
        "labels": (labels_of(truth), labels_of(guess)),
        "changes": (changes_of(truth), changes_of(guess)),
        "answered": (sum(topic in spoken for topic in asked), len(asked)),
        "answered_first": (int(bool(asked) and asked[0] in guess.first), int(bool(asked))),
        "false_comparison": (int(guess.compares and not has_prior), int(not has_prior)),
        "compares": (int(guess.compares and has_prior), int(has_prior)),
        "severity": (sum(truth.findings[k] == guess.findings[k] for k in matched), len(matched)),
        "laterality": _laterality(truth, guess),
        "tips": (sum(truth.tips[n] == guess.tips.get(n) for n in tips), len(tips)),
        "device_change": (sum(guess.device_changes.get(n) == c for n, c in compared), len(compared)),
        "repositioned": (sum(guess.device_changes.get(n) == "moved" for n in moved), len(moved)),
        "interpretation": (
            len(truth.interpretations & guess.interpretations),
            len(truth.interpretations | guess.interpretations),
        ),
    }


def _laterality(truth: ParsedReport, guess: ParsedReport) -> tuple[int, int]:
    """Of the sided findings that both texts name: how often the sides agree."""
    sides: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for place, parsed in enumerate((truth, guess)):
        for name, side, _ in parsed.findings:
            if side:
                sides[name][place].add(side)
    both = [pair for pair in sides.values() if pair[0] and pair[1]]
    return sum(pair[0] == pair[1] for pair in both), len(both)


_RATES = (
    "answered",
    "answered_first",
    "false_comparison",
    "compares",
    "severity",
    "laterality",
    "tips",
    "device_change",
    "repositioned",
    "interpretation",
)


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    by_label = [_f1([_only(r["labels"], n) for r in rows])["f1"] for n in (*FINDINGS, *DEVICES)]
    by_change = [_f1([_only_change(r["changes"], c) for r in rows])["f1"] for c in CHANGES]
    found: dict[str, Any] = {
        "finding_micro_f1": _f1([r["labels"] for r in rows])["f1"],
        "finding_macro_f1": _mean(by_label),
        "change_micro_f1": _f1([r["changes"] for r in rows])["f1"],
        "change_macro_f1": _mean(by_change),
    }
    for name in _RATES:
        right, total = (sum(r[name][place] for r in rows) for place in (0, 1))
        found[name] = right / total if total else None
    return found


def _mean(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def _intervals(rows: list[dict[str, Any]], patients: list[list[int]], seed: int) -> dict[str, tuple[float, float]]:
    """95% intervals of the micro figures, patients drawn with replacement."""
    counts = np.array(
        [
            [
                *_counts([rows[i]["labels"] for i in of_patient]),
                *_counts([rows[i]["changes"] for i in of_patient]),
                *(sum(rows[i][name][place] for i in of_patient) for name in _RATES for place in (0, 1)),
            ]
            for of_patient in patients
        ],
        dtype=np.float64,
    )
    rng = np.random.default_rng(seed)
    drawn = np.stack([counts[rng.integers(0, len(counts), len(counts))].sum(axis=0) for _ in range(_RESAMPLES)])
    values = {"finding_micro_f1": drawn[:, :3], "change_micro_f1": drawn[:, 3:6]}
    found = {}
    for name, part in values.items():
        found[name] = _percentiles(2 * part[:, 0], 2 * part[:, 0] + part[:, 1] + part[:, 2])
    for number, name in enumerate(_RATES):
        found[name] = _percentiles(drawn[:, 6 + 2 * number], drawn[:, 7 + 2 * number])
    return {name: interval for name, interval in found.items() if interval is not None}


def _percentiles(right: np.ndarray, total: np.ndarray) -> tuple[float, float] | None:
    if not (total > 0).all():
        return None
    low, high = np.percentile(right / total, (2.5, 97.5))
    return float(low), float(high)


def _only(pair: tuple[set[str], set[str]], name: str) -> tuple[set[str], set[str]]:
    first, second = ({label for label in labels if label.startswith(name)} for labels in pair)
    return first, second


def _only_change(pair: tuple[set, set], change: str) -> tuple[set, set]:
    first, second = ({item for item in items if item[1] == change} for items in pair)
    return first, second


def _counts(pairs: Iterable[tuple[set, set]]) -> tuple[int, int, int]:
    """(true positives, false positives, false negatives)."""
    total: Counter[str] = Counter()
    for wanted, got in pairs:
        total["tp"] += len(wanted & got)
        total["fp"] += len(got - wanted)
        total["fn"] += len(wanted - got)
    return total["tp"], total["fp"], total["fn"]


def _f1(pairs: Iterable[tuple[set, set]]) -> dict[str, Any]:
    tp, fp, fn = _counts(pairs)
    return {
        "precision": tp / (tp + fp) if tp + fp else None,
        "recall": tp / (tp + fn) if tp + fn else None,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None,
        "support": tp + fn,
    }
