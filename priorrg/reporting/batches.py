"""What several readers wait for at the same moment, computed as one batch. Knows nothing of what is computed.

A first comer is never held up to gather others: whatever waits when the one before is done goes together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batches(Generic[Item, Result]):
    """compute: items -> their results, in the same order. most: items of a batch. kind: those of one batch share it.

    One thread computes, and is there only while something waits, so that a fork of the process has its own. The
    interpreter's end waits for it: no daemon, for torch ends the process with an abort where it meets that end.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Item]], Sequence[Result]],
        most: int,
        kind: Callable[[Item], Hashable] = lambda item: None,
    ) -> None:
        self._compute, self._most, self._kind = compute, most, kind
        self._waiting: list[tuple[Item, Future[Result]]] = []
        self._lock = threading.Lock()
        self._is_running = False

    def of(self, item: Item) -> Result:
        """Its result, when its batch is done; raises what computing it raised."""
        return self.begin(item).result()

    def begin(self, item: Item) -> Future[Result]:
        """Its result to come; what is called when it is done must be short, for it holds up the next batch."""
        future: Future[Result] = Future()
        with self._lock:
            if not self._is_running:
                # Where a daemon asks, it would be one too unless told. Raises where there is no room.
                threading.Thread(target=self._run, name="batches", daemon=False).start()
                self._is_running = True
            self._waiting.append((item, future))
        return future

    def _next(self) -> list[tuple[Item, Future[Result]]]:
        """The one that waited longest and those of its kind; empty where nothing waits, and the thread ends."""
        with self._lock:
            if not self._waiting:
                self._is_running = False
                return []
            kind = self._kind(self._waiting[0][0])
            alike = [number for number, (item, _) in enumerate(self._waiting) if self._kind(item) == kind][: self._most]
            batch = [self._waiting[number] for number in alike]
            for number in reversed(alike):
                del self._waiting[number]
            return batch

    def _run(self) -> None:
        while batch := self._next():
            try:
                results = self._compute([item for item, _ in batch])
            except BaseException as error:
                if len(batch) == 1:
                    batch[0][1].set_exception(error)
                else:  # one that fails, or the room that all together take, is nobody else's fault
                    self._compute_apart(batch)
                continue
            for (_, future), result in zip(batch, results, strict=True):
                future.set_result(result)

    def _compute_apart(self, batch: list[tuple[Item, Future[Result]]]) -> None:
        for item, future in batch:
            try:
                (result,) = self._compute([item])
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
