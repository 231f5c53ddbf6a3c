"""The chest of one patient at one examination, as thickness maps in cm along the rays. No findings here.

What is lung, what is soft tissue and what is bone is kept apart, so that a finding can replace
one by another (fluid for lung, air for lung) instead of being painted over the film.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from train.simulate.anatomy import Exposure, Frame, Patient
from train.simulate.drawing import Canvas, Texture, blur, ellipsoid, polyline, smooth_step
from train.simulate.shape import SIGN, Shape

HILUM = {"right": (3.0, 1.3), "left": (3.3, 0.4)}  # (u, y)


@dataclass
class Chest:
    """Thickness maps, all (size, size) float32 in cm.

    body: the whole trunk. gross: each lung's own room (what air, fluid or collapse may fill).
    lung: aerated lung in that room. soft: extra water-like tissue in front of or within the lungs.
    air: free gas. vessels: blood within the lungs. bone: cortical bone equivalent.
    metal: device material in cm of bone-like attenuation. haze: factor on the lungs' attenuation.
    shift: cm by which the mediastinum stands too far to the left.
    """

    frame: Frame
    patient: Patient
    exposure: Exposure
    shapes: dict[str, Shape]
    body: np.ndarray
    gross: dict[str, np.ndarray]
    lung: dict[str, np.ndarray]
    air: np.ndarray
    vessels: np.ndarray
    bone: np.ndarray
    soft: np.ndarray
    metal: np.ndarray
    haze: np.ndarray
    heart: np.ndarray = field(repr=False)
    texture: np.ndarray = field(repr=False)
    shift: float = 0.0

    def u(self, side: str) -> np.ndarray:
        return self.frame.x * np.float32(SIGN[side])


BROKEN_RIBS = 3  # neighbours break together


@dataclass(frozen=True)
class Break:
    """A rib fracture: the upper broken rib, how far along (0 spine to 1 lateral), cm that its outer part drops."""

    number: int
    along: float
    drop: float


@dataclass(frozen=True)
class Deformation:
    """How findings change the anatomy itself, before anything is filled or collapsed.

    heart_scale: beyond the patient's own. raised: cm of elevation a side's dome. flat: of both domes, 0 to 1. shift: cm
    by which the mediastinum is pushed to the left. congestion: 0 to 1, widens the vessels. breaks: side -> broken rib.
    """

    heart_scale: float = 1.0
    raised: dict[str, float] = field(default_factory=dict)
    flat: float = 0.0
    shift: float = 0.0
    congestion: float = 0.0
    breaks: dict[str, Break] = field(default_factory=dict)


def build(patient: Patient, exposure: Exposure, size: int, deformation: Deformation | None = None) -> Chest:
    """Thickness maps of one examination."""
    frame = Frame.of(exposure, size)
    change = deformation or Deformation()
    shapes = {side: Shape(patient, exposure, side, change.raised.get(side, 0.0), change.flat) for side in SIGN}
    body = _body(frame, patient)
    shift = change.shift
    heart, mediastinum = _mediastinum(frame, patient, exposure, change.heart_scale, shift, shapes)
    gross = {side: _lung_room(frame, shapes[side], patient) for side in SIGN}
    lung = {side: np.maximum(room - mediastinum, 0.06 * room) for side, room in gross.items()}
    vessels = blur(_vessels(frame, patient, shapes, change.congestion), 0.03 * frame.pixels_per_cm)
    vessels *= np.minimum((lung["right"] + lung["left"]) / 5.0, 1.0)
    fine, coarse = Texture(patient.seed + 1, 0.35), Texture(patient.seed + 2, 1.6)
    texture = 0.07 * fine.at(frame) + 0.05 * coarse.at(frame)
    return Chest(
        frame=frame,
        patient=patient,
        exposure=exposure,
        shapes=shapes,
        body=body,
        gross=gross,
        lung=lung,
        air=_airways(frame, patient, exposure, shapes, shift),
        vessels=vessels,
        bone=_bones(frame, patient, exposure, shapes, change.breaks),
        soft=_breasts(frame, patient),
        metal=np.zeros_like(body),
        haze=np.zeros_like(body),
        heart=heart,
        texture=texture,
        shift=shift,
    )


def _body(frame: Frame, patient: Patient) -> np.ndarray:
    """Trunk, neck and shoulders: a super-ellipse across, blending from the neck's width to the trunk's."""
    y = frame.y
    trunk = np.float32(patient.lung_half_width + patient.fat + 1.0)
    shoulder = smooth_step(y + 12.5 + 0.02 * patient.depth, 3.6)
    half_width = 5.2 + shoulder * (trunk + 4.5 - 5.2) - 4.5 * smooth_step(y + 4.5, 5.5)
    depth = (11.5 + shoulder * (patient.depth - 11.5)) + 0.06 * np.clip(y, 0, 14)
    inside = 1 - np.abs(frame.x / half_width) ** 2.7
    return depth * np.maximum(inside, 0) ** np.float32(0.42)


def _lung_room(frame: Frame, shape: Shape, patient: Patient) -> np.ndarray:
    """One lung with what lies before and behind it: deep in its middle, with a recess behind the dome."""
    u = frame.x * np.float32(SIGN[shape.side])
    y = frame.y
    border = shape.lateral(y)
    across = np.clip(1 - (u / np.maximum(border, 0.3)) ** 2, 0, 1) ** np.float32(0.42)
    taper = np.clip((y - patient.apex_y) / 9.0, 0, 1) ** np.float32(0.5)
    depth = np.float32(patient.depth - 5.0) * across * (0.45 + 0.55 * taper)
    medial = smooth_step(u - 1.9 - 0.09 * np.clip(-y - 5, 0, 6), 1.5) * (border > 0.3)
    above = y - shape.dome_at(u)
    covered = smooth_step(-above, 0.10)
    recess = 0.20 * np.exp(-np.maximum(above, 0) / 1.8) * (1 - smooth_step(y - shape.angle_y - 1.0, 1.0))
    return depth * medial * (covered + (1 - covered) * recess)


def _mediastinum(
    frame: Frame,
    patient: Patient,
    exposure: Exposure,
    heart_scale: float,
    shift: float,
    shapes: dict[str, Shape],
) -> tuple[np.ndarray, np.ndarray]:
    """(heart, everything central) in cm; the heart rests on the left dome and the diaphragm carries it up."""
    scale = patient.heart_scale * heart_scale * exposure.heart_magnification
    width = patient.lung_half_width / 13.0
    forward = 5.0 * exposure.yaw + shift  # the heart lies in front of the turning axis
    base = 0.5 * (shapes["right"].dome + shapes["left"].dome)
    a, b = 6.3 * scale * width, 4.9 * scale * width
    lift = 0.55 * (heart_scale - 1.0)
    # A larger heart grows to the left and down more than to the right and up.
    centre = (2.35 + forward + 0.60 * (a - 6.3 * width), base - 4.6 + lift)
    ventricle = ellipsoid(frame, centre, (a, b, 4.6 * scale), patient.heart_axis)
    atrium = ellipsoid(frame, (-1.0 + forward - 0.25 * (a - 6.3), base - 5.0), (2.9 * scale, 4.2 * scale, 3.2))
    # What joins the two across the midline, in front of the spine.
    middle_part = ellipsoid(frame, (0.7 + forward, base - 4.7 + lift), (3.6 * scale, 4.3 * scale, 4.3 * scale))
    heart = np.maximum(np.maximum(ventricle, atrium), middle_part)
    old = patient.aorta
    knob = ellipsoid(
        frame, (1.75 + 0.5 * old + 0.6 * forward, -2.9 - 0.6 * old), (1.65 + 0.5 * old, 1.65 + 0.5 * old, 2.0)
    )
    trunk = ellipsoid(frame, (2.3 + forward, 1.9), (2.0, 2.9, 2.4))
    ascending = ellipsoid(frame, (-0.9 + forward - 0.4 * old, 1.5), (1.9 + 0.3 * old, 4.6, 2.4))
    descending = ellipsoid(frame, (1.7 + 0.9 * old - 3.0 * exposure.yaw, 5.0), (1.25, 9.5, 1.5))
    cava = ellipsoid(frame, (-1.6 + forward, -2.5), (1.1, 6.5, 1.6))
    hila = sum(
        ellipsoid(frame, (SIGN[side] * (u + 0.1) + 0.5 * forward, y), (1.25, 1.9, 1.3), -0.35 * SIGN[side])
        for side, (u, y) in HILUM.items()
    )
    middle = frame.x - np.float32(0.6 * shift)
    half_width = 2.75 + 0.03 * np.clip(frame.y + 6, 0, 20)
    slab = 7.0 * np.maximum(1 - (middle / half_width) ** 2, 0) ** np.float32(0.7) * smooth_step(frame.y + 13, 2.5)
    central = np.maximum(heart, slab) + 0.7 * np.maximum(trunk, ascending) + knob + descending + cava + 0.8 * hila
    # Fat and motion soften every central border.
    return heart, blur(central, 0.13 * frame.pixels_per_cm)


def _airways(frame: Frame, patient: Patient, exposure: Exposure, shapes: dict[str, Shape], shift: float) -> np.ndarray:
    canvas = Canvas(frame)
    bend = 0.6 * shift + 1.5 * exposure.yaw
    lean = 0.25 * patient.aorta  # an unfolded aorta pushes the trachea to the right
    trachea = polyline(
        [(0.2 * bend, -17.0), (0.4 * bend - 0.3 * lean, -9.0), (0.7 * bend - lean, -3.0), (bend - 0.2, 0.0)]
    )
    canvas.tube(trachea, 1.75, 1.3)
    canvas.tube(polyline([(bend - 0.2, -0.2), (bend - 1.7, 1.4), (bend - 3.0, 3.4)]), 1.25, 0.95)
    canvas.tube(polyline([(bend - 0.1, -0.2), (bend + 1.9, 1.2), (bend + 4.0, 2.4)]), 1.1, 0.85)
    stomach = ellipsoid(frame, (5.4, shapes["left"].dome + 2.3), (2.6, 1.3, 2.2), -0.1)
    return canvas.thickness(0.09) + blur(stomach, 0.12 * frame.pixels_per_cm)


@lru_cache(maxsize=8)  # both studies of a patient are drawn one after the other
def vessel_tree(patient: Patient, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Branches of one lung, thin to thick: ends (n, 2, 2) as (u, y) at full inspiration, widths (n,) in cm."""
    rng = np.random.default_rng(patient.seed + (11 if side == "right" else 12))
    hilum_u, hilum_y = HILUM[side]
    directions = np.radians(np.array([-78, -48, -15, 12, 38, 62, 82]) + rng.normal(0, 7, 7))
    roots = (0.52, 0.52, 0.46, 0.52, 0.62, 0.70, 0.62)
    pending = deque(
        (hilum_u, hilum_y + float(rng.normal(0, 0.8)), float(d), w) for d, w in zip(directions, roots, strict=True)
    )
    ends, widths = [], []
    while pending and len(ends) < 420:
        u, y, direction, width = pending.popleft()
        step, turn, fork, side_of_fork = (
            rng.uniform(0.8, 1.35),
            rng.normal(0, 0.15),
            rng.uniform(0.35, 0.75),
            rng.random(),
        )
        nu, ny = u + step * math.cos(direction), y + step * math.sin(direction)
        ends.append(((u, y), (nu, ny)))
        widths.append(width)
        if width < 0.055 or nu < 0.6:
            continue
        if side_of_fork < 0.42:
            fork = fork if side_of_fork < 0.21 else -fork
            pending.append((nu, ny, direction + turn - 0.3 * fork, width * 0.86))
            pending.append((nu, ny, direction + turn + fork, width * 0.66))
        else:
            pending.append((nu, ny, direction + turn, width * 0.91))
    order = np.argsort(widths)
    return np.array(ends)[order], np.array(widths)[order]


