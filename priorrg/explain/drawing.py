"""An overlay as a picture: heat over a radiograph. What the page draws in the browser, drawn here for exports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from PIL import Image

from priorrg.explain.placement import seen_square
from priorrg.study import Radiograph

if TYPE_CHECKING:
    from priorrg.explain.overlays import Overlay

COLOURS = [[int(255 * part) for part in matplotlib.colormaps["inferno"](step / 255)[:3]] for step in range(256)]
OPACITY = 0.55  # as the page's slider stands at first
CLEAR, OPAQUE = 90, 200  # levels below the first are clear: a dark tint over lung would look like a finding


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


def heat(levels: np.ndarray) -> np.ndarray:
    """Levels (...,) of 0 to 255 -> (..., 4) float colour and opacity, both 0 to 1."""
    colours = np.asarray(COLOURS, dtype=float)[np.clip(np.rint(levels), 0, 255).astype(int)] / 255
    opacity = OPACITY * np.clip((levels - CLEAR) / (OPAQUE - CLEAR), 0, 1)
    return np.concatenate([colours, opacity[..., None]], axis=-1)


def overlaid(radiograph: Radiograph, grid: np.ndarray, scale: Scale, longest_edge: int) -> Image.Image:
    """The radiograph in grey with the heat of an overlay's grid (G, G) over the square that the model saw; RGB."""
    image = picture(radiograph, longest_edge).convert("RGB")
    seen = seen_square(radiograph)
    left, top = round(seen.left * image.width), round(seen.top * image.height)
    width, height = round(seen.width * image.width), round(seen.height * image.height)
    smooth = Image.fromarray(levels(grid, scale).astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    painted = np.rint(heat(np.asarray(smooth)) * 255).astype(np.uint8)
    layer = Image.fromarray(painted)  # four channels: RGBA
    image.paste(layer.convert("RGB"), (left, top), layer.getchannel("A"))
    return image
