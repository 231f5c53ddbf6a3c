"""Feedback of radiologists, kept at once in one local database file. Rows are added, never changed.

No pixels and no names: an image is known by the digest of its pixels.
"""

from __future__ import annotations

import datetime
import errno
import json
import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import Any

from priorrg import texts
from priorrg.errors import FeedbackError
from priorrg.plain_text import plain_text

# As they are kept; priorrg/texts/feedback.py has the words that are shown.
REASONS = (
    "wrong finding",
    "missed finding",
    "wrong side or place",
    "wrong severity",
    "wrong comparison with the prior",
    "hallucinated device",
    "other",
)

ROOM = 1_000_000  # bytes that a database's own files beside it may need

# One entry a version of the tables; a new one is added below, none is ever changed.
MIGRATIONS = (
    """
    CREATE TABLE submission (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        sent_utc TEXT NOT NULL,
        reader TEXT NOT NULL,
        session TEXT NOT NULL,
        rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
        coarse_draft TEXT NOT NULL,
        refined_report TEXT NOT NULL,
        corrected_report TEXT NOT NULL,
        comment TEXT NOT NULL,
        indication TEXT NOT NULL,
        history TEXT NOT NULL,
        has_prior INTEGER NOT NULL,
        view_position TEXT NOT NULL,
        prior_view_position TEXT NOT NULL,
        current_fingerprint TEXT NOT NULL,
        prior_fingerprint TEXT NOT NULL,
        weights_name TEXT NOT NULL,
        weights_kind TEXT NOT NULL,
        settings TEXT NOT NULL
    );
    CREATE TABLE mark (
        submission_id INTEGER NOT NULL REFERENCES submission (id),
        position INTEGER NOT NULL,
        sentence TEXT NOT NULL,
        reason TEXT NOT NULL
    );
    CREATE INDEX mark_of_submission ON mark (submission_id);
    CREATE TRIGGER submission_stays BEFORE UPDATE ON submission BEGIN SELECT RAISE(ABORT, 'append-only'); END;
    CREATE TRIGGER submission_remains BEFORE DELETE ON submission BEGIN SELECT RAISE(ABORT, 'append-only'); END;
    CREATE TRIGGER mark_stays BEFORE UPDATE ON mark BEGIN SELECT RAISE(ABORT, 'append-only'); END;
    CREATE TRIGGER mark_remains BEFORE DELETE ON mark BEGIN SELECT RAISE(ABORT, 'append-only'); END;
    """,
    """
    ALTER TABLE submission ADD COLUMN revises INTEGER REFERENCES submission (id);
    """,
)


@dataclass(frozen=True)
class SentenceMark:
    """A sentence of the refined report that the reader holds for wrong. position counts from 0; reason: see REASONS."""

    sentence: str
    position: int
    reason: str


@dataclass(frozen=True)
class Feedback:
    """One submission. rating: 1 to 5. Fingerprints are digests of pixels. settings: those of the generation.

    corrected_report is empty where the reader corrected nothing. reader and session serve sessions of several readers.
    revises: the number of the same reader's submission on the same report that this one stands in the place of.
    """

    rating: int
    coarse_draft: str
    refined_report: str
    corrected_report: str
    comment: str
    marks: tuple[SentenceMark, ...]
    indication: str
    history: str
    has_prior: bool
    view_position: str
    prior_view_position: str
    current_fingerprint: str
    prior_fingerprint: str
    weights_name: str
    weights_kind: str
    settings: dict[str, Any]
    reader: str = ""
    session: str = ""
    revises: int | None = None


@dataclass(frozen=True)
class Kept:
    """A submission as it stands in the database. sent_utc: ISO 8601."""

    number: int
    sent_utc: str
    feedback: Feedback


LONGEST_REPORT, LONGEST_COMMENT = 20_000, 5_000  # characters
# Readers wait so long where another process keeps the file locked, and so many of them: the page has its threads for
# other things.
ADD_WITHIN_S, MOST_AT_ONCE = 2, 4
log = logging.getLogger("priorrg.feedback")
COLUMNS = tuple(name for name in Feedback.__dataclass_fields__ if name != "marks")