def _vessels(frame: Frame, patient: Patient, shapes: dict[str, Shape], congestion: float) -> np.ndarray:
    canvas = Canvas(frame)
    for side, shape in shapes.items():
        squeeze = shape.height / (shape.height + shape.exposure.low_volume + shape.raised)
        hilum_y = HILUM[side][1]
        ends, widths = vessel_tree(patient, side)
        u, y = ends[..., 0], ends[..., 1]
        # Less air moves the vessels below the hilum up with the dome.
        moved = np.where(y > hilum_y, hilum_y + (y - hilum_y) * squeeze, y)
        wide = widths * (1 + congestion * np.where(y.mean(axis=1) < hilum_y, 0.95, 0.45))
        placed = np.stack([u * SIGN[side] + 3.0 * frame.exposure.yaw, moved], -1)
        canvas.segments(placed, wide, 2.0 * wide)
    return canvas.thickness()


def _breasts(frame: Frame, patient: Patient) -> np.ndarray:
    if patient.breast <= 0:
        return np.zeros_like(frame.x)
    thickness = patient.breast * 1.25
    pair = sum(
        ellipsoid(frame, (sign * 0.62 * patient.lung_half_width, 8.6), (5.4, 5.9, thickness)) for sign in (-1.0, 1.0)
    )
    lower = smooth_step(8.6 + 5.5 - frame.y, 2.0)
    return blur(pair * (0.55 + 0.45 * lower), 0.35 * frame.pixels_per_cm) * 0.5


