"""How often writing in the margins is found (imaging/burned_in.py): python -m tests.benchmarks.burned_in [patients].

Simulated films with their side markers (and AP), as they are and with made-up names written on them: several fonts,
sizes and places. No name is anybody's.
"""

from __future__ import annotations

import random
import sys
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from priorrg.imaging.burned_in import has_writing
from train.simulate.film import expose
from train.simulate.patients import sample_case

SEED = 890_000_000  # far from every split's
NAMES = ("DOE^JANE", "Erika Mustermann", "SMITH, JOHN", "Ana Pérez 12.03.1961", "LEE MIN-HO  M 1954", "ID 00481516")
FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")
HEIGHTS = (0.018, 0.025, 0.035)  # of the film's height, a line of writing
PLACES = ("top left", "top right", "bottom left", "bottom right")


@cache
def film(number: int, edge: int = 512) -> np.ndarray:
    """One simulated film, uint8, larger than it was simulated: markers and writing have a film's sharpness."""
    case = sample_case(SEED + number, is_shifted=bool(number % 2))
    exposed = expose(case.patient, case.current.exposure, case.current.truth, edge)
    made = (exposed.pixels >> 4).astype(np.uint8)
    return np.asarray(Image.fromarray(made).resize((1536, 1536), Image.Resampling.BICUBIC))


def with_name(shown: np.ndarray, rng: random.Random, height: float) -> np.ndarray:
    """The film with a name in one of its corners."""
    image = Image.fromarray(shown)
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(str(fonts / rng.choice(FONTS)), round(height * image.height))
    name = rng.choice(NAMES)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = draw.textbbox((0, 0), name, font=font)
    place, edge = rng.choice(PLACES), 0.015 * image.width
    x = edge if "left" in place else image.width - edge - (right - left)
    y = edge if "top" in place else image.height - edge - (bottom - top)
    draw.text((x - left, y - top), name, fill=rng.randint(225, 255), font=font)
    return np.asarray(image)


def main(patients: int) -> None:
    films = [film(number) for number in range(patients)]
    alarms = sum(map(has_writing, films))
    print(f"false alarms, films with their markers alone: {alarms} of {patients}")
    for height in HEIGHTS:
        rng = random.Random(0)
        found = sum(has_writing(with_name(one, rng, height)) for one in films)
        print(f"names found, lines of {100 * height:.1f} % of the height: {found} of {patients}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
