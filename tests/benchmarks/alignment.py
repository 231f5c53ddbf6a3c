"""How well and how fast the prior is laid over the current image: python -m tests.benchmarks.alignment [placements].

Each example's current image is placed anew at random (scale 0.88 to 1.14, turned by up to 7°, moved by up to 9 % of its
edge) and its prior, or itself where there is none, laid over it. Told are the error against the same pair unmoved, the
correlations of one patient's pairs and of films of different ones, and the seconds of this machine's processor.
"""

from __future__ import annotations

import math
import sys
import time
from itertools import combinations

import numpy as np

from priorrg.imaging.alignment import Alignment, align
from priorrg.ui.examples import examples
from tests.test_alignment import moved


def corners(found: Alignment, shape: tuple[int, ...]) -> np.ndarray:
    """(4, 2): where four places of the prior lie."""
    rows, columns = shape
    places = [(u * columns, v * rows) for u in (0.25, 0.75) for v in (0.25, 0.75)]
    along, across = found.along, found.across
    return np.array([(along * x - across * y + found.right, across * x + along * y + found.down) for x, y in places])


def placed(points: np.ndarray, shape: tuple[int, ...], placement: tuple[float, float, float, float]) -> np.ndarray:
    """(N, 2) places of a film after it was moved."""
    scale, degrees, right, down = placement
    rows, columns = shape
    turn, middle = math.radians(degrees), np.array([columns, rows]) / 2
    turned = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return scale * (points - middle) @ turned.T + middle + np.array([right, down]) * rows


def main(placements: int = 10) -> None:
    rng = np.random.default_rng(0)
    pairs = [example.radiographs() for example in examples()]
    errors, seconds, own = [], [], []
    for current, prior in pairs:
        prior = prior or current
        usual = corners(align(current, prior), prior.pixels.shape)
        for _ in range(placements):
            low, high = (0.88, -7, -0.09, -0.09), (1.14, 7, 0.09, 0.09)
            scale, degrees, right, down = (float(value) for value in rng.uniform(low, high))
            placement = (scale, degrees, right, down)
            film = moved(current, *placement)
            began = time.process_time()
            found = align(film, prior)
            seconds.append(time.process_time() - began)
            own.append(found.correlation)
            wanted = placed(usual, current.pixels.shape, placement)
            off = np.linalg.norm(corners(found, prior.pixels.shape) - wanted, axis=1).max()
            errors.append(100 * off / current.pixels.shape[0])
    others = [align(one[0], other[0]).correlation for one, other in combinations(pairs, 2)]
    print(f"{len(errors)} placements of {len(pairs)} examples")
    print(f"error, % of the edge: median {np.median(errors):.2f}, largest {max(errors):.2f}")
    print(f"correlation: one patient {min(own):.2f} to {max(own):.2f}, others {min(others):.2f} to {max(others):.2f}")
    print(f"processor: median {np.median(seconds):.2f} s, largest {max(seconds):.2f} s")


if __name__ == "__main__":
    main(*(int(value) for value in sys.argv[1:]))
