"""Is a question understood in words that no training read? The same studies, asked the same in one wording and another.

Every study is read once with its question as training words it, then in the wordings of NEW_WORDINGS; and some studies
with each of the indications of indications.py. A denial is unasked where a report says that something is absent which
was not asked for and which the reference does not deny either.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from train.batches import Example
from train.measure.bootstrap import Counts, Estimate, estimate, ratio
from train.measure.indications import TYPED
from train.measure.metrics import answer_of, spoken_of
from train.measure.parsing import ParsedReport, parse_report
from train.simulate.context import NEW_WORDINGS, AskedContext, plan, read_context, word
from train.simulate.reports import write_report

KNOWN, TYPED_BY_HAND = "as trained", "typed by hand"
ROWS = (KNOWN, *NEW_WORDINGS, TYPED_BY_HAND)
FIGURES = ("unasked_denials", "answered", "answered_rightly", "unchanged")
STUDIES = 200  # with a prior; so many are read in each wording
_STUDIES_A_TEXT = 3  # of those typed by hand

Reader = Callable[[Sequence[Example], str], list[str]]


def measure_wordings(examples: Sequence[Example], read: Reader, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Row -> its figures, each with its 95% interval over patients, and how many reports it was counted on.

    examples: simulated ones; the first STUDIES with a prior are taken. read: examples, name -> their reports.
    unasked_denials: share of reports with one. answered, answered_rightly: share of questions. unchanged: share of
    findings, with their changes, that the report of the known wording and this one name alike.
    """
    chosen = [e for e in examples if e.truth and e.prior_truth][:STUDIES]
    found: dict[str, dict[str, Any]] = {}
    known: list[ParsedReport] = []
    for row in ROWS:
        given = _typed_by_hand(chosen, seed) if row == TYPED_BY_HAND else [_worded(e, row, seed) for e in chosen]
        reports = [parse_report(text) for text in read(given, row)]
        known = known or reports
        alike = [None] * len(given) if row == TYPED_BY_HAND else known
        counts = [_counts(*item) for item in zip(given, reports, alike, strict=True)]
        measured = estimate([Counts(np.array(counts), _figures)], [e.record.subject_id for e in given], seed)
        found[row] = {"reports": len(given)} | _row(measured)
    return found


def _row(measured: Estimate) -> dict[str, Any]:
    intervals = {name: measured.interval(name) for name in FIGURES}
    return {name: measured.value[name] for name in FIGURES} | {"interval": {n: i for n, i in intervals.items() if i}}


def _worded(example: Example, row: str, seed: int) -> Example:
    """The example with its question in words of a row; the same question in every row."""
    assert example.truth is not None
    intent = plan(example.truth, example.prior_truth, random.Random(f"{seed} {example.record.study_id}"))
    rng = random.Random(f"{seed} {example.record.study_id} {row}")
    return _asked(example, word(intent, example.truth, rng, "" if row == KNOWN else row), seed)


def _typed_by_hand(examples: Sequence[Example], seed: int) -> list[Example]:
    """Each of TYPED with some of the studies, in turn."""
    pairs = [
        (examples[(number * _STUDIES_A_TEXT + place) % len(examples)], context)
        for number, context in enumerate(TYPED)
        for place in range(_STUDIES_A_TEXT)
    ]
    return [_asked(example, context, seed) for example, context in pairs]


def _asked(example: Example, context: AskedContext, seed: int) -> Example:
    """The example with another context and the reference that answers it."""
    assert example.truth is not None
    rng = random.Random(f"{seed} {example.record.study_id} reference")
    reference = write_report(example.truth, example.prior_truth, context, rng)
    return dataclasses.replace(example, context=context, findings=reference)


def _counts(example: Example, report: ParsedReport, known: ParsedReport | None) -> list[float]:
    """Right and asked for, by turns, in the order of FIGURES; `unchanged` only where there is a known wording."""
    asked, reference = read_context(example.context).asked, parse_report(example.findings)
    told = [topic for topic in asked if answer_of(reference, topic) is not None]
    unasked = report.denied - set(asked) - reference.denied
    first, second = (_facts(parsed) if known else set() for parsed in (known or report, report))
    return [
        float(bool(unasked)),
        1.0,
        sum(topic in spoken_of(report) for topic in asked),
        len(asked),
        sum(answer_of(report, topic) == answer_of(reference, topic) for topic in told),
        len(told),
        len(first & second),
        len(first | second),
    ]


def _facts(parsed: ParsedReport) -> set[tuple[Any, ...]]:
    """Findings and resolved findings with their places and changes."""
    return {(key, parsed.changes.get(key)) for key in (*parsed.findings, *parsed.changes)}


def _figures(sums: np.ndarray) -> dict[str, np.ndarray]:
    return {name: ratio(sums[:, 2 * place], sums[:, 2 * place + 1]) for place, name in enumerate(FIGURES)}
