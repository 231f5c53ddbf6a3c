"""Scores generated reports against their references: findings, changes, questions, and the usual text metrics.

Findings and changes are read from both texts by `train.measure.parsing`, which knows the simulator's words only. Text
metrics stand in text_metrics.py, intervals in bootstrap.py.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from priorrg.study import ClinicalContext
from train.measure.bootstrap import Counts, Estimate, estimate, mean_of_known, ratio
from train.measure.parsing import Key, ParsedReport, parse_report
from train.measure.text_metrics import TEXT_FIGURES, Scorer, text_counts
from train.simulate.context import read_context
from train.simulate.reports import tip_range
from train.simulate.truth import CHANGES, DEVICES, FINDINGS, TIPPED

NAMED = (*FINDINGS, *DEVICES)  # what has a row of its own

F1_FIGURES = (
    "finding_micro_f1",
    "finding_macro_f1",
    "change_micro_f1",
    "change_macro_f1",
    "change_of_found_macro_f1",
)
RATES = (
    "answered",
    "answered_rightly",
    "answered_first",
    "false_comparison",
    "compares",
    "severity",
    "severity_within_one",
    "laterality",
    "tips",
    "tips_within_1_cm",
    "device_change",
    "repositioned",
    "interpretation",
)
# What two readings of the same studies are compared by.
COMPARED = (
    "finding_micro_f1",
    "change_macro_f1",
    "change_micro_f1",
    "answered",
    "answered_rightly",
    "laterality",
    "severity",
    "false_comparison",
)


def score(
    references: Sequence[str],
    hypotheses: Sequence[str],
    contexts: Sequence[ClinicalContext],
    has_prior: Sequence[bool],
    subject_ids: Sequence[str],
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of one reading that need no other program, as `figures_of` gives them."""
    return figures_of(measure(references, hypotheses, contexts, has_prior, subject_ids, seed=seed))


def measure(
    references: Sequence[str],
    hypotheses: Sequence[str],
    contexts: Sequence[ClinicalContext],
    has_prior: Sequence[bool],
    subject_ids: Sequence[str],
    scorers: Sequence[Scorer] = (),
    tips_cm: Sequence[Mapping[str, float]] = (),
    seed: int = 0,
) -> Estimate:
    """All figures of one reading of N studies, with their resamples.

    contexts: what the referrer asked; has_prior: what the reading was given. scorers: further text metrics.
    tips_cm: where the tips truly lie, by device (Device.tip_cm); without it none of them is scored by distance.

    Micro-F1 counts findings with side and zone and devices with side; macro-F1 is the mean over FINDINGS and DEVICES.
    Changes are counted as (finding with its place, change) pairs, macro-F1 is the mean over CHANGES; a finding that is
    missed is a missed change too. `change_of_found_macro_f1` counts only pairs of findings that both texts name at the
    same place (as present or as resolved), so that it judges the comparison alone.
    """
    truth, guess = [parse_report(text) for text in references], [parse_report(text) for text in hypotheses]
    pairs = list(zip(truth, guess, strict=True))
    rates = [
        _rates(*item) for item in zip(truth, guess, contexts, has_prior, tips_cm or [{}] * len(truth), strict=True)
    ]
    parts = [
        Counts(_rows([_named(wanted, got) for wanted, got in pairs], NAMED), _finding_figures),
        Counts(_rows([(_changes(wanted), _changes(got)) for wanted, got in pairs], CHANGES), _change_figures),
        Counts(_rows([_changes_of_found(wanted, got) for wanted, got in pairs], CHANGES), _found_figures),
        Counts(np.array([[n for name in RATES for n in row[name]] for row in rates], dtype=np.float64), _rate_figures),
        *text_counts(references, hypotheses),
        *(scorer(references, hypotheses) for scorer in scorers),
    ]
    return estimate(parts, subject_ids, seed)


def figures_of(measured: Estimate, with_facts: bool = True) -> dict[str, Any]:
    """One reading's figures for JSON: rates and F1 in 0 to 1 (CIDEr to 10), each None where nothing was there to count.

    `interval` holds the 95% intervals of all of them by name; those of a finding or change stand in its own row.
    with_facts: False leaves all but the text metrics None.
    """
    text = {name: measured.value.get(name) for name in TEXT_FIGURES}
    found: dict[str, Any] = {name: measured.value[name] if with_facts else None for name in (*F1_FIGURES, *RATES)}
    intervals = {name: measured.interval(name) for name in (*(found if with_facts else ()), *text)}
    found["interval"] = {name: interval for name, interval in intervals.items() if interval is not None}
    rows = (NAMED, CHANGES) if with_facts else ((), ())
    found["by_finding"] = {name: _label_row(measured, f"finding {name}") for name in rows[0]}
    found["by_change"] = {change: _label_row(measured, f"change {change}") for change in rows[1]}
    return found | {"text": text}