def _bones(
    frame: Frame, patient: Patient, exposure: Exposure, shapes: dict[str, Shape], breaks: dict[str, Break]
) -> np.ndarray:
    back, front, girdle, spine = Canvas(frame), Canvas(frame), Canvas(frame), Canvas(frame)
    for side, shape in shapes.items():
        for number in range(1, 11):
            broken = breaks.get(side)
            is_broken = broken is not None and broken.number <= number < broken.number + BROKEN_RIBS
            _rib(back, front, patient, shape, number, broken if is_broken else None)
        _shoulder(girdle, patient, exposure, SIGN[side])
    _spine(spine, patient, exposure)
    return back.thickness(0.05) + 0.75 * front.thickness(0.10) + girdle.thickness(0.06) + 0.40 * spine.thickness(0.12)


def rib_arc(patient: Patient, shape: Shape, number: int) -> tuple[np.ndarray, int]:
    """One rib on its tilted ring: points (n, 2) in cm from the spine round to the front, none where there is no room.

    With them the number of points that lie behind.
    """
    sign = SIGN[shape.side]
    drop = patient.rib_slope * (3.2 + 0.62 * number) * (0.86 if shape.exposure.view == "AP" else 1.0)
    # Lower ribs follow the diaphragm a little when less air is taken in.
    top = -10.2 + patient.rib_pitch * (number - 1) - 0.12 * shape.exposure.low_volume * (number / 10)
    width = float(shape.lateral(np.float32(top + drop / 2))) + 0.35
    if number == 1:
        width = min(width, 5.5)
    if width < 3.0:
        return np.empty((0, 2)), 0
    start = np.arcsin(min(2.0 / width, 0.9))
    end = np.radians(150 if number <= 7 else 118)
    angles = np.linspace(start, end, 34)
    lift = 0.55 * np.sin(np.clip(angles, 0, np.pi / 2) * 2)  # the angle of the rib stands a little higher
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
    parts = [(front, points[split - 2 :], 1.25, 0.46, 0.26)] if split else []
    parts += [(back, part, 1.08, 0.56, 0.30) for part in behind]
    for canvas, part, wide, cortex, marrow in parts:
        if len(part) > 1:
            canvas.tube(part, wide, cortex)
            canvas.tube(part, 0.62 * wide, marrow)


