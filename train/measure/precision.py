"""What reading with fewer bits does: how many texts and ids change, every figure of `evaluate`, and the time.

The same studies are read as the app reads them (Reporter), once in each precision. Figures are compared pairwise: each
resample of patients holds the same ones in both.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from priorrg.model.precisions import FLOAT32, PRECISIONS
from priorrg.reporting.events import ReportDone
from priorrg.reporting.reporter import Reporter, read_study
from priorrg.study import Study
from train.batches import Example, examples_of
from train.data import Record
from train.measure.metrics import F1_FIGURES, RATES, measure
from train.measure.text_metrics import TEXT_FIGURES

COMPARED = (*F1_FIGURES, *RATES, *TEXT_FIGURES)


def compare_precisions(
    weights: Path, records: Sequence[Record], image_root: Path, output: Path, seed: int, most: int = 200
) -> dict[str, Any]:
    """Read the first `most` studies in each of PRECISIONS; prints and writes what differs from float32."""
    examples = examples_of(records)[:most]
    studies = [_study(example, image_root) for example in examples]
    given = (
        [e.findings for e in examples],
        [e.context for e in examples],
        [e.prior is not None for e in examples],
        [e.record.subject_id for e in examples],
    )
    # One after the other for each study: what else the machine does meets all of them alike.
    reporters = {precision: Reporter.load(weights, precision=precision) for precision in PRECISIONS}
    read: dict[str, list[ReportDone]] = {precision: [] for precision in PRECISIONS}
    seconds: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for study in tqdm(studies, mininterval=5):
        for precision, reporter in reporters.items():
            began = time.perf_counter()
            events = reporter.stream(study, with_draft=False)
            read[precision].append(next(event for event in events if isinstance(event, ReportDone)))
            seconds[precision].append(time.perf_counter() - began)
            reporter.forget(image.fingerprint for image in (study.current, study.prior) if image)
    references, contexts, has_prior, subjects = given
    measured = {
        precision: measure(references, [done.text for done in dones], contexts, has_prior, subjects, seed=seed)
        for precision, dones in read.items()
    }
    exact = read[FLOAT32]
    figures: dict[str, Any] = {"studies": len(examples), "patients": len(set(subjects)), "precisions": {}}
    for precision, dones in read.items():
        ratios = [low / whole for low, whole in zip(seconds[precision], seconds[FLOAT32], strict=True)]
        figures["precisions"][precision] = {
            "other_texts": sum(one.text != other.text for one, other in zip(dones, exact, strict=True)),
            "other_ids": sum(_differing(one.tokens, other.tokens) for one, other in zip(dones, exact, strict=True)),
            "ids": sum(len(done.tokens) for done in exact),
            "time": statistics.median(ratios),
            "figures": {name: measured[precision].value.get(name) for name in COMPARED},
            "minus_float32": {name: measured[precision].minus(measured[FLOAT32], name) for name in COMPARED},
        }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(table(figures))
    return figures


def _study(example: Example, root: Path) -> Study:
    prior = root / example.prior if example.prior else None
    context = example.context
    return read_study(
        root / example.current, prior, context.indication, context.history, example.view, example.prior_view
    )


def _differing(one: Sequence[int], other: Sequence[int]) -> int:
    """Ids at the places where two texts differ, and those that one of them has more."""
    return sum(a != b for a, b in zip(one, other, strict=False)) + abs(len(one) - len(other))


def table(figures: dict[str, Any]) -> str:
    """What the command prints."""
    lines = [f"{figures['studies']} studies of {figures['patients']} patients"]
    for precision, found in figures["precisions"].items():
        lines.append(
            f"{precision}: {found['other_texts']} other texts, {found['other_ids']} of {found['ids']} ids differ, "
            f"{found['time']:.2f} of float32's time (median of studies, images included)"
        )
    low = [precision for precision in figures["precisions"] if precision != FLOAT32]
    lines.append(f"{'':28}{FLOAT32:>9}" + "".join(f"{precision + ' minus it [95 %]':>32}" for precision in low))
    for name, value in figures["precisions"][FLOAT32]["figures"].items():
        cells = [figures["precisions"][precision]["minus_float32"][name] for precision in low]
        lines.append(f"{name:28}{_number(value):>9}" + "".join(f"{_difference(cell):>32}" for cell in cells))
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _difference(cell: dict[str, Any]) -> str:
    if cell["difference"] is None:
        return "-"
    interval = cell["interval"]
    return f"{cell['difference']:+.4f}" + (f" [{interval[0]:+.4f}, {interval[1]:+.4f}]" if interval else "")