def differences(refined: Estimate, others: dict[str, Estimate], with_facts: bool = True) -> dict[str, dict[str, Any]]:
    """Refined minus each other reading of the same studies: run -> figure -> {difference, interval}, paired.

    with_facts: as in figures_of.
    """
    names = COMPARED if with_facts else TEXT_FIGURES
    return {run: {name: refined.minus(other, name) for name in names} for run, other in others.items()}


def change_figures(
    truths: Sequence[dict[Key, str]], guesses: Sequence[dict[Key, str]], subject_ids: Sequence[str], seed: int = 0
) -> dict[str, Any]:
    """{macro_f1, interval, by_change: change -> F1} of changes by place, a missed one and an invented one an error."""
    pairs = [
        ({(c, k) for k, c in true.items()}, {(c, k) for k, c in said.items()})
        for true, said in zip(truths, guesses, strict=True)
    ]
    measured = estimate([Counts(_rows(pairs, CHANGES), _change_figures)], subject_ids, seed)
    return {
        "macro_f1": measured.value["change_macro_f1"],
        "interval": measured.interval("change_macro_f1"),
        "by_change": {change: measured.value[f"change {change} f1"] for change in CHANGES},
    }


def tips_by_one_phrase(references: Sequence[str], tips_cm: Sequence[Mapping[str, float]]) -> float | None:
    """The part of the tips that one phrase a device, the best of the references' in hindsight, is within 1 cm of.

    What somebody who never saw the images could reach at most; None where there are no tips.
    """
    told: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for text, places in zip(references, tips_cm, strict=True):
        for name, words in parse_report(text).tips.items():
            if name in places:
                told[name].append((words, places[name]))
    hits = [max(sum(_is_close(n, words, tip) for _, tip in tips) for words, _ in tips) for n, tips in told.items()]
    return sum(hits) / sum(map(len, told.values())) if told else None


def text_metrics(references: Sequence[str], hypotheses: Sequence[str]) -> dict[str, float | None]:
    """BLEU-1 to BLEU-4 and ROUGE-L, in 0 to 1, and CIDEr, in 0 to 10."""
    return estimate(text_counts(references, hypotheses), [str(number) for number in range(len(references))]).value


# What is counted in one study: label -> the sets of the reference and of the generated text


def _named(truth: ParsedReport, guess: ParsedReport) -> tuple[set[Key], set[Key]]:
    """Findings with side and zone, devices with side."""
    first, second = (
        {*parsed.findings, *((name, side, "") for name, side in parsed.devices.items())} for parsed in (truth, guess)
    )
    return first, second


def _changes(parsed: ParsedReport) -> set[tuple[str, Key]]:
    return {(change, key) for key, change in parsed.changes.items()}


def _changes_of_found(truth: ParsedReport, guess: ParsedReport) -> tuple[set[tuple[str, Key]], set[tuple[str, Key]]]:
    both = {*truth.findings, *truth.changes} & {*guess.findings, *guess.changes}  # resolved is a change without finding
    first, second = ({item for item in _changes(parsed) if item[1] in both} for parsed in (truth, guess))
    return first, second


def _rows(pairs: Sequence[tuple[set[Any], set[Any]]], labels: Sequence[str]) -> np.ndarray:
    """(N, 3 L): hits, inventions and misses of each label; an item is a tuple that its label heads."""
    place = {label: number for number, label in enumerate(labels)}
    rows = np.zeros((len(pairs), len(labels), 3))
    for row, (wanted, got) in zip(rows, pairs, strict=True):
        for column, items in enumerate((wanted & got, got - wanted, wanted - got)):
            for item in items:
                row[place[item[0]], column] += 1
    return rows.reshape(len(pairs), -1)


def _f1(cells: np.ndarray) -> dict[str, np.ndarray]:
    """(..., 3) hits, inventions and misses -> precision, recall, F1 and support, (...) each."""
    hits, inventions, misses = np.moveaxis(cells, -1, 0)
    return {
        "precision": ratio(hits, hits + inventions),
        "recall": ratio(hits, hits + misses),
        "f1": ratio(2 * hits, 2 * hits + inventions + misses),
        "support": hits + misses,
    }


def _label_figures(sums: np.ndarray, kind: str, labels: Sequence[str]) -> dict[str, np.ndarray]:
    cells = sums.reshape(len(sums), len(labels), 3)
    found = _f1(cells)
    figures = {
        f"{kind} {label} {figure}": values[:, number]
        for figure, values in found.items()
        for number, label in enumerate(labels)
    }
    figures[f"{kind}_micro_f1"] = _f1(cells.sum(axis=1))["f1"]
    figures[f"{kind}_macro_f1"] = mean_of_known(found["f1"])
    return figures


def _finding_figures(sums: np.ndarray) -> dict[str, np.ndarray]:
    return _label_figures(sums, "finding", NAMED)


