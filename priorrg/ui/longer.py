"""A report that ended at its limit, written on from there. What the reader did to it stays. No Gradio, no model.

The longer report is a run of its own (runs.py), which remembers what stood before it: where it is stopped, or nobody
may wait any more, that stands again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from priorrg import texts
from priorrg.explain.knowledge import Knowledge
from priorrg.explain.overlays import Overlay
from priorrg.feedback.store import SentenceMark
from priorrg.report.sentences import EditedSentence, edited_text
from priorrg.reporting.events import ReportDone

if TYPE_CHECKING:
    from priorrg.ui.sessions import Run, Session


@dataclass(frozen=True, eq=False)
class Before:
    """The report that is written on, with all that stood of it: the fields of Session under the same names.

    key: of the run that wrote it.
    """

    key: str
    draft: str
    report: ReportDone
    edits: tuple[EditedSentence, ...]
    marks: dict[int, SentenceMark]
    mirrored: str
    overlays: dict[str, list[Overlay]]
    knowledge: list[Knowledge]
    typed: dict[str, Overlay]
    readings: dict[str, ReportDone]
    traced: dict[tuple[str, str], list[Overlay]]


def standing(session: Session, key: str) -> Before | None:
    """What there is to write on; None where it is another report by now, is whole, or was sent with feedback."""
    with session.lock:
        run, report = session.run, session.report
        if run is None or report is None or run.key != key or not report.can_go_on or session.submissions:
            return None
        return Before(
            key,
            session.draft,
            report,
            session.edits,
            session.marks,
            session.mirrored,
            session.overlays,
            session.knowledge,
            session.typed,
            session.readings,
            session.traced,
        )


def restore(session: Session, run: Run) -> bool:
    """Let what stood before `run` stand again; False where the page has gone on, or where nothing stood."""
    before = run.before
    with session.lock:
        if before is None or not session.take_report(run, before.draft, before.report):
            return False
        for name in ("edits", "marks", "mirrored", "overlays", "knowledge", "typed", "readings", "traced"):
            setattr(session, name, getattr(before, name))
        return True


def carry_over(session: Session, before: Before, report: ReportDone) -> None:
    """Edits and marks of the shorter report in the longer one, whose sentences beyond it stand as they were written."""
    old, new = ([sentence.text for sentence in one.sentences] for one in (before.report, report))
    with session.lock:
        session.mirrored = before.mirrored
        if len(new) < len(old) or new[: len(old) - 1] != old[:-1]:  # its first sentences were never written anew so far
            left = edited_text(before.report.sentences, before.edits)
            session.unsent += [left] if left else []
            return
        session.marks = {place: SentenceMark(new[place], place, mark.reason) for place, mark in before.marks.items()}
        if before.edits:
            last = len(old) - 1
            kept = (
                replace(edit, text=new[last]) if edit.source == last and edit.text == old[last] else edit
                for edit in before.edits
            )
            session.edits = (*kept, *(EditedSentence(new[n], n, False) for n in range(len(old), len(new))))


def correction_after(session: Session, corrected: str) -> str | None:
    """The box of the corrected report after its report was written on; None where the reader wrote into it."""
    with session.lock:
        if session.report is None or corrected.strip() not in (session.offered.strip(), session.mirrored.strip()):
            return None
        session.offered = session.report.text
        edited = session.edited_text
        session.mirrored = edited or ""
        return edited or session.report.text


def stands_as_before(payload: dict[str, Any] | None, said: str = "") -> dict[str, Any] | None:
    """The payload of a report that stands again, with the sentence that says so."""
    return None if payload is None else payload | {"status": said or texts.report.NOT_WRITTEN_ON}
