"""Whose turn it is to read: one reading after another, in the order in which they were asked for.

The page's readings and those of the API stand in one queue, so that whoever waits is told how many really are before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from priorrg import texts
from priorrg.errors import BusyError

LOOK_AT_STOP_S = 0.1  # how often whoever waits looks whether it was stopped


class Place:
    """A place in the queue, from `Turns.place` on until its block is left."""

    def __init__(self, turns: Turns):
        self._turns = turns

    @property
    def before(self) -> int:
        """Readings that come before this one; 0 is its turn."""
        with self._turns.changed:
            return self._turns.places.index(self)

    def wait(self, stop: threading.Event) -> Iterator[int]:
        """How many are before this one, at once and whenever it changes, until it is its turn or `stop` is set."""
        said = 0
        while (before := self.before) and not stop.is_set():
            if before != said:
                said = before
                yield before
            with self._turns.changed:
                self._turns.changed.wait(LOOK_AT_STOP_S)


class Turns:
    """The queue of readings on this server. most_waiting: how many may wait while one is read."""

    def __init__(self, most_waiting: int) -> None:
        self.most_waiting = most_waiting
        self.places: list[Place] = []
        self.changed = threading.Condition()

    def __len__(self) -> int:
        """Readings that run or wait."""
        return len(self.places)

    def check(self) -> None:
        """Raises BusyError where nobody more may wait."""
        if len(self.places) > self.most_waiting:
            raise BusyError(texts.page.QUEUE_FULL.format(count=self.most_waiting))

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Take the last place; it is given back at the end of the block, whatever ends it. Raises BusyError."""
        place = Place(self)
        with self.changed:
            self.check()
            self.places.append(place)
        try:
            yield place
        finally:
            with self.changed:
                self.places.remove(place)
                self.changed.notify_all()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Take the last place and enter the block when it is its turn. Raises BusyError."""
        with self.place() as place:
            for _ in place.wait(threading.Event()):
                pass
            yield
