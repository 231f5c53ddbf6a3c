"""A way to stop something that also wakes whoever waits, so that nobody has to look for it again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stop(threading.Event):
    """An event for one use: it is set once and stays set."""

    def __init__(self) -> None:
        super().__init__()
        self._tells: list[Callable[[], None]] = []
        self._changing = threading.Lock()

    def set(self) -> None:
        super().set()
        with self._changing:
            tells = list(self._tells)
        for tell in tells:  # outside of the lock: they take locks of their own
            tell()

    @contextmanager
    def telling(self, tell: Callable[[], None]) -> Iterator[None]:
        """Within the block `tell` is called when this is set, by whoever sets it."""
        with self._changing:
            self._tells.append(tell)
        try:
            yield
        finally:
            with self._changing:
                self._tells.remove(tell)
