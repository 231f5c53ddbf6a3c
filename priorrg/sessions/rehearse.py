"""A rehearsal: simulated readers with known, different habits read a copy of a session, and the tables must show them.

It is the organiser's dry run and the test of the whole. Readers send what a page sends, all at once, from threads
of their own; `send` says how, so that the same readers go through a store or through a server.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from priorrg.sessions.events import Event
from priorrg.sessions.plan import Assignment
from priorrg.sessions.prepare import prepared
from priorrg.sessions.session import Session
from priorrg.sessions.tables import Row, tables

Send = Callable[[str, Sequence[Event]], None]


@dataclass(frozen=True)
class Habit:
    """What a simulated reader does, always.

    finds_every: of the planted errors the first of every so many is marked, 0 none. strikes: sentences that are struck
    at the beginning of each report though nothing is planted there. acceptability, usefulness: what is answered.
    prefers: `left`, `right` or `equivalent`. seconds: active, a case. away: seconds with a hidden tab, a case.
    adds: words that are written behind a draft, or make up a report from scratch. wavers: a repeat is answered
    otherwise than the first time. skips: the first reading is skipped.
    """

    finds_every: int = 1
    strikes: int = 0
    acceptability: str = "as_is"
    usefulness: int = 5
    prefers: str = "left"
    seconds: float = 40.0
    away: float = 0.0
    adds: int = 3
    wavers: bool = False
    skips: bool = False


HABITS = {
    "careful": Habit(finds_every=1, strikes=0, acceptability="minor", usefulness=4, prefers="left", seconds=45),
    "lenient": Habit(finds_every=2, acceptability="as_is", usefulness=5, prefers="equivalent", seconds=20, adds=0),
    "harsh": Habit(finds_every=1, strikes=1, acceptability="unacceptable", usefulness=1, prefers="right", seconds=70),
    "hasty": Habit(finds_every=0, acceptability="as_is", usefulness=3, prefers="left", seconds=8, away=30, skips=True),
    "wavering": Habit(
        finds_every=3, acceptability="major", usefulness=2, prefers="right", seconds=50, adds=6, wavers=True
    ),
}
OPPOSITE = {"left": "right", "right": "left", "equivalent": "left"}


@dataclass(frozen=True)
class Comparison:
    """What was planted, and what the tables say of it."""

    what: str
    planted: object
    found: object

    @property
    def agrees(self) -> bool:
        return self.planted == self.found


def rehearse(session: Session, folder: Path) -> list[Comparison]:
    """Rehearse in a copy of the session under `folder`, with its export and report; what was planted against what came
    out. Raises SessionError where the session's reports are not generated yet."""
    from priorrg.sessions.export import export
    from priorrg.sessions.report import write_report

    copy = copied(session, folder)

    def send(reader: str, events: Sequence[Event]) -> None:
        copy.store.append(events)

    read_all(copy, send)
    copy.store.record("session_closed")
    export(copy, folder / "export")
    write_report(copy, folder / "export")
    return compared(copy, tables(copy))


def copied(session: Session, folder: Path, database: str = "") -> Session:
    """The session with five readers of its own and no washout, opened, in a new folder; its reports go along. database:
    a URL, for several servers; empty: a file in that folder."""
    from priorrg.errors import SessionError
    from priorrg.sessions.prepare import to_prepare

    if to_prepare(session):
        raise SessionError(f"The reports of {session.name} are not generated yet: `priorrg session open` does it.")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    given = yaml.safe_load(session.protocol_text)
    given |= {"readers": list(HABITS), "washout_days": 0}
    given["cases"] = str((session.file.parent / session.protocol.cases).resolve())
    file = folder / f"{session.name}.yaml"
    file.write_text(yaml.safe_dump(given, sort_keys=False, allow_unicode=True), encoding="utf-8")
    if (session.folder / "reports").is_dir():
        shutil.copytree(session.folder / "reports", file.with_suffix("") / "reports")
    copy = Session.at(file, database)
    copy.store.record("protocol", {"text": copy.protocol_text})
    copy.store.record("session_opened")
    return copy


def read_all(session: Session, send: Send) -> None:
    """All readers at once, each in a thread of its own; what is judged of a case is sent in two parts, as by a page."""

    def reads(reader: str) -> None:
        part: list[Event] = []
        for event in performance(session, reader, HABITS[reader]):
            part.append(event)
            if event.kind in ("consented", "shown", "submitted", "skipped"):
                send(reader, part)
                part = []

    with ThreadPoolExecutor(len(HABITS)) as pool:
        list(pool.map(reads, HABITS))


def performance(session: Session, reader: str, habit: Habit) -> Iterator[Event]:
    """All that a reader does in a session, in order."""

    def event(assignment: Assignment | None, kind: str, **payload: Any) -> Event:
        return session.event(reader, assignment, kind, uuid.uuid4().hex, payload=payload)

    yield event(None, "consented")
    listed = session.assignments(reader)
    first = next(one for one in listed if not one.is_practice)
    for assignment in listed:
        yield event(assignment, "opened")
        if assignment is first and habit.skips:
            yield event(assignment, "skipped", reason="other")
            continue
        if session.protocol.own_findings_first:
            yield event(assignment, "own_findings", text="Own findings.")
        yield event(assignment, "time", phase="look", active_s=habit.seconds / 4, hidden_s=habit.away)
        yield event(assignment, "shown")
        for kind, payload in _judged(session, assignment, habit):
            yield event(assignment, kind, **payload)
        yield event(assignment, "time", phase="read", active_s=habit.seconds / 4)
        yield event(assignment, "time", phase="edit", active_s=habit.seconds / 2)
        yield event(assignment, "submitted")


