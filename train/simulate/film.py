"""From thickness maps to a film: attenuation along the ray, scatter, quantum noise, detector and display curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from train.simulate import chest as chest_module
from train.simulate.anatomy import FIELD_CM, Exposure, Patient
from train.simulate.chest import Chest
from train.simulate.devices import apply_devices, landmarks
from train.simulate.drawing import blur
from train.simulate.findings import apply_findings, deformation
from train.simulate.truth import MASK_CHANNELS, POINTS, StudyTruth

# Linear attenuation, 1/cm, at these energies: NIST's tables for water (1.00 g/cm3) and cortical bone (1.92 g/cm3).
_KEV = (40.0, 50.0, 60.0, 80.0, 100.0)
_WATER = (0.268, 0.227, 0.206, 0.184, 0.171)
_BONE = (1.278, 0.814, 0.604, 0.428, 0.356)
EFFECTIVE_KEV_PER_KV = 0.55  # one energy stands for the spectrum, hardened by filter and patient
LUNG_DENSITY = 0.26  # of aerated lung, relative to water
METAL_OVER_WATER = 4.8  # device material, thin and averaged over its hollow: stripe, wire or housing
WHITE = 4095  # 12-bit output
MASK_CELLS = 32


@dataclass(frozen=True)
class Film:
    """pixels: (size, size) uint16, 0 to 4095, bright = dense. masks: (channels, 32, 32) uint8, coverage of the cell.

    points: (POINTS, 2) float32, column and row as parts of the film's edge, NaN where there is none.
    """

    pixels: np.ndarray
    masks: np.ndarray
    points: np.ndarray


@dataclass(frozen=True)
class Attenuation:
    """1/cm for one beam. bone_extra, metal: what they add to the soft tissue whose place they take."""

    soft: float
    lung: float
    bone_extra: float
    metal: float

    @classmethod
    def at(cls, kilovolts: float) -> Attenuation:
        energy = kilovolts * EFFECTIVE_KEV_PER_KV
        soft, bone = (float(np.interp(energy, _KEV, table)) for table in (_WATER, _BONE))
        return cls(soft, LUNG_DENSITY * soft, bone - soft, METAL_OVER_WATER * soft)


def expose(patient: Patient, exposure: Exposure, truth: StudyTruth, size: int) -> Film:
    """Simulate one radiograph of `size` pixels an edge (a multiple of 32), the film being FIELD_CM wide."""
    chest = chest_module.build(patient, exposure, size, deformation(truth, patient))
    found = apply_findings(chest, truth)
    devices, tips = apply_devices(chest, truth)
    return Film(_develop(chest), _coarse(found | devices, size), _points(chest, {**landmarks(chest), **tips}))


def _attenuation(chest: Chest) -> np.ndarray:
    """Dimensionless line integral along each ray: thickness of each material times its attenuation."""
    mu = Attenuation.at(chest.exposure.kilovolts)
    lung = chest.lung["right"] + chest.lung["left"]
    gas = np.minimum(chest.air, chest.body * 0.9)
    water = np.maximum(chest.body - lung - gas, 0)
    parenchyma = np.clip(mu.lung * (1 + chest.texture) * (1 + chest.haze * 0.9), 0.4 * mu.lung, mu.soft)
    vessels = np.minimum(chest.vessels, lung)
    inside = chest.body > 0.3
    return (
        inside
        * (
            mu.soft * (water + chest.soft + vessels * (1 - LUNG_DENSITY))
            + parenchyma * lung
            + mu.bone_extra * chest.bone
        )
        + mu.metal * chest.metal
    )


def _develop(chest: Chest) -> np.ndarray:
    exposure = chest.exposure
    frame = chest.frame
    rng = np.random.default_rng(exposure.seed)
    total = _attenuation(chest)
    primary = np.exp(-total)
    pixels_per_cm = frame.size / FIELD_CM
    scatter = exposure.scatter * blur(primary, 2.6 * pixels_per_cm)
    # Photons a pixel: dose an area times the pixel's area, so that a coarser film is less noisy.
    photons = (primary + scatter) * np.float32(9.0e4 * exposure.dose * (6.4 / pixels_per_cm) ** 2)
    photons = photons + np.sqrt(photons) * rng.standard_normal(photons.shape, dtype=np.float32)
    signal = -np.log(np.maximum(photons, 1.0) / np.float32(9.0e4 * exposure.dose * (6.4 / pixels_per_cm) ** 2))
    signal = blur(signal, 0.045 * pixels_per_cm)
    # Display processing of a digital system: compress the slow variation, lift the fine detail.
    slow = blur(signal, 2.8 * pixels_per_cm)
    fine = signal - blur(signal, 0.35 * pixels_per_cm)
    body = chest.body > 4.0
    middle = float(np.median(signal[body]))
    tone = (signal - middle) - 0.52 * (slow - middle) + 0.60 * fine
    value = 0.52 + exposure.brightness + tone * 0.37 * exposure.contrast
    value = 1 / (1 + np.exp(-4.2 * (value - 0.5)))
    low, high = 1 / (1 + np.exp(4.2 * 0.60)), 1 / (1 + np.exp(-4.2 * 0.62))
    value = np.clip((value - low) / (high - low), 0, 1)
    value = np.maximum(value, _lettering(exposure, frame.size))
    value = value * _shutter(exposure, frame.size)
    return np.rint(value * WHITE).astype(np.uint16)


def _lettering(exposure: Exposure, size: int) -> np.ndarray:
    """Lead letters: the side marker on the patient's side and AP on a portable film."""
    image = Image.new("L", (size, size))
    draw = ImageDraw.Draw(image)
    rng = np.random.default_rng(exposure.seed + 1)
    font = ImageFont.load_default(size=max(8, size // 22))
    height = size * float(rng.uniform(0.06, 0.14))
    if exposure.side_marker:
        edge = 0.90 if exposure.side_marker == "L" else 0.07
        draw.text((size * (edge + float(rng.uniform(-0.03, 0.02))), height), exposure.side_marker, fill=235, font=font)
    if exposure.view == "AP" and rng.random() < 0.6:
        small = ImageFont.load_default(size=max(7, size // 30))
        draw.text((size * 0.04, height + size * 0.07), "AP", fill=225, font=small)
    return np.asarray(image, dtype=np.float32) / 255


def _shutter(exposure: Exposure, size: int) -> np.ndarray:
    left, right, top, bottom = (edge / FIELD_CM for edge in exposure.collimation)
    place = (np.arange(size, dtype=np.float32) + 0.5) / size
    columns = (place > left) & (place < 1 - right)
    rows = (place > top) & (place < 1 - bottom)
    return (rows[:, None] & columns[None, :]).astype(np.float32)


def _points(chest: Chest, places: dict[str, tuple[float, float] | None]) -> np.ndarray:
    """(POINTS, 2) parts of the film's edge, from patient cm."""
    points = np.full((len(POINTS), 2), np.nan, dtype=np.float32)
    for row, name in enumerate(POINTS):
        if place := places.get(name):
            points[row] = chest.frame.to_pixels(np.array(place)) / chest.frame.size
    return points


def _coarse(masks: dict[str, np.ndarray], size: int) -> np.ndarray:
    """Highest value in each of 32 x 32 cells: a wire is thinner than a cell and must not vanish."""
    cell = size // MASK_CELLS
    grid = np.zeros((len(MASK_CHANNELS), MASK_CELLS, MASK_CELLS), dtype=np.uint8)
    for name, mask in masks.items():
        blocks = mask.reshape(MASK_CELLS, cell, MASK_CELLS, cell).max(axis=(1, 3))
        grid[MASK_CHANNELS.index(name)] = np.rint(np.clip(blocks, 0, 1) * 255).astype(np.uint8)
    return grid
