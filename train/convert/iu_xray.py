"""IU X-ray (Open-i, Indiana University) -> an annotation file and a view-position file of our format.

The set: one XML file a study, of the `ecgen-radiology` archive. AbstractText elements carry the sections COMPARISON,
INDICATION, FINDINGS and IMPRESSION; parentImage elements name the study's PNG files (their id, without ending) and
carry a caption; uId is the study. Patients and earlier studies are not published: each study is a subject of its own
and has no prior, and what COMPARISON refers to is not there to be read.

Decisions, where the set leaves some:
- View. There is no field for it, and most captions name both views for both images ('Xray Chest PA and Lateral'). An
  image whose caption names a frontal view and no lateral one is taken first; else the first one that is not called
  lateral alone; else the first. The view position is what the caption says (PA, AP), `unk` for no or another word. How
  many were decided how is counted: where it was not the caption, the image may be a lateral one.
- 'XXXX' stands where the de-identification cut something out, names and dates but ordinary words too. It is taken out
  with what hangs on it ('x-XXXX', 'XXXX-year-old'): no report contains it, so the model should neither learn to write
  it nor be scored for it. Sentences keep their gaps, as the publishers left them. The price: the references differ
  from those of papers that keep the placeholder, and figures do with them.
- Split. The set has none. A hash of seed and study puts 0.7 into train, 0.1 into val, 0.2 into test, whatever else is
  in the folder.
"""

from __future__ import annotations

import hashlib
import json
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from priorrg.errors import DataError
from priorrg.study import UNKNOWN_VIEW
from train.placeholders import PLACEHOLDER, without_placeholders

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
VIEW_POSITIONS = {"PA": 0, "AP": 1, "LATERAL": 2, UNKNOWN_VIEW: 3}
_ENDINGS = (".png", ".jpg", ".jpeg", ".dcm")
_NAMED = 10  # so many of what was left out are printed by name

_FRONTAL = re.compile(r"\b(PA|AP|frontal|portable)\b", re.IGNORECASE)
_LATERAL = re.compile(r"\b(lateral|lat)\b", re.IGNORECASE)


@dataclass(frozen=True)
class IuStudy:
    """One report. sections: label in capitals -> text as published; images: (name without ending, caption)."""

    study_id: str
    sections: dict[str, str]
    images: tuple[tuple[str, str], ...]


def read_report(file: Path) -> IuStudy:
    """One XML report. Raises DataError naming the file when it is no XML or holds no study."""
    try:
        root = ElementTree.parse(file).getroot()
    except ElementTree.ParseError as error:
        raise DataError(f"{file.name} is not readable as XML: {error}.") from None
    number = root.find(".//uId")
    study_id = number.get("id", "") if number is not None else ""
    if not study_id:
        raise DataError(f"{file.name} names no study (uId): it is no report of IU X-ray.")
    sections: dict[str, str] = {}
    for element in root.iterfind(".//AbstractText"):
        label = element.get("Label", "").strip().upper()
        sections[label] = f"{sections.get(label, '')} {''.join(element.itertext())}".strip()
    images = tuple(
        (element.get("id", ""), (element.findtext("caption") or "").strip())
        for element in root.iterfind(".//parentImage")
        if element.get("id")
    )
    return IuStudy(study_id, sections, images)


def choose_image(images: list[tuple[str, str]]) -> tuple[str, str, str]:
    """(image, view position, how it was chosen) of a study's (image, caption) pairs, at least one."""
    said = [(bool(_FRONTAL.search(caption)), bool(_LATERAL.search(caption))) for _, caption in images]
    if (True, False) in said:
        place, how = said.index((True, False)), "by its caption"
    elif len(images) == 1:
        place, how = 0, "the only image"
    else:
        place = next((n for n, named in enumerate(said) if named != (False, True)), None)
        how = "the first image, the captions do not tell" if place is not None else "all are called lateral"
        place = place or 0
    name, caption = images[place]
    if said[place] == (False, True):
        return name, "LATERAL", how
    views = {word.upper() for word in _FRONTAL.findall(caption)} & {"PA", "AP"}
    return name, views.pop() if len(views) == 1 else UNKNOWN_VIEW, how


