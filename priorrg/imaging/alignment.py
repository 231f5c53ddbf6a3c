"""Where the prior would have to lie so that its anatomy covers the current image's: turned, scaled and moved.

A similarity, found on small copies of both: shifts by phase correlation for a few scales and angles, the best of them
refined until the copies correlate most. It is for looking at one place of both films (wipe, flicker); nothing that the
model reads is moved. What changed between the films does not move with it, and depth is not corrected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from PIL import Image
from scipy import ndimage, optimize

from priorrg.study import Radiograph

SMALL, COARSE = 128, 48  # longest edge of the copies that are refined and searched, in pixels
SCALES = (0.85, 0.92, 1.0, 1.08, 1.17)
DEGREES = (-8.0, -4.0, 0.0, 4.0, 8.0)
MOST_SCALE, MOST_DEGREES = 1.35, 15.0  # beyond it was no placement of a patient
STARTS = 3
# Correlation of the fine structure of both copies, from which on the fit is called so; measured on simulated films
# (tests/benchmarks/alignment.py).
GOOD, FAIR = 0.8, 0.6


@dataclass(frozen=True)
class Alignment:
    """A pixel (x, y) of the prior lies at (along * x - across * y + right, across * x + along * y + down) of the
    current image.

    correlation: of fine structure where both overlap, after it; before: with both only scaled to one size.
    """

    along: float
    across: float
    right: float
    down: float
    correlation: float
    before: float

    @property
    def quality(self) -> str:
        """`good`, `fair` or `poor`."""
        return "good" if self.correlation >= GOOD else "fair" if self.correlation >= FAIR else "poor"

    @property
    def scale(self) -> float:
        return math.hypot(self.along, self.across)

    @property
    def degrees(self) -> float:
        return math.degrees(math.atan2(self.across, self.along))


def align(current: Radiograph, prior: Radiograph) -> Alignment:
    """The prior onto the current image. The last few pairs are remembered, by the images' fingerprints alone."""
    key = (current.fingerprint, prior.fingerprint)
    found = _known.get(key)
    if found is None:
        found = _align(current, prior)
        _known[key] = found
        while len(_known) > 64:
            _known.pop(next(iter(_known)), None)
    return found


_known: dict[tuple[str, str], Alignment] = {}


def _align(current: Radiograph, prior: Radiograph) -> Alignment:
    shape = current.pixels.shape, prior.pixels.shape
    small, small_prior = _copy(current, SMALL), _copy(prior, SMALL)
    coarse, coarse_prior = (
        _structure(np.asarray(ndimage.zoom(grey, COARSE / SMALL, order=1))) for grey in (small, small_prior)
    )
    shifted = [_shifted(coarse, coarse_prior, scale, degrees) for scale, degrees in product(SCALES, DEGREES)]
    starts = sorted(shifted, key=lambda found: -found[0])[:STARTS]
    best = max((_refined(coarse, coarse_prior, start) for _, start in starts), key=lambda found: found[0])
    fine, fine_prior = _structure(small), _structure(small_prior)
    correlation, (scale, turn, right, down) = _refined(fine, fine_prior, best[1])
    before = _correlation(fine, fine_prior, (1.0, 0.0, 0.0, 0.0))
    # From parts of the copies' edge, about their middles, to pixels of both files.
    edge, prior_edge = max(shape[0]), max(shape[1])
    size = scale * edge / prior_edge
    along, across = size * math.cos(turn), size * math.sin(turn)
    middle = shape[0][1] / 2 + right * edge, shape[0][0] / 2 + down * edge
    x, y = shape[1][1] / 2, shape[1][0] / 2
    return Alignment(
        along,
        across,
        middle[0] - along * x + across * y,
        middle[1] - across * x - along * y,
        correlation,
        before,
    )


