"""CheXpert Plus -> studies with priors by the order of a patient's reports (dates are not published).

root: holds `df_chexpert_plus_240401.csv` and the images below PNG/ or beside it, as `path_to_image` names them
(`train/patient42142/study5/view1_frontal.jpg`; the PNG release ends in .png). Its own `split` has train and valid only:
valid becomes the test split, and a hundredth of the training patients, by a hash, the validation split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from train.convert.sections import one_line
from train.convert.studies import FoundStudy, frontal, one_file, table, view_of


def studies(root: Path) -> Iterator[FoundStudy]:
    """Raises DataError where the table is missing or not of this layout."""
    columns = ("path_to_image", "frontal_lateral", "ap_pa", "deid_patient_id", "patient_report_date_order", "split")
    rows: dict[tuple[str, str], list[dict[str, str]]] = {}
    file = one_file(root, "df_chexpert_plus_*.csv", "the table of CheXpert Plus")
    for row in table(file, *columns, "section_findings"):
        rows.setdefault((row["deid_patient_id"], str(Path(row["path_to_image"]).parent)), []).append(row)
    for (patient, folder), films in rows.items():
        views = [
            (
                _image(root, film["path_to_image"]),
                "LATERAL" if film["frontal_lateral"] == "Lateral" else view_of(film["ap_pa"]),
            )
            for film in films
        ]
        chosen = frontal(views)
        if chosen is None:
            continue
        said, order = films[0], films[0]["patient_report_date_order"]
        yield FoundStudy(
            subject_id=patient,
            study_id=folder,
            split=_split(patient, said["split"]),
            image=chosen[0],
            view=chosen[1],
            moment=f"{float(order):09.1f}" if order else "",
            findings=one_line(said["section_findings"]),
            indication="",
            history=one_line(said.get("section_clinical_history") or said.get("section_history") or ""),
        )


def _image(root: Path, path: str) -> str:
    """As the table names it, or as the PNG release does."""
    for name in (path, f"PNG/{path}", str(Path(path).with_suffix(".png")), f"PNG/{Path(path).with_suffix('.png')}"):
        if (root / name).is_file():
            return name
    return path


def _split(patient: str, split: str) -> str:
    if split in ("valid", "test"):
        return "test"
    return "val" if int(hashlib.sha256(patient.encode()).hexdigest(), 16) % 100 == 0 else "train"
