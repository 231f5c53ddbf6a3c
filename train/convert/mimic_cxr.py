"""MIMIC-CXR-JPG as PhysioNet gives it out, with MIMIC-CXR's reports -> studies with priors by date, in its split.

root: holds `mimic-cxr-2.0.0-metadata.csv` (or another version, packed or not), `mimic-cxr-2.0.0-split.csv`, and
`files/p10/p10000032/s50414267/DICOM_ID.jpg`. reports: holds `files/p10/p10000032/s50414267.txt`, or `p10/...`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from priorrg.errors import DataError
from train.convert.sections import sections
from train.convert.studies import SPLITS, FoundStudy, frontal, table, view_of


def studies(root: Path, reports: Path) -> Iterator[FoundStudy]:
    """Raises DataError where a table is missing or not of this layout."""
    splits = {row["study_id"]: row["split"] for row in table(_table(root, "split"), "study_id", "split")}
    films: dict[tuple[str, str], list[dict[str, str]]] = {}
    columns = ("dicom_id", "subject_id", "study_id", "ViewPosition", "StudyDate", "StudyTime")
    for row in table(_table(root, "metadata"), *columns):
        films.setdefault((row["subject_id"], row["study_id"]), []).append(row)
    for (subject, study), rows in films.items():
        folder = f"p{subject[:2]}/p{subject}/s{study}"
        chosen = frontal((f"files/{folder}/{row['dicom_id']}.jpg", view_of(row["ViewPosition"])) for row in rows)
        if chosen is None:
            continue
        text = next((f for base in ("files", ".") if (f := reports / base / f"{folder}.txt").is_file()), None)
        said = sections(text.read_text(encoding="utf-8", errors="replace")) if text else {}
        # Times are written 215509.312 or 80556.25, without leading zeros.
        moment = rows[0]["StudyDate"] + " " + rows[0]["StudyTime"].split(".")[0].zfill(6)
        yield FoundStudy(
            subject_id=subject,
            study_id=study,
            split=SPLITS.get(splits.get(study, ""), ""),
            image=chosen[0],
            view=chosen[1],
            moment=moment,
            findings=said.get("findings", ""),
            indication=said.get("indication", ""),
            history=said.get("history", ""),
        )


def _table(root: Path, name: str) -> Path:
    files = sorted(root.glob(f"mimic-cxr-*-{name}.csv*"))
    if not files:
        raise DataError(f"{root} holds no mimic-cxr-2.0.0-{name}.csv: name the folder of MIMIC-CXR-JPG.")
    return files[0].with_name(files[0].name.removesuffix(".gz"))
