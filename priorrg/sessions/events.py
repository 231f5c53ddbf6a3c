"""What can happen in a session, as events: the kinds, what each holds, and what a row of the store is.

An event says what a reader did, once; nothing in it is ever changed. A later one about the same thing counts instead.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from priorrg import texts
from priorrg.errors import SessionError
from priorrg.plain_text import plain_text
from priorrg.sessions.judging import CATEGORIES, SIGNIFICANCES, VERDICTS, Strict

MOST_CHARACTERS = 20_000  # of one event's payload
MOST_AT_ONCE = 500


def _one_of(names: tuple[str, ...]) -> Any:
    """A text that is one of these."""

    def check(text: str) -> str:
        if text not in names:
            raise ValueError(f"{text} is none of {', '.join(names)}")
        return text

    return Annotated[str, AfterValidator(check)]


if TYPE_CHECKING:
    Category = Significance = Verdict = str
else:
    Category, Significance, Verdict = _one_of(CATEGORIES), _one_of(SIGNIFICANCES), _one_of(VERDICTS)


class Nothing(Strict):
    """A kind that says all by its name."""


class Text(Strict):
    text: str = ""


class Reason(Strict):
    reason: str
    comment: str = ""


class Unreadable(Strict):
    image: Literal["current", "prior"]
    comment: str = ""


class SentenceJudged(Strict):
    """report: 0, or 1 for the right one of two. place: of the sentence in it, from 0. text: as the reader left it.

    category and significance may follow later, with another event that holds the whole again.
    """

    report: Literal[0, 1] = 0
    place: int = Field(ge=0, lt=500)
    verdict: Verdict
    text: str = ""
    category: Category | None = None
    is_device: bool = False
    significance: Significance | None = None

    @model_validator(mode="after")
    def _right_is_no_error(self) -> SentenceJudged:
        if self.verdict == "right" and (self.category or self.significance or self.is_device):
            raise ValueError("a sentence that is right has no category")
        return self


class Place(Strict):
    """A box on a film, as shares of its width and height from the upper left corner."""

    image: Literal["current", "prior"] = "current"
    x0: float = Field(ge=0, le=1)
    y0: float = Field(ge=0, le=1)
    x1: float = Field(ge=0, le=1)
    y1: float = Field(ge=0, le=1)


class Missed(Strict):
    """A finding that the report leaves out. id: the page's own, to change it or take it back."""

    id: str = Field(min_length=1, max_length=40)
    report: Literal[0, 1] = 0
    text: str = ""
    category: Category = "missing_finding"
    is_device: bool = False
    significance: Significance | None = None
    place: Place | None = None


class MissedGone(Strict):
    id: str


class Answer(Strict):
    """value: the option's key; of a question without options, what was written. Empty: taken back.

    report: which of two the question is about.
    """

    question: str
    value: str = ""
    report: Literal[0, 1] = 0


class Time(Strict):
    """Seconds that one phase took, in parts as they are measured: a case's phases add up. See docs/sessions.md.

    phase: `look` (before the text is shown), `read` (until the first edit), `edit` (until submitted).
    """

    phase: Literal["look", "read", "edit"]
    active_s: float = Field(ge=0, le=86_400)
    hidden_s: float = Field(0, ge=0, le=86_400)
    unfocused_s: float = Field(0, ge=0, le=86_400)
    idle_s: float = Field(0, ge=0, le=86_400)


# What a page may send, and what each kind holds. The first two are of the session, all others of an assignment.
READER_KINDS: dict[str, type[Strict]] = {
    "consented": Nothing,
    "refused": Nothing,
    "opened": Nothing,  # the case was put before the reader
    "own_findings": Text,
    "shown": Nothing,  # the text was put before the reader
    "sentence": SentenceJudged,
    "missed": Missed,
    "missed_gone": MissedGone,
    "answer": Answer,
    "text": Text,  # the report as it is being written, of a session of kind assist
    "time": Time,
    "paused": Nothing,
    "resumed": Nothing,
    "skipped": Reason,
    "unreadable": Unreadable,
    "submitted": Nothing,
    "reopened": Nothing,  # gone back to; counts as open until it is submitted once more
}
# What the organiser does, by a command or on the organiser's page. Payloads are plain dictionaries.
ORGANISER_KINDS = (
    "session_opened",
    "session_closed",
    "session_reopened",
    "unblinded",
    "protocol",  # {text}: as it stood when the session was opened
    "link_made",  # {token}: its salted digest; {reader}
    "link_revoked",  # {token}
    "withdrawn",  # {reader, events}: how many of a reader's answers were removed
    "exported",
    "pushed",  # {events, repository}
    "imported",  # a submission of the feedback form from before there were sessions
)


@dataclass(frozen=True)
class Event:
    """One thing that a reader did, or (reader empty) the organiser.

    client_id: the sender's own, unique for a reader of a session: what comes twice is kept once.
    assignment: its number in the reader's plan; None for what is of no case. arm: of both, with a comma, where two are
    compared, left first. said_utc: when it happened by the browser's clock, ISO 8601; may be empty.
    """

    kind: str
    client_id: str
    reader: str = ""
    assignment: int | None = None
    case: str = ""
    arm: str = ""
    weights: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    said_utc: str = ""
    payload: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Kept:
    """An event as it stands in the store. version: of the program that kept it."""

    number: int
    at_utc: datetime.datetime
    version: str
    event: Event


def checked(event: Event) -> Event:
    """The event of a reader with its payload as it will be kept.

    Raises SessionError for a kind or a payload that there is not, or one that is too large.
    """
    model = READER_KINDS.get(event.kind)
    if model is None or not event.client_id or len(event.client_id) > 64:
        raise SessionError(texts.sessions.UNKNOWN_EVENT)
    try:
        payload = model.model_validate(event.payload).model_dump()
    except ValidationError as error:
        raise SessionError(texts.sessions.UNKNOWN_EVENT) from error
    payload = _plain(payload)
    if len(json.dumps(payload, ensure_ascii=False)) > MOST_CHARACTERS:
        raise SessionError(texts.sessions.EVENT_TOO_LARGE.format(most=MOST_CHARACTERS))
    values = {name: getattr(event, name) for name in event.__dataclass_fields__}
    return Event(**values | {"payload": payload})


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value
