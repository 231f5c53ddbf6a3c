"""How far everybody is, without unblinding: what `session status` prints and the organiser's page shows."""

from __future__ import annotations

import datetime
import statistics
from dataclasses import dataclass

from priorrg.sessions.prepare import to_prepare
from priorrg.sessions.session import Session
from priorrg.sessions.state import PHASES


@dataclass(frozen=True)
class Progress:
    """Of one reader. done, of: readings, practice left out. median_s: active seconds of a submitted reading, or None.

    link: `yes`, `no`, or `withdrawn`. last_utc: of anything that the reader did.
    """

    reader: str
    link: str
    consented: bool | None
    is_paused: bool
    done: int
    skipped: int
    of: int
    median_s: float | None
    last_utc: datetime.datetime | None


def progress(session: Session) -> list[Progress]:
    have, gone = session.store.readers_with_links(), session.store.withdrawn()
    found = []
    for reader in session.protocol.readers:
        state = session.state(reader)
        read = [one for one in session.assignments(reader) if not one.is_practice]
        judged = [state.of(one.number) for one in read]
        times = [sum(one.times[p]["active_s"] for p in PHASES) for one in judged if one.status == "submitted"]
        found.append(
            Progress(
                reader,
                "withdrawn" if reader in gone else "yes" if reader in have else "no",
                state.consented,
                state.is_paused,
                sum(one.is_done for one in judged),
                sum(one.status in ("skipped", "unreadable") for one in judged),
                len(read),
                statistics.median(times) if times else None,
                state.last_utc,
            )
        )
    return found


def last_push(session: Session) -> str:
    """When the answers were last sent to the hub, ISO 8601; empty for never."""
    pushed = [kept for kept in session.store.events("") if kept.event.kind == "pushed"]
    return f"{pushed[-1].at_utc:%Y-%m-%d %H:%M} UTC" if pushed else ""


def lines(session: Session) -> list[str]:
    """For a terminal."""
    missing = len(to_prepare(session))
    began = "open" if session.store.is_open() else "closed" if session.store.protocol_text() else "not opened yet"
    told = [f"{session.name}: {session.protocol.title} ({session.protocol.kind}), {began}"]
    told.append(f"  {len(session.cases)} cases, {missing} reports still to be generated")
    told.append(f"  last sent to the hub: {last_push(session) or 'never'}")
    told.append(f"  {'reader':10} {'link':10} {'consent':8} {'done':>9} {'skipped':>8} {'median s':>9}  last")
    for one in progress(session):
        consent = {True: "yes", False: "refused", None: "-"}[one.consented]
        median = "-" if one.median_s is None else f"{one.median_s:.0f}"
        last = f"{one.last_utc:%Y-%m-%d %H:%M} UTC" if one.last_utc else "-"
        done = f"{one.done} of {one.of}"
        told.append(
            f"  {one.reader:10} {one.link:10} {consent:8} {done:>9} {one.skipped:>8} {median:>9}  {last}"
            + ("  paused" if one.is_paused else "")
        )
    return told
