"""The parametric chest: what stays with a patient, and what each exposure changes. Numbers only, no drawing.

Patient coordinates in cm: origin at the carina, x to the image's right (the patient's left), y down.
`u` is the distance from the midline towards the side that is spoken of. Sizes are those of adults;
they are plausible, not fitted to any data set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Patient:
    """One body, the same in both studies. Lengths in cm."""

    sex: str
    age: int
    lung_half_width: float  # midline to the lateral lung border at the bases
    apex_y: float  # negative: above the carina
    dome_y: tuple[float, float]  # top of the right and left diaphragm at full inspiration
    depth: float  # of the trunk, front to back
    fat: float  # thickness of the chest wall beside the ribs
    heart_scale: float  # of a normal heart: cardiothoracic ratio about 0.42 to 0.49
    heart_axis: float  # radians below the horizontal
    aorta: float  # 0 young and narrow, 1 unfolded
    rib_pitch: float
    rib_slope: float
    scoliosis: float  # amplitude
    breast: float  # thickness, 0 for none
    lung_shape: float  # exponent of the lateral border
    seed: int  # of vessels, texture and the places where findings sit


@dataclass(frozen=True)
class Exposure:
    """One examination: how the patient stood, breathed and was exposed."""

    view: str  # PA or AP
    scale: float  # cm of patient a cm of film; > 1 shows a smaller chest
    shift: tuple[float, float]  # cm
    tilt: float  # radians, in the plane of the film
    yaw: float  # radians about the long axis: > 0 turns the patient to the left
    low_volume: float  # cm by which the domes stand higher than at full inspiration
    heart_magnification: float
    scapula_overlap: float  # cm by which the scapulae lie over the lungs
    kilovolts: float  # tube voltage; portable units use less
    contrast: float  # of the display curve
    brightness: float
    dose: float  # relative photon count; noise falls with its root
    scatter: float  # fraction of the primary signal
    collimation: tuple[float, float, float, float]  # cm cut at left, right, top and bottom
    side_marker: str  # 'L', 'R' or '' and where it stands is the patient's side
    seed: int

    @property
    def rotated(self) -> bool:
        return abs(self.yaw) > 0.14


def poor(exposure: Exposure) -> Exposure:
    """The same examination gone wrong: under-exposed, turned, hardly inspired, its contrast lost in scatter."""
    return replace(
        exposure,
        yaw=exposure.yaw + math.copysign(0.17, exposure.yaw),
        low_volume=max(exposure.low_volume, 2.6),
        contrast=0.65 * exposure.contrast,
        dose=0.12 * exposure.dose,
        scatter=2.2 * exposure.scatter,
    )


FIELD_CM = 36.0  # the edge of a square film, collimated to the chest


def sample_patient(rng: np.random.Generator, is_shifted: bool = False) -> Patient:
    """A body drawn from the ranges of adults between 20 and 92 years. is_shifted: of broader people."""
    sex = "F" if rng.random() < 0.5 else "M"
    female = sex == "F"
    habitus = float(np.clip(rng.normal(0.9 if is_shifted else 0.0), -1.8, 3.0 if is_shifted else 2.0))  # slim to broad
    width = (12.3 if female else 13.4) + 0.5 * habitus + rng.normal(0, 0.35)
    right_dome = rng.normal(12.9, 0.6)
    return Patient(
        sex=sex,
        age=int(rng.integers(20, 93)),
        lung_half_width=float(width),
        apex_y=float(rng.normal(-9.7, 0.5)),
        dome_y=(float(right_dome), float(right_dome + rng.normal(1.0, 0.5))),
        depth=float(20.5 + 2.0 * habitus + rng.normal(0, 0.8)),
        fat=float(max(1.2, 2.2 + 0.9 * habitus)),
        heart_scale=float(rng.normal(0.97, 0.04)),
        heart_axis=float(np.radians(rng.normal(36, 6))),
        aorta=float(rng.random() ** 1.3),
        rib_pitch=float(rng.normal(2.35, 0.1)),
        rib_slope=float(rng.normal(1.0, 0.12)),
        scoliosis=float(rng.normal(0, 0.35)),
        breast=float(max(0.0, rng.normal(2.2, 0.9))) if female else 0.0,
        lung_shape=float(rng.normal(3.5, 0.4)),
        seed=int(rng.integers(2**31)),
    )


def sample_exposure(rng: np.random.Generator, view: str | None = None, is_shifted: bool = False) -> Exposure:
    """One examination. AP is the portable film: poorer inspiration, larger heart, more scatter and rotation.

    is_shifted: from another department, with less dose, harder beams, more scatter and another display curve.
    """
    if view is None:
        view = "PA" if rng.random() < 0.5 else "AP"
    portable = view == "AP"
    marker = ("L", "R", "")[int(rng.choice(3, p=(0.6, 0.3, 0.1)))]
    collimated = rng.random() < 0.35
    edges = rng.uniform(0.2, 1.8, 4) * (rng.random(4) < 0.6) if collimated else np.zeros(4)
    return Exposure(
        view=view,
        scale=float(rng.normal(0.97 if portable else 1.0, 0.035)),
        shift=(float(rng.normal(0, 1.1 if portable else 0.6)), float(rng.normal(0.0, 1.0))),
        tilt=float(np.radians(rng.normal(0, 2.6 if portable else 1.2))),
        yaw=float(np.radians(rng.normal(0, 5.5 if portable else 2.2))),
        low_volume=float(np.clip(rng.gamma(2.0, 0.8) if portable else rng.gamma(1.4, 0.4), 0, 4.5)),
        heart_magnification=float(rng.normal(1.09, 0.02)) if portable else 1.0,
        scapula_overlap=float(rng.uniform(1.0, 3.5) if portable else rng.uniform(-1.5, 0.8)),
        kilovolts=float(rng.normal(92, 5) if portable else rng.normal(120, 5)) + 12 * is_shifted,
        contrast=float(np.exp(rng.normal(0, 0.10))) * (0.82 if is_shifted else 1.0),
        brightness=float(rng.normal(0, 0.05)) + 0.05 * is_shifted,
        dose=float(np.exp(rng.normal(0.0, 0.35)) * (0.55 if portable else 1.0)) * (0.4 if is_shifted else 1.0),
        scatter=float(rng.uniform(0.25, 0.5) if portable else rng.uniform(0.1, 0.25)) * (1.5 if is_shifted else 1.0),
        collimation=(float(edges[0]), float(edges[1]), float(edges[2]), float(edges[3])),
        side_marker=marker,
        seed=int(rng.integers(2**31)),
    )


@dataclass(frozen=True)
class Frame:
    """The film's pixel grid in patient coordinates, and back.

    x, y: (size, size) float32, patient cm at each pixel's centre. size: pixels an edge.
    """

    x: np.ndarray
    y: np.ndarray
    size: int
    exposure: Exposure

    @classmethod
    def of(cls, exposure: Exposure, size: int) -> Frame:
        film = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(FIELD_CM / size) - np.float32(FIELD_CM / 2)
        film_x, film_y = np.meshgrid(film, film)
        film_x = (film_x - exposure.shift[0]) * exposure.scale
        film_y = (film_y - exposure.shift[1]) * exposure.scale
        cos, sin = np.float32(np.cos(exposure.tilt)), np.float32(np.sin(exposure.tilt))
        # The carina stands a little above the film's centre.
        return cls(cos * film_x + sin * film_y, -sin * film_x + cos * film_y + np.float32(2.0), size, exposure)

    @property
    def pixels_per_cm(self) -> float:
        return self.size / FIELD_CM / self.exposure.scale

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) patient cm -> (..., 2) pixel positions (column, row)."""
        cos, sin = np.cos(self.exposure.tilt), np.sin(self.exposure.tilt)
        x, y = points[..., 0], points[..., 1] - 2.0
        film = np.empty(points.shape)
        film[..., 0] = (cos * x - sin * y) / self.exposure.scale + self.exposure.shift[0]
        film[..., 1] = (sin * x + cos * y) / self.exposure.scale + self.exposure.shift[1]
        film += FIELD_CM / 2
        film *= self.size / FIELD_CM
        return film