def _change_figures(sums: np.ndarray) -> dict[str, np.ndarray]:
    return _label_figures(sums, "change", CHANGES)


def _found_figures(sums: np.ndarray) -> dict[str, np.ndarray]:
    return _label_figures(sums, "change_of_found", CHANGES)


def _rate_figures(sums: np.ndarray) -> dict[str, np.ndarray]:
    return {name: ratio(sums[:, 2 * place], sums[:, 2 * place + 1]) for place, name in enumerate(RATES)}


def _label_row(measured: Estimate, name: str) -> dict[str, Any]:
    row: dict[str, Any] = {figure: measured.value[f"{name} {figure}"] for figure in ("precision", "recall", "f1")}
    intervals = {figure: measured.interval(f"{name} {figure}") for figure in row}
    support = measured.value[f"{name} support"]
    return row | {"support": int(support or 0), "interval": intervals}


def _rates(
    truth: ParsedReport,
    guess: ParsedReport,
    context: ClinicalContext,
    has_prior: bool,
    tips_cm: Mapping[str, float],
) -> dict[str, tuple[int, int]]:
    """How often each of RATES was right, and how often it was asked for, in one study."""
    asked = read_context(context).asked
    told = [topic for topic in asked if answer_of(truth, topic) is not None]  # the reference answers these
    spoken = spoken_of(guess)
    # A nodule's size is given in place of a severity; it is not scored.
    matched = {key for key, severity in truth.findings.items() if severity is not None and key in guess.findings}
    tips = {name for name in truth.tips if name in TIPPED}  # of a pacemaker's leads the reports have one phrase
    compared = truth.device_changes.items()
    moved = [name for name, change in compared if change == "moved"]
    return {
        "answered": (sum(topic in spoken for topic in asked), len(asked)),
        "answered_rightly": (sum(answer_of(truth, topic) == answer_of(guess, topic) for topic in told), len(told)),
        "answered_first": (int(bool(asked) and asked[0] in guess.first), int(bool(asked))),
        "false_comparison": (int(guess.compares and not has_prior), int(not has_prior)),
        "compares": (int(guess.compares and has_prior), int(has_prior)),
        "severity": (sum(truth.findings[k] == guess.findings[k] for k in matched), len(matched)),
        "severity_within_one": (sum(_is_near(truth.findings[k], guess.findings[k]) for k in matched), len(matched)),
        "laterality": _laterality(truth, guess),
        "tips": (sum(truth.tips[n] == guess.tips.get(n) for n in tips), len(tips)),
        "tips_within_1_cm": (
            sum(_is_close(n, guess.tips.get(n), tips_cm[n]) for n in tips & tips_cm.keys()),
            len(tips & tips_cm.keys()),
        ),
        "device_change": (sum(guess.device_changes.get(n) == c for n, c in compared), len(compared)),
        "repositioned": (sum(guess.device_changes.get(n) == "moved" for n in moved), len(moved)),
        "interpretation": (
            len(truth.interpretations & guess.interpretations),
            len(truth.interpretations | guess.interpretations),
        ),
    }


def _is_near(true: int | None, said: int | None) -> bool:
    """Whether a grade is right or next to it; one that goes unsaid is neither."""
    return true is not None and said is not None and abs(true - said) <= 1


def _is_close(name: str, said: str | None, tip_cm: float) -> bool:
    """Whether the words on a device's tip fit one that lies within 1 cm of where it does."""
    least, most = (said and tip_range(name, said)) or (math.nan, math.nan)
    return least - 1 <= tip_cm <= most + 1


def spoken_of(parsed: ParsedReport) -> set[str]:
    """What a report speaks of at all, as found, as gone or as denied: so much of a question is answered."""
    named = {key[0] for key in (*parsed.findings, *parsed.changes)}
    return named | parsed.denied | parsed.devices.keys() | parsed.device_changes.keys()


def answer_of(parsed: ParsedReport, topic: str) -> bool | None:
    """Whether a report says that the topic of a question is there; None where it does not speak of it."""
    if topic in parsed.devices or any(key[0] == topic for key in parsed.findings):
        return True
    gone = topic in parsed.device_changes or any(key[0] == topic for key in parsed.changes)
    return False if gone or topic in parsed.denied else None


def _laterality(truth: ParsedReport, guess: ParsedReport) -> tuple[int, int]:
    """Of the sided findings that both texts name: how often each side that is named is one where it is.

    A side of a bilateral finding that goes unnamed is a missed finding, not a wrong side.
    """
    sides: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for place, parsed in enumerate((truth, guess)):
        for name, side, _ in parsed.findings:
            if side:
                sides[name][place].add(side)
    both = [pair for pair in sides.values() if pair[0] and pair[1]]
    return sum(named <= true for true, named in both), len(both)
