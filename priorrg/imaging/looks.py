"""Does this look like an upright frontal chest radiograph? Simple rules on a small grey copy, each with its own reason.

It only ever warns. The border that shows nothing of a person is taken off first (borders.py). Its middle is a drawn
pattern, two dark fields on either side of a bright band, correlated with the image at several places and sizes. Two
sums of a few regions' brightness, each weighted, tell an inverted film and one that is upside down: a neck is narrow
and a belly wide and bright, lungs taper upwards, the heart lies low. Their weights come from
`python -m tests.benchmarks.fit_looks`, on strongly distorted simulated films; the limits were set by looking at the
figures of `python -m tests.benchmarks.image_check`, so they flatter it. It was never measured on real radiographs, of
which the project has none.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
from PIL import Image

from priorrg.imaging.borders import cropped, filled
from priorrg.study import Radiograph

# What may be doubted; the page has the words.
COLOUR, FEW_TONES, SHAPE, TURNED, INVERTED, UPSIDE_DOWN, ONE_SIDED, NO_LUNGS = REASONS = (
    "colour",
    "few tones",
    "shape",
    "turned",
    "inverted",
    "upside down",
    "one-sided",
    "no lungs",
)

_ENOUGH = 1024  # pixels of the longest edge that are looked at; each cell then has 20 x 20 of them
_CELLS = 48  # an edge of the small copy
_COLOURFUL = 12.0  # of 255: standard deviation of the colour channels round grey; an even tint of a film has none
_FEWEST_BITS = 2.8  # entropy of the small copy's 32 tones: a drawing or writing has fewer, a film half in black 3
_LONGEST = 2.0  # long edge over short edge
_LEAST_PATTERN = 0.22  # correlation with the pattern
_LEAST_MIRROR = 0.0  # correlation of the image with its own mirror image
_CLEARLY, _CLEARLY_MORE = 0.35, 0.08  # for saying that it lies on its side
_CLEARLY_INVERTED, _CLEARLY_UPSIDE_DOWN = 2.0, 1.5  # log odds

# Of `of_polarity` and `of_bearing`, from python -m tests.benchmarks.fit_looks.
POLARITY = np.array(
    [-0.36, -0.31, 0.32, 0.65, 0.24, 0.0, 0.24, 0.31, -1.55, -0.56, -0.1, 0.62, -0.62, 0.23, 1.37, 1.21]
)
BEARING = np.array([0.63, 0.84, 1.8, 1.74, 1.53, 1.21, 0.49, -2.42, -0.91, -0.81, -0.76, 4.62, 26.92])


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
    small = cropped(shown, _CELLS)
    if _entropy(small) < _FEWEST_BITS:
        return (*found, FEW_TONES)
    film, negative = filled(small), filled(255 - small)
    upright, inverted, *turned = _pattern(film, negative, np.rot90(film), np.rot90(film, -1))
    sideways = max(turned)
    if sideways > _CLEARLY and sideways > max(upright + _CLEARLY_MORE, inverted):
        found.append(TURNED)
    elif max(upright, inverted) < max(_LEAST_PATTERN, sideways):
        found.append(NO_LUNGS)
    elif of_polarity(film, negative) @ POLARITY < -_CLEARLY_INVERTED:
        found.append(INVERTED)
    elif upright < max(_LEAST_PATTERN, sideways):
        found.append(NO_LUNGS)
    elif of_bearing(film) @ BEARING < -_CLEARLY_UPSIDE_DOWN:
        found.append(UPSIDE_DOWN)
    elif _mirror(film) < _LEAST_MIRROR:
        found.append(ONE_SIDED)
    return tuple(found)


def colourfulness(colours: np.ndarray) -> float:
    """Spread of the colour channels round grey, 0 to 255; a grey image evenly tinted has next to none."""
    small = np.asarray(Image.fromarray(colours).resize((_CELLS, _CELLS), Image.Resampling.BOX), dtype=np.float64)
    return float((small - small.mean(axis=2, keepdims=True)).std(axis=(0, 1)).max())


def of_polarity(film: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """(16,) how much brighter sixteen regions are on the film than on its negative, both (48, 48); negative where the
    two are exchanged."""
    one, other = _even(film), _even(negative)
    down, across = (0.05, 0.25, 0.5, 0.75, 0.95), ((0.02, 0.14), (0.16, 0.28), (0.28, 0.4), (0.44, 0.56))
    places = [(*rows, *columns) for rows in pairwise(down) for columns in across]
    return np.array([_mean(one, *place) - _mean(other, *place) for place in places])


def of_bearing(film: np.ndarray) -> np.ndarray:
    """(13,) what changes its sign when a (48, 48) film is turned upside down, left and right being alike.

    How much brighter regions of the lower half are than those above (spine, beside it, at the edge), how low the dark
    parts lie, and how much wider they are below: lungs taper upwards.
    """
    even = _even(film)
    places = [(0.0, 0.12, 0.44, 0.5), (0.12, 0.3, 0.44, 0.5), (0.3, 0.48, 0.44, 0.5), (0.0, 0.12, 0.25, 0.44)]
    places += [(0.12, 0.3, 0.3, 0.42), (0.3, 0.48, 0.32, 0.44), (0.0, 0.12, 0.0, 0.25), (0.12, 0.3, 0.0, 0.2)]
    places += [(0.3, 0.48, 0.0, 0.2), (0.12, 0.3, 0.2, 0.3), (0.3, 0.48, 0.2, 0.32)]
    contrasts = [_mean(even[::-1], *place) - _mean(even, *place) for place in places]
    down, across = np.linspace(-1, 1, _CELLS)[:, None], np.abs(np.linspace(-1, 1, _CELLS))[None, :]
    dark = np.clip(np.median(even) - even, 0, None) * (across < 0.8) * (np.abs(down) < 0.85)
    dark = dark / max(dark.sum(), 1e-6)
    widening = (dark * down * (across - (dark * across).sum())).sum()
    return np.array([*contrasts, (dark * down).sum(), widening])


def _even(small: np.ndarray) -> np.ndarray:
    return (small - small.mean()) / max(float(small.std()), 1e-6)


def _mean(even: np.ndarray, top: float, bottom: float, left: float, right: float) -> float:
    """Of a region and of its mirror image; edges as shares of the image's."""
    rows = even[round(top * _CELLS) : round(bottom * _CELLS)]
    start, stop = round(left * _CELLS), round(right * _CELLS)
    return float(rows[:, start:stop].mean() + rows[:, _CELLS - stop : _CELLS - start].mean()) / 2


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
