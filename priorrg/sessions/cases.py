"""The cases of a session: a CSV file or a folder of the organiser's, with images that stay where they are."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from priorrg.errors import SessionError
from priorrg.plain_text import plain_text
from priorrg.sessions.judging import CATEGORIES

COLUMNS = ("case", "current", "prior", "indication", "history", "view", "prior_view", "reference")
PLANTED_COLUMNS = ("planted_report", "planted")
OTHER = "report:"  # the columns of other systems' reports begin so
IMAGES = (".dcm", ".dicom", ".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Planted:
    """One planted error. place: of the sentence in the planted report, from 0; None where one was left out.

    finding: what it is about, in a word. says: the sentence as it should be, empty where it should not be there.
    """

    category: str
    place: int | None = None
    finding: str = ""
    says: str = ""


@dataclass(frozen=True)
class Case:
    """others: reports of other systems by name. planted: the errors in planted_report, none planted for an empty one.

    finding names and truth of simulated cases stay with whoever made them; here is what a session needs.
    """

    id: str
    current: Path
    prior: Path | None = None
    indication: str = ""
    history: str = ""
    view: str = ""
    prior_view: str = ""
    reference: str = ""
    planted_report: str = ""
    planted: tuple[Planted, ...] = ()
    others: dict[str, str] = field(default_factory=dict)


def read_cases(path: str | Path) -> list[Case]:
    """The cases of a CSV file, or of a folder that holds one a folder below (study.json, as the examples have it).

    Raises SessionError that names file and line, and every image that is not there.
    """
    path = Path(path)
    if path.is_dir() and (path / "cases.csv").is_file():
        path = path / "cases.csv"
    try:
        cases = _in_folder(path) if path.is_dir() else _in_table(path)
    except (OSError, UnicodeDecodeError, csv.Error, json.JSONDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise SessionError(f"The cases {path} cannot be read: {why}.") from error
    if not cases:
        raise SessionError(f"{path} holds no case. Add one a line, or one a folder.")
    ids = [case.id for case in cases]
    twice = next((name for place, name in enumerate(ids) if name in ids[:place]), None)
    if twice is not None:
        raise SessionError(f"{path}: the case {twice} stands there twice. Give each case a name of its own.")
    images = [(case.id, image) for case in cases for image in (case.current, case.prior) if image is not None]
    missing = [f"{image} of case {name}" for name, image in images if not image.is_file()]
    if missing:
        raise SessionError(f"{path}: {len(missing)} images are not there, the first is {missing[0]}.")
    return cases


def _in_table(path: Path) -> list[Case]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        columns = tuple(rows.fieldnames or ())
        unknown = [name for name in columns if name not in COLUMNS + PLANTED_COLUMNS and not name.startswith(OTHER)]
        absent = [name for name in ("case", "current") if name not in columns]
        if unknown or absent:
            found = f"the column {unknown[0]} is not known" if unknown else f"the column {absent[0]} is missing"
            known = ", ".join((*COLUMNS, *PLANTED_COLUMNS, f"{OTHER}NAME"))
            raise SessionError(f"{path}, line 1: {found}. Known are {known}.")
        return [_case(path.parent, f"{path}, line {rows.line_num}", row) for row in rows]


def _in_folder(path: Path) -> list[Case]:
    found = []
    for folder in sorted(below for below in path.iterdir() if below.is_dir()):
        images = {file.stem: file for file in folder.iterdir() if file.suffix.lower() in IMAGES}
        if "current" not in images:
            continue
        described: dict[str, Any] = {}
        if (folder / "study.json").is_file():
            described = json.loads((folder / "study.json").read_text(encoding="utf-8"))
        row = {name: described.get(name) or "" for name in (*COLUMNS, *PLANTED_COLUMNS)}
        row |= {"case": folder.name, "current": images["current"].name}
        row["prior"] = images["prior"].name if "prior" in images else ""
        found.append(_case(folder, str(folder), row))
    return found


def _case(root: Path, where: str, row: dict[str, Any]) -> Case:
    if None in row or None in row.values():
        raise SessionError(f"{where}: this line has another number of columns than the first.")
    text = {name: plain_text(str(value)).strip() for name, value in row.items() if name != "planted"}
    if not text["case"] or not text["current"]:
        raise SessionError(f"{where}: a case needs a name (case) and an image (current).")
    planted = _planted(where, row.get("planted") or [])
    if planted and not text.get("planted_report"):
        raise SessionError(f"{where}: errors are planted, but there is no planted_report that holds them.")
    return Case(
        text["case"],
        root / text["current"],
        root / text["prior"] if text.get("prior") else None,
        **{name: text.get(name, "") for name in ("indication", "history", "view", "prior_view", "reference")},
        planted_report=text.get("planted_report", ""),
        planted=planted,
        others={name.removeprefix(OTHER): value for name, value in text.items() if name.startswith(OTHER) and value},
    )


def _planted(where: str, given: Any) -> tuple[Planted, ...]:
    try:
        read = TypeAdapter(list[Planted]).validate_python(json.loads(given) if isinstance(given, str) else given)
    except (ValidationError, json.JSONDecodeError) as error:
        example = '[{"category": "wrong_location", "place": 0}]'
        raise SessionError(f"{where}: planted is no list of errors such as {example}.") from error
    unknown = next((one.category for one in read if one.category not in CATEGORIES), None)
    if unknown is not None:
        raise SessionError(f"{where}: a planted error is a {unknown}; known are {', '.join(CATEGORIES)}.")
    return tuple(read)
