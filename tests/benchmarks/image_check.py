"""How often the image check (imaging/looks.py) doubts rightly: python -m tests.benchmarks.image_check [patients].

False alarms on simulated films (the example studies, held-out and shifted patients, as they are, cropped, dark), misses
on films that are inverted, turned or both, on everyday pictures and on other medical images, and its time. The last two
come out of the packages that hold them and stay there; two of these are needed for nothing else (INSTALL).
"""

from __future__ import annotations

import collections
import importlib.util
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image

from priorrg.assets import EXAMPLES
from priorrg.errors import ImageError
from priorrg.imaging.looks import doubts
from priorrg.imaging.open import read_radiograph
from tests.benchmarks.distorted import distorted
from train.simulate.film import expose
from train.simulate.patients import sample_case

SEED = 880_000_000  # far from every split's
INSTALL = "scikit-image==0.26.0 scikit-learn==1.9.1"
PICTURES = {
    "skimage": "data",
    "sklearn": "datasets/images",
    "matplotlib": "mpl-data",
    "gradio": "",
}
STRANGE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as they are": lambda film: film,
    "cropped by an eighth on each side": lambda film: film[32:-32, 32:-32],
    "darker, with less contrast": lambda film: (film * 0.5 + 20).astype(np.uint8),
    "inverted (to be doubted)": lambda film: 255 - film,
    "on their side (to be doubted)": np.rot90,
    "upside down (to be doubted)": np.flipud,
    "inverted and on their side (to be doubted)": lambda film: 255 - np.rot90(film, -1),
    "inverted and upside down (to be doubted)": lambda film: 255 - np.flipud(film),
}


def films(patients: int, seed: int = SEED) -> list[np.ndarray]:
    """Simulated films of 256 pixels an edge, uint8: two a patient, half of the patients from the shifted people."""
    found = []
    for number in range(patients):
        case = sample_case(seed + number, is_shifted=bool(number % 2))
        for study in (case.prior, case.current):
            found.append((expose(case.patient, study.exposure, study.truth, 256).pixels >> 4).astype(np.uint8))
    return found


def pictures() -> Iterable[tuple[str, np.ndarray, np.ndarray]]:
    """(name, grey, colours) of every PNG and JPEG of the packages that is at least 64 pixels small."""
    for package, folder in PICTURES.items():
        found = importlib.util.find_spec(package)
        if found is None or not found.submodule_search_locations:
            sys.exit(f"{package} is missing: pip install {INSTALL}")
        root = Path(found.submodule_search_locations[0]) / folder
        for file in sorted(root.rglob("*")):
            if file.suffix.lower() not in (".png", ".jpg", ".jpeg") or "node_modules" in file.parts:
                continue
            image = Image.open(file).convert("RGBA").convert("RGB")
            if min(image.size) >= 64:
                yield f"{package}/{file.name}", np.asarray(image.convert("L")), np.asarray(image)


def other_medical_images() -> Iterable[tuple[str, np.ndarray]]:
    """(name, grey) of pydicom's own files (CT, MR, ultrasound, photographs), read as the app reads them."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    for file in sorted((Path(pydicom.__file__).parent / "data" / "test_files").rglob("*.dcm")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield file.name, read_radiograph(file).display()
        except ImageError:
            continue


def main(patients: int) -> None:
    simulated = films(patients)
    print(f"{'simulated films':<46} doubted")
    for name, made in STRANGE.items():
        found = [doubts(np.ascontiguousarray(made(film))) for film in simulated]
        _line(name, found)
    rng = np.random.default_rng(2)
    strange = [distorted(film, rng) for film in simulated for _ in range(2)]
    print("\nthe same, strongly distorted (distorted.py)")
    for name, made in STRANGE.items():
        if name == "as they are" or "to be doubted" in name:
            _line(name, [doubts(np.ascontiguousarray(made(film))) for film in strange])
    print(f"\n{_median_ms(strange):.1f} ms of the processor a film (median)\n")
    examples = [read_radiograph(file) for kind in ("dcm", "png") for file in sorted(EXAMPLES.glob(f"*/*.{kind}"))]
    _line("the example studies", [image.doubts for image in examples])
    print("\nother images (to be doubted)")
    everyday = list(pictures())
    _line("everyday pictures", [doubts(grey, colours) for _, grey, colours in everyday])
    _line("the same without their colours", [doubts(grey) for _, grey, _ in everyday])
    medical = list(other_medical_images())
    _line("other medical images", [doubts(grey) for _, grey in medical])
    missed = [name for name, grey, _ in everyday if not doubts(grey)] + [n for n, grey in medical if not doubts(grey)]
    print("\nnot doubted, without colours: " + (", ".join(missed) or "none"))


def _median_ms(shown: list[np.ndarray]) -> float:
    taken = []
    for film in shown:
        begun = time.process_time()
        doubts(film)
        taken.append(1000 * (time.process_time() - begun))
    return float(np.median(taken))


def _line(name: str, found: list[tuple[str, ...]]) -> None:
    reasons = collections.Counter(" and ".join(one) for one in found if one)
    told = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    print(f"{name:<46} {sum(bool(one) for one in found):4d} of {len(found):4d}   {told}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 150)
