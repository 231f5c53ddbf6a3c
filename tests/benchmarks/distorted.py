"""Simulated films made to look like those of many hospitals: what lies between a simulator and real films, exaggerated.

For measuring and fitting the image check (imaging/looks.py) alone. Every film gets a cut-out, a pose, a tone curve, a
veil, and often a collimated or barred border, letters, wires and arms; all from one seed.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont


def distorted(film: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """film: (size, size) uint8, an upright chest. Gives another size, often not square, uint8."""
    image = _posed(film, rng)
    image = _toned(image, rng)
    image = _lettered(image, rng)
    if rng.random() < 0.55:
        image = _collimated(image, rng)
    if rng.random() < 0.35:
        image = _barred(image, rng)
    noise = rng.normal(0, rng.uniform(0, 6), image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def _posed(film: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turned a little, magnified, cut out off the middle; beyond the film's edge its last rows go on."""
    size = film.shape[0]
    wide = np.pad(film, size // 3, mode="edge")
    image = Image.fromarray(wide).rotate(rng.normal(0, 4), Image.Resampling.BILINEAR)
    across, down = size * rng.uniform(0.72, 1.12), size * rng.uniform(0.72, 1.12)
    middle = wide.shape[0] / 2
    left = middle - across / 2 + size * rng.normal(0, 0.05)
    top = middle - down / 2 + size * rng.normal(0, 0.06)
    box = (round(left), round(top), round(left + across), round(top + down))
    image = image.crop(box)
    if rng.random() < 0.5:  # nothing but the middle, as on a film of a small detector or a large person
        image = image.resize((size, round(size * rng.uniform(0.8, 1.25))))
    return np.asarray(image, dtype=np.float64)


def _toned(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another curve, exposure, scatter, a brighter or darker belly, a side in the shade, equalised or not."""
    rows, columns = image.shape
    down, across = np.mgrid[0:rows, 0:columns]
    down, across = down / rows - 0.5, across / columns - 0.5
    value = image / 255
    kind = rng.random()
    if kind < 0.25:  # equalised, as the JPEG files of large collections are
        order = np.argsort(np.argsort(value.ravel())) / value.size
        share = rng.uniform(0.5, 1.0)
        value = share * order.reshape(value.shape) + (1 - share) * value
    elif kind < 0.5:  # a steep curve
        value = 1 / (1 + np.exp(-rng.uniform(4, 10) * (value - rng.uniform(0.3, 0.7))))
    value = value ** np.exp(rng.normal(0, 0.45))
    if rng.random() < 0.5:  # bright air beside the body: scatter, clothes, a veil
        value = np.maximum(value, rng.uniform(0.0, 0.35))
    slow = Image.fromarray((np.clip(value, 0, 1) * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(rows / 8))
    veil = np.asarray(slow) / 255
    value = value + rng.uniform(-0.4, 0.4) * (veil - veil.mean())
    value = value + rng.normal(0, 0.12) * down + rng.normal(0, 0.18) * across
    if rng.random() < 0.3:  # a large person: the bases drown
        value = value + rng.uniform(0.1, 0.4) * np.clip(down - rng.uniform(-0.1, 0.2), 0, 1)
    if rng.random() < 0.3:  # arms and shoulders reach into the film
        side = rng.choice([-1, 1])
        value = value + rng.uniform(0.1, 0.3) * (side * across > 0.4 + 0.15 * down)
    low, high = np.quantile(value, [rng.uniform(0, 0.05), rng.uniform(0.95, 1.0)])
    low, high = low - rng.uniform(0, 0.1), high + rng.uniform(0, 0.1)
    return np.clip((value - low) / (high - low), 0, 1) * 255


def _lettered(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    drawn = Image.fromarray(image.astype(np.uint8))
    draw = ImageDraw.Draw(drawn)
    columns, rows = drawn.size
    for _ in range(rng.integers(0, 4)):
        place = (columns * rng.choice([0.03, 0.8]), rows * rng.choice([0.03, 0.1, 0.85]))
        font = ImageFont.load_default(size=int(rows * rng.uniform(0.03, 0.09)))
        draw.text(place, rng.choice(["R", "L", "AP", "PORTABLE", "12:40"]), fill=int(rng.choice([0, 255])), font=font)
    for _ in range(rng.integers(0, 4)):  # leads
        ends = [(columns * rng.uniform(0, 1), rows * rng.uniform(0, 1)) for _ in range(3)]
        draw.line(ends, fill=int(rng.uniform(170, 255)), width=1)
    return np.asarray(drawn, dtype=np.float64)


def _collimated(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shutters of one tone on any sides, often a little turned."""
    rows, columns = image.shape
    angle = np.deg2rad(rng.normal(0, 4) if rng.random() < 0.5 else 0)
    down, across = np.mgrid[0:rows, 0:columns]
    down, across = down / rows - 0.5, across / columns - 0.5
    along = np.cos(angle) * across + np.sin(angle) * down, np.cos(angle) * down - np.sin(angle) * across
    covered = np.zeros(image.shape, dtype=bool)
    for axis in along:
        for side in (-1, 1):
            if rng.random() < 0.6:
                covered |= side * axis > 0.5 - rng.uniform(0.0, 0.12)
    tone = rng.choice([rng.uniform(0, 12), rng.uniform(0, 12), rng.uniform(243, 255), rng.uniform(20, 120)])
    return np.where(covered, tone, image)


def _barred(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bars at both sides, or above and below, as where a film was made square."""
    columns = image.shape[1]
    bar = int(columns * rng.uniform(0.03, 0.3))
    width = ((0, 0), (bar, bar)) if rng.random() < 0.7 else ((bar // 2, bar // 2), (0, 0))
    return np.pad(image, width, constant_values=float(rng.choice([0, 0, 0, 255])))
