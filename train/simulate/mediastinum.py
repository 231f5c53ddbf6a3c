"""Heart, great vessels, hila and airways of one chest: what stands between the lungs, in cm along the rays."""

from __future__ import annotations

import numpy as np

from train.simulate.anatomy import Exposure, Frame, Patient
from train.simulate.drawing import Canvas, blur, ellipsoid, polyline, smooth_step
from train.simulate.shape import SIGN, Shape

HILUM = {"right": (3.0, 1.3), "left": (3.3, 0.4)}  # (u, y)

# Where the tissue round the great vessels ends, (y, cm from the midline): wide at the inlet, narrow above the heart.
# To the right it is the caval vein's edge, to the left the subclavian artery's, which the knob interrupts.
_BORDERS = {
    "right": ((-14.0, 5.2), (-10.0, 3.9), (-7.0, 3.1), (-4.0, 2.7), (-1.0, 2.7), (2.0, 2.6), (6.0, 2.6), (13.0, 2.8)),
    "left": ((-14.0, 5.4), (-10.0, 4.0), (-7.0, 2.8), (-4.5, 2.2), (-2.0, 2.1), (0.5, 2.2), (4.0, 2.7), (13.0, 2.7)),
}
_CORE = ((-14.0, 8.0), (-8.0, 8.2), (-3.0, 9.2), (3.0, 9.4), (8.0, 7.6), (14.0, 7.6))  # (y, cm deep at the midline)

# The arteries that make a hilum and the veins below them: points (u, y), and the width at both ends. The left artery
# arches over its bronchus, the right one runs down beside it.
_HILAR = {
    "right": (
        (((1.6, 0.5), (2.9, 1.1), (3.8, 2.9), (4.2, 5.2), (4.7, 7.0)), 1.75, 0.80),
        (((1.8, 0.4), (3.1, -1.0), (3.9, -2.7), (4.4, -4.3)), 1.05, 0.50),
        (((1.4, 5.4), (3.4, 5.0), (5.2, 5.7)), 1.15, 0.55),
    ),
    "left": (
        (((1.6, 0.4), (3.0, -0.8), (4.1, 0.1), (4.6, 2.2), (4.9, 4.6)), 1.85, 0.80),
        (((2.6, -0.5), (3.7, -1.8), (4.4, -3.4)), 1.00, 0.48),
        (((1.8, 4.4), (3.6, 3.9), (5.4, 4.6)), 1.10, 0.55),
    ),
}


def mediastinum(
    frame: Frame,
    patient: Patient,
    exposure: Exposure,
    heart_scale: float,
    shift: float,
    shapes: dict[str, Shape],
) -> tuple[np.ndarray, np.ndarray]:
    """(heart, everything central) in cm; the heart rests on the left dome and the diaphragm carries it up."""
    forward = 5.0 * exposure.yaw + shift  # the heart lies in front of the turning axis
    heart = _heart(frame, patient, exposure, heart_scale, forward, shapes)
    old = patient.aorta
    knob = ellipsoid(
        frame, (1.75 + 0.5 * old + 0.6 * forward, -2.9 - 0.6 * old), (1.65 + 0.5 * old, 1.65 + 0.5 * old, 2.3)
    )
    trunk = ellipsoid(frame, (1.9 + forward, 2.2), (2.0, 2.9, 2.4))
    ascending = ellipsoid(frame, (-0.9 + forward - 0.4 * old, 1.5), (1.8 + 0.3 * old, 4.6, 2.2))
    descending = ellipsoid(frame, (1.7 + 0.9 * old - 3.0 * exposure.yaw, 5.0), (1.25, 9.5, 1.5))
    cava = ellipsoid(frame, (-1.6 + forward, -2.5), (1.1, 6.5, 1.3))
    core = _core(frame, shift)
    # What surrounds the hilar vessels: nodes, fat and branches too fine to be drawn each.
    around = np.zeros_like(frame.x)
    for side, (u, y) in HILUM.items():
        place = (SIGN[side] * (u + 0.5) + 0.5 * forward, y + 0.9)
        around = around + ellipsoid(frame, place, (1.6, 3.1, 1.0), -0.25 * SIGN[side])
    # Behind the heart lie aorta, gullet and fat: they add to it, less than they would alone.
    central = np.maximum(heart, core) + 0.35 * np.minimum(heart, core)
    central = central + 0.6 * np.maximum(trunk, ascending) + knob + descending + 0.7 * cava
    central = central + 0.8 * blur(around, 0.35 * frame.pixels_per_cm)
    # Fat and motion soften every central border.
    return heart, blur(central, 0.13 * frame.pixels_per_cm)


def _heart(
    frame: Frame, patient: Patient, exposure: Exposure, heart_scale: float, forward: float, shapes: dict[str, Shape]
) -> np.ndarray:
    scale = patient.heart_scale * heart_scale * exposure.heart_magnification
    width = patient.lung_half_width / 13.0
    base = 0.5 * (shapes["right"].dome + shapes["left"].dome)
    a, b = 6.9 * scale * width, 4.3 * scale * width
    lift = 0.55 * (heart_scale - 1.0)
    # A larger heart grows to the left and down more than to the right and up.
    centre = (2.2 + forward + 0.60 * (a - 6.9 * width), base - 4.4 + lift)
    ventricle = ellipsoid(frame, centre, (a, b, 5.2 * scale), patient.heart_axis)
    atrium = ellipsoid(frame, (-1.0 + forward - 0.25 * (a - 6.9), base - 5.0), (2.9 * scale, 4.2 * scale, 4.4))
    # What joins the two across the midline, in front of the spine.
    middle_part = ellipsoid(frame, (0.7 + forward, base - 4.7 + lift), (3.6 * scale, 4.3 * scale, 5.0 * scale))
    # The lower caval vein and the fat beside it: the heart does not hover above the domes.
    below = np.maximum(
        ellipsoid(frame, (-1.3 + forward, shapes["right"].dome - 1.4), (1.9, 2.4, 3.6)),
        ellipsoid(frame, (2.9 + forward, shapes["left"].dome - 0.5), (3.7 * scale, 1.6, 2.8), 0.2),
    )
    return np.maximum(np.maximum(ventricle, atrium), np.maximum(middle_part, below))


