"""Who reads what when: every reader's list of assignments, made from the protocol and its seed alone.

Nothing of it is stored: the same protocol, cases and pseudonym give the same list on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from priorrg.sessions.protocol import Protocol


@dataclass(frozen=True)
class Assignment:
    """One case that a reader reads once. number: from 1, practice cases first.

    arms: the name of one arm, or of two that are compared, left and right as this reader sees them.
    visit: from 1; between two visits lie washout_days. is_repeat: shown before, once more for intra-reader agreement.
    """

    number: int
    case: str
    arms: tuple[str, ...]
    visit: int = 1
    is_practice: bool = False
    is_repeat: bool = False

    @property
    def arm(self) -> str:
        """As it is kept with an event."""
        return ",".join(self.arms)


def plan(protocol: Protocol, cases: Sequence[str], reader: str) -> list[Assignment]:
    """A reader's assignments in their order. cases: ids of all, practice cases among them."""
    place = protocol.readers.index(reader)
    rng = random.Random(f"{protocol.order.seed} {reader}")
    read = [case for case in cases if case not in protocol.practice]
    practice = [(case, _practice_arms(protocol, number), 1) for number, case in enumerate(protocol.practice)]
    rows = _design(protocol, read, place, rng)
    repeated = _repeats(protocol, rows, rng)
    # Sides are drawn last and for every reading anew, so that a repeat may be swapped.
    listed = [*((row, True, False) for row in practice), *((row, False, False) for row in rows)]
    listed += [(row, False, True) for row in repeated]
    found = []
    for number, ((case, arms, visit), is_practice, is_repeat) in enumerate(listed, start=1):
        sides = list(arms)
        if len(sides) == 2 and rng.random() < 0.5:
            sides.reverse()
        found.append(Assignment(number, case, tuple(sides), visit, is_practice, is_repeat))
    return found


Row = tuple[str, tuple[str, ...], int]  # case, arms, visit


def _design(protocol: Protocol, cases: Sequence[str], place: int, rng: random.Random) -> list[Row]:
    """What is read, visit by visit, each visit in the order of its own."""
    choices = protocol.compared or tuple((arm.name,) for arm in protocol.arms)
    order = protocol.order
    # The square runs over one shuffle of cases that all readers share: each case meets every arm over the readers,
    # and neighbours in the file do not always share theirs.
    shared = list(cases)
    random.Random(f"{order.seed} square").shuffle(shared)
    column = {case: number for number, case in enumerate(shared)}

    def squared(case: str, shift: int = 0) -> tuple[str, ...]:
        return choices[(place + column[case] + shift) % len(choices)]

    if order.design == "latin":
        visits = [[(case, squared(case), 1) for case in cases]]
    elif order.design == "each":
        visits = [[(case, choice, 1) for case in cases for choice in choices]]
    else:
        visits = [[(case, squared(case, shift), shift + 1) for case in cases] for shift in range(len(choices))]
    if order.cases == "shuffled":
        for visit in visits:
            rng.shuffle(visit)
    return [row for visit in visits for row in visit]


def _practice_arms(protocol: Protocol, number: int) -> tuple[str, ...]:
    choices = protocol.compared or tuple((arm.name,) for arm in protocol.arms)
    return choices[number % len(choices)]


def _repeats(protocol: Protocol, rows: Sequence[Row], rng: random.Random) -> list[Row]:
    """As many of the first readings as the protocol repeats, in an order of their own; on a visit of their own where
    there is a washout, at the end of the last one where there is none."""
    last = max((visit for _, _, visit in rows), default=1)
    visit = last + 1 if protocol.washout_days else last
    chosen = rng.sample(list(rows), min(protocol.repeats, len(rows)))
    return [(case, arms, visit) for case, arms, _ in chosen]