def _shoulder(canvas: Canvas, patient: Patient, exposure: Exposure, sign: float) -> None:
    edge = patient.lung_half_width * 0.93 + 1.6 - exposure.scapula_overlap
    blade = polyline([(edge, -8.6), (edge - 0.2, -3.0), (edge + 1.6, 2.6), (edge + 2.6, -1.5), (edge + 4.6, -6.5)])
    blade = blade * np.array([sign, 1.0])
    canvas.polygon(blade, 0.28)
    canvas.tube(blade, 0.35, 0.45)
    ridge = polyline([(edge, -7.6), (edge + 3.5, -9.0), (edge + 6.0, -10.3)]) * np.array([sign, 1.0])
    canvas.tube(ridge, 0.7, 0.6)
    canvas.disc((sign * (edge + 6.0), -8.2), 2.3, 1.0)
    canvas.tube(np.array([[sign * (edge + 6.4), -7.5], [sign * (edge + 8.0), 2.0]]), 2.4, 0.9)
    rise = 1.2 if exposure.view == "AP" else 0.0
    turn = 2.5 * exposure.yaw
    inner = 1.5
    collar = polyline(
        [(inner, -5.4 - rise), (4.5, -6.6 - rise), (9.0, -8.9 - rise), (13.0, -9.7 - 0.6 * rise), (edge + 4.5, -10.2)]
    )
    collar = collar * np.array([sign, 1.0]) + np.array([turn, 0.0])
    canvas.tube(collar, 1.25, 0.85)
    canvas.tube(collar, 0.75, 0.55)
    canvas.disc((sign * (inner + 0.3) + turn, -5.3 - rise), 0.95, 0.75)


def _spine(canvas: Canvas, patient: Patient, exposure: Exposure) -> None:
    y, number = -17.0, 0
    while y < 24:
        height = 1.75 + 0.035 * number * 1.3
        half = 1.35 + 0.035 * number
        x = patient.scoliosis * np.sin((y + 6) / 7.5) - 4.0 * exposure.yaw
        canvas.polygon(
            np.array(
                [
                    [x - half - 0.9, y + 0.3],
                    [x + half + 0.9, y + 0.3],
                    [x + half + 0.9, y + 0.9],
                    [x - half - 0.9, y + 0.9],
                ]
            ),
            0.40,
        )
        canvas.polygon(np.array([[x - half, y], [x + half, y], [x + half, y + height], [x - half, y + height]]), 1.25)
        waist = half - 0.16
        canvas.polygon(
            np.array(
                [
                    [x - waist, y + 0.22],
                    [x + waist, y + 0.22],
                    [x + waist, y + height - 0.22],
                    [x - waist, y + height - 0.22],
                ]
            ),
            0.98,
        )
        for side in (-1, 1):
            canvas.oval((x + side * (half - 0.45), y + 0.75), (0.26, 0.42), 1.4)
        canvas.oval((x + 0.9 * exposure.yaw, y + height - 0.1), (0.22, 0.55), 1.35)
        y += height + 0.45
        number += 1