def _core(frame: Frame, shift: float) -> np.ndarray:
    """Oesophagus, fat and the vessels to neck and arms: as deep as the chest at the midline, thin at its borders."""
    x = frame.x - np.float32(0.6 * shift)
    right, left = (_along(frame.y, _BORDERS[side]) for side in ("right", "left"))
    across = np.where(x < 0, -x / right, x / left)
    return (
        _along(frame.y, _CORE) * np.maximum(1 - across * across, 0) ** np.float32(0.80) * smooth_step(frame.y + 12, 5)
    )


def _along(y: np.ndarray, knots: tuple[tuple[float, float], ...]) -> np.ndarray:
    """A value that changes with height, through knots (y, value) in cm, float32 of y's shape."""
    heights = np.linspace(knots[0][0], knots[-1][0], 64)
    smooth = polyline(knots)
    table = np.interp(heights, smooth[:, 0], smooth[:, 1]).astype(np.float32)
    place = (y - np.float32(heights[0])) * np.float32(63 / (heights[-1] - heights[0]))
    return table[np.clip(place, 0, 63).astype(np.int32)]


def hila(frame: Frame, patient: Patient, congestion: float, shift: float) -> np.ndarray:
    """The arteries and veins that enter each lung, thickness (size, size) in cm. congestion: 0 to 1, widens them."""
    canvas = Canvas(frame)
    forward = 5.0 * frame.exposure.yaw + shift
    for side, branches in _HILAR.items():
        rng = np.random.default_rng(patient.seed + (13 if side == "right" else 14))
        for points, first, last in branches:
            moved = np.array(points) + rng.normal(0, 0.16, (len(points), 2))
            size = float(rng.normal(1.0, 0.08)) * (1 + 0.30 * congestion)
            curve = polyline([(SIGN[side] * u + 0.5 * forward, y) for u, y in moved])
            widths = size * np.linspace(first, last, len(curve) - 1)
            canvas.segments(np.stack([curve[:-1], curve[1:]], 1), widths, 1.5 * widths)
    return canvas.thickness(0.13)


def airways(frame: Frame, patient: Patient, exposure: Exposure, shift: float) -> np.ndarray:
    """Air of the trachea and the main bronchi, (size, size) in cm."""
    canvas = Canvas(frame)
    bend = 0.6 * shift + 1.5 * exposure.yaw
    lean = 0.25 * patient.aorta  # an unfolded aorta pushes the trachea to the right
    trachea = polyline(
        [
            (0.0, -25.0),
            (0.2 * bend, -17.0),
            (0.4 * bend - 0.3 * lean, -9.0),
            (0.7 * bend - lean, -3.0),
            (bend - 0.2, 0.0),
        ]
    )
    canvas.tube(polyline([(bend - 0.2, -0.2), (bend - 1.7, 1.4), (bend - 3.0, 3.4)]), 1.25, 1.25)
    canvas.tube(polyline([(bend - 2.4, 2.2), (bend - 3.0, 4.4), (bend - 3.3, 6.4)]), 0.70, 0.75)
    canvas.tube(polyline([(bend - 0.1, -0.2), (bend + 1.9, 1.2), (bend + 4.0, 2.4)]), 1.1, 1.15)
    canvas.tube(trachea, 1.70, 1.5)
    return canvas.thickness(0.15)


def bowel_gas(frame: Frame, patient: Patient, exposure: Exposure, shapes: dict[str, Shape]) -> np.ndarray:
    """Gas below the domes, (size, size) in cm: a stomach bubble and colon, other ones at each examination."""
    rng = np.random.default_rng(exposure.seed + 2)
    gas = np.zeros_like(frame.x)
    top = shapes["left"].dome
    if rng.random() < 0.85:
        size = float(rng.uniform(0.55, 1.15))
        place = (4.8 + float(rng.normal(0.4, 0.5)), top + 1.2 + 1.1 * size)
        gas = ellipsoid(frame, place, (2.7 * size, 1.35 * size, 1.5), float(rng.normal(-0.15, 0.2)))
        fluid = place[1] + float(rng.uniform(-0.2, 0.9)) * size
        if exposure.view == "PA":  # who stands has a level in the stomach
            gas = gas * (1 - smooth_step(frame.y - np.float32(fluid), 0.12))
    for flexure, chance in ((8.6, 0.5), (-8.4, 0.25)):
        if rng.random() > chance:
            continue
        x, y = flexure + float(rng.normal(0, 0.6)), top + 3.0 + float(rng.uniform(0, 1.5))
        for _ in range(int(rng.integers(2, 5))):  # haustra, one beside the other
            radius = float(rng.uniform(0.7, 1.5))
            turn = float(rng.uniform(-0.8, 0.8))
            gas = np.maximum(gas, ellipsoid(frame, (x, y), (1.5 * radius, radius, 0.6 * radius), turn))
            x, y = x + float(rng.normal(0, 1.1)), y + 0.9 * radius
    return blur(gas, 0.22 * frame.pixels_per_cm)
