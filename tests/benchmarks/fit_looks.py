"""The weights of the image check's two sums (imaging/looks.py): python -m tests.benchmarks.fit_looks [patients].

Logistic regressions without a constant on simulated films as they are and strongly distorted (distorted.py): what is
right side up is told from the same upside down, and what is positive from its negative.
"""

from __future__ import annotations

import sys

import numpy as np

from priorrg.imaging.borders import cropped, filled
from priorrg.imaging.looks import _CELLS, of_bearing, of_polarity
from tests.benchmarks.distorted import distorted
from tests.benchmarks.image_check import films

SEED = 870_000_000  # far from every split's, and from the films that are measured
VARIANTS, SHRINKING = 3, 3.0  # distorted films made of one; the ridge's strength


def fitted(features: np.ndarray) -> np.ndarray:
    """(K,) weights with which (N, K) features are positive and their negatives negative, by Newton's method."""
    spread = features.std(axis=0)
    scaled, weights = features / spread, np.zeros(features.shape[1])
    for _ in range(30):
        sure = 1 / (1 + np.exp(-scaled @ weights))
        slope = scaled.T @ (1 - sure) - SHRINKING * weights
        curve = (scaled * (sure * (1 - sure))[:, None]).T @ scaled + SHRINKING * np.eye(len(weights))
        weights = weights + np.linalg.solve(curve, slope)
    return weights / spread


def main(patients: int) -> None:
    rng = np.random.default_rng(1)
    plain = films(patients, SEED)
    shown = [*plain, *(distorted(film, rng) for film in plain for _ in range(VARIANTS))]
    small = [cropped(film, _CELLS) for film in shown]
    pairs = [(filled(one), filled(255 - one)) for one in small]
    for name, rows in (
        ("POLARITY", [of_polarity(film, negative) for film, negative in pairs]),
        ("BEARING", [of_bearing(film) for film, _ in pairs]),
    ):
        features = np.array(rows)
        weights = fitted(features)
        print(f"{name} = np.array({np.round(weights, 2).tolist()})  # wrong: {np.mean(features @ weights < 0):.1%}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
