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
from train.simulate.bones import Break, bones
from train.simulate.drawing import Canvas, Texture, blur, ellipsoid, smooth_step
from train.simulate.mediastinum import HILUM, airways, bowel_gas, hila, mediastinum
from train.simulate.shape import SIGN, Shape


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
    heart, central = mediastinum(frame, patient, exposure, change.heart_scale, shift, shapes)
    gross = {side: _lung_room(frame, shapes[side], patient) for side in SIGN}
    lung = {side: np.maximum(room - central, 0.06 * room) for side, room in gross.items()}
    vessels = blur(_vessels(frame, patient, shapes, change.congestion), 0.03 * frame.pixels_per_cm)
    vessels = np.maximum(vessels, hila(frame, patient, change.congestion, shift))
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
        air=airways(frame, patient, exposure, shift) + bowel_gas(frame, patient, exposure, shapes),
        vessels=vessels,
        bone=bones(frame, patient, exposure, shapes, change.breaks),
        soft=_breasts(frame, patient) + _muscles(frame, patient),
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
    medial = smooth_step(u - 1.5 - 0.10 * np.clip(-y - 5, 0, 6), 2.6) * (border > 0.3)
    above = y - shape.dome_at(u)
    covered = smooth_step(-above, 0.10)
    recess = 0.20 * np.exp(-np.maximum(above, 0) / 1.8) * (1 - smooth_step(y - shape.angle_y - 1.0, 1.0))
    return depth * medial * (covered + (1 - covered) * recess)


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
        canvas.segments(placed, wide, 2.2 * wide)
    return canvas.thickness()


def _muscles(frame: Frame, patient: Patient) -> np.ndarray:
    """The large muscles of the chest wall: a veil over the upper outer lung that ends in the fold of the armpit."""
    strong = 1.1 if patient.sex == "M" else 0.6
    pair = np.zeros_like(frame.x)
    for sign in SIGN.values():
        place = (sign * (patient.lung_half_width + 0.4), -3.4)
        pair = pair + ellipsoid(frame, place, (4.9, 6.6, strong), 0.35 * sign)
    return blur(pair, 0.30 * frame.pixels_per_cm)


def _breasts(frame: Frame, patient: Patient) -> np.ndarray:
    if patient.breast <= 0:
        return np.zeros_like(frame.x)
    thickness = patient.breast * 1.25
    pair = sum(
        ellipsoid(frame, (sign * 0.62 * patient.lung_half_width, 8.6), (5.4, 5.9, thickness)) for sign in (-1.0, 1.0)
    )
    lower = smooth_step(8.6 + 5.5 - frame.y, 2.0)
    return blur(pair * (0.55 + 0.45 * lower), 0.35 * frame.pixels_per_cm) * 0.5