def split_of(study_id: str, seed: int) -> str:
    """train, val or test, by a hash: the same for a study whatever the others are."""
    number = int.from_bytes(hashlib.sha256(f"{seed} {study_id}".encode()).digest()[:8], "big") / 2**64
    for split, share in SHARES.items():
        number -= share
        if number < 0:
            return split
    return split


def convert(reports: Path, images: Path, output: Path, seed: int = 0, max_missing: int = 100) -> dict[str, Any]:
    """Write `annotation.json` and `view_positions.json` into `output`; image paths are relative to `images`.

    Studies without findings, and those of whose images no file is there, are left out and counted. Prints and returns
    the counts. Raises DataError when the folders hold nothing of the set, when more than max_missing files are missing
    or unreadable, and when `output` already holds an annotation file.
    """
    for folder, what in ((reports, "reports"), (images, "images")):
        if not folder.is_dir():
            raise DataError(f"There is no folder {folder}: name the one with the {what} of IU X-ray.")
    files = sorted(reports.rglob("*.xml"), key=lambda f: (len(f.name), f.name))
    if not files:
        raise DataError(f"{reports} holds no XML reports: it should be the unpacked ecgen-radiology archive.")
    if (output / "annotation.json").exists():
        raise DataError(f"{output} already holds an annotation file. Name another folder, or remove it first.")

    there = {file.stem: file for ending in reversed(_ENDINGS) for file in images.rglob(f"*{ending}")}
    annotation: dict[str, list[dict[str, Any]]] = {split: [] for split in SHARES}
    chosen: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    placeholders = 0
    problems: list[str] = []
    for file in tqdm(files, desc="reports", unit="report", mininterval=5):
        try:
            study = read_report(file)
        except DataError as error:
            left_out["the report is unreadable"] += 1
            _note(problems, str(error), max_missing)
            continue
        for name, _ in study.images:
            if name not in there:
                _note(problems, f"{study.study_id}: there is no image {name}.", max_missing)
        placeholders += sum(len(PLACEHOLDER.findall(text)) for text in study.sections.values())
        texts = {label: without_placeholders(text) for label, text in study.sections.items()}
        found = [(name, caption) for name, caption in study.images if name in there]
        if not texts.get("FINDINGS"):
            left_out["no findings"] += 1
        elif not found:
            left_out["no image"] += 1
        else:
            name, view, how = choose_image(found)
            chosen[how] += 1
            path = there[name].relative_to(images).as_posix()
            annotation[split_of(study.study_id, seed)].append(_record(study.study_id, name, path, view, texts))
    if not any(annotation.values()):
        raise DataError(f"None of the {len(files)} reports in {reports} has findings and an image in {images}.")

    output.mkdir(parents=True, exist_ok=True)
    (output / "view_positions.json").write_text(json.dumps(VIEW_POSITIONS, indent=1), encoding="utf-8")
    (output / "annotation.json").write_text(json.dumps(annotation), encoding="utf-8")
    counts = {
        "reports": len(files),
        "studies": {split: len(records) for split, records in annotation.items()},
        "left out": dict(left_out),
        "frontal image chosen": dict(chosen),
        "placeholders taken out": placeholders,
        "missing or unreadable": len(problems),
    }
    for problem in problems[:_NAMED]:
        print("skipped", problem)
    if len(problems) > _NAMED:
        print(f"skipped {len(problems) - _NAMED} more")
    print(json.dumps(counts, indent=1))
    return counts


def _note(problems: list[str], problem: str, most: int) -> None:
    problems.append(problem)
    if len(problems) > most:
        raise DataError(f"More than {most} files are missing or unreadable (--max-missing), the first: {problems[0]}")


def _record(study_id: str, image_id: str, path: str, view: str, texts: dict[str, str]) -> dict[str, Any]:
    """A record of the annotation format (docs/training.md, The annotation file)."""
    return {
        "subject_id": study_id,  # patients are not published
        "study_id": study_id,
        "id": image_id,
        "findings": texts["FINDINGS"],
        "findings_factual_serialization": [texts["FINDINGS"]],
        "indication_pure": texts.get("INDICATION", ""),
        "history_pure": texts.get("HISTORY", ""),
        "anchor_scan": {"image_path": [path], "view_position": [view]},
        "prior_study": None,
    }
