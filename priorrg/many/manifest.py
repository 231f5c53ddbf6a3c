"""The manifest: a CSV file with one study a row, written by hand, by a program, or from a folder of DICOM files.

Of a DICOM header only what sorts is looked at; whose image it is stays in memory, and no identifier is written down: a
study is named by the path of its current image.
"""

from __future__ import annotations

import csv
import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from priorrg import texts
from priorrg.errors import StudyError
from priorrg.imaging.dicom import DAMAGE
from priorrg.imaging.header import CHEST, RADIOGRAPHS, date_of, read_header, view_of

_LATERAL = "LATERAL"


@dataclass(frozen=True)
class Row:
    """One study. Paths are relative to the manifest's folder; the other fields are those of `read_study`."""

    id: str
    current: str
    prior: str = ""
    indication: str = ""
    history: str = ""
    view: str = ""
    prior_view: str = ""
    orientation: str = ""
    prior_orientation: str = ""
    window: str = ""
    prior_window: str = ""


COLUMNS = tuple(field.name for field in fields(Row))


def read_manifest(file: Path) -> list[Row]:
    """Its rows, in order; one without id is called by its number. Raises StudyError for what is no manifest."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            table = csv.DictReader(lines)
            given = list(table.fieldnames or ())
            unknown = [name for name in given if name not in COLUMNS]
            if unknown or "current" not in given:
                wrong = texts.many.UNKNOWN_COLUMN.format(name=unknown[0]) if unknown else texts.many.NO_CURRENT
                raise StudyError(texts.many.COLUMNS.format(file=file, wrong=wrong, known=", ".join(COLUMNS)))
            rows = [_row(number, cells, file) for number, cells in enumerate(table, 1)]
    except OSError as error:
        raise StudyError(texts.many.UNREADABLE.format(file=file, reason=error.strerror or error)) from None
    except UnicodeDecodeError:
        raise StudyError(texts.many.NO_CSV.format(file=file)) from None
    except csv.Error as error:  # a field beyond the limit, hardly anything else
        said = texts.many.LONG_CELL if "limit" in str(error) else texts.many.NO_CSV
        raise StudyError(said.format(file=file, most=csv.field_size_limit())) from None
    twice = [name for name, count in Counter(row.id for row in rows).items() if count > 1]
    if twice:
        raise StudyError(texts.many.TWICE.format(file=file, id=twice[0]))
    return rows


def _row(number: int, cells: dict[str | None, str | None], file: Path) -> Row:
    if None in cells:  # more cells than columns: a comma in a text that is not quoted
        raise StudyError(texts.many.LONG_ROW.format(file=file, number=number))
    values = {str(name): (value or "").strip() for name, value in cells.items()}
    return Row(**{**values, "id": values.get("id") or str(number)})


def write_manifest(rows: Sequence[Row], file: Path) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(COLUMNS)
        table.writerows([getattr(row, name) for name in COLUMNS] for row in rows)


@dataclass(frozen=True)
class _Film:
    """A frontal chest radiograph of the folder. person, study: identifiers, for sorting alone."""

    path: Path
    person: tuple[str, str]
    study: str
    moment: datetime.datetime | None


def studies_in(folder: Path) -> tuple[list[Row], Counter[str]]:
    """The studies of a tree of DICOM files, and what was set aside, counted by a key of texts.many.ASIDE.

    A study's newest frontal chest film is its current image; the newest film of the patient's latest study on an
    earlier day, or at an earlier time of that day, is its prior. Who has no Patient ID, and what has no date, has none.
    Paths are relative to `folder`. Raises StudyError where there is no such folder.
    """
    if not folder.is_dir():
        raise StudyError(texts.many.NO_FOLDER.format(folder=folder))
    aside: Counter[str] = Counter()
    films = list(_films(folder, aside))
    newest: dict[tuple[tuple[str, str], str], _Film] = {}
    for film in films:
        there = newest.get((film.person, film.study))
        newest[film.person, film.study] = film if there is None or _order(film) > _order(there) else there
    aside["more of a study"] += len(films) - len(newest)
    rows = []
    for film in newest.values():
        earlier = [
            other
            for other in newest.values()
            if film.person[0] and other.person == film.person and film.moment and other.moment
            if other.moment < film.moment
        ]
        prior = max(earlier, key=_order, default=None)
        name = film.path.as_posix()
        rows.append(Row(id=name, current=name, prior=prior.path.as_posix() if prior else ""))
    aside["no date"] += sum(film.moment is None for film in newest.values())
    return sorted(rows, key=lambda row: row.id), +aside


def _order(film: _Film) -> tuple[datetime.datetime, str]:
    return film.moment or datetime.datetime.min, film.path.as_posix()


def _films(folder: Path, aside: Counter[str]) -> Iterator[_Film]:
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.upper() == "DICOMDIR":
            continue
        try:
            data = pydicom.dcmread(path, stop_before_pixels=True)
            film, why = _film(path.relative_to(folder), data)
        except DAMAGE:
            film, why = None, "no DICOM"
        if film is None:
            aside[why] += 1
        else:
            yield film


def _film(path: Path, data: Dataset) -> tuple[_Film | None, str]:
    header = read_header(data)
    if header.modality not in RADIOGRAPHS or header.body_part not in ("", CHEST):
        return None, "no chest film"
    if view_of(data) == _LATERAL:
        return None, "lateral"
    day = date_of(data)
    moment = datetime.datetime.combine(day, header.time or datetime.time.min) if day else None
    person = str(data.get("PatientID") or "").strip(), str(data.get("IssuerOfPatientID") or "").strip()
    study = str(data.get("StudyInstanceUID") or "").strip() or path.as_posix()
    return _Film(path, person, study, moment), ""
