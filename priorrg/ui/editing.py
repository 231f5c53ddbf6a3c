"""What a reader changes in a report that stands: its sentences, and which of them are wrong; and what of that is left
when the report goes. No Gradio, no model."""

from __future__ import annotations

from typing import Any

from priorrg.feedback.store import REASONS, SentenceMark
from priorrg.plain_text import plain_text
from priorrg.report.sentences import EditedSentence, edited_text
from priorrg.ui.report_payload import standing_report
from priorrg.ui.sessions import Session

LONGEST_UNSENT = 100_000  # characters that a reader wrote and did not send
MOST_UNSENT = 50  # edits of reports that are gone
MOST_SENTENCES, MOST_CHARACTERS = 200, 2000  # of an edited report and of one sentence of it


def edit(session: Session, key: str, rows: list[dict[str, Any]], number: int | None = None) -> dict[str, Any] | None:
    """The reader has changed sentences; rows: all of them, as report.js keeps them. Gives the page's report anew.

    number: counts the page's messages up; what comes after a higher one is outdated and changes nothing.
    None where that report is no longer the session's; what was written in it is then kept as unsent.
    """
    edits = tuple(
        EditedSentence(
            plain_text(str(row.get("text", ""))[:MOST_CHARACTERS]),
            row["source"] if isinstance(row.get("source"), int) else None,
            bool(row.get("removed")),
        )
        for row in rows[:MOST_SENTENCES]
    )
    with session.lock:
        if session.run is None or session.report is None or session.run.key != key:
            before = session.run.before if session.run else None
            if before is not None and before.key == key and not session.is_news("edits", number):
                return None  # overtaken by the press of `Write on`, which brought what came after it
            left = edited_text((), edits)
            if left and left not in session.unsent:
                session.unsent.append(left)
                del session.unsent[:-MOST_UNSENT]
            return None
        if session.is_news("edits", number):
            session.edits = edits
        return standing_report(session)


def correction(session: Session, corrected: str) -> str | None:
    """What the box of the corrected report becomes after an edit; None where the reader wrote into it himself."""
    with session.lock:
        if session.report is None or corrected.strip() not in (session.offered.strip(), session.mirrored.strip()):
            return None
        session.mirrored = session.edited_text or session.report.text
        return session.mirrored


def mark(session: Session, marks: dict[str, str], number: int | None = None) -> None:
    """Sentences marked as wrong, {their number: reason}; they replace the marks before. number: see `edit`."""
    with session.lock:
        if session.report is None or not session.is_news("marks", number):
            return
        sentences = session.report.sentences
        session.marks = {
            int(place): SentenceMark(sentences[int(place)].text, int(place), reason)
            for place, reason in marks.items()
            if str(place).isdigit() and int(place) < len(sentences) and reason in REASONS
        }


def left_unsent(session: Session, comment: str, corrected: str) -> str:
    """What a reader wrote about the report before and did not send; empty where there is nothing."""
    corrected, comment = plain_text(corrected or "").strip(), plain_text(comment or "").strip()
    edited = session.edited_text or ""
    own = [
        *session.unsent,
        corrected if corrected != session.offered.strip() else "",
        edited if edited not in (corrected, session.offered.strip()) else "",
        comment if comment != plain_text(session.commented).strip() else "",
    ]
    return "\n\n".join(part for part in own if part)


def put_aside(session: Session, *unsent: str) -> str:
    """The report goes, and with it what its form began with; gives all that was written and not sent, to be shown.

    unsent: what was shown already of reports before, and left_unsent. Nothing of a correction is left beside others.
    """
    with session.lock:
        left = "\n\n".join(part for part in unsent if part)[-LONGEST_UNSENT:]
        session.unsent.clear()
        session.offered = session.commented = ""
        gone = {"comment": "", "corrected": "", "rating": 0, "unsent": left}
        session.form = session.form.model_copy(update=gone)
    return left
