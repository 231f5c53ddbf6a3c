"""Who reads next: so many readings at once, page and API in one queue, and no client before all the others.

The model is lent to whoever waited longest since it was last lent to him: first among addresses and logins, then among
the browsers and programs of one, then in the order of asking. Nobody can fill the queue alone.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from priorrg import texts
from priorrg.errors import BusyError
from priorrg.reporting.stopping import Stop
from priorrg.ui.server import metrics

REMEMBERED = 1000  # clients of whom it is known when they last had the model


@dataclass(frozen=True)
class Client:
    """Who asks for a reading. group: a login or, without one, an address. owner: one browser or program of it."""

    group: str = ""
    owner: str = ""


class Place:
    """A place in the queue, from `ReadingQueue.place` on until its block is left."""

    def __init__(self, queue: ReadingQueue, client: Client):
        self._queue = queue
        self.client = client
        self.asked = self.begun = time.monotonic()

    @property
    def before(self) -> int:
        """Readings that must end before this one begins; 0 is its turn."""
        with self._queue.changed:
            return self._queue.before_this(self)

    def wait(self, stop: Stop) -> Iterator[int]:
        """How many are before this one, at once and whenever it changes, until it is its turn or `stop` is set."""
        queue, said, before = self._queue, 0, 0

        def is_news() -> bool:
            nonlocal before
            before = queue.before_this(self)
            return stop.is_set() or (queue.is_free() if before == 0 else before != said)

        with stop.telling(queue.tell):
            while True:
                with queue.changed:
                    queue.changed.wait_for(is_news)
                    if stop.is_set():
                        return
                    if before == 0:
                        queue.begin(self)
                        return
                    said = before
                yield before


class ReadingQueue:
    """The queue of readings on this server.

    most_waiting: how many may wait for those that are read; half of them of one address or login, a quarter of one
    client. at_once: how many are read at a time.
    """

    def __init__(self, most_waiting: int, at_once: int = 1) -> None:
        self.most_waiting = most_waiting
        self.at_once = at_once
        self.most_of_group = max(1, most_waiting // 2)
        self.most_of_client = max(1, most_waiting // 4)
        self.places: list[Place] = []
        self.changed = threading.Condition(threading.RLock())
        self._reading: list[Place] = []  # in the order in which they began
        self._spare: Stop | None = None  # stops what is read while nobody asks
        self._lent: OrderedDict[Client | str, int] = OrderedDict()  # client or group -> number of its last reading
        self._readings = 0

    def __len__(self) -> int:
        """Readings that run or wait."""
        return len(self.places)

    @property
    def waiting(self) -> int:
        """Readings that wait for others to end."""
        return max(0, len(self.places) - self.at_once)

    def check(self, client: Client) -> None:
        """Raises BusyError where this client may not wait too."""
        with self.changed:
            waiting = [place.client for place in self.places if place not in self._reading]
            if len(self.places) >= self.most_waiting + self.at_once:
                metrics.refused("queue full")
                raise BusyError(texts.page.QUEUE_FULL.format(count=self.most_waiting))
            if waiting.count(client) >= self.most_of_client:
                metrics.refused("client waits")
                raise BusyError(texts.page.CLIENT_WAITS.format(count=self.most_of_client))
            if sum(one.group == client.group for one in waiting) >= self.most_of_group:
                metrics.refused("group waits")
                raise BusyError(texts.page.GROUP_WAITS.format(count=self.most_of_group))

    def before(self, client: Client) -> int:
        """Readings that would have to end before one that this client asked for now."""
        with self.changed:
            place = Place(self, client)
            return self.before_this(place, place)

    def before_this(self, place: Place, *more: Place) -> int:
        """Readings that must end before this one begins, if more asked too. Call it with `changed` held."""
        return max(0, self.order(*more).index(place) - self.at_once + 1)

    def order(self, *more: Place) -> list[Place]:
        """Every place, and more, that which is read first. Call it with `changed` held."""
        lent, readings = dict(self._lent), self._readings
        ordered = list(self._reading)
        waiting = [place for place in (*self.places, *more) if place not in self._reading]
        while waiting:
            # min takes the first of equals, and places stand in the order in which they were asked for.
            next_ = min(waiting, key=lambda one: (lent.get(one.client.group, 0), lent.get(one.client, 0)))
            waiting.remove(next_)
            ordered.append(next_)
            readings += 1
            lent[next_.client.group] = lent[next_.client] = readings
        return ordered

    def tell(self) -> None:
        """Wake whoever waits, to look at how things are now."""
        with self.changed:
            self.changed.notify_all()

    def is_free(self) -> bool:
        """Whether nothing is read in spare time; if so, it is told to stop. Call it with `changed` held."""
        if self._spare is not None:
            self._spare.set()
        return self._spare is None

    @contextmanager
    def spare(self, stop: Stop, patience_s: float) -> Iterator[bool]:
        """Lend the model while nobody reads or waits; True where it could be lent within patience_s.

        It counts for nothing in anybody's turn: whoever asks sets `stop` and goes first.
        """

        def is_idle() -> bool:
            return stop.is_set() or (not self.places and self._spare is None)

        with self.changed:
            with stop.telling(self.tell):
                is_lent = self.changed.wait_for(is_idle, patience_s) and not stop.is_set()
            if is_lent:
                self._spare = stop
        try:
            yield is_lent
        finally:
            if is_lent:
                with self.changed:
                    self._spare = None
                    self.changed.notify_all()

    def begin(self, place: Place) -> None:
        """The model is this place's, until it is given back. Call it with `changed` held."""
        self._reading.append(place)
        place.begun = time.monotonic()
        metrics.WAITING_SECONDS.observe(place.begun - place.asked)
        self._readings += 1
        for key in (place.client.group, place.client):
            self._lent[key] = self._readings
            self._lent.move_to_end(key)
        while len(self._lent) > REMEMBERED:
            self._lent.popitem(last=False)

    @contextmanager
    def place(self, client: Client) -> Iterator[Place]:
        """Take a place; it is given back at the end of the block, whatever ends it. Raises BusyError."""
        place = Place(self, client)
        with self.changed:
            self.check(client)
            self.places.append(place)
            self.changed.notify_all()
        ended = "finished"
        try:
            yield place
        except (GeneratorExit, BusyError):  # the page or the program went away
            ended = "left"
            raise
        except Exception:
            ended = "failed"
            raise
        finally:
            with self.changed:
                self.places.remove(place)
                if place in self._reading:
                    self._reading.remove(place)
                    metrics.READINGS.labels(ended).inc()
                    metrics.READING_SECONDS.observe(time.monotonic() - place.begun)
                self.changed.notify_all()
