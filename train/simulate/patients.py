"""Draws what two studies of one patient show: which findings, how severe, and how they change between them.

All five changes occur often enough to be learned. Amounts begin at what a reader could see and a
change of size is drawn clearly beyond the 'unchanged' band of `truth.change_of`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from train.simulate.anatomy import Exposure, Patient, poor, sample_exposure, sample_patient
from train.simulate.truth import HARD, SIDES, ZONES, Device, Finding, StudyTruth, one_sided

# Chance that a patient has the finding in at least one of the two studies; of each side where it has sides.
_PREVALENCE = {
    "effusion": 0.23,
    "pneumothorax": 0.11,
    "opacity": 0.22,
    "atelectasis": 0.15,
    "nodule": 0.09,
    "edema": 0.23,
    "cardiomegaly": 0.30,
    "hyperinflation": 0.14,
    "fracture": 0.08,
}
_UNSIDED = ("edema", "cardiomegaly", "hyperinflation")
_EXCLUDES = {"hyperinflation": ("edema", "cardiomegaly", "atelectasis")}  # their signs on the film cancel out
_COURSE = {  # chances of new, larger, unchanged, smaller, resolved
    "cardiomegaly": (0.06, 0.15, 0.62, 0.12, 0.05),
    "nodule": (0.25, 0.27, 0.32, 0.11, 0.05),
    "hyperinflation": (0.04, 0.12, 0.74, 0.08, 0.02),
    "fracture": (0.50, 0.0, 0.50, 0.0, 0.0),
}
_USUAL_COURSE = (0.22, 0.18, 0.22, 0.18, 0.20)
_MOST_FINDINGS = 5
_HARD_SHARE = 0.10
_VISIBLE = 0.18  # the smallest amount that is drawn, but for the threshold cases
_CLEAR_MOVE_CM = 2.5  # of a tip that was moved
_CLEAR_DIFFERENCE = 0.30  # of the amount, between the two studies of a finding that grew or shrank


@dataclass(frozen=True)
class Examination:
    """One study of one patient: how it was exposed and what it shows."""

    exposure: Exposure
    truth: StudyTruth


@dataclass(frozen=True)
class Case:
    """A patient with an earlier and a later study."""

    patient: Patient
    prior: Examination
    current: Examination


def sample_case(seed: int, is_shifted: bool = False) -> Case:
    """The case of this seed, always the same. is_shifted: other people, examined in another department."""
    rng = np.random.default_rng(seed)
    patient = sample_patient(rng, is_shifted)
    hard = HARD[rng.integers(len(HARD))] if rng.random() < _HARD_SHARE else ""
    pairs = _findings(rng, at_threshold=hard == "threshold")
    while not _can_be(hard, [now for _, now in pairs if now], has_prior=True):
        pairs = _findings(rng, at_threshold=hard == "threshold")
    devices = _devices(rng, pairs)
    exposures = [sample_exposure(rng, is_shifted=is_shifted) for _ in range(2)]
    if rng.random() < 0.6:  # most follow-ups are taken the same way
        exposures[1] = sample_exposure(rng, exposures[0].view, is_shifted)
    if hard == "poor prior":
        exposures[0] = poor(exposures[0])
    if any(shown and shown.name == "hyperinflation" for pair in pairs for shown in pair):
        exposures = [replace(e, low_volume=min(e.low_volume, 0.3)) for e in exposures]
    truths = [
        StudyTruth(
            view=exposures[study].view,
            findings=tuple(shown for pair in pairs if (shown := pair[study]) is not None),
            devices=tuple(shown for pair in devices if (shown := pair[study]) is not None),
            rotated=exposures[study].rotated,
            sex=patient.sex,
            age=patient.age,
            hard=hard if _can_be(hard, [f for pair in pairs if (f := pair[study])], has_prior=study == 1) else "",
        )
        for study in range(2)
    ]
    return Case(patient, *(Examination(e, t) for e, t in zip(exposures, truths, strict=True)))


def _can_be(hard: str, shown: list[Finding], has_prior: bool) -> bool:
    """Whether an image with these findings can be such a case: a wrong side needs a side, a threshold an amount."""
    if hard == "wrong side":
        return bool(one_sided(shown))
    if hard == "poor prior":
        return has_prior
    return hard != "threshold" or bool(shown)


def grade(amount: float) -> int:
    """1 small or mild, 2 moderate, 3 large or severe."""
    return 1 if amount < 0.38 else 2 if amount < 0.70 else 3


def _findings(rng: np.random.Generator, at_threshold: bool) -> list[tuple[Finding | None, Finding | None]]:
    chosen: list[tuple[str, str, str]] = []
    for name, chance in _PREVALENCE.items():
        for side in ("",) if name in _UNSIDED else SIDES:
            if rng.random() < chance:
                chosen.append((name, side, ZONES[rng.integers(3)] if name in ("opacity", "nodule") else ""))
    rng.shuffle(chosen)
    kept: list[tuple[str, str, str]] = []
    for name, side, zone in chosen:
        taken = {(n, s) for n, s, _ in kept}
        low = zone == "lower" or name == "atelectasis"
        hidden = low and ("effusion", side) in taken  # a reader could not tell the two apart
        covers = name == "effusion" and any(s == side and (z == "lower" or n == "atelectasis") for n, s, z in kept)
        both_low = low and any(s == side and (z == "lower" or n == "atelectasis") for n, s, z in kept)
        cancels = any(n in _EXCLUDES.get(name, ()) or name in _EXCLUDES.get(n, ()) for n, _, _ in kept)
        if not (hidden or covers or both_low or cancels) and len(kept) < _MOST_FINDINGS:
            kept.append((name, side, zone))
    return [_course(rng, *key, at_threshold) for key in kept]


def _course(
    rng: np.random.Generator, name: str, side: str, zone: str, at_threshold: bool
) -> tuple[Finding | None, Finding | None]:
    """(in the prior study, in the current study). at_threshold: just visible, or just at the next grade."""
    change = rng.choice(5, p=_COURSE.get(name, _USUAL_COURSE))
    low = float(rng.uniform(_VISIBLE, 0.62))
    high = float(rng.uniform(low + _CLEAR_DIFFERENCE, 1.0))
    single = float(rng.uniform(_VISIBLE, 1.0))
    if at_threshold:
        low, high, single = 0.15, 0.15 + _CLEAR_DIFFERENCE, float(rng.choice((0.15, 0.37, 0.40, 0.68, 0.72)))
    twin = float(np.clip(single + rng.uniform(-0.06, 0.06), _VISIBLE, 1.0))
    if grade(twin) != grade(single) or name == "fracture":
        twin = single
    first, second = [(None, single), (low, high), (single, twin), (high, low), (single, None)][change]
    return _finding(name, side, zone, first), _finding(name, side, zone, second)


def _finding(name: str, side: str, zone: str, amount: float | None) -> Finding | None:
    if amount is None:
        return None
    size_mm = round(10 + 32 * amount, 0) if name == "nodule" else None
    return Finding(name, grade(amount), round(amount, 3), side, zone, size_mm)


def _devices(
    rng: np.random.Generator, findings: list[tuple[Finding | None, Finding | None]]
) -> list[tuple[Device | None, Device | None]]:
    pairs: list[tuple[Device | None, Device | None]] = []
    drained = [f for pair in findings for f in pair if f and f.name in ("pneumothorax", "effusion")]
    if drained and rng.random() < 0.35:
        name, side = drained[0].name, drained[0].side
        middle, lowest, highest = (17.5, 14.0, 20.0) if name == "pneumothorax" else (3.0, 1.0, 6.0)
        tips = _tips(rng, middle, 1.3, lowest, highest)
        pairs.append(_stay(rng, [Device("chest drain", side, round(tip, 1)) for tip in tips]))
    intubated = rng.random() < 0.20
    if intubated:
        tips = _tips(rng, 4.0, 2.2, -2.0, 8.5)
        pairs.append(_stay(rng, [Device("endotracheal tube", "", round(tip, 1)) for tip in tips]))
    if rng.random() < (0.65 if intubated else 0.17):
        side = SIDES[int(rng.random() < 0.4)]
        tips = _tips(rng, 1.0, 2.3, -4.0, 6.0)
        pairs.append(_stay(rng, [Device("central venous catheter", side, round(tip, 1)) for tip in tips]))
    if rng.random() < (0.65 if intubated else 0.07):
        tips = _tips(rng, 5.5, 3.5, -5.0, 9.0)
        pairs.append(_stay(rng, [Device("nasogastric tube", "", round(tip, 1)) for tip in tips]))
    if rng.random() < 0.11:
        device = Device("pacemaker", SIDES[int(rng.random() < 0.8)])
        pairs.append((device if rng.random() < 0.85 else None, device))
    if rng.random() < 0.13:
        wires = Device("sternotomy wires")
        pairs.append((wires if rng.random() < 0.85 else None, wires))
    return pairs


def _tips(rng: np.random.Generator, middle: float, spread: float, low: float, high: float) -> list[float]:
    """Where a tip lies, and where it lies once it was moved: at least 2.5 cm away, which nobody calls unchanged."""
    first = second = float(np.clip(rng.normal(middle, spread), low, high))
    while abs(first - second) < _CLEAR_MOVE_CM:
        second = float(rng.uniform(low, high))
    return [first, second]


def _stay(rng: np.random.Generator, devices: list[Device]) -> tuple[Device | None, Device | None]:
    """A line or tube that stays where it was, was moved, was placed or was removed between the studies."""
    course = rng.random()
    if course < 0.40:
        return devices[0], devices[0]
    if course < 0.58:
        return devices[0], devices[1]
    if course < 0.80:
        return None, devices[1]
    return devices[0], None
