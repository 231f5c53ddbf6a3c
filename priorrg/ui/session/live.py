"""Reports that are written when a reader opens the case, for sessions whose protocol says `live`.

They go the way of those that were generated beforehand (priorrg/sessions/prepare.py): one file, which everybody who
comes later reads. Only the app that holds a model writes them, one after another, in the queue of its readings.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from priorrg import texts
from priorrg.errors import BusyError, PriorRGError
from priorrg.reporting.reporter import Reporter
from priorrg.reporting.stopping import Stop
from priorrg.sessions.cases import Case
from priorrg.sessions.prepare import is_prepared, write_report
from priorrg.sessions.protocol import Arm
from priorrg.sessions.session import Session
from priorrg.ui.queue import Client, ReadingQueue
from priorrg.ui.session.reading import NotNow

log = logging.getLogger("priorrg.sessions")


class Live:
    """load: weights' name as in an arm to a Reporter, kept here from then on. queue: of all readings on this server."""

    def __init__(self, load: Callable[[str], Reporter], queue: ReadingQueue) -> None:
        self._load, self._queue = load, queue
        self._reporters: dict[str, Reporter] = {}
        self._coming: dict[tuple[str, str, str], Future[None]] = {}
        self._lock = threading.Lock()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="live reports")

    def ask(self, session: Session, case: Case, arm: Arm) -> None:
        """Have the report of an arm written where nobody has asked for it yet; returns at once.

        Raises NotNow where it could not be written the last time; whoever asks after that has it tried again.
        """
        key = str(session.file), case.id, arm.name
        with self._lock:
            coming = self._coming.get(key)
            if coming is None or coming.done():
                self._coming.pop(key, None)
                error = coming and coming.exception()
                if error is not None and not isinstance(error, BusyError):
                    reason = str(error) if isinstance(error, PriorRGError) else texts.server.FAILED
                    raise NotNow(texts.session_page.NOT_WRITTEN.format(reason=reason)) from None
                self._coming[key] = self._writer.submit(self._write, session, case, arm)

    def _write(self, session: Session, case: Case, arm: Arm) -> None:
        if is_prepared(session, case, arm):  # by another arm that shares it, or by another process
            return
        try:
            if arm.weights not in self._reporters:
                self._reporters[arm.weights] = self._load(arm.weights)
            with self._queue.place(Client(f"session {session.name}")) as place:
                for _ in place.wait(Stop()):
                    pass
                write_report(session, case, arm, self._reporters[arm.weights])
        except PriorRGError:
            raise
        except Exception as error:
            log.error("a report of a live session could not be written", exc_info=error)
            raise
