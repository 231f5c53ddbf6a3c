"""Does this look like an upright frontal chest radiograph? Seven rules on a small grey copy, each with its own reason.

It only ever warns: PNG and JPEG, and DICOM whose header says nothing, have nothing else to go by. Its middle is a drawn
pattern, two dark fields on either side of a bright band, correlated with the image at several places and sizes. No
rule was fitted to images; the limits were set by looking at the figures of `python -m tests.benchmarks.image_check`,
so they flatter it. It was never measured on real radiographs, of which the project has none.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image

from priorrg.study import Radiograph

# What may be doubted; the page has the words.
COLOUR, FEW_TONES, SHAPE, TURNED, INVERTED, ONE_SIDED, NO_LUNGS = REASONS = (
    "colour",
    "few tones",
    "shape",
    "turned",
    "inverted",
    "one-sided",
    "no lungs",
)

_ENOUGH = 1024  # pixels of the longest edge that are looked at; each cell then has 20 x 20 of them
_CELLS = 48  # an edge of the small copy
_COLOURFUL = 12.0  # of 255: standard deviation of the colour channels round grey; an even tint of a film has none
_FEWEST_BITS = 2.8  # entropy of the small copy's 32 tones: a drawing or writing has fewer, a film half in black 3
_LONGEST = 2.0  # long edge over short edge
_LEAST_PATTERN, _LEAST_LEAD = 0.28, 0.10  # correlation with the pattern, and its lead over the image on its side
_LEAST_MIRROR = 0.40  # correlation of the image with its own mirror image
_CLEARLY, _CLEARLY_MORE = 0.35, 0.15  # for saying what it is instead: turned, or inverted


def doubts_of(radiograph: Radiograph, colours: np.ndarray | None = None) -> tuple[str, ...]:
    """`doubts` of a radiograph through its window."""
    return doubts(radiograph.display(every=max(1, max(radiograph.pixels.shape) // _ENOUGH)), colours)


def doubts(shown: np.ndarray, colours: np.ndarray | None = None) -> tuple[str, ...]:
    """Why the image may be no upright frontal chest radiograph, out of REASONS; empty where it looks like one.

    shown: (rows, columns) uint8, as the eye gets it. colours: (rows, columns, 3) uint8 where the file had some.
    """
    found = []
    if colours is not None and colourfulness(colours) > _COLOURFUL:
        found.append(COLOUR)
    rows, columns = shown.shape
    if max(rows, columns) > _LONGEST * min(rows, columns):
        found.append(SHAPE)
    small = _small(shown)
    if _entropy(small) < _FEWEST_BITS:
        return (*found, FEW_TONES)
    upright, inverted, *turned = _pattern(small, 255 - small, np.rot90(small), np.rot90(small, -1))
    sideways = max(turned)
    other, reason = max((sideways, TURNED), (inverted, INVERTED))
    if other > _CLEARLY and other > upright + _CLEARLY_MORE:
        found.append(reason)
    elif upright < _LEAST_PATTERN or upright < sideways + _LEAST_LEAD:
        found.append(NO_LUNGS)
    elif _mirror(small) < _LEAST_MIRROR:
        found.append(ONE_SIDED)
    return tuple(found)


def colourfulness(colours: np.ndarray) -> float:
    """Spread of the colour channels round grey, 0 to 255; a grey image evenly tinted has next to none."""
    small = np.asarray(Image.fromarray(colours).resize((_CELLS, _CELLS), Image.Resampling.BOX), dtype=np.float64)
    return float((small - small.mean(axis=2, keepdims=True)).std(axis=(0, 1)).max())


def _small(shown: np.ndarray) -> np.ndarray:
    """(48, 48) float, 0 to 255, means of its cells."""
    image = Image.fromarray(shown)
    image.thumbnail((512, 512), Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(image.resize((_CELLS, _CELLS), Image.Resampling.BOX), dtype=np.float64)


def _entropy(small: np.ndarray) -> float:
    share = np.histogram(small, 32, (0, 255))[0] / small.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


def _mirror(small: np.ndarray) -> float:
    """Largest correlation with the own mirror image, the middle being anywhere within a twelfth of the width."""
    best = -1.0
    for shift in range(-4, 5):
        moved = np.roll(small, shift, axis=1)[:, 4:-4]
        both = moved - moved.mean(), moved[:, ::-1] - moved.mean()
        best = max(best, float((both[0] * both[1]).sum() / max((both[0] ** 2).sum(), 1e-9)))
    return best


def _pattern(*images: np.ndarray) -> list[float]:
    """Of each (48, 48) image: largest weighted correlation, -1 to 1, with the pattern at its places and sizes."""
    patterns, weights = _patterns()
    values = np.stack([image.ravel() for image in images], axis=1).astype(np.float32) / 255  # (2304, images)
    spread = np.sqrt(np.maximum(weights @ values**2 - (weights @ values) ** 2, 1e-8))
    found = patterns @ values / np.maximum(spread, 0.02)  # a nearly even tone is no pattern
    return [float(best) for best in found.max(axis=0)]


@cache
def _patterns() -> tuple[np.ndarray, np.ndarray]:
    """(patterns, 2304) each: weighted patterns of mean 0 and spread 1, and their weights of sum 1."""
    patterns, weights = [], []
    for wide in (0.8, 0.95, 1.1):
        for high in (0.75, 0.9, 1.05, 1.2):
            for x in (-0.1, -0.05, 0.0, 0.05, 0.1):
                for y in (-0.12, -0.06, 0.0, 0.06):
                    bright, weight = _drawn(x, y, wide, high)
                    weight = weight / weight.sum()
                    centred = bright - (bright * weight).sum()
                    patterns.append((centred * weight / np.sqrt((centred**2 * weight).sum())).ravel())
                    weights.append(weight.ravel())
    return np.array(patterns, dtype=np.float32), np.array(weights, dtype=np.float32)


def _drawn(x: float, y: float, wide: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """0 in two lung fields and 1 round them, and where it counts: not beside the apices nor out at the arms.

    x, y: of the middle, from the image's, in its edges. wide, high: of the fields, 1 being usual.
    """
    down, across = (np.mgrid[0:_CELLS, 0:_CELLS] + 0.5) / _CELLS - 0.5
    down, across = (down - y) / high, np.abs(across - x) / wide
    outer = 0.13 + 0.20 * np.sqrt(np.clip((down + 0.34) / 0.34, 0, 1))  # narrow at the apex
    lungs = (across > 0.075) & (across < outer) & (down > -0.34) & (down < 0.30)
    counts = (across < 0.40) & (down > -0.42) & (down < 0.44) & ~((across > 0.33) & (down < -0.1))
    return 1.0 - lungs, counts.astype(np.float64)
