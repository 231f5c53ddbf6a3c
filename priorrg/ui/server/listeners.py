"""Whether a program that asked for a reading still waits for it: if not, its place and the model go to the next.

A program hears its answer over one open stream. When that ends before the answer, or never begins, nobody listens.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from priorrg import texts
from priorrg.reporting.stopping import Stop
from priorrg.ui.server.refusals import Refused

API = "/gradio_api"
MOST_STREAMS = 300  # an open page has two
UNHEARD_S = 20  # so long a call runs without anybody who listens


@dataclass(eq=False)
class Call:
    """A call that runs. keys: its session and its event, by either of which a program may listen."""

    keys: tuple[str, str]
    stop: Stop = field(default_factory=Stop)


class Listeners:
    """The streams that are open and the calls whose answers go into them."""

    def __init__(self, unheard_s: float = UNHEARD_S) -> None:
        self._unheard_s = unheard_s
        self._open: Counter[str] = Counter()
        self._calls: set[Call] = set()
        self._idle: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def call(self, session: str, event: str) -> Iterator[Stop]:
        """Gives the event that is set when nobody waits for this call's answer any more."""
        call = Call((session, event))
        unheard = threading.Timer(self._unheard_s, self._end_if_unheard, [call])
        unheard.daemon = True
        with self._lock:
            self._calls.add(call)
        unheard.start()
        try:
            yield call.stop
        finally:
            unheard.cancel()
            with self._lock:
                self._calls.discard(call)

    @contextmanager
    def listening(self, key: str) -> Iterator[None]:
        """A stream for this session or event is open within the block."""
        with self._lock:
            self._open[key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._open[key] -= 1
                if not self._open[key]:
                    del self._open[key]
            self.end(key)

    def forget_unheard(self, queue: Any) -> None:
        """Drop what Gradio's queue keeps for sessions to which nobody listens, now and when this was called before.

        Gradio keeps their answers until somebody comes for them, and the names of their calls for ever.
        """
        idle = set()
        for session, events in list(queue.pending_event_ids_session.items()):
            runs = any(event in queue.event_ids_to_events for event in list(events))
            if not runs and not any(self.is_open(key) for key in (session, *list(events))):
                idle.add(session)
        for session in idle & self._idle:
            queue.pending_event_ids_session.pop(session, None)
            if session in queue.pending_messages_per_session:
                del queue.pending_messages_per_session[session]
        self._idle = idle - self._idle

    def watch(self, queue: Any, every_s: float = 60) -> None:
        """Forget from now on, in a thread of its own."""

        def run() -> None:
            while True:
                time.sleep(every_s)
                self.forget_unheard(queue)

        threading.Thread(target=run, name="unheard answers", daemon=True).start()

    def is_open(self, key: str) -> bool:
        with self._lock:
            return self._open[key] > 0

    def end(self, key: str) -> None:
        """Stop the calls of this session or event, unless somebody else listens to them."""
        with self._lock:
            unheard = [one for one in self._calls if key in one.keys and not any(self._open[k] for k in one.keys)]
        for call in unheard:
            call.stop.set()

    def stop(self, key: str) -> None:
        """Stop the calls of this session or event: whoever made them said so."""
        with self._lock:
            calls = [one for one in self._calls if key in one.keys]
        for call in calls:
            call.stop.set()

    def _end_if_unheard(self, call: Call) -> None:
        with self._lock:
            is_heard = any(self._open[key] for key in call.keys)
        if not is_heard:
            call.stop.set()


class ListenersMiddleware:
    """Tells Listeners of the streams that open and close. most: that one address or login may keep open."""

    def __init__(self, app: ASGIApp, listeners: Listeners, most: int = MOST_STREAMS) -> None:
        self.app = app
        self.listeners = listeners
        self.most = most
        self.open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = stream_key(scope)
        if key is None:
            return await self.app(scope, receive, send)
        group = scope["visitor"].client.group
        if self.open[group] >= self.most:
            raise Refused(429, "streams", texts.server.TOO_MANY_STREAMS, wait_s=30)
        self.open[group] += 1
        try:
            with self.listeners.listening(key):
                await self.app(scope, receive, send)
        finally:
            self.open[group] -= 1
            if not self.open[group]:
                del self.open[group]


def heartbeat_key(session: str) -> str:
    """The stream by which a page or a program shows that it is there; no answers come in it."""
    return f"heartbeat {session}"


def stream_key(scope: Scope) -> str | None:
    """The session or event whose answers this request would hear, None where it is no such request."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    path = scope["path"]
    if path.startswith(f"{API}/heartbeat/"):
        return heartbeat_key(path.rsplit("/", 1)[-1])
    if path == f"{API}/queue/data":
        return next(iter(parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [])), None)
    return path.rsplit("/", 1)[-1] if path.startswith(f"{API}/call/") else None
