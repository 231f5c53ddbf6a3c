"""Writes a simulated data set to disk, in the format of MIMIC-CXR users (docs/training.md, The annotation file).

Patient number and seed determine every byte of a study, whatever the number of workers.
"""

from __future__ import annotations

import datetime
import json
import os
import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from priorrg.errors import DataError
from train.simulate.dicom import NOBODY, png_mark, write_dicom
from train.simulate.film import expose
from train.simulate.patients import Case, Examination, sample_case
from train.simulate.reports import write_context, write_report

VERSION = 7  # raise it when the same seed would give other images
WORDING = 2  # raise it when the same seed would give other texts with the same images
VIEW_POSITIONS = {"PA": 0, "AP": 1, "LATERAL": 2, "unk": 3}
# Patients of train, val, test and shifted never share a seed. `shifted` is the second held-out set: broader people,
# examined in another department. `dicom` holds the first patients of `test` once more, as DICOM files.
_SPLIT_OFFSET = {"train": 0, "val": 10_000_000, "test": 20_000_000, "shifted": 30_000_000, "dicom": 20_000_000}


def write_data_set(
    root: Path, patients: dict[str, int], seed: int, size_px: int = 256, workers: int | None = None
) -> None:
    """Simulate two studies for every patient of every split: images, masks, then the annotation.

    Where the folder holds the same images under another wording, the texts alone are written anew.
    patients: split -> number of patients. size_px: pixels an edge, a multiple of 32.
    Raises DataError when the size does not fit or the folder already holds a data set, or one begun otherwise.
    """
    if size_px % 32:
        raise DataError(f"The image size is {size_px} pixels: choose a multiple of 32.")
    if (root / "annotation.json").exists() and _wording_of(root) == WORDING:
        raise DataError(f"{root} already holds a data set. Choose another folder or remove that one first.")
    _claim(root, patients, seed, size_px)
    write_images(root, patients, seed, size_px, workers)
    write_annotation(root, patients, seed)


def _wording_of(root: Path) -> int:
    """Under which wording the folder's texts were written; folders from before there was a second do not say."""
    file = root / "simulation.json"
    return json.loads(file.read_text(encoding="utf-8")).get("wording", 1) if file.exists() else WORDING


def _claim(root: Path, patients: dict[str, int], seed: int, size_px: int) -> None:
    """Write `simulation.json` before any image, so that an interrupted run goes on with what it began only."""
    file, what = root / "simulation.json", {"version": VERSION, "seed": seed, "size_px": size_px}
    if file.exists():
        begun = json.loads(file.read_text(encoding="utf-8"))
        if {name: begun.get(name) for name in what} != what:
            raise DataError(f"{root} holds a data set that was begun otherwise ({begun}). Choose another folder.")
    root.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(what | {"wording": WORDING, "patients": patients}, indent=1), encoding="utf-8")


def write_images(root: Path, patients: dict[str, int], seed: int, size_px: int, workers: int | None = None) -> None:
    """`images/` (16-bit PNG, 0 to 4095; DICOM for `dicom`) and `masks/` of every study. What is there is kept."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    jobs = [(root, split, number, seed, size_px) for split, count in patients.items() for number in range(count)]
    with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
        for _ in tqdm(pool.map(_write_patient, jobs, chunksize=8), total=len(jobs), unit="patient", mininterval=5):
            pass


def write_annotation(root: Path, patients: dict[str, int], seed: int) -> None:
    """`annotation.json` and `view_positions.json`: what the images show, in words and in truth."""
    annotation = {
        split: [record for number in range(count) for record in _records(split, number, seed)]
        for split, count in patients.items()
    }
    (root / "view_positions.json").write_text(json.dumps(VIEW_POSITIONS, indent=1), encoding="utf-8")
    (root / "annotation.json").write_text(json.dumps(annotation), encoding="utf-8")


def _case_seed(split: str, number: int, seed: int) -> int:
    return seed * 100_000_000 + _SPLIT_OFFSET[split] + number


def _case(split: str, number: int, seed: int) -> Case:
    return sample_case(_case_seed(split, number, seed), is_shifted=split == "shifted")


def _subject(split: str, number: int) -> str:
    return f"{'p' if split == 'train' else split[0]}{number:06d}"


def _image(split: str, name: str) -> str:
    """Where an image lies, relative to the root."""
    return f"images/{name}.dcm" if split == "dicom" else f"images/{name}.png"


def _days(case_seed: int) -> tuple[datetime.date, datetime.date]:
    """Dates of the two studies, some days apart."""
    day = datetime.date(2020, 1, 1) + datetime.timedelta(days=case_seed % 1500)
    return day, day + datetime.timedelta(days=1 + case_seed % 9)


def _write_patient(job: tuple[Path, str, int, int, int]) -> None:
    root, split, number, seed, size_px = job
    case = _case(split, number, seed)
    days = _days(_case_seed(split, number, seed))
    for order, study in enumerate((case.prior, case.current), start=1):
        subject = _subject(split, number)
        name = f"{subject}_s{order}"
        mask_file = root / "masks" / f"{name}.npz"
        if mask_file.exists():
            continue
        film = expose(case.patient, study.exposure, study.truth, size_px)
        file = root / _image(split, name)
        if file.suffix == ".dcm":
            write_dicom(file, film.pixels, study.truth.view, days[order - 1], f"{seed} {name}", f"{NOBODY} {subject}")
        else:
            Image.fromarray(film.pixels).save(file, compress_level=1, pnginfo=png_mark())
        begun = mask_file.with_name(f"{name}.begun.npz")
        np.savez_compressed(begun, masks=film.masks, points=film.points)
        begun.replace(mask_file)  # a killed run leaves no half a mask that would count as done


def _records(split: str, number: int, seed: int) -> list[dict[str, Any]]:
    case_seed = _case_seed(split, number, seed)
    case = _case(split, number, seed)
    day, follow_up = _days(case_seed)
    return [
        _record(split, number, 1, day, case.prior, None, case_seed),
        _record(split, number, 2, follow_up, case.current, case.prior, case_seed),
    ]


def _record(
    split: str,
    number: int,
    order: int,
    day: datetime.date,
    now: Examination,
    before: Examination | None,
    case_seed: int,
) -> dict[str, Any]:
    subject = _subject(split, number)
    rng = random.Random(case_seed * 4 + order)
    prior_truth = before.truth if before else None
    context = write_context(now.truth, prior_truth, rng)
    report = write_report(now.truth, prior_truth, context, rng)
    name, prior_name = f"{subject}_s{order}", f"{subject}_s1"
    prior_study = None
    if before is not None:
        prior_image = {"image_path": [_image(split, prior_name)], "view_position": [before.truth.view]}
        prior_study = {"latest_study": prior_image}
    return {
        "subject_id": subject,
        "study_id": name,
        "id": name,
        "study_date": day.isoformat(),
        "findings": report,
        "findings_factual_serialization": [report],
        "indication_pure": context.indication,
        "history_pure": context.history,
        "anchor_scan": {"image_path": [_image(split, name)], "view_position": [now.truth.view]},
        "prior_study": prior_study,
        "simulation": {
            "current": now.truth.to_dict(),
            "prior": prior_truth.to_dict() if prior_truth else None,
            "asked": list(context.asked),
            "settings": sorted(context.settings),
            "seed": case_seed,
            "masks": f"masks/{name}.npz",
            "prior_masks": f"masks/{prior_name}.npz" if before else None,
        },
    }
