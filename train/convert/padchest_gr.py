"""PadChest-GR -> studies with their priors, in the published split; the English sentences, in order, are the findings.

root: holds `grounded_reports_20240819.json` (a list of `StudyID`, `ImageID`, `PreviousImageID` where there is one, and
`findings` with `sentence_en`), `master_table.csv` (`StudyID`, `split`, and maybe `PatientID`) and the PNG images in any
folder. There is no indication. Its boxes are not used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from priorrg.errors import DataError
from priorrg.study import UNKNOWN_VIEW
from train.convert.studies import SPLITS, FoundStudy, one_file, table, view_of


def studies(root: Path) -> Iterator[FoundStudy]:
    """Raises DataError where a file is missing or not of this layout."""
    there = {file.name: file.relative_to(root).as_posix() for file in sorted(root.rglob("*.png"))}
    known = {row["StudyID"]: row for row in table(root / "master_table.csv", "StudyID", "split")}
    file = one_file(root, "grounded_reports_*.json", "the reports of PadChest-GR")
    for record in json.loads(file.read_text(encoding="utf-8")):
        try:
            study, image = str(record["StudyID"]), str(record["ImageID"])
            sentences = [str(finding["sentence_en"]).strip() for finding in record["findings"]]
        except (KeyError, TypeError) as error:
            raise DataError(f"{file.name} holds what is no study of PadChest-GR ({error!r}).") from None
        row = known.get(study, {})
        yield FoundStudy(
            subject_id=row.get("PatientID") or study,
            study_id=study,
            split=SPLITS.get(row.get("split", ""), ""),
            image=there.get(image, image),
            view=view_of(row.get("ViewPosition_DICOM", "")) if row.get("ViewPosition_DICOM") else UNKNOWN_VIEW,
            moment="",
            findings=" ".join(s if s.endswith(".") else f"{s}." for s in sentences if s),
            prior=there.get(str(record.get("PreviousImageID") or row.get("prior_imageID") or ""), ""),
        )