class FeedbackStore:
    """An sqlite file in WAL mode, each submission one transaction that is on disk before `add` returns.

    One connection a call: threads and processes may add together, of this process a few at once. Raises
    FeedbackError where the file cannot be used.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._adding = threading.BoundedSemaphore(MOST_AT_ONCE)
        if self.path.is_dir():
            raise FeedbackError(texts.feedback.FILE_IS_A_FOLDER.format(path=self.path))
        try:
            self.path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)  # others may make it at this moment
            if not self.path.exists():
                self.path.touch(mode=0o600)
        except OSError as error:
            raise self._unusable(error) from error
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")  # two processes that start together: one makes the tables
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(MIGRATIONS):
                raise FeedbackError(texts.feedback.FILE_OF_NEWER_VERSION.format(path=self.path))
            if version == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise FeedbackError(texts.feedback.FILE_OF_ANOTHER.format(path=self.path))
            for script in MIGRATIONS[version:]:
                for statement in _statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
            connection.execute("COMMIT")

    @classmethod
    def existing(cls, path: str | Path) -> FeedbackStore:
        """The store in a file that is there already. Raises FeedbackError where the file holds something else."""
        try:
            connection = sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True)
            try:
                tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            finally:
                connection.close()
        except sqlite3.Error:
            tables = set()
        if not {"submission", "mark"} <= tables:
            raise FeedbackError(texts.feedback.NO_FEEDBACK_FILE.format(path=path))
        return cls(path)

    def add(self, feedback: Feedback) -> int:
        """Keep one submission; returns its number. Raises FeedbackError for a rating outside 1 to 5."""
        if feedback.rating not in (1, 2, 3, 4, 5):
            raise FeedbackError(texts.feedback.RATING_OUTSIDE.format(rating=feedback.rating))
        for name, text, most in (
            ("report", feedback.corrected_report, LONGEST_REPORT),
            ("comment", feedback.comment, LONGEST_COMMENT),
        ):
            if len(text) > most:
                raise FeedbackError(texts.feedback.TOO_LONG[name].format(length=len(text), most=most))
        if not self._adding.acquire(timeout=ADD_WITHIN_S):
            raise self._not_kept("locked")
        try:
            return self._add(feedback)
        except FeedbackError as error:
            raise self._not_kept(error.trouble) from error
        finally:
            self._adding.release()

    def _add(self, feedback: Feedback) -> int:
        values = {name: getattr(feedback, name) for name in COLUMNS}
        values |= {name: plain_text(value) for name, value in values.items() if isinstance(value, str)}
        values["settings"] = json.dumps(feedback.settings, sort_keys=True)
        values["has_prior"] = int(feedback.has_prior)
        values["sent_utc"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        names = ", ".join(values)
        with self._connection(ADD_WITHIN_S) as connection:
            connection.execute("BEGIN IMMEDIATE")
            number = connection.execute(
                f"INSERT INTO submission ({names}) VALUES ({', '.join(':' + name for name in values)})", values
            ).lastrowid
            connection.executemany(
                "INSERT INTO mark VALUES (?, ?, ?, ?)",
                [(number, mark.position, plain_text(mark.sentence), mark.reason) for mark in feedback.marks],
            )
            connection.execute("COMMIT")
        assert number is not None
        return number

    def rows(self) -> list[Kept]:
        """Every submission in the order in which it came."""
        with self._connection() as connection:
            connection.row_factory = sqlite3.Row
            marks: dict[int, list[SentenceMark]] = {}
            for row in connection.execute("SELECT * FROM mark ORDER BY submission_id, position"):
                mark = SentenceMark(row["sentence"], row["position"], row["reason"])
                marks.setdefault(row["submission_id"], []).append(mark)
            found = []
            for row in connection.execute("SELECT * FROM submission ORDER BY id"):
                values: dict[str, Any] = {name: row[name] for name in COLUMNS}
                values |= {"has_prior": bool(row["has_prior"]), "settings": json.loads(row["settings"])}
                feedback = Feedback(**values, marks=tuple(marks.get(row["id"], ())))
                found.append(Kept(row["id"], row["sent_utc"], feedback))
        return found

    def check(self) -> None:
        """Raises FeedbackError, with its trouble, where nothing could be kept now."""
        with self._connection(0.2) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("quick_check")

    def count(self) -> int:
        with self._connection() as connection:
            return connection.execute("SELECT count(*) FROM submission").fetchone()[0]

    @contextmanager
    def _connection(self, within_s: float = 30) -> Iterator[sqlite3.Connection]:
        """within_s: how long another process may keep the file locked."""
        connection = None
        try:
            # mode=rw: a file that somebody deleted is missed, and not made anew without its tables.
            address = f"{self.path.resolve().as_uri()}?mode=rw"
            connection = sqlite3.connect(address, uri=True, timeout=within_s, isolation_level=None)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            yield connection
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        finally:
            if connection is not None:
                connection.close()

    def _unusable(self, error: Exception) -> FeedbackError:
        found = FeedbackError(texts.feedback.FILE_UNUSABLE.format(path=self.path, reason=error))
        found.trouble = _trouble(error, self.path.parent)
        return found

    def _not_kept(self, trouble: str) -> FeedbackError:
        """What a reader is told whose feedback was not kept, and the operator."""
        log.error("feedback was not kept: %s", trouble)
        found = FeedbackError(texts.feedback.NOT_KEPT[trouble])
        found.trouble = trouble
        return found


def _trouble(error: Exception, folder: Path) -> str:
    """A word for it, a key of texts.feedback.NOT_KEPT. folder: of the database."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "locked"
    if name.startswith("SQLITE_FULL") or getattr(error, "errno", None) == errno.ENOSPC:
        return "disk full"
    # Without room for the files that SQLite keeps beside a database it cannot open, read or write them.
    if name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")) and folder.is_dir() and disk_usage(folder).free < ROOM:
        return "disk full"
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or type(error) is sqlite3.DatabaseError:
        return "damaged"
    return "unusable"


def _statements(script: str) -> list[str]:
    """Single statements of a script: executescript would end the transaction that makes the tables at once or not."""
    found, text = [], ""
    for part in script.split(";"):
        text += part + ";"
        if sqlite3.complete_statement(text) and text.strip(" \n;"):
            found.append(text)
            text = ""
    return found