def _copy(image: Radiograph, edge: int) -> np.ndarray:
    """(edge, edge) float: what is shown of the image, small, in the middle of a square filled with its own edge."""
    every = max(1, max(image.pixels.shape) // (4 * edge))
    small = Image.fromarray(image.display(every))
    small.thumbnail((edge, edge), Image.Resampling.BOX)
    grey = np.asarray(small.resize(_fitted(image.pixels.shape, edge), Image.Resampling.BILINEAR), dtype=float)
    above, left = (edge - grey.shape[0]) // 2, (edge - grey.shape[1]) // 2
    rest = (above, edge - grey.shape[0] - above), (left, edge - grey.shape[1] - left)
    return np.pad(grey, rest, mode="edge")


def _fitted(shape: tuple[int, int], edge: int) -> tuple[int, int]:
    """(width, height) of a copy whose longest edge is `edge`."""
    rows, columns = shape
    return max(1, round(columns * edge / max(shape))), max(1, round(rows * edge / max(shape)))


def _structure(grey: np.ndarray) -> np.ndarray:
    """(N, N): what differs from its surroundings, alike in dark and bright films; nothing towards the border."""
    wide = len(grey) / 16
    detail = ndimage.gaussian_filter(grey, wide / 8) - ndimage.gaussian_filter(grey, wide)
    strength = np.sqrt(ndimage.gaussian_filter(detail**2, 2 * wide)) + 0.05 * max(1.0, float(np.ptp(grey)))
    return detail / strength * _taper(len(grey))


@lru_cache(maxsize=4)
def _taper(edge: int) -> np.ndarray:
    """(edge, edge): 1 inside, falling to 0 over the outer eighth, where films end and markers stand."""
    line = np.clip((0.5 - np.abs((np.arange(edge) + 0.5) / edge - 0.5)) * 8, 0, 1)
    return np.outer(line, line)


Placement = tuple[float, float, float, float]  # scale, radians, and shifts in parts of the copies' edge


def _placed(image: np.ndarray, placement: Placement) -> np.ndarray:
    """(N, N): the prior's copy as it lies on the current one."""
    scale, turn, right, down = placement
    edge, middle = len(image), (len(image) - 1) / 2
    back = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) / scale  # rows, columns
    offset = np.array([middle, middle]) - back @ np.array([middle + down * edge, middle + right * edge])
    return ndimage.affine_transform(image, back, offset, order=1, mode="constant")  # type: ignore[arg-type]


def _shifted(current: np.ndarray, prior: np.ndarray, scale: float, degrees: float) -> tuple[float, Placement]:
    """The shift of the highest phase correlation at this scale and angle, and the correlation that it gives."""
    turned = _placed(prior, (scale, math.radians(degrees), 0.0, 0.0))
    crossed = np.fft.rfft2(current) * np.conj(np.fft.rfft2(turned))
    peaks = np.fft.irfft2(crossed / np.maximum(np.abs(crossed), 1e-9) ** 0.5, s=current.shape)
    edge, reach = len(current), len(current) // 4
    peaks = np.roll(peaks, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    down, right = np.unravel_index(int(np.argmax(peaks)), peaks.shape)
    placement = (scale, math.radians(degrees), (int(right) - reach) / edge, (int(down) - reach) / edge)
    return _correlation(current, prior, placement), placement


def _refined(current: np.ndarray, prior: np.ndarray, start: Placement) -> tuple[float, Placement]:
    """The placement near `start` at which both correlate most, and how much."""

    def cost(steps: np.ndarray) -> float:
        placement = _stepped(start, steps)
        is_beyond = not 1 / MOST_SCALE < placement[0] < MOST_SCALE or abs(placement[1]) > math.radians(MOST_DEGREES)
        return 1.0 if is_beyond else -_correlation(current, prior, placement)

    # A step of 1 is about a pixel at the border, for each of the four.
    simplex = np.vstack([np.zeros(4), 2 * np.eye(4)])
    options = {"initial_simplex": simplex, "xatol": 0.05, "fatol": 1e-4, "maxfev": 160}
    found = optimize.minimize(cost, np.zeros(4), method="Nelder-Mead", options=options)
    return -float(found.fun), _stepped(start, found.x)


def _stepped(start: Placement, steps: np.ndarray) -> Placement:
    unit = 1 / SMALL
    return (
        start[0] * math.exp(2 * unit * steps[0]),
        start[1] + 2 * unit * steps[1],
        start[2] + unit * steps[2],
        start[3] + unit * steps[3],
    )


def _correlation(current: np.ndarray, prior: np.ndarray, placement: Placement) -> float:
    """Of the current structure with the prior's where it lies; each has a mean of about nothing."""
    placed = _placed(prior, placement)
    power = math.sqrt(float((current**2).sum()) * float((placed**2).sum()))
    return float((current * placed).sum()) / power if power else 0.0
