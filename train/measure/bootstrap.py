"""From what was counted in each study to figures with 95% intervals, and to differences between two readings.

A figure here is a function of sums over studies, so that a resample is one multiplication. Patients, not studies, are
drawn with replacement: studies of one patient resemble each other. What is counted stands in metrics.py,
text_metrics.py and retrieval.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

RESAMPLES = 1000

Interval = tuple[float, float]


@dataclass(frozen=True)
class Counts:
    """Counts of each study, and the figures that follow from their sums.

    rows: (N, C) float64, one row a study. figures: sums (R, C) -> name -> (R,) float64, NaN where nothing was there to
    count.
    """

    rows: np.ndarray
    figures: Callable[[np.ndarray], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Estimate:
    """Figures of one reading. value: name -> figure, None where nothing was there to count.

    drawn: name -> (RESAMPLES,) the figure in each resample; patients: those drawn from, in their order.
    """

    patients: tuple[str, ...]
    value: dict[str, float | None]
    drawn: dict[str, np.ndarray]

    def interval(self, name: str) -> Interval | None:
        """The middle 95% of the resamples; None where a resample has no such figure."""
        return _middle(self.drawn[name]) if name in self.drawn else None

    def minus(self, other: Estimate, name: str) -> dict[str, Any]:
        """{difference, interval} of one figure, paired: each resample holds the same patients in both.

        Raises ValueError where the two were not counted over the same patients.
        """
        if self.patients != other.patients:
            raise ValueError("a paired difference needs the same patients in the same order")
        first, second = self.value.get(name), other.value.get(name)
        if first is None or second is None:
            return {"difference": None, "interval": None}
        return {"difference": first - second, "interval": _middle(self.drawn[name] - other.drawn[name])}


def estimate(parts: Sequence[Counts], subject_ids: Sequence[str], seed: int = 0) -> Estimate:
    """Figures of all parts, over the same resamples. One seed and the same patients draw the same resamples."""
    patients = tuple(dict.fromkeys(subject_ids))
    place = {patient: number for number, patient in enumerate(patients)}
    rows = np.hstack([part.rows for part in parts])
    by_patient = np.zeros((len(patients), rows.shape[1]))
    np.add.at(by_patient, [place[subject] for subject in subject_ids], rows)
    sums = np.vstack([by_patient.sum(axis=0), _resampled(by_patient, seed)])
    found: dict[str, np.ndarray] = {}
    start = 0
    for part in parts:
        width = part.rows.shape[1]
        found |= part.figures(sums[:, start : start + width])
        start += width
    value = {name: None if np.isnan(values[0]) else float(values[0]) for name, values in found.items()}
    return Estimate(patients, value, {name: values[1:] for name, values in found.items()})


def _resampled(by_patient: np.ndarray, seed: int) -> np.ndarray:
    """(patients, C) -> (RESAMPLES, C) sums over patients drawn with replacement."""
    rng, count = np.random.default_rng(seed), len(by_patient)
    drawn = np.empty((RESAMPLES, by_patient.shape[1]))
    for number in range(RESAMPLES):  # one at a time: all weights at once would be gigabytes for MIMIC-CXR
        drawn[number] = np.bincount(rng.integers(0, count, count), minlength=count) @ by_patient
    return drawn


def _middle(values: np.ndarray) -> Interval | None:
    if np.isnan(values).any():
        return None
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def ratio(right: np.ndarray, total: np.ndarray) -> np.ndarray:
    """right / total, NaN where total is 0."""
    return np.divide(right, total, out=np.full(np.shape(right), np.nan), where=total > 0)


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """(R, L) -> (R,) mean over those that are not NaN; NaN where none is known."""
    return ratio(np.nansum(values, axis=1), (~np.isnan(values)).sum(axis=1).astype(float))


def mean_counts(name: str, values: Sequence[float]) -> Counts:
    """A figure that is the mean of one value a study."""
    rows = np.stack([np.asarray(values, dtype=np.float64), np.ones(len(values))], axis=1)
    return Counts(rows, lambda sums: {name: ratio(sums[:, 0], sums[:, 1])})
