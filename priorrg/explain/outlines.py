"""Outlines of an overlay: closed lines round where most of its weight lies.

What assets/ui/overlay.js draws on the page, drawn here for exports by the same rules: paper and page show the same.
Where two areas meet at a corner alone, both join them if the mean of the four levels there lies inside, as contourpy
does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from contourpy import LineType, contour_generator

from priorrg.explain.drawing import CLEAR, OPAQUE

MASS = 0.7  # of the weight, inside the outlines
FAINTEST = 0.35  # of a line's colour, however weak the overlay


def outlines(levels: np.ndarray) -> list[np.ndarray]:
    """levels: (G, G) of 0 to 255. One (N, 2) array a line: x and y of its points, in parts of the grid's edge.

    None where nothing weighs. A patch's level stands in its middle, outside of the grid is nothing.
    """
    level = _outline_level(levels)
    if level is None:
        return []
    generator = contour_generator(z=np.pad(levels, 1).astype(float), line_type=LineType.Separate)
    found: Any = generator.lines(level)  # each ends where it begins
    lines = [np.clip((line[:-1] - 0.5) / len(levels), 0, 1) for line in found]
    return [_rounded(_rounded(line)) for line in lines]


def strength(levels: np.ndarray) -> float:
    """How strong its line is, FAINTEST to 1: a weak overlay has a weak one."""
    return float(np.clip((levels.max() - CLEAR) / (OPAQUE - CLEAR), FAINTEST, 1))


def _outline_level(levels: np.ndarray) -> float | None:
    """The level whose outline holds MASS of the weight, half way to the next lower one."""
    falling = np.sort(levels, axis=None)[::-1].astype(float)
    held = np.cumsum(np.maximum(falling - CLEAR, 0))
    if held[-1] <= 0:
        return None
    last = falling[np.searchsorted(held, MASS * held[-1])]
    lower = falling[falling < last]
    return float(last + (lower[0] if len(lower) else 0)) / 2


def _rounded(line: np.ndarray) -> np.ndarray:
    """Corners cut off, as Chaikin does: what is known to a patch shall not look as if it had been drawn along one."""
    following = np.roll(line, -1, axis=0)
    return np.stack([0.75 * line + 0.25 * following, 0.25 * line + 0.75 * following], axis=1).reshape(-1, 2)
