"""What overlays and films are drawn from: levels on one scale, colours of heat, the film in grey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from PIL import Image

from priorrg.study import Radiograph

if TYPE_CHECKING:
    from priorrg.explain.overlays import Overlay

COLOURS = [[int(255 * part) for part in matplotlib.colormaps["inferno"](step / 255)[:3]] for step in range(256)]
CLEAR, OPAQUE = 90, 200  # levels below the first weigh nothing, from the second on an overlay is as strong as it gets


@dataclass(frozen=True)
class Scale:
    """What is dark and what is brightest in the grids of one image: the same for all sentences of a report."""

    low: float
    high: float


def scales(overlays: Sequence[Overlay]) -> dict[str, Scale]:
    """`current` and `prior` -> scale, so that of two sentences the brighter one points harder at that image.

    Of grounding it is likelihood, from none to certain; the others have no unit, and run from their least to their
    largest value in the report.
    """
    from priorrg.explain.overlays import GROUNDING  # brings torch, which colours and levels do without

    found = {}
    for side in ("current", "prior"):
        grids = [grid for grid in (getattr(overlay, side) for overlay in overlays) if grid is not None and grid.any()]
        if not grids or overlays[0].method == GROUNDING:
            found[side] = Scale(0.0, 1.0)
        else:
            found[side] = Scale(float(np.min(grids)), float(np.max(grids)))
    return found


def levels(grid: np.ndarray, scale: Scale) -> np.ndarray:
    """(G, G) -> (G, G) int, 0 to 255. A grid of zeros, of a sentence about no place, is dark whatever the scale."""
    span = scale.high - scale.low
    scaled = (grid - scale.low) / span if span > 0 else np.zeros_like(grid)
    return np.rint(np.clip(scaled, 0, 1) * 255).astype(int)


def picture(radiograph: Radiograph, longest_edge: int) -> Image.Image:
    """The windowed radiograph, 8 bits of grey, no edge longer than longest_edge pixels."""
    image = Image.fromarray(radiograph.display())
    image.thumbnail((longest_edge, longest_edge), Image.Resampling.LANCZOS)
    return image
