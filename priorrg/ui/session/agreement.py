"""How often readers agree so far, without unblinding; how far each is says priorrg/sessions/progress.py.

Arms are counted together. What stands by arm is in `by_arm`, which is asked for after the session was unblinded.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from priorrg.sessions.plan import Assignment
from priorrg.sessions.session import Session
from priorrg.sessions.state import Judged, ReaderState

Reading = tuple[Assignment, Judged]


def agreement(session: Session, states: dict[str, ReaderState]) -> list[dict[str, Any]]:
    """By question: how many pairs of readers answered it for the same report of the same case, and how many alike."""
    answers: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for question, case, arm, value in _answers(session, states):
        answers[question, case, arm].append(value)
    pairs, same = Counter[str](), Counter[str]()
    for (question, _, _), values in answers.items():
        for one, other in itertools.combinations(values, 2):
            pairs[question] += 1
            same[question] += one == other
    asked = {question.id: question.text for question in session.protocol.questions if question.options}
    return [{"question": text, "pairs": pairs[name], "same": same[name]} for name, text in asked.items() if pairs[name]]


def by_arm(session: Session, states: dict[str, ReaderState]) -> list[dict[str, Any]]:
    """By question and arm how often each answer was given; of a preference the arm that was preferred."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for question, _, arm, value in _answers(session, states):
        counts[question, arm][value] += 1
    asked = {question.id: question for question in session.protocol.questions}
    return [
        {
            "question": asked[name].text,
            "arm": arm,
            "answers": ", ".join(f"{asked[name].options.get(key, key)}: {count}" for key, count in found.most_common()),
        }
        for (name, arm), found in sorted(counts.items())
    ]


def _readings(session: Session, reader: str, state: ReaderState) -> list[Reading]:
    return [(one, state.of(one.number)) for one in session.assignments(reader) if not one.is_practice]


def _answers(session: Session, states: dict[str, ReaderState]) -> Iterable[tuple[str, str, str, str]]:
    """(question, case, arm, value) of first readings that were submitted. What is said of both reports names the arms
    in one order, and `left` and `right` the arm that stood there, since sides differ from reader to reader."""
    options = {question.id: question for question in session.protocol.questions if question.options}
    for reader, state in states.items():
        for assignment, judged in _readings(session, reader, state):
            if judged.status != "submitted" or assignment.is_repeat:
                continue
            sides: dict[str, str] = dict(zip(("left", "right"), assignment.arms, strict=False))
            for (name, report), value in judged.answers.items():
                if name not in options:
                    continue
                if options[name].about == "case":
                    yield name, assignment.case, " / ".join(sorted(assignment.arms)), sides.get(value, value)
                elif report < len(assignment.arms):
                    yield name, assignment.case, assignment.arms[report], value