def _judged(session: Session, assignment: Assignment, habit: Habit) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = session.protocol.kind
    if kind == "assist":
        shown = prepared(session, assignment.case, assignment.arms[0])
        words = [] if shown is None else [shown.text]
        yield "text", {"text": " ".join([*words, *(["added"] * max(habit.adds, 1 if shown is None else 0))])}
    else:
        for side, arm in enumerate(assignment.arms):
            yield from _marked(session, assignment, arm, side, habit)
    asked = {question.id: question for question in session.protocol.questions}
    swapped = habit.wavers and assignment.is_repeat
    answers = {
        "acceptability": "as_is" if swapped else habit.acceptability,
        "usefulness": "5" if swapped else str(habit.usefulness),
        "answers_indication": "yes",
        "preference": OPPOSITE[habit.prefers] if swapped else habit.prefers,
        "comment": f"={reader_word(habit)}",  # a spreadsheet must not take it for a formula
    }
    for name, value in answers.items():
        if name in asked:
            sides = range(len(assignment.arms)) if asked[name].about == "report" else (0,)
            for side in sides:
                yield "answer", {"question": name, "value": value, "report": side}


def reader_word(habit: Habit) -> str:
    return next(name for name, one in HABITS.items() if one == habit)


def _marked(
    session: Session, assignment: Assignment, arm: str, side: int, habit: Habit
) -> Iterator[tuple[str, dict[str, Any]]]:
    shown, case = prepared(session, assignment.case, arm), session.cases[assignment.case]
    assert shown is not None
    if not session.protocol.judges_sentences:
        return
    planted = case.planted if shown.text == case.planted_report else ()
    wrong = {one.place for one in planted if one.place is not None}
    marked = planted[:: habit.finds_every] if habit.finds_every else ()
    for number, error in enumerate(marked):
        common = {"report": side, "category": error.category, "significance": "significant", "is_device": False}
        if error.place is None:
            yield "missed", common | {"id": f"m{number}", "text": error.says}
        elif error.says:
            yield "sentence", common | {"place": error.place, "verdict": "edited", "text": error.says}
        else:
            yield "sentence", common | {"place": error.place, "verdict": "struck", "text": ""}
    free = [place for place in range(len(shown.sentences)) if place not in wrong]
    for place in free[: habit.strikes]:
        payload = {"report": side, "place": place, "verdict": "struck", "category": "false_finding"}
        yield "sentence", payload | {"significance": "minor"}


def compared(session: Session, found: dict[str, list[Row]]) -> list[Comparison]:
    """Each reader's habits against what the tables say, by counting the plan and the protocol by hand."""
    told = []
    for reader, habit in HABITS.items():
        read = [one for one in session.assignments(reader) if not one.is_practice]
        done = read[1:] if habit.skips else read
        rows = [row for row in found["readings"] if row["reader"] == reader and not row["is_practice"]]
        submitted = [row for row in rows if row["status"] == "submitted"]
        told.append(Comparison(f"{reader}: readings submitted", len(done), len({r["assignment"] for r in submitted})))
        told.append(
            Comparison(
                f"{reader}: active seconds a case", habit.seconds, round(fmean(r["active_s"] for r in submitted), 6)
            )
        )
        told.append(Comparison(f"{reader}: seconds away a case", habit.away, fmean(r["away_s"] for r in submitted)))
        told += _compared_marks(session, reader, habit, done, found)
        told += _compared_answers(session, reader, habit, done, found)
    return told


def _compared_marks(
    session: Session, reader: str, habit: Habit, done: list[Assignment], found: dict[str, list[Row]]
) -> Iterator[Comparison]:
    if session.protocol.kind == "assist":
        mine = [row for row in found["readings"] if row["reader"] == reader and row["status"] == "submitted"]
        drafted = [row["edit_distance"] for row in mine if row["shown_text"] and not row["is_practice"]]
        if drafted:
            yield Comparison(f"{reader}: words changed in a draft", {habit.adds}, set(drafted))
        return
    if not session.protocol.judges_sentences:
        return
    expected = alarms = 0
    for assignment in done:
        for arm in assignment.arms:
            shown, case = prepared(session, assignment.case, arm), session.cases[assignment.case]
            assert shown is not None
            planted = len(case.planted) if shown.text == case.planted_report else 0
            expected += -(-planted // habit.finds_every) if habit.finds_every else 0
            alarms += min(habit.strikes, len(shown.sentences))
    mine = [row for row in found["errors"] if row["reader"] == reader]
    yield Comparison(f"{reader}: errors marked", expected + alarms, len(mine))
    hits = [row for row in found["planted"] if row["reader"] == reader and row["is_found"] and row["is_named"]]
    yield Comparison(f"{reader}: planted errors found and named", expected, len(hits))
    yield Comparison(f"{reader}: false alarms", alarms, sum(not row["planted"] for row in mine))


def _compared_answers(
    session: Session, reader: str, habit: Habit, done: list[Assignment], found: dict[str, list[Row]]
) -> Iterator[Comparison]:
    asked = {question.id for question in session.protocol.questions}
    steady = [row for row in found["answers"] if row["reader"] == reader and not row["is_repeat"]]
    for name, value in (
        ("acceptability", habit.acceptability),
        ("usefulness", str(habit.usefulness)),
        ("preference", habit.prefers),
    ):
        if name in asked:
            yield Comparison(f"{reader}: {name}", {value}, {row["value"] for row in steady if row["question"] == name})
    if habit.wavers and any(one.is_repeat for one in done) and "usefulness" in asked:
        again = {row["value"] for row in found["answers"] if row["reader"] == reader and row["is_repeat"]} & {"5"}
        yield Comparison(f"{reader}: usefulness of a repeat", {"5"}, again)
