"""The events of a reading: what Reporter.stream gives, and what comes of a whole stream of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from priorrg.report.sentences import Sentence
from priorrg.reporting.confidence import Confidence


@dataclass(frozen=True)
class Progress:
    """step: `images`, `encoding`, `drafting` or `refining`; message is for the reader."""

    step: str
    message: str


@dataclass(frozen=True)
class DraftWord:
    """The coarse draft up to its last whole word."""

    text_so_far: str


@dataclass(frozen=True)
class DraftDone:
    text: str


@dataclass(frozen=True)
class ReportWord:
    """The refined report up to the last whole word that cannot change any more."""

    text_so_far: str


@dataclass(frozen=True)
class ReportDone:
    """tokens: ids that were generated, without the start token, with the end token if it came.

    confidences: of each sentence, how sure the model was of it. probabilities: of each token, given those before it.
    is_cut: it ended at the limit of tokens, most likely in the middle of a sentence; can_go_on: and the position table
    has places for more of it (Reporter.stream with `begun`).
    """

    text: str
    tokens: tuple[int, ...]
    sentences: tuple[Sentence, ...]
    confidences: tuple[Confidence, ...]
    probabilities: tuple[float, ...] = ()
    is_cut: bool = False
    can_go_on: bool = False

    @property
    def is_unfinished(self) -> bool:
        """Whether its last sentence has no end."""
        return self.is_cut and not self.text.rstrip().endswith((".", "!", "?"))


@dataclass(frozen=True)
class Stopped:
    """The reader pressed Stop. What was written until then is kept."""

    draft: str
    report: str


Event = Progress | DraftWord | DraftDone | ReportWord | ReportDone | Stopped


def stopped_after(events: list[Event]) -> Stopped:
    """What a reading that was stopped after these events comes to."""
    draft = report = ""
    for event in events:
        if isinstance(event, DraftWord | DraftDone):
            draft = event.text if isinstance(event, DraftDone) else event.text_so_far
        elif isinstance(event, ReportWord | ReportDone):
            report = event.text if isinstance(event, ReportDone) else event.text_so_far
    return Stopped(draft, report)


def gathered(events: Iterable[Event]) -> tuple[str, ReportDone | None]:
    """The coarse draft and the report of a stream that may be stopped; None where it was."""
    draft, done = "", None
    for event in events:
        if isinstance(event, DraftDone):
            draft = event.text
        elif isinstance(event, ReportDone):
            done = event
    return draft, done


def read_to_end(events: Iterable[Event]) -> tuple[str, ReportDone]:
    """The coarse draft and the report of a stream that nobody stops."""
    draft, done = gathered(events)
    assert done is not None, "a reading that nobody stops ends with a report"
    return draft, done
