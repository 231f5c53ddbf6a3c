"""Whose turn it is to read: one reading after another, in the order in which they were asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

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
    """The queue of readings on this server."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.changed = threading.Condition()

    def __len__(self) -> int:
        """Readings that run or wait."""
        return len(self.places)

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Take the last place; it is given back at the end of the block, whatever ends it."""
        place = Place(self)
        with self.changed:
            self.places.append(place)
        try:
            yield place
        finally:
            with self.changed:
                self.places.remove(place)
                self.changed.notify_all()
