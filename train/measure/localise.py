"""Where overlays point, by the simulator's masks, beside maps that never saw the image.

For each sentence of the model's own report and each finding or device that it names and an image truly shows: whether
the peak of its overlay lies on it (the pointing game of Zhang et al., 2016), or within a patch of it, and what part of
the overlay does. On the current image, on the prior one, and on the prior one of what the sentence says has gone.

An overlay is worth what it has over its baselines: the mean of all masks of that finding and side in the training data
(an atlas), the overlay of the report's next sentence (does it say anything of its own?), and that of weights shuffled
within each of their tensors (does it say anything of what was learned?).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from priorrg.errors import DataError
from priorrg.explain.overlays import Overlay, explain, methods_of
from priorrg.imaging.open import read_trusted
from priorrg.reporting.events import ReportDone
from priorrg.reporting.reporter import Reporter
from priorrg.study import Study
from train.data import Record
from train.masks import COVERED, Channels, channels_of, mask_grid
from train.measure.bootstrap import Counts, Estimate, estimate, ratio
from train.simulate.truth import DEVICES, FINDINGS, MASK_CHANNELS, SIDED

KINDS = ("current", "prior", "resolved")
MEASURES = ("peak", "near", "energy", "chance")
MEAN_MAP, NEXT_SENTENCE, SHUFFLED = BASELINES = ("mean mask", "next sentence's overlay", "shuffled weights")
_NAMED = (*FINDINGS, *DEVICES)
_CELLS = [(kind, name) for kind in KINDS for name in _NAMED]
_ATLAS_STUDIES = 2000  # of the training data that the mean masks are made of

Maps = list[dict[str, np.ndarray | None]]  # a sentence each: current and prior -> (G, G), None where there is none


def localise(
    reporter: Reporter, records: Sequence[Record], trained_on: Sequence[Record], root: Path, pairs: int, seed: int = 0
) -> dict[str, Any]:
    """Figures by overlay, MEASURES of each of KINDS with 95% intervals over patients, and by finding; 0 to 1.

    Reads the first `pairs` studies that have a prior. trained_on: records that the mean masks are made of.
    differences: the default overlay minus each other row, paired over patients.
    Raises DataError where the records carry no simulated truth.
    """
    masks = {record.current: root / record.masks for record in records if record.masks}
    studies = [r for r in records if r.prior and r.truth and r.current in masks and r.prior in masks][:pairs]
    if not studies:
        raise DataError("The split has no simulated study with a prior: overlays are measured against masks only.")
    vision = reporter.config.vision_config
    atlas = mean_masks(trained_on, root, vision.image_size // vision.patch_size)
    methods = methods_of(reporter.config)
    others = shuffled(reporter, seed)
    counted = {name: np.zeros((len(studies), len(_CELLS), len(MEASURES) + 1)) for name in (*methods, *BASELINES)}
    for number, record in enumerate(tqdm(studies, desc="overlays", unit="study", mininterval=5)):
        for name, points in _points(reporter, others, record, root, masks, atlas).items():
            for cell, measured in points:
                counted[name][number, _CELLS.index(cell)] += [*measured, 1]
    subjects = [record.subject_id for record in studies]
    estimates = {name: estimate([_counts(rows)], subjects, seed) for name, rows in counted.items()}
    return {
        "pairs": len(studies),
        "overlays": {name: _figures(found, counted[name]) for name, found in estimates.items()},
        "differences": {
            name: {kind: estimates[methods[0]].minus(found, f"{kind} peak") for kind in KINDS}
            for name, found in estimates.items()
            if name != methods[0]
        },
    }


def mean_masks(records: Sequence[Record], root: Path, size: int) -> np.ndarray:
    """(C, size, size): the mean of each channel over the studies that show anything in it."""
    total, count = np.zeros((len(MASK_CHANNELS), size, size)), np.zeros(len(MASK_CHANNELS))
    for record in [record for record in records if record.masks][:_ATLAS_STUDIES]:
        grid = mask_grid(root / str(record.masks), size)
        total += grid
        count += grid.any(axis=(1, 2))
    return total / np.maximum(count, 1)[:, None, None]


def shuffled(reporter: Reporter, seed: int) -> Reporter:
    """A reporter whose weights are shuffled within each tensor: as large as before, and nothing that was learned."""
    generator = torch.Generator().manual_seed(seed)
    model = deepcopy(reporter.model)
    with torch.no_grad():
        for value in model.parameters():
            order = torch.randperm(value.numel(), generator=generator).to(value.device)
            value.copy_(value.flatten()[order].view_as(value))
    return Reporter(model, reporter.processor)


Point = tuple[tuple[str, str], tuple[float, ...]]  # (kind, finding), MEASURES


def _points(
    reporter: Reporter,
    others: Reporter,
    record: Record,
    root: Path,
    masks: dict[str, Path],
    atlas: np.ndarray,
) -> dict[str, list[Point]]:
    """What each overlay of one study comes to, sentence by sentence."""
    assert record.prior is not None
    current = replace(read_trusted(root / record.current), view_position=record.view)
    prior = replace(read_trusted(root / record.prior), view_position=record.prior_view)
    study = Study(current, prior, record.context)
    done = next(event for event in reporter.stream(study) if isinstance(event, ReportDone))
    methods = methods_of(reporter.config)
    maps = {name: _maps(explain(reporter, study, done.tokens, done.sentences, name)) for name in methods}
    maps[NEXT_SENTENCE] = maps[methods[0]][1:] + maps[methods[0]][:1]
    maps[SHUFFLED] = _maps(explain(others, study, done.tokens, done.sentences, methods[0]))
    shown = {
        "current": mask_grid(masks[record.current], len(atlas[0])),
        "prior": mask_grid(masks[record.prior], len(atlas[0])),
    }
    found: dict[str, list[Point]] = {name: [] for name in (*maps, MEAN_MAP)}
    for number, sentence in enumerate(done.sentences):
        for kind, name, channels in _asked(sentence.text):
            side = "current" if kind == "current" else "prior"
            on = shown[side][list(channels)].max(axis=0) >= COVERED
            if not on.any():
                continue
            for row, of_sentence in maps.items():
                grid = of_sentence[number][side]
                found[row].append(((kind, name), measures(np.zeros_like(atlas[0]) if grid is None else grid, on)))
            found[MEAN_MAP].append(((kind, name), measures(atlas[list(channels)].sum(axis=0), on)))
    return found


def _maps(overlays: Sequence[Overlay]) -> Maps:
    return [{"current": overlay.current, "prior": overlay.prior} for overlay in overlays]


def _asked(sentence: str) -> list[tuple[str, str, Channels]]:
    """(kind, finding or device, its channels) that a sentence names."""
    now, before = channels_of(sentence)
    gone = tuple(channel for channel in before if channel not in now)
    still = tuple(channel for channel in before if channel in now)
    found = []
    for kind, channels in zip(KINDS, (now, still, gone), strict=True):
        for name in dict.fromkeys(map(_name, channels)):
            found.append((kind, name, tuple(channel for channel in channels if _name(channel) == name)))
    return found


def _name(channel: int) -> str:
    name = MASK_CHANNELS[channel]
    return name.rpartition(" ")[0] if name.rpartition(" ")[0] in SIDED else name


def measures(grid: np.ndarray, on: np.ndarray) -> tuple[float, float, float, float]:
    """MEASURES of one map (G, G) by the patches (G, G) bool that show the finding. A dark map hits nothing."""
    if not grid.any():
        return 0.0, 0.0, 0.0, float(on.mean())
    row, column = np.unravel_index(int(grid.argmax()), grid.shape)
    near = on[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].any()
    return float(on[row, column]), float(near), float(grid[on].sum() / grid.sum()), float(on.mean())


def _counts(rows: np.ndarray) -> Counts:
    """rows: (studies, cells, MEASURES and how many)."""
    width = rows.shape[-1]

    def figures(sums: np.ndarray) -> dict[str, np.ndarray]:
        cells = sums.reshape(len(sums), len(_CELLS), width)
        of_kind = cells.reshape(len(sums), len(KINDS), len(_NAMED), width).sum(axis=2)
        found = {
            f"{kind} {measure}": ratio(of_kind[:, place, number], of_kind[:, place, -1])
            for place, kind in enumerate(KINDS)
            for number, measure in enumerate(MEASURES)
        }
        by_finding = {
            f"{kind} peak, {name}": ratio(cells[:, n, 0], cells[:, n, -1]) for n, (kind, name) in enumerate(_CELLS)
        }
        return found | by_finding

    return Counts(rows.reshape(len(rows), -1), figures)


def _figures(found: Estimate, rows: np.ndarray) -> dict[str, Any]:
    count = {cell: int(rows[:, number, -1].sum()) for number, cell in enumerate(_CELLS)}
    figures: dict[str, Any] = {
        kind: {measure: found.value[f"{kind} {measure}"] for measure in MEASURES}
        | {
            "interval": {measure: found.interval(f"{kind} {measure}") for measure in MEASURES},
            "sentences": sum(count[kind, name] for name in _NAMED),
        }
        for kind in KINDS
    }
    figures["by_finding"] = {
        name: {
            kind: {
                "peak": found.value[f"{kind} peak, {name}"],
                "interval": found.interval(f"{kind} peak, {name}"),
                "sentences": count[kind, name],
            }
            for kind in KINDS
        }
        for name in _NAMED
        if any(count[kind, name] for kind in KINDS)
    }
    return figures


def table(figures: dict[str, Any]) -> str:
    """One row an overlay, as it is printed: peak with its interval, peak within a patch, energy, of each kind."""
    rows = [f"{'overlay':<26}" + "".join(f"{f'{kind}: peak, near, energy':>44}" for kind in KINDS)]
    for name, found in figures["overlays"].items():
        rows.append(f"{name:<26}" + "".join(f"{_told(found[kind]):>44}" for kind in KINDS))
    for name, row in figures["differences"].items():
        told = [f"{_number(row[kind]['difference'])} {_interval(row[kind]['interval'])}" for kind in KINDS]
        rows.append(f"{f'minus {name}':<26}" + "".join(f"{one:>44}" for one in told))
    return "\n".join(rows)


def _told(row: dict[str, Any]) -> str:
    return (
        f"{_number(row['peak'])} {_interval(row['interval']['peak'])} {_number(row['near'])} {_number(row['energy'])}"
        f" of {row['sentences']}"
    )


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"({interval[0]:.3f} {interval[1]:.3f})"
