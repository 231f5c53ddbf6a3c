"""Where overlays point: how often the peak of a finding's overlay lies on the finding, by the simulator's masks.

The pointing game of Zhang et al. (2016), per sentence that names a finding which is there, against chance: the part
of the image that the finding covers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from priorrg.errors import DataError
from priorrg.explain.overlays import Overlay, explain
from priorrg.imaging.open import read_trusted
from priorrg.reporting.reporter import ReportDone, Reporter
from priorrg.study import Study
from train.data import Record
from train.masks import COVERED, mask_grid
from train.measure.parsing import parse_report
from train.simulate.truth import MASK_CHANNELS, SIDED, StudyTruth

# Row of the table -> method and whether what all sentences attend to recedes, as the page shows it.
KINDS = {
    "attention": ("attention", True),
    "attention, plain": ("attention", False),
    "gradient": ("gradient", True),
    "gradient, plain": ("gradient", False),
}


def localise(reporter: Reporter, records: Sequence[Record], root: Path, pairs: int) -> dict[str, Any]:
    """Figures by method: `peak` and `chance` on the current and on the prior image, and `peak` by finding; 0 to 1.

    Reads the first `pairs` studies that have a prior.
    Raises DataError where the records carry no simulated truth.
    """
    masks = {record.current: record.masks for record in records if record.masks}
    studies = [record for record in records if record.prior and record.truth][:pairs]
    if not studies:
        raise DataError("The split has no simulated study with a prior: overlays are measured against masks only.")
    points: dict[str, list[tuple[str, str, bool, float]]] = defaultdict(list)
    for record in tqdm(studies, desc="overlays", unit="study", mininterval=5):
        assert record.prior is not None
        current = replace(read_trusted(root / record.current), view_position=record.view)
        prior = replace(read_trusted(root / record.prior), view_position=record.prior_view)
        study = Study(current, prior, record.context)
        done = next(event for event in reporter.stream(study) if isinstance(event, ReportDone))
        for name, (method, is_specific) in KINDS.items():
            overlays = explain(reporter, study, done.tokens, done.sentences, method, is_specific=is_specific)
            for overlay in overlays:
                points[name] += _points(overlay, record, root, masks)
    return {name: _figures(found) for name, found in points.items()}


def _points(
    overlay: Overlay, record: Record, root: Path, masks: Mapping[str, str | None]
) -> list[tuple[str, str, bool, float]]:
    """(image, finding, whether the peak lies on it, part of the image that it covers) of one sentence."""
    found = []
    parsed = parse_report(overlay.sentence.text)
    named = {(name, side) for name, side, _ in parsed.findings} | set(parsed.devices.items())
    sides = (("current", overlay.current, record.current, record.truth),)
    sides += (("prior", overlay.prior, record.prior, record.prior_truth),)
    for which, grid, path, truth in sides:
        file = masks.get(path or "")
        if grid is None or truth is None or file is None:
            continue
        covered = mask_grid(root / file, grid.shape[0])
        for name, side in named & _shown(truth):
            mask = covered[MASK_CHANNELS.index(f"{name} {side}" if name in SIDED else name)] >= COVERED
            if mask.any():
                found.append((which, name, bool(mask.ravel()[grid.argmax()]), float(mask.mean())))
    return found


def _shown(truth: StudyTruth) -> set[tuple[str, str]]:
    return {(f.name, f.side) for f in truth.findings} | {(d.name, d.side) for d in truth.devices}


def _figures(points: list[tuple[str, str, bool, float]]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for which in ("current", "prior"):
        part = [point for point in points if point[0] == which]
        figures[which] = {
            "peak": float(np.mean([hit for _, _, hit, _ in part])) if part else None,
            "chance": float(np.mean([area for _, _, _, area in part])) if part else None,
            "sentences": len(part),
        }
    hits: dict[str, list[bool]] = defaultdict(list)
    for which, name, hit, _ in points:
        if which == "current":
            hits[name].append(hit)
    figures["by_finding"] = {name: {"peak": float(np.mean(h)), "sentences": len(h)} for name, h in sorted(hits.items())}
    return figures


def table(figures: dict[str, Any]) -> str:
    """One row a method, as it is printed."""
    rows = ["method                   current  chance   prior  chance  sentences"]
    for name, found in figures.items():
        values = [found[which][key] for which in ("current", "prior") for key in ("peak", "chance")]
        shown = "  ".join(" none" if value is None else f"{value:6.3f}" for value in values)
        rows.append(f"{name:<24} {shown}  {found['current']['sentences']}")
    return "\n".join(rows)
