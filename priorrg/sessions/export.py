"""A session's answers to take away: tables as CSV, JSONL and Parquet, every event, the protocol, and what columns mean.

The folder is a frictionless data package: datapackage.json names each file, its columns and their meaning.
"""

from __future__ import annotations

import csv
import datetime
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import priorrg
from priorrg import texts
from priorrg.errors import SessionError
from priorrg.feedback.export import spreadsheet_cell
from priorrg.sessions.session import Session
from priorrg.sessions.tables import COLUMNS, Row, tables

TABLES = {
    "readings": "One row for each case, reader and arm.",
    "sentences": "One row for each sentence of a report that was submitted.",
    "errors": "One row for each error that a reader marked: wrong sentences and missed findings.",
    "answers": "One row for each answer to a question.",
    "times": "One row for each phase of a reading.",
    "planted": "One row for each planted error that a reader was shown.",
}
_ARROW = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool_"}


def export(session: Session, folder: Path) -> dict[str, int]:
    """Write everything; returns how many rows each table has. The store keeps a record that it was done.

    CSV is UTF-8 with a byte order mark, and a cell that a spreadsheet would take for a formula has an apostrophe in
    front; JSONL and Parquet have every text as it was written. Raises SessionError where the folder cannot be written,
    or pyarrow is not installed.
    """
    found = tables(session)
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        for name, rows in found.items():
            _write_csv(folder / f"{name}.csv", list(COLUMNS[name]), rows)
            _write_lines(folder / f"{name}.jsonl", rows)
            _write_parquet(folder / f"{name}.parquet", name, rows)
        _write_lines(folder / "events.jsonl", kept_events(session))
        _write(folder / "protocol.yaml", session.protocol_text)
        _write(folder / "datapackage.json", json.dumps(_package(session), indent=1, ensure_ascii=False) + "\n")
        _write(folder / "README.md", _readme(session, found))
    except OSError as error:
        raise SessionError(f"{folder} cannot be written: {error.strerror or error}.") from error
    counts = {name: len(rows) for name, rows in found.items()}
    session.store.record("exported", counts)
    return counts


def kept_events(session: Session) -> list[dict[str, Any]]:
    """All that is kept, but digests of links."""
    return [
        {"number": kept.number, "at_utc": f"{kept.at_utc.isoformat()}Z", "version": kept.version} | asdict(kept.event)
        for kept in session.store.events()
        if not kept.event.kind.startswith("link_")
    ]


def _write_csv(file: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    with open(file, "w", newline="", encoding="utf-8-sig", opener=private) as lines:
        writer = csv.writer(lines)
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(row[name]) for name in columns])


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else spreadsheet_cell(value)


def _write_lines(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    _write(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _write(file: Path, text: str) -> None:
    with open(file, "w", encoding="utf-8", opener=private) as out:
        out.write(text)


def _write_parquet(file: Path, name: str, rows: Sequence[Row]) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise SessionError(
            "Parquet files are written by pyarrow, which is not installed. Install it: pip install priorrg[sessions]"
        ) from error
    fields = []
    for column, (kind, about) in COLUMNS[name].items():
        fields.append(pa.field(column, getattr(pa, _ARROW[kind])(), metadata={"description": about}))
    table = pa.Table.from_pylist([{column: row[column] for column in COLUMNS[name]} for row in rows], pa.schema(fields))
    with open(file, "wb", opener=private) as out:
        parquet.write_table(table, out)


def _package(session: Session) -> dict[str, Any]:
    """As https://specs.frictionlessdata.io/tabular-data-package/ has it."""
    resources: list[dict[str, Any]] = []
    for name, about in TABLES.items():
        fields = [{"name": column, "type": kind, "description": said} for column, (kind, said) in COLUMNS[name].items()]
        resources.append(
            {
                "name": name,
                "path": f"{name}.csv",
                "profile": "tabular-data-resource",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "description": about,
                "schema": {"fields": fields, "missingValues": [""]},
            }
        )
        for form, mediatype in (("jsonl", "application/jsonl"), ("parquet", "application/vnd.apache.parquet")):
            file = {"name": f"{name}-{form}", "path": f"{name}.{form}", "format": form, "mediatype": mediatype}
            resources.append(file | {"description": f"{about} The same rows as {name}.csv."})
    events = {"name": "events", "path": "events.jsonl", "format": "jsonl", "mediatype": "application/jsonl"}
    resources.append(events | {"description": "Every event as it was kept; all tables follow from them."})
    protocol = {"name": "protocol", "path": "protocol.yaml", "format": "yaml", "mediatype": "application/yaml"}
    resources.append(protocol | {"description": "What was asked of whom, in which words and which order."})
    return {
        "name": session.name.lower().replace(" ", "-"),
        "title": session.protocol.title,
        "profile": "data-package",
        "description": f"{texts.report.DISCLAIMER} {texts.sessions.REHEARSAL_ONLY}",
        "version": session.digest,
        "created": _now(),
        "sources": [{"title": f"PriorRG {priorrg.__version__}"}],
        "resources": resources,
    }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _readme(session: Session, found: dict[str, list[Row]]) -> str:
    """The data dictionary for a person."""
    told = [f"# {session.protocol.title}", "", texts.report.DISCLAIMER, "", texts.sessions.REHEARSAL_ONLY, ""]
    told += ["In CSV a cell that begins like a formula has an apostrophe in front; JSONL and Parquet have none.", ""]
    for name, columns in COLUMNS.items():
        told += [f"## {name} ({len(found[name])} rows)", "", TABLES[name], "", "| column | type | meaning |"]
        told += [
            "| --- | --- | --- |",
            *(f"| {column} | {kind} | {said} |" for column, (kind, said) in columns.items()),
        ]
        told.append("")
    return "\n".join(told)


def private(path: str, flags: int) -> int:
    """Opens a file that holds what readers wrote: for its owner alone."""
    return os.open(path, flags, mode=0o600)
