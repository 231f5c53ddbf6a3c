"""What the converters of this folder share: studies of a data set -> annotation and view-position file, with priors.

A converter yields one `FoundStudy` a study; here the prior is found, what is missing is counted, and the files are
written. The format: docs/training.md, The annotation file.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from priorrg.errors import DataError
from priorrg.study import UNKNOWN_VIEW
from train.placeholders import without_placeholders

VIEW_POSITIONS = {"PA": 0, "AP": 1, "LATERAL": 2, UNKNOWN_VIEW: 3}
SPLITS = {"train": "train", "validate": "val", "validation": "val", "valid": "val", "val": "val", "test": "test"}


@dataclass(frozen=True)
class FoundStudy:
    """One study with its frontal film. image: relative to the image root. moment: sorts a patient's studies.

    prior: the image of the prior where the data set itself names it; None where it is to be found by `moment`.
    """

    subject_id: str
    study_id: str
    split: str
    image: str
    view: str
    moment: str
    findings: str
    indication: str = ""
    history: str = ""
    prior: str | None = None


def view_of(words: str) -> str:
    """`PA`, `AP`, `LATERAL` or `unk`, of whatever a data set writes."""
    said = words.upper().replace("_", "-").replace(" ", "-")
    if "LAT" in said or said in ("LL", "RL", "L"):
        return "LATERAL"
    if said.startswith("PA") or "POSTERO-ANTERIOR" in said or "POSTEROANTERIOR" in said:
        return "PA"
    if said.startswith("AP") or "ANTERO-POSTERIOR" in said or "ANTEROPOSTERIOR" in said:
        return "AP"
    return UNKNOWN_VIEW


def frontal(films: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    """Of a study's (image, view) pairs the one that is read: PA, else AP, else unstated; None where all are lateral."""
    ranked = [(("PA", "AP", UNKNOWN_VIEW).index(view), image) for image, view in films if view != "LATERAL"]
    if not ranked:
        return None
    rank, image = min(ranked, key=lambda pair: pair[0])
    return image, ("PA", "AP", UNKNOWN_VIEW)[rank]


def write(found: Iterable[FoundStudy], images: Path, output: Path) -> dict[str, Any]:
    """Write `annotation.json` and `view_positions.json`; prints and returns the counts.

    A study's prior is the patient's latest study at an earlier moment, whether or not that has findings. Studies
    without findings, or without their image, are left out and counted. Raises DataError where `output` already holds an
    annotation file, or nothing is left.
    """
    if (output / "annotation.json").exists():
        raise DataError(f"{output} already holds an annotation file. Name another folder, or remove it first.")
    studies = list(found)
    there = {study.image for study in studies if (images / study.image).is_file()}
    views = {study.image: study.view for study in studies}
    by_subject: dict[str, list[FoundStudy]] = {}
    for study in studies:
        by_subject.setdefault(study.subject_id, []).append(study)
    annotation: dict[str, list[dict[str, Any]]] = {"train": [], "val": [], "test": []}
    left_out: Counter[str] = Counter()
    for study in studies:
        if study.split not in annotation:
            left_out["in no split"] += 1
        elif not without_placeholders(study.findings):
            left_out["no findings"] += 1
        elif study.image not in there:
            left_out["no image"] += 1
        else:
            prior = study.prior
            if prior is None:
                earlier = [s for s in by_subject[study.subject_id] if "" < s.moment < study.moment and s.image in there]
                prior = max(earlier, key=lambda s: s.moment).image if earlier else ""
            has_prior = bool(prior) and (images / prior).is_file()
            annotation[study.split].append(
                {
                    "subject_id": study.subject_id,
                    "study_id": study.study_id,
                    "id": Path(study.image).stem,
                    "anchor_scan": {"image_path": [study.image], "view_position": [study.view]},
                    "prior_study": {"latest_study": {"image_path": [prior], "view_position": [views.get(prior, "unk")]}}
                    if has_prior
                    else None,
                    "indication_pure": study.indication,
                    "history_pure": study.history,
                    "findings": study.findings,
                    "findings_factual_serialization": [study.findings],
                }
            )
    if not any(annotation.values()):
        raise DataError(
            f"None of the {len(studies)} studies has findings and an image below {images}: {dict(left_out)}."
        )
    output.mkdir(parents=True, exist_ok=True)
    (output / "annotation.json").write_text(json.dumps(annotation), encoding="utf-8")
    (output / "view_positions.json").write_text(json.dumps(VIEW_POSITIONS, indent=1), encoding="utf-8")
    counts = {
        "studies": {split: len(records) for split, records in annotation.items()},
        "with a prior": sum(r["prior_study"] is not None for records in annotation.values() for r in records),
        "left out": dict(left_out),
    }
    print(json.dumps(counts, indent=1))
    return counts


def table(file: Path, *columns: str) -> Iterator[dict[str, str]]:
    """The rows of a CSV file, or of one that is packed as .gz. Raises DataError where it lacks a column."""
    packed = file.with_name(file.name + ".gz")
    if not file.is_file() and not packed.is_file():
        raise DataError(f"There is no {file.name} (or {packed.name}) in {file.parent}.")
    data = file.read_bytes() if file.is_file() else gzip.decompress(packed.read_bytes())
    rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    missing = [column for column in columns if column not in (rows.fieldnames or ())]
    if missing:
        raise DataError(f"{file.name} has no column {missing[0]}: it holds {', '.join(rows.fieldnames or ())}.")
    for row in rows:
        yield {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}


def one_file(folder: Path, pattern: str, what: str) -> Path:
    """The only file of that pattern below a folder. Raises DataError for none or several."""
    files = sorted(folder.rglob(pattern))
    if len(files) != 1:
        raise DataError(f"{folder} holds {len(files)} files {pattern} ({what}); one was expected.")
    return files[0]
