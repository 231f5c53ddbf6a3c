"""ReXGradient-160K -> studies with priors by date, in the published split.

root: holds `metadata/train_metadata_view_position.json` (valid and test likewise; without view positions the file is
`train_metadata.json`), an object that holds one study a key: `StudyInstanceUid`, `StudyDate`, `Findings`, `Indication`,
`ImagePath` and `ImageViewPosition` (a list each). A key begins with the patient: `pGRDN001_...`. Paths lead to
`deid_png/...`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from priorrg.errors import DataError
from train.convert.sections import one_line
from train.convert.studies import FoundStudy, frontal, view_of


def studies(root: Path) -> Iterator[FoundStudy]:
    """Raises DataError where no metadata is there or it is not of this layout."""
    found = False
    for split, names in {"train": ("train",), "val": ("valid", "validation", "val"), "test": ("test",)}.items():
        for name in names:
            files = [root / "metadata" / f"{name}_metadata{ending}.json" for ending in ("_view_position", "")]
            file = next((file for file in files if file.is_file()), None)
            if file is not None:
                found = True
                yield from _of_split(file, split)
                break
    if not found:
        raise DataError(f"{root} holds no metadata/train_metadata.json: name the folder of ReXGradient-160K.")


def _of_split(file: Path, split: str) -> Iterator[FoundStudy]:
    tree = json.loads(file.read_text(encoding="utf-8"))
    records = tree.items() if isinstance(tree, dict) else ((str(one.get("id", "")), one) for one in tree)
    for key, record in records:
        try:
            paths = [str(path).replace("\\", "/").lstrip("./") for path in record["ImagePath"]]
            views = record.get("ImageViewPosition") or [""] * len(paths)
            chosen = frontal(zip(paths, (view_of(str(view)) for view in views), strict=True))
            study = str(record["StudyInstanceUid"])
            findings, moment = str(record["Findings"] or ""), str(record["StudyDate"] or "")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{file.name}, {key}: it is no study of ReXGradient-160K ({error!r}).") from None
        if chosen is None:
            continue
        yield FoundStudy(
            subject_id=str(record.get("PatientID") or key.split("_")[0]),
            study_id=study,
            split=split,
            image=chosen[0],
            view=chosen[1],
            moment=moment,
            findings=one_line(findings),
            indication=one_line(str(record.get("Indication") or "")),
        )
