"""The weights of the image check's sum (imaging/looks.py): python -m tests.benchmarks.fit_looks [patients].

A conditional logistic regression: of the eight ways that a film may stand, its four turns and its negative's, the right
one is told from the seven others. Fitted on simulated films as they are and strongly distorted (distorted.py), and on
crude drawings of two dark fields, of which up and down can hardly be told: they keep the weights from being sure of a
film that the simulator did not make.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.optimize import minimize

from priorrg.imaging.borders import cropped, filled
from priorrg.imaging.looks import _CELLS, _COLUMNS, _ROWS, of_ways
from tests.benchmarks.distorted import distorted
from tests.benchmarks.image_check import films

SEED = 870_000_000  # far from every split's, and from the films that are measured
VARIANTS, SHRINKING = 3, 30.0  # distorted films made of one; the ridge's strength


def drawn(rng: np.random.Generator) -> np.ndarray:
    """(rows, columns) uint8: two dark ellipses in a bright field, often with ribs, a spine, a heart or dark edges."""
    rows, columns = rng.integers(220, 340, 2)
    down, across = np.mgrid[0:rows, 0:columns]
    down, across = down / rows - 0.5, across / columns - 0.5
    middle, low = rng.uniform(0.12, 0.24), rng.uniform(-0.12, 0.05)
    high, wide = rng.uniform(0.22, 0.36), rng.uniform(0.1, 0.19)
    tones = rng.uniform(0.6, 0.9) - rng.uniform(0, 0.4) * np.abs(across)
    for side in (-1, 1):
        within = 1.2 - ((across - side * middle) / wide) ** 2 - ((down - low) / high) ** 2
        tones = tones - rng.uniform(0.35, 0.7) * np.clip(within, 0, 1)
    tones = tones + rng.uniform(0, 0.3) * (np.abs(across) < rng.uniform(0.03, 0.09))
    tones = tones + rng.uniform(0, 0.12) * np.sin(down * rng.uniform(30, 90)) * (np.abs(across) > 0.1)
    if rng.random() < 0.5:
        at, size = (rng.uniform(0, 0.12), low + 0.6 * high), (rng.uniform(0.1, 0.18), rng.uniform(0.1, 0.2))
        within = 1.2 - ((across - at[0]) / size[0]) ** 2 - ((down - at[1]) / size[1]) ** 2
        tones = tones + rng.uniform(0.1, 0.35) * np.clip(within, 0, 1)
    if rng.random() < 0.5:
        tones = np.where(np.abs(across) > rng.uniform(0.42, 0.5), rng.uniform(0, 0.1), tones)
    return (np.clip(tones + rng.normal(0, rng.uniform(0, 0.03), tones.shape), 0, 1) * 255).astype(np.uint8)


def fitted(features: np.ndarray) -> np.ndarray:
    """(K,) weights by which the first of the ways in (N, 8, K) features is likely to stand best."""
    spread = features.std(axis=(0, 1)) + 1e-9
    scaled = features / spread

    def surprise(weights: np.ndarray) -> tuple[float, np.ndarray]:
        standing = scaled @ weights
        share = np.exp(standing - standing.max(axis=1, keepdims=True))
        share = share / share.sum(axis=1, keepdims=True)
        lost = -np.log(np.maximum(share[:, 0], 1e-12)).sum() + SHRINKING / 2 * weights @ weights
        slope = (scaled[:, 0] - np.einsum("nw,nwk->nk", share, scaled)).sum(axis=0)
        return float(lost), SHRINKING * weights - slope

    return minimize(surprise, np.zeros(scaled.shape[2]), jac=True, method="L-BFGS-B").x / spread


def features_of(shown: list[np.ndarray]) -> np.ndarray:
    """(N, 8, K) of upright films."""
    small = [cropped(film, _CELLS) for film in shown]
    return np.stack([of_ways(filled(one), filled(255 - one)) for one in small])


def main(patients: int) -> None:
    rng = np.random.default_rng(1)
    plain = films(patients, SEED)
    drawings = [drawn(rng) for _ in range(patients)]
    shown = [*plain, *(distorted(film, rng) for film in plain for _ in range(VARIANTS))]
    shown += [*drawings, *(distorted(drawing, rng) for drawing in drawings)]
    features = features_of(shown)
    weights = np.round(fitted(features), 2)
    print(f"wrong: {np.mean((features @ weights).argmax(axis=1) > 0):.1%}")
    for name, of in zip(("BRIGHT", "DOWN", "ACROSS"), weights[:-1].reshape(3, _ROWS, _COLUMNS), strict=True):
        print(f"{name} = np.array({of.tolist()})")
    print(f"ALIKE = {weights[-1]}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
