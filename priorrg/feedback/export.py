"""Feedback as a CSV file that opens in a spreadsheet: one row a submission, nothing in it runs as a formula."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

from priorrg import texts
from priorrg.errors import FeedbackError
from priorrg.feedback.store import COLUMNS, FeedbackStore, Kept
from priorrg.plain_text import plain_text

FORMULA_STARTS = ("=", "+", "-", "@", " ", "\n")  # a space or a line break before one may be taken away


def export_csv(database: str | Path, output: str | Path) -> int:
    """Write every submission to `output` (UTF-8 with byte order mark, for Excel); returns how many.

    Raises FeedbackError where there is no database or the file cannot be written.
    """
    if not Path(database).is_file():
        raise FeedbackError(f"There is no feedback file {database}. Name the one the app wrote with --database.")
    rows = FeedbackStore.existing(database).rows()
    try:
        # It holds what readers wrote: like the database, for its owner alone.
        with open(output, "w", newline="", encoding="utf-8-sig", opener=_private) as file:
            writer = csv.writer(file)
            writer.writerow(["number", "sent_utc", *COLUMNS, "marked_wrong", "note"])
            writer.writerows([spreadsheet_cell(value) for value in _row(kept)] for kept in rows)
    except OSError as error:
        raise FeedbackError(f"{output} cannot be written: {error.strerror or error}.") from error
    return len(rows)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _row(kept: Kept) -> list[object]:
    feedback = kept.feedback
    values = {name: getattr(feedback, name) for name in COLUMNS}
    values["settings"] = json.dumps(feedback.settings, sort_keys=True)
    values["has_prior"] = "yes" if feedback.has_prior else "no"
    marks = "\n".join(f"{mark.position + 1}. {mark.sentence} ({mark.reason})" for mark in feedback.marks)
    return [kept.number, kept.sent_utc, *values.values(), marks, texts.report.DISCLAIMER]


def spreadsheet_cell(value: object) -> object:
    """Plain text; one that a spreadsheet would take for a formula gets an apostrophe in front."""
    if not isinstance(value, str):
        return value
    text = plain_text(value)
    return "'" + text if text.startswith(FORMULA_STARTS) else text
