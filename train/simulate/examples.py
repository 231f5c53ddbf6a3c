"""Writes the app's built-in example studies: simulated patients that no training has seen, as DICOM and PNG.

The files carry no person: names and identifiers are left empty or say what they are. Those here show by themselves what
they are for; others are chosen by what the weights read of them: train/choose_examples.py.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from train.simulate.anatomy import sample_exposure, sample_patient
from train.simulate.dicom import png_mark, write_dicom
from train.simulate.film import expose
from train.simulate.patients import Case, Examination, grade
from train.simulate.truth import Device, Finding, StudyTruth

_SEED = 990_000_000  # far from every split's seeds


@dataclass(frozen=True)
class Example:
    """One example study and the words that come with it."""

    name: str
    indication: str
    history: str
    case: Case
    has_prior: bool
    as_dicom: bool


@dataclass(frozen=True)
class Shows:
    """what: of texts.page.EXAMPLE_SHOWS, the sentence that says what is to be seen. values: of its fields."""

    what: str
    values: dict[str, str] = field(default_factory=dict)


def example_studies() -> list[Example]:
    """Three studies: an effusion that grew, a tube to be checked without a prior, and a pneumothorax that resolved."""
    return [
        Example(
            "growing-effusion",
            "Shortness of breath, evaluate for pleural effusion.",
            "Congestive heart failure.",
            _case(
                _SEED + 1,
                "PA",
                ([_finding("effusion", 0.30, "left"), _finding("cardiomegaly", 0.45)], []),
                ([_finding("effusion", 0.72, "left"), _finding("cardiomegaly", 0.45)], []),
            ),
            has_prior=True,
            as_dicom=True,
        ),
        Example(
            "new-tube",
            "Status post intubation, evaluate tube placement.",
            "Fever and cough.",
            _case(
                _SEED + 2,
                "AP",
                ([], []),
                (
                    [_finding("opacity", 0.62, "right", "lower")],
                    [Device("endotracheal tube", "", 4.0), Device("nasogastric tube", "", 7.0)],
                ),
            ),
            has_prior=False,
            as_dicom=True,
        ),
        Example(
            "resolved-pneumothorax",
            "Evaluate for pneumothorax.",
            "",
            _case(
                _SEED + 3,
                "PA",
                ([_finding("pneumothorax", 0.55, "right"), _finding("nodule", 0.5, "left", "mid")], []),
                ([_finding("nodule", 0.5, "left", "mid")], []),
            ),
            has_prior=True,
            as_dicom=False,
        ),
    ]


def write_examples(root: Path, size_px: int = 1024) -> None:
    """Each of the example studies: see `write_example`."""
    for number, example in enumerate(example_studies()):
        write_example(root, example, number, Shows(example.name), size_px, place=number + 1)


def write_example(
    root: Path, example: Example, number: int, shows: Shows, size_px: int = 1024, report: str = "", place: int = 0
) -> Path:
    """`<root>/<name>/current.*`, `prior.*` and `study.json`. number: sets the days. place: among the examples.

    shows: what a reader sees in it. report: one that is right, by which it was chosen.
    """
    folder = root / example.name
    folder.mkdir(parents=True, exist_ok=True)
    day = datetime.date(2026, 3, 10 + number)
    files = {"current": _write(folder, "current", example, example.case.current, day, size_px)}
    if example.has_prior:
        earlier = day - datetime.timedelta(days=6)
        files["prior"] = _write(folder, "prior", example, example.case.prior, earlier, size_px)
    description = {
        "place": place,
        "shows": asdict(shows),
        "indication": example.indication,
        "history": example.history,
        "has_prior": example.has_prior,
        "files": files,
        "truth": {
            "current": example.case.current.truth.to_dict(),
            "prior": example.case.prior.truth.to_dict() if example.has_prior else None,
            **({"report": report} if report else {}),
        },
    }
    (folder / "study.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    return folder


def _write(folder: Path, which: str, example: Example, study: Examination, day: datetime.date, size_px: int) -> str:
    pixels = expose(example.case.patient, study.exposure, study.truth, size_px).pixels
    if not example.as_dicom:
        Image.fromarray(pixels).save(folder / f"{which}.png", optimize=True, pnginfo=png_mark())
        return f"{which}.png"
    write_dicom(folder / f"{which}.dcm", pixels, study.truth.view, day, f"{example.name} {which}")
    return f"{which}.dcm"


def _finding(name: str, amount: float, side: str = "", zone: str = "") -> Finding:
    size_mm = round(10 + 32 * amount, 0) if name == "nodule" else None
    return Finding(name, grade(amount), amount, side, zone, size_mm)


def _case(
    seed: int, view: str, prior: tuple[list[Finding], list[Device]], current: tuple[list[Finding], list[Device]]
) -> Case:
    rng = np.random.default_rng(seed)
    patient = sample_patient(rng)
    studies = []
    for findings, devices in (prior, current):
        exposure = sample_exposure(rng, view)
        truth = StudyTruth(
            view=view,
            findings=tuple(findings),
            devices=tuple(devices),
            rotated=exposure.rotated,
            sex=patient.sex,
            age=patient.age,
        )
        studies.append(Examination(exposure, truth))
    return Case(patient, *studies)
