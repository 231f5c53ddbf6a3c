"""Does this look like an upright frontal chest radiograph? Simple rules on a small grey copy, each with its own reason.

It only ever warns. The border that shows nothing of a person is taken off first (borders.py). How the film lies and
which way its tones run is asked of all eight ways at once, the four turns of the film and of its negative: one weighted
sum of how bright it is and how steep across and down it is, region by region, says of each how well it stands, and the
film is doubted where another way stands clearly better than its own. The middle of a chest is a drawn pattern besides,
two dark fields on either side of a bright band, correlated with the image at several places and sizes. The weights come
from `python -m tests.benchmarks.fit_looks`, on strongly distorted simulated films and on crude drawings of two dark
fields, which say nothing of up and down; the limits were set by looking at the figures of
`python -m tests.benchmarks.image_check`, so they flatter it. It was never measured on real radiographs, of which the
project has none.
"""

from __future__ import annotations

from functools import cache

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
_LEAST_PATTERN, _LEAST_UNSURE = 0.2, 0.3  # correlation with the pattern; the other where no way stands out
_LEAST_MIRROR = 0.0  # correlation of the image with its own mirror image
_CLEARLY = 1.5  # log odds of one way to stand against another
_ROWS, _COLUMNS = 8, 4  # of the regions that are weighed, on one half: left and right are alike
_LIKE_ITS_MIRROR = 3.0  # times the correlation with the mirror image, so that it weighs about as much as a region

# Of `of_ways`, from python -m tests.benchmarks.fit_looks: rows from the top, columns from the side to the middle.
BRIGHT = np.array(
    [
        [-0.68, 0.02, 0.03, -0.08],
        [-0.04, 0.49, -0.08, 0.17],
        [0.32, 0.12, -0.15, 0.02],
        [-0.54, -0.34, -0.48, -0.31],
        [0.36, -0.43, -0.4, -0.0],
        [-0.34, -0.3, 0.11, 0.65],
        [-0.79, -0.12, 0.44, 0.59],
        [-0.64, 0.12, 0.6, 0.85],
    ]
)
DOWN = np.array(
    [
        [0.93, 0.7, 0.37, 0.15],
        [2.38, 1.57, 0.44, 0.46],
        [1.1, 1.38, -1.19, -0.52],
        [-0.41, -2.1, -3.25, -4.83],
        [-0.24, -3.15, -2.88, -4.17],
        [0.13, -0.05, 0.82, -1.88],
        [-2.3, 0.62, 0.91, -0.19],
        [-1.7, -0.61, 1.65, 1.39],
    ]
)
ACROSS = np.array(
    [
        [-1.92, -0.94, -1.36, 1.39],
        [-1.0, -0.83, -0.85, 0.07],
        [-0.24, -0.65, 1.34, 1.05],
        [0.15, -1.91, 3.29, 4.83],
        [1.82, 4.04, 1.66, 0.64],
        [2.07, 0.62, -1.55, -3.25],
        [0.34, -0.23, -1.79, -3.29],
        [0.86, 1.29, -0.57, -1.34],
    ]
)
ALIKE = -0.54
WEIGHTS = np.concatenate([BRIGHT.ravel(), DOWN.ravel(), ACROSS.ravel(), [ALIKE]])


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
    standing = of_ways(film, negative) @ WEIGHTS
    second, first = np.sort(standing)[-2:]
    best = int(standing.argmax()) if first - standing[0] > _CLEARLY else 0
    if best >= 4:
        found.append(INVERTED)
    if best % 4:
        found.append(UPSIDE_DOWN if best % 4 == 2 else TURNED)
    least = _LEAST_PATTERN if first - second > _CLEARLY else _LEAST_UNSURE
    if _pattern(np.rot90((film, negative)[best // 4], best % 4)) < least:
        found.append(NO_LUNGS)
    elif best == 0 and _mirror(film) < _LEAST_MIRROR:
        found.append(ONE_SIDED)
    return tuple(found)


def colourfulness(colours: np.ndarray) -> float:
    """Spread of the colour channels round grey, 0 to 255; a grey image evenly tinted has next to none."""
    small = np.asarray(Image.fromarray(colours).resize((_CELLS, _CELLS), Image.Resampling.BOX), dtype=np.float64)
    return float((small - small.mean(axis=2, keepdims=True)).std(axis=(0, 1)).max())


def of_ways(film: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """(8, 97) what is weighed of each way that a film may stand, both (48, 48): its four turns and its negative's.

    Of each region how bright it is, how steep downwards and how steep across, by the order of the tones alone, so that
    no curve of a device matters; and how like its own mirror image the whole is.
    """
    tones = np.stack([np.rot90(one, turns) for one in (_order(film), _order(negative)) for turns in range(4)])
    down = np.sqrt(np.abs(np.diff(tones, axis=1, prepend=tones[:, :1])))
    across = np.sqrt(np.abs(np.diff(tones, axis=2, prepend=tones[:, :, :1])))
    alike = (tones * tones[:, :, ::-1]).sum(axis=(1, 2)) / np.maximum((tones**2).sum(axis=(1, 2)), 1e-6)
    return np.hstack([*map(_by_region, (tones, down, across)), _LIKE_ITS_MIRROR * alike[:, None]])


def _order(small: np.ndarray) -> np.ndarray:
    """The place of each tone in the order of all, of mean 0 and, where all differ, spread 1."""
    tones = np.sort(small, axis=None)
    place = (np.searchsorted(tones, small) + np.searchsorted(tones, small, "right")) / 2
    return (place / small.size - 0.5) * np.sqrt(12)


def _by_region(values: np.ndarray) -> np.ndarray:
    """(W, 32) means of (W, 48, 48) values over the regions of both halves."""
    half = _CELLS // 2
    both = (values + values[:, :, ::-1])[:, :, :half] / 2
    regions = both.reshape(len(values), _ROWS, _CELLS // _ROWS, _COLUMNS, half // _COLUMNS)
    return regions.mean(axis=(2, 4)).reshape(len(values), -1)


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


def _pattern(image: np.ndarray) -> float:
    """The largest weighted correlation, -1 to 1, of a (48, 48) image with the pattern at its places and sizes."""
    patterns, weights = _patterns()
    values = image.ravel().astype(np.float32) / 255
    spread = np.sqrt(np.maximum(weights @ values**2 - (weights @ values) ** 2, 1e-8))
    return float((patterns @ values / np.maximum(spread, 0.02)).max())  # a nearly even tone is no pattern


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
