"""Boxes of an overlay: where the greater part of what it shows lies, for programs and for paper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from priorrg.explain.overlays import GROUNDING, Overlay
from priorrg.explain.placement import Seen, seen_square
from priorrg.study import Study

MASS = 0.5  # of an image's heat lies in its boxes together
LEAST_SHARE = 0.1  # of the boxes' mass: smaller islands are left out
LEAST_LIKELY = 0.5  # of grounding: what shows less than this shows nothing


@dataclass(frozen=True)
class Box:
    """left, top, width, height: fractions of the image, as it is shown. mass: its part of the image's heat."""

    left: float
    top: float
    width: float
    height: float
    mass: float


def boxes_of(overlay: Overlay, study: Study) -> dict[str, list[Box] | None]:
    """Boxes on the `current` and the `prior` image, None where there is none. What grounding doubts has no box."""
    least = LEAST_LIKELY if overlay.method == GROUNDING else 0.0
    sides = (("current", study.current, overlay.current), ("prior", study.prior, overlay.prior))
    return {
        side: None if image is None or grid is None else boxes(grid, seen_square(image), least)
        for side, image, grid in sides
    }


def boxes(grid: np.ndarray, seen: Seen, least: float = 0.0) -> list[Box]:
    """Round the fewest patches of a grid (G, G) that hold MASS of its heat, one box an island, the heaviest first.

    seen: the square of the image that the grid covers. None where no patch reaches `least`, or all are dark.
    """
    if grid.max() <= 0 or grid.max() < least:
        return []
    falling = np.sort(grid, axis=None)[::-1]
    enough = int(np.searchsorted(np.cumsum(falling), MASS * falling.sum()))
    hot = grid >= falling[min(enough, len(falling) - 1)]
    islands = np.empty(hot.shape, dtype=np.int32)
    ndimage.label(hot, structure=np.ones((3, 3)), output=islands)
    masses = ndimage.sum_labels(grid, islands, range(1, int(islands.max()) + 1))
    found = []
    for (rows, columns), mass in zip(ndimage.find_objects(islands), masses, strict=True):
        if mass < LEAST_SHARE * masses.sum():
            continue
        size = len(grid)
        found.append(
            Box(
                left=seen.left + columns.start / size * seen.width,
                top=seen.top + rows.start / size * seen.height,
                width=(columns.stop - columns.start) / size * seen.width,
                height=(rows.stop - rows.start) / size * seen.height,
                mass=float(mass / grid.sum()),
            )
        )
    return sorted(found, key=lambda box: -box.mass)
