"""The values that an image holds. What is done to values is done once for each of them, not once for each pixel.

A film has millions of pixels and at most 65,536 values: its 64-bit floats would take eight times its memory, and a
tenth of a second that its reader waits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_PIECE = 1 << 18  # pixels that are counted at a time
_TABLE = 1 << 16  # the widest span that is looked up; 16-bit images have no wider one


@dataclass(frozen=True, eq=False)
class Levels:
    """values: (N,) those that occur, ascending, in the image's own type. counts: (N,) pixels that have each.

    Made by `of`.
    """

    values: np.ndarray
    counts: np.ndarray
    _places: np.ndarray  # (rows, columns): where in a table of all values each pixel's is
    _used: np.ndarray  # (N,): the places that have pixels

    @classmethod
    def of(cls, image: np.ndarray) -> Levels:
        """image: (rows, columns) of whole numbers."""
        lowest, highest = int(image.min()), int(image.max())
        if highest - lowest >= _TABLE:
            values, places, counts = np.unique(image, return_inverse=True, return_counts=True)
            return cls(values, counts, places.reshape(image.shape), np.arange(len(values)))
        # In the image's own type a difference too large for its sign wraps; seen without the sign it is right.
        above = image - image.dtype.type(lowest)
        places = above.view(f"u{above.dtype.itemsize}").astype(np.uint16, copy=False)
        counts = _counted(places.ravel(), highest - lowest + 1)
        used = np.flatnonzero(counts)
        return cls((used + lowest).astype(image.dtype), counts[used], places, used)

    def image_of(self, tones: np.ndarray) -> np.ndarray:
        """(rows, columns) uint16: the image with `tones[i]` wherever it holds `values[i]`. tones: (N,) uint16."""
        if self._places.dtype == tones.dtype and np.array_equal(tones, self._used):
            return self._places  # as most files are: one tone a value
        table = np.zeros(int(self._used[-1]) + 1, dtype=tones.dtype)
        table[self._used] = tones
        return table[self._places]


def _counted(places: np.ndarray, most: int) -> np.ndarray:
    """(most,) how often each number below `most` occurs. In pieces, for numpy counts in 64-bit copies."""
    counts = np.zeros(most, dtype=np.int64)
    for start in range(0, places.size, _PIECE):
        counts += np.bincount(places[start : start + _PIECE], minlength=most)
    return counts


def quantile(values: np.ndarray, counts: np.ndarray, share: float) -> float:
    """The value below which `share` of all lie, between two of them in proportion, as numpy.quantile has it.

    values: (N,) in any order; counts: (N,) how many there are of each.
    """
    order = np.argsort(values)
    upto = np.cumsum(counts[order])
    place = share * (int(upto[-1]) - 1)
    below = int(place)
    first, second = (float(values[order[np.searchsorted(upto, k, side="right")]]) for k in (below, np.ceil(place)))
    return first + (second - first) * (place - below)
