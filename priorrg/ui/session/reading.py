"""What a reader is shown, as plain values for assets/ui/session*.js: never more than the protocol shows.

What an arm does not show is not sent either, and a text that waits for the reader's own findings stays here until they
are on the disk.
"""

from __future__ import annotations

import datetime
from collections import OrderedDict
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt

from priorrg import texts
from priorrg.errors import SessionError
from priorrg.imaging.open import read_radiograph
from priorrg.report.facts import change_tag, read_report
from priorrg.report.sentences import split_sentences
from priorrg.sessions.cases import Case
from priorrg.sessions.plan import Assignment
from priorrg.sessions.prepare import PreparedReport, is_prepared, prepared
from priorrg.sessions.protocol import Arm
from priorrg.sessions.session import Session
from priorrg.sessions.state import Judged, ReaderState, rebuilt
from priorrg.study import Radiograph
from priorrg.ui.viewer_payload import image_payload

if TYPE_CHECKING:
    from priorrg.ui.session.live import Live

SIDES = ("current", "prior")
KEPT_FILMS = 12  # that were read from their files last, of all readers
WRITES = ("assist",)
MARKDOWN = MarkdownIt("commonmark", {"html": False})


class NotNow(SessionError):
    """A case that this reader cannot have yet."""


def state_payload(session: Session, reader: str) -> dict[str, Any]:
    """The session and how far this reader is."""
    protocol, state = session.protocol, session.state(reader)
    assignments = session.assignments(reader)
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    due = {one.visit: session.due(reader, one, now) for one in reversed(assignments)}
    return {
        "reader": reader,
        "title": protocol.title,
        "instructions": MARKDOWN.render(protocol.instructions),
        "consent": MARKDOWN.render(protocol.consent),
        "consented": bool(state.consented),
        "may_go_back": protocol.may_go_back,
        "skip_reasons": protocol.skip_reasons,
        "slots": [
            {
                "number": one.number,
                "is_practice": one.is_practice,
                "status": state.of(one.number).status,
                "due": _day(due[one.visit]),
            }
            for one in assignments
        ],
    }


def _day(moment: datetime.datetime | None) -> str:
    return "" if moment is None else (moment + datetime.timedelta(days=1)).date().isoformat()


def assignment_of(session: Session, reader: str, number: int) -> Assignment | None:
    return next((one for one in session.assignments(reader) if one.number == number), None)


def case_payload(session: Session, reader: str, assignment: Assignment, live: Live | None = None) -> dict[str, Any]:
    """One case as this reader sees it with what was judged of it. live: writes the reports of sessions that ask for it.

    Raises NotNow before its visit or without consent, and where a report is not there and will not come.
    """
    kept = session.store.events(reader)
    state = rebuilt(kept)
    _check(session, reader, assignment, state)
    protocol, case = session.protocol, session.cases[assignment.case]
    is_withheld = protocol.own_findings_first and state.of(assignment.number).own_findings is None
    arms = [protocol.arm(name) for name in assignment.arms]
    is_coming = _is_coming(session, case, arms, live)
    shown = [] if is_withheld or is_coming else [(arm, prepared(session, case.id, arm.name)) for arm in arms]
    writes = protocol.kind in WRITES
    return {
        "number": assignment.number,
        "is_practice": assignment.is_practice,
        "films": {side: _film(session, case, side) for side in SIDES},
        "indication": case.indication,
        "history": case.history,
        "asks_findings": protocol.own_findings_first,
        "is_withheld": is_withheld,
        "is_coming": is_coming,
        "judges_sentences": protocol.judges_sentences,
        "writes": writes,
        "start": shown[0][1].text if writes and shown and shown[0][1] else "",
        "reports": [_report(arm, found) for arm, found in shown],
        "judging": protocol.judging.model_dump(),
        "questions": [question.model_dump() for question in protocol.questions],
        "events": [
            {"client_id": one.event.client_id, "kind": one.event.kind, "payload": one.event.payload}
            for one in kept
            if one.event.assignment == assignment.number
        ],
    }


def _is_coming(session: Session, case: Case, arms: list[Arm], live: Live | None) -> bool:
    """Whether a report is only now being written: it is asked for here, also while the reader's own findings are."""
    missing = [arm for arm in arms if not is_prepared(session, case, arm)]
    if not missing:
        return False
    if live is None or not session.protocol.live:
        raise NotNow(texts.session_page.NO_MODEL if session.protocol.live else texts.session_page.NOT_PREPARED)
    for arm in missing:
        live.ask(session, case, arm)
    return True


def _film(session: Session, case: Case, side: str) -> dict[str, Any] | None:
    payload = image_payload(films.of(session, case, side))
    return None if payload is None else payload | {"key": film_key(session, case, side)}


