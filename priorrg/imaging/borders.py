"""The border of a film that shows nothing of a person: shutters, bars, the air beside the body. For the looks alone."""

from __future__ import annotations

import numpy as np
from PIL import Image

_EDGE = 96  # pixels of the longest edge at which a border is looked for
_DARK, _BRIGHT, _EVEN = 24, 244, 8  # of 255: nine tenths of a line are below, above, or this close together
_LEAST = 0.3  # of an edge is left, whatever stands on it
_FILL = 0.7  # quantile of the rest: about the tone of soft tissue, which is what surrounds lungs


def cropped(shown: np.ndarray, cells: int) -> np.ndarray:
    """(cells, cells) float, 0 to 255, means of the image without the lines of one tone at its edges.

    shown: (rows, columns) uint8. Letters in a border do not keep it.
    """
    image = Image.fromarray(shown)
    image.thumbnail((4 * _EDGE, 4 * _EDGE), Image.Resampling.BOX, reducing_gap=2.0)
    scale = _EDGE / max(image.size)
    width, height = (max(16, round(edge * scale)) for edge in image.size)
    small = np.asarray(image.resize((width, height), Image.Resampling.BOX), dtype=np.float32)
    inside = _without_border(small)
    return np.asarray(Image.fromarray(inside).resize((cells, cells), Image.Resampling.BOX), dtype=np.float64)


def _without_border(image: np.ndarray) -> np.ndarray:
    rows, columns = (int(_LEAST * edge) for edge in image.shape)
    is_even = True
    while is_even:
        is_even = False
        for axis, place, least in ((0, 0, rows), (0, -1, rows), (1, 0, columns), (1, -1, columns)):
            low, high = np.quantile(np.take(image, place, axis), (0.1, 0.9))
            if image.shape[axis] > least and (high < _DARK or low > _BRIGHT or high - low < _EVEN):
                image = np.delete(image, place, axis)
                is_even = True
    return image


def filled(small: np.ndarray) -> np.ndarray:
    """The same with what is darkest or brightest, and touches the edge, in the tone of soft tissue: corners of a
    turned shutter, air beside the body."""
    low, high = np.quantile(small, (0.02, 0.98))
    outside = _from_edge(small <= max(12, low + 0.04 * (high - low))) | _from_edge(small >= min(250, high + 1))
    if outside.mean() > 0.6:  # then it is no border
        return small
    return np.where(outside, np.quantile(small[~outside], _FILL), small)


def _from_edge(mask: np.ndarray) -> np.ndarray:
    """The parts of the mask that reach the image's edge."""
    seen = mask.copy()
    seen[1:-1, 1:-1] = False
    while True:
        grown = seen.copy()
        grown[1:] |= seen[:-1]
        grown[:-1] |= seen[1:]
        grown[:, 1:] |= seen[:, :-1]
        grown[:, :-1] |= seen[:, 1:]
        grown &= mask
        if np.array_equal(grown, seen):
            return seen
        seen = grown
