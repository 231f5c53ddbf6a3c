"""How far a reader is, rebuilt from the events alone: what a page shows after a reload, on whatever machine.

The last event about a thing counts: a sentence that was judged twice stands as it was judged last.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from priorrg.sessions.events import Kept

PHASES = ("look", "read", "edit")
PARTS = ("active_s", "hidden_s", "unfocused_s", "idle_s")


@dataclass
class Judged:
    """What stands of one assignment. All payloads as in events.py.

    status: `new`, `open`, `submitted`, `skipped` or `unreadable`.
    sentences: (report, place) to a sentence's judgement. missed: its id to a missed finding. answers: (question,
    report) to the value. times: phase to its seconds by part. first_edit: whether anything was changed yet.
    opened_utc, shown_utc, submitted_utc: the server's clock.
    """

    status: str = "new"
    own_findings: str | None = None
    is_shown: bool = False
    sentences: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    missed: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[tuple[str, int], str] = field(default_factory=dict)
    text: str | None = None
    times: dict[str, dict[str, float]] = field(
        default_factory=lambda: {phase: dict.fromkeys(PARTS, 0.0) for phase in PHASES}
    )
    reason: dict[str, Any] = field(default_factory=dict)
    opened_utc: datetime.datetime | None = None
    shown_utc: datetime.datetime | None = None
    submitted_utc: datetime.datetime | None = None
    case: str = ""
    arm: str = ""
    weights: str = ""

    @property
    def is_done(self) -> bool:
        return self.status in ("submitted", "skipped", "unreadable")


@dataclass
class ReaderState:
    """consented: True, False where it was refused, None where nothing was said. judged: by an assignment's number."""

    consented: bool | None = None
    is_paused: bool = False
    judged: dict[int, Judged] = field(default_factory=dict)
    last_utc: datetime.datetime | None = None

    def of(self, assignment: int) -> Judged:
        """Of an assignment that nobody opened too."""
        return self.judged.get(assignment, Judged())


def rebuilt(events: Sequence[Kept]) -> ReaderState:
    """The state that one reader's events lead to, in the order in which they were kept."""
    state = ReaderState()
    for kept in events:
        state.last_utc = kept.at_utc
        event = kept.event
        match event.kind:
            case "consented" | "refused":
                state.consented = event.kind == "consented"
            case "paused" | "resumed":
                state.is_paused = event.kind == "paused"
        if event.assignment is not None:
            judged = state.judged.setdefault(event.assignment, Judged())
            judged.case, judged.arm = event.case or judged.case, event.arm or judged.arm
            judged.weights = event.weights or judged.weights
            _apply(judged, kept)
    return state


def _apply(judged: Judged, kept: Kept) -> None:
    payload = kept.event.payload
    if judged.status == "new":
        judged.status, judged.opened_utc = "open", kept.at_utc
    match kept.event.kind:
        case "own_findings":
            judged.own_findings = payload["text"]
        case "shown":
            judged.is_shown, judged.shown_utc = True, judged.shown_utc or kept.at_utc
        case "sentence":
            judged.sentences[payload["report"], payload["place"]] = payload
        case "missed":
            judged.missed[payload["id"]] = payload
        case "missed_gone":
            judged.missed.pop(payload["id"], None)
        case "answer":
            key = payload["question"], payload["report"]
            judged.answers.pop(key, None)
            if payload["value"]:
                judged.answers[key] = payload["value"]
        case "text":
            judged.text = payload["text"]
        case "time":
            times = judged.times[payload["phase"]]
            for part in PARTS:
                times[part] += payload[part]
        case "submitted":
            judged.status, judged.submitted_utc = "submitted", kept.at_utc
        case "skipped" | "unreadable":
            judged.status, judged.reason = kept.event.kind, payload
        case "reopened":
            judged.status = "open"