def _check(session: Session, reader: str, assignment: Assignment, state: ReaderState) -> None:
    if not state.consented:
        raise NotNow(texts.session_page.CONSENT_FIRST)
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    if due := session.due(reader, assignment, now):
        raise NotNow(texts.session_page.READING["notYet"].format(day=_day(due)))


def _report(arm: Arm, found: PreparedReport | None) -> dict[str, Any]:
    """A report with what its arm shows of it and nothing else."""
    if found is None:  # written from scratch
        return {"sentences": [], "has_overlays": False, "draft": "", "weights": ""}
    has_overlays = "overlays" in arm.show and bool(found.overlays)
    tags = [change_tag(facts) for facts in read_report(list(found.sentences))] if "tags" in arm.show else []
    overlays = _overlays(found) if has_overlays else []
    sentences: list[dict[str, Any]] = [{"text": text} for text in found.sentences]
    for place, sentence in enumerate(sentences):
        if tags and tags[place]:
            sentence["tags"] = [texts.report.REPORT_CHANGES[tags[place]]]
        if "dots" in arm.show and found.confidences:
            sentence["confidence"] = _confidence(*found.confidences[place])
        if has_overlays:
            sentence["overlay"] = overlays[place]
    return {
        "sentences": sentences,
        "has_overlays": has_overlays,
        "draft": found.draft if "draft" in arm.show and arm.report == "refined" else "",
        "weights": found.weights if "weights" in arm.show else "",
    }


def _overlays(found: PreparedReport) -> list[dict[str, Any]]:
    """As the page of the app draws them."""
    from priorrg.explain.overlays import ATTENTION, Overlay  # bring torch, as below
    from priorrg.report.sentences import Sentence
    from priorrg.ui.report_payload import overlay_payloads

    method = found.settings.get("overlays") or ATTENTION
    placed = zip(found.sentences, found.overlays, strict=True)
    return overlay_payloads(
        [Overlay(Sentence(text, 0, len(text)), current, prior, method=method) for text, (current, prior) in placed]
    )


def _confidence(probability: float, is_calibrated: bool) -> dict[str, str]:
    from priorrg.reporting.confidence import Confidence  # brings torch, which no other arm needs

    level = Confidence(probability, is_calibrated).level
    words = texts.report.CONFIDENCE_LEVELS[level]
    return {"level": level, "words": texts.report.CONFIDENCE.format(level=words, percent=round(100 * probability))}


def answer_payload(session: Session, assignment: Assignment, judged: Judged) -> dict[str, Any] | None:
    """What a practice case has for an answer, once it was submitted; None for every other case."""
    if not assignment.is_practice or judged.status != "submitted":
        return None
    case = session.cases[assignment.case]
    is_planted = any(session.protocol.arm(name).report == "planted" for name in assignment.arms)
    sentences = [one.text for one in split_sentences(case.planted_report)] if is_planted else []
    words = session.protocol.judging.categories
    planted = []
    for error in case.planted if is_planted else ():
        where = sentences[error.place] if error.place is not None and error.place < len(sentences) else error.finding
        planted.append({"said": f"{words.get(error.category, error.category)}: {where}", "right": error.says})
    return {"reference": case.reference, "planted": planted}


class Films:
    """Radiographs of the organiser's folder as a reader sees them; the last ones stay in memory."""

    def __init__(self) -> None:
        self._read: OrderedDict[tuple[str, str, str], Radiograph | None] = OrderedDict()
        self._lock = Lock()

    def of(self, session: Session, case: Case, side: str) -> Radiograph | None:
        """Raises ImageError for a file that cannot be read."""
        path, view = (case.current, case.view) if side == "current" else (case.prior, case.prior_view)
        if path is None:
            return None
        key = (str(session.file), case.id, side)
        with self._lock:
            if key in self._read:
                self._read.move_to_end(key)
                return self._read[key]
        radiograph = read_radiograph(path)
        if view:
            radiograph = replace(radiograph, view_position=view)
        with self._lock:
            self._read[key] = radiograph
            while len(self._read) > KEPT_FILMS:
                self._read.popitem(last=False)
        return radiograph

    def by_key(self, session: Session, side: str, key: str) -> Radiograph | None:
        """The film that the payload calls `key`; None where there is none."""
        case = next((one for one in session.cases.values() if film_key(session, one, side) == key), None)
        return None if case is None else self.of(session, case, side)


def film_key(session: Session, case: Case, side: str) -> str:
    """Salted by session: two sessions cannot be matched by it."""
    return session.store.digest(f"{side} of {case.id}")[:16]


films = Films()
