"""How simulated films compare with real ones in what can be counted: grey values, spectrum and edges.

python -m train films [--real FOLDER]

A look at a contact sheet says more (python -m train sheet --blinded); these figures say where it would mislead.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from priorrg.errors import DataError, PriorRGError
from priorrg.imaging.open import read_trusted
from train.simulate.film import expose
from train.simulate.patients import sample_case

_EDGE = 256  # pixels an edge at which all films are compared, real and simulated
_PERIODS = (4.0, 64.0)  # periods an edge between which the spectrum's exponent is fitted: from lung down to ribs
_STEEP = 0.10  # of the grey range within a pixel: an edge that a reader sees at once
# Mean and deviation of grey values from 0 to 1, as published with encoders and data sets of real films.
PUBLISHED = {
    "RAD-DINO (preprocessor_config.json)": {"mean": 0.5307, "deviation": 0.2583},
    "CheXpert, training images": {"mean": 0.5029, "deviation": 0.2897},
}


def film_statistics(shown: np.ndarray) -> dict[str, Any]:
    """Of one film, (rows, columns) uint8 as it is shown.

    mean, deviation: of grey values from 0 to 1. quantiles: at 5, 25, 50, 75 and 95 %.
    exponent: b of the power spectrum f**-b between 4 and 64 periods an edge, of the film without its slow trend.
    edges: share of pixels whose grey value changes by more than a tenth of the range from one pixel to the next.
    """
    side = min(shown.shape)
    top, left = (shown.shape[0] - side) // 2, (shown.shape[1] - side) // 2
    square = Image.fromarray(shown[top : top + side, left : left + side])
    grey = np.asarray(square.resize((_EDGE, _EDGE), Image.Resampling.BOX), dtype=np.float32) / 255
    slope = np.hypot(ndimage.sobel(grey, 0), ndimage.sobel(grey, 1)) / 8
    return {
        "mean": float(grey.mean()),
        "deviation": float(grey.std()),
        "quantiles": np.quantile(grey, (0.05, 0.25, 0.5, 0.75, 0.95)).tolist(),
        "exponent": _exponent(grey),
        "edges": float((slope > _STEEP).mean()),
    }


def _exponent(grey: np.ndarray) -> float:
    """Slope of log power against log frequency, over rings of equal width in the logarithm; a Hann window ends it."""
    window = np.outer(np.hanning(_EDGE), np.hanning(_EDGE))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    line = np.fft.fftfreq(_EDGE) * _EDGE
    frequency = np.hypot(line[:, None], line[None, :])
    rings = np.geomspace(*_PERIODS, 13)
    inside = [(frequency >= low) & (frequency < high) for low, high in itertools.pairwise(rings)]
    middle = np.sqrt(rings[:-1] * rings[1:])
    return -float(np.polyfit(np.log(middle), np.log([power[ring].mean() for ring in inside]), 1)[0])


def compare_films(count: int, seed: int, real: Path | None) -> dict[str, dict[str, Any]]:
    """Medians over `count` simulated films and, where a folder is given, over its real ones; with what is published.

    Raises DataError where the folder holds no film that can be read.
    """
    cases = [sample_case(seed * 1000 + number) for number in range(count)]
    films = [expose(case.patient, case.current.exposure, case.current.truth, 512).pixels >> 4 for case in cases]
    table = {f"simulated ({count} films)": _median([film_statistics(film.astype(np.uint8)) for film in films])}
    if real is not None:
        shown = _real_films(real)
        table[f"real ({len(shown)} films)"] = _median([film_statistics(film) for film in shown])
    return {**table, **PUBLISHED}


def _real_films(folder: Path) -> list[np.ndarray]:
    shown = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            shown.append(read_trusted(file, judge=False).display())
        except PriorRGError:
            continue  # a folder of films may hold other things too
    if not shown:
        raise DataError(f"{folder} holds no film that can be read (DICOM, PNG or JPEG).")
    return shown


def _median(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: np.median([row[name] for row in rows], axis=0).round(4).tolist() for name in rows[0]}


def films_table(compared: dict[str, dict[str, Any]]) -> str:
    """As Markdown; a figure that nobody published stays open."""
    lines = [
        "| films | mean | deviation | grey at 5 / 25 / 50 / 75 / 95 % | exponent | edges |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in compared.items():
        quantiles = " / ".join(f"{value:.2f}" for value in row.get("quantiles", []))
        rest = [f"{row[key]:.{digits}f}" if key in row else "" for key, digits in (("exponent", 2), ("edges", 3))]
        lines.append(f"| {name} | {row['mean']:.3f} | {row['deviation']:.3f} | {quantiles} | {' | '.join(rest)} |")
    return "\n".join(lines)
