"""Ribs, shoulders and spine of one chest, in cm of bone along the rays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.simulate.anatomy import Exposure, Frame, Patient
from train.simulate.drawing import Canvas, polyline
from train.simulate.shape import SIGN, Shape

BROKEN_RIBS = 3  # neighbours break together


@dataclass(frozen=True)
class Break:
    """A rib fracture: the upper broken rib, how far along (0 spine to 1 lateral), cm that its outer part drops."""

    number: int
    along: float
    drop: float


def bones(
    frame: Frame, patient: Patient, exposure: Exposure, shapes: dict[str, Shape], breaks: dict[str, Break]
) -> np.ndarray:
    """(size, size) cm of cortical bone. breaks: side -> broken rib."""
    back, front, girdle, spine = Canvas(frame), Canvas(frame), Canvas(frame), Canvas(frame)
    for side, shape in shapes.items():
        for number in range(1, 11):
            broken = breaks.get(side)
            is_broken = broken is not None and broken.number <= number < broken.number + BROKEN_RIBS
            _rib(back, front, patient, shape, number, broken if is_broken else None)
        _shoulder(girdle, patient, exposure, SIGN[side])
    _spine(spine, patient, exposure)
    return back.thickness(0.06) + 0.52 * front.thickness(0.13) + girdle.thickness(0.07) + 0.24 * spine.thickness(0.15)


def rib_arc(patient: Patient, shape: Shape, number: int) -> tuple[np.ndarray, int]:
    """One rib on its tilted ring: points (n, 2) in cm from the spine round to the front, none where there is no room.

    With them the number of points that lie behind.
    """
    sign = SIGN[shape.side]
    drop = patient.rib_slope * (5.4 + 0.85 * number) * (0.86 if shape.exposure.view == "AP" else 1.0)
    # Lower ribs follow the diaphragm a little when less air is taken in.
    top = -10.9 + patient.rib_pitch * (number - 1) - 0.12 * shape.exposure.low_volume * (number / 10)
    width = float(shape.lateral(np.float32(top + drop / 2))) + 0.35
    if number == 1:
        width = min(width, 5.5)
    if width < 3.0:
        return np.empty((0, 2)), 0
    start = np.arcsin(min(2.0 / width, 0.9))
    end = np.radians(146 if number <= 7 else 118)
    angles = np.linspace(start, end, 34)
    lift = 0.75 * np.sin(np.clip(angles, 0, np.pi / 2) * 2)  # the angle of the rib stands a little higher
    points = np.stack([sign * width * np.sin(angles) ** 0.93, top + drop * (1 - np.cos(angles)) / 2 - lift], -1)
    return points, int(np.searchsorted(angles, np.pi / 2)) + 1


def break_place(patient: Patient, shape: Shape, broken: Break) -> np.ndarray:
    """(2,) cm: where the rib is broken."""
    points, split = rib_arc(patient, shape, broken.number)
    return points[round(broken.along * (split - 1))]


def _rib(back: Canvas, front: Canvas, patient: Patient, shape: Shape, number: int, broken: Break | None) -> None:
    """Seen behind as a gentle arc, in front running down towards the sternum; a broken one in two parts behind."""
    points, split = rib_arc(patient, shape, number)
    behind = [points[:split]]
    if broken is not None and split:
        place = round(broken.along * (split - 1))
        outer = points[place + 1 : split] + np.array([-0.35 * SIGN[shape.side] * broken.drop, broken.drop])
        behind = [points[:place], outer]  # the arc's step at the break is left open
    if split:
        _front_part(front, points[split - 2 :])
    for part in behind:
        if len(part) > 1:
            back.tube(part, 1.15, 0.40)
            back.tube(part, 0.80, 0.27)


def _front_part(front: Canvas, points: np.ndarray) -> None:
    """Broader and fainter than behind, and lost where bone turns into cartilage."""
    steps = len(points) - 1
    fading = np.clip(1.25 - np.arange(steps) / max(steps, 1), 0.2, 1.0)
    ends = np.stack([points[:-1], points[1:]], 1)
    front.segments(ends, np.full(steps, 1.45), 0.44 * fading)
    front.segments(ends, np.full(steps, 1.02), 0.28 * fading)


def _shoulder(canvas: Canvas, patient: Patient, exposure: Exposure, sign: float) -> None:
    edge = patient.lung_half_width * 0.93 + 1.6 - exposure.scapula_overlap
    blade = polyline([(edge, -8.6), (edge - 0.2, -3.0), (edge + 1.6, 2.6), (edge + 2.6, -1.5), (edge + 4.6, -6.5)])
    blade = blade * np.array([sign, 1.0])
    canvas.polygon(blade, 0.24)
    canvas.tube(blade, 0.35, 0.38)
    ridge = polyline([(edge, -7.6), (edge + 3.5, -9.0), (edge + 6.0, -10.3)]) * np.array([sign, 1.0])
    canvas.tube(ridge, 0.7, 0.5)
    canvas.disc((sign * (edge + 6.0), -8.2), 2.3, 0.9)
    canvas.tube(np.array([[sign * (edge + 6.4), -7.5], [sign * (edge + 8.0), 2.0]]), 2.4, 0.8)
    rise = 1.2 if exposure.view == "AP" else 0.0
    turn = 2.5 * exposure.yaw
    inner = 1.5
    collar = polyline(
        [(inner, -5.4 - rise), (4.5, -6.6 - rise), (9.0, -8.9 - rise), (13.0, -9.7 - 0.6 * rise), (edge + 4.5, -10.2)]
    )
    collar = collar * np.array([sign, 1.0]) + np.array([turn, 0.0])
    canvas.tube(collar, 1.30, 0.62)
    canvas.tube(collar, 0.80, 0.40)
    canvas.disc((sign * (inner + 0.3) + turn, -5.3 - rise), 0.95, 0.55)


def _spine(canvas: Canvas, patient: Patient, exposure: Exposure) -> None:
    """Vertebrae one below the other: plates, a waist, pedicles and spinous processes."""
    y, number = -17.0, 0
    while y < 24:
        height = 1.75 + 0.035 * number * 1.3
        half = 1.35 + 0.035 * number
        x = patient.scoliosis * np.sin((y + 6) / 7.5) - 4.0 * exposure.yaw
        canvas.polygon(_box(x, half + 0.9, y + 0.3, y + 0.9), 0.40)  # transverse processes
        canvas.polygon(_box(x, half, y, y + height), 1.25)
        canvas.polygon(_box(x, half - 0.16, y + 0.22, y + height - 0.22), 0.98)
        for side in (-1, 1):
            canvas.oval((x + side * (half - 0.45), y + 0.75), (0.26, 0.42), 1.4)
        canvas.oval((x + 0.9 * exposure.yaw, y + height - 0.1), (0.22, 0.55), 1.35)
        y += height + 0.45
        number += 1


def _box(x: float, half: float, top: float, bottom: float) -> np.ndarray:
    return np.array([[x - half, top], [x + half, top], [x + half, bottom], [x - half, bottom]])
