"""The processes that decode uploads (worker.py): how long and with how much memory each may, and whose turn it is.

A decoder that goes beyond its limits, or falls over, is ended and replaced; the reader of that file is told, and nobody
else notices. They are started as programs of their own, not forked: this process holds a model and threads.
"""

from __future__ import annotations

import atexit
import collections
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging import header
from priorrg.imaging.passing import from_plain, receive, send
from priorrg.study import Radiograph

SECONDS = 10.0  # that one file may take
MEMORY = 1536 << 20  # bytes that one file may take, beyond what an idle decoder has
NOBODY = ("", "")
REMEMBERED = 1000  # clients and groups of whom it is known when they had their last file
COUNT = 2  # so that the files of one client never hold up those of another
START_S = 120.0  # that a process may take to import its libraries, on a machine that is busy
KEEPS_TO_LIMITS = sys.platform == "linux"  # whether the system refuses memory beyond RLIMIT_AS
LOOK_S = 0.05  # how often memory is looked at where the system does not limit it
MOST_ANSWER = 1 << 30
# What a decoder sees of this process's environment: where its libraries lie, and no token or password.
_ENVIRONMENT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PYTHONHOME",
    "SYSTEMROOT",
    "TMPDIR",
    "VIRTUAL_ENV",
)

log = logging.getLogger(__name__)


class _Lost(Exception):
    """The decoder ended without an answer. limit: `time`, `memory` or `crash`."""

    def __init__(self, limit: str):
        super().__init__(limit)
        self.limit = limit


class Decoder:
    """One process. It decodes one file at a time."""

    def __init__(self, seconds: float, memory: int) -> None:
        self.seconds, self.memory = seconds, memory
        self.is_ready = False
        self._beyond = ""  # which limit it was ended at
        self._lock = threading.Lock()
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= {"PYTHONPATH": str(Path(__file__).parents[2]), "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "priorrg.imaging.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is for us; it goes when its input ends
            pipesize=1 << 20,
        )
        assert self.process.stdin and self.process.stdout
        self._to: IO[bytes] = self.process.stdin
        self._from: IO[bytes] = self.process.stdout
        most = memory if KEEPS_TO_LIMITS else 0
        send(self._to, {"salt": header.salt.hex(), "seconds": seconds, "memory": most})

    def decode(self, asked: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytearray]:
        """Its answer. Raises _Lost; then it has ended."""
        self._wait_until_ready()
        with self._watched(self.seconds, 0 if KEEPS_TO_LIMITS else self.memory):
            send(self._to, asked, data)
            return receive(self._from, MOST_ANSWER)

    def _wait_until_ready(self) -> None:
        if self.is_ready:
            return
        try:
            with self._watched(START_S, 0):
                receive(self._from, 0)
        except _Lost as lost:
            raise RuntimeError("The process that decodes images does not start; what it printed says why.") from lost
        self.is_ready = True

    @contextmanager
    def _watched(self, seconds: float, memory: int) -> Iterator[None]:
        """End the process when the block takes more than `seconds`, or, where not 0, `memory` more bytes."""
        is_done = threading.Event()
        watch = threading.Thread(target=self._watch, args=(is_done, seconds, memory), name="decoder", daemon=True)
        watch.start()
        try:
            yield
        except (OSError, EOFError, ValueError, KeyError):  # a broken pipe, half an answer, or none that could be one
            self.end()
            raise _Lost(self._beyond or "crash") from None
        finally:
            with self._lock:
                is_done.set()

    def _watch(self, is_done: threading.Event, seconds: float, memory: int) -> None:
        until = time.monotonic() + seconds
        idle = self._resident() if memory else 0
        while not is_done.wait(LOOK_S if memory else max(0.0, until - time.monotonic())):
            late, large = time.monotonic() >= until, bool(memory) and self._resident() > idle + memory
            with self._lock:
                if (late or large) and not is_done.is_set():
                    self._beyond = "time" if late else "memory"
                    self.process.kill()
                    return

    def _resident(self) -> int:
        try:
            return psutil.Process(self.process.pid).memory_info().rss
        except psutil.Error:  # it has just ended
            return 0

    @property
    def has_ended(self) -> bool:
        return bool(self._beyond) or self.process.poll() is not None

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self._to, self._from):
            try:
                pipe.close()
            except OSError:  # what was still to be written has nobody to read it
                continue


class Decoders:
    """The decoders of this process. ended: how many were ended and replaced, by `time`, `memory` and `crash`."""

    def __init__(self, count: int = COUNT, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.count, self.seconds, self.memory = count, seconds, memory
        self.ended: collections.Counter[str] = collections.Counter()
        self._idle: collections.deque[Decoder] = collections.deque()
        self._busy: dict[object, tuple[tuple[str, str], Decoder]] = {}  # by ticket: whose file, and its decoder
        self._waiting: dict[object, tuple[str, str]] = {}  # whose file it is by ticket, in the order of their arrival
        self._last: collections.OrderedDict[str | tuple[str, str], int] = collections.OrderedDict()  # by group, client
        self._files = 0
        self._changed = threading.Condition()
        self._is_closed = False

    def warm(self) -> None:
        """Start all of them, to be ready when the first file comes. Returns at once."""
        with self._changed:
            while len(self._idle) + len(self._busy) < self.count:
                self._idle.append(Decoder(self.seconds, self.memory))

    def read(self, source: Path | bytes, called: str, client: tuple[str, str] = NOBODY) -> Radiograph:
        """A file, or its bytes, decoded. called: how messages name it.

        client: group (a login or an address) and which of its browsers or programs. The files of one are decoded one
        after another, and the next decoder that is free is for the group, and in it the client, whose last file is
        longest ago. NOBODY may have all of them.
        Raises ImageError, OSError where the file cannot be opened.
        """
        with self._decoder(client) as decoder:
            try:
                path, data = ("", source) if isinstance(source, bytes) else (str(source), b"")
                said, body = decoder.decode({"path": path, "called": called, "language": texts.language()}, data)
                if "radiograph" in said:
                    radiograph = from_plain(Radiograph, said["radiograph"], said.get("arrays"), body)
                    if said.get("is_last"):
                        decoder.end()
                    return radiograph
            except _Lost as lost:
                said = {"limit": lost.limit}
            except ValueError:  # no decoder of ours answers so
                said = {"limit": "crash"}
            if "limit" in said:
                decoder.end()
        if "errno" in said:
            raise OSError(int(said["errno"]), os.strerror(int(said["errno"])))
        if "unforeseen" in said:
            log.error("a decoder met what was not foreseen: %.100s", said["unforeseen"])
            raise ImageError(texts.imaging.UNFORESEEN.format(called=called))
        if "refused" in said:
            raise ImageError(str(said["refused"]))
        limit = str(said["limit"])
        self.ended[limit] += 1
        log.warning("a decoder was ended and replaced: %s, status %s", limit, decoder.process.returncode)
        raise ImageError(texts.imaging.BEYOND[limit].format(called=called, **self._limits()))

    def _limits(self) -> dict[str, str]:
        return {"seconds": f"{self.seconds:g}", "gigabytes": f"{self.memory / (1 << 30):.1f}"}

    @contextmanager
    def _decoder(self, client: tuple[str, str]) -> Iterator[Decoder]:
        """A decoder for the block, in this client's turn."""
        ticket = object()
        with self._changed:
            self._waiting[ticket] = client
            while self._next() is not ticket:
                self._changed.wait()
            del self._waiting[ticket]
            self._files += 1
            for key in (client[0], client):
                self._last[key] = self._files
                self._last.move_to_end(key)
            while len(self._last) > REMEMBERED:
                self._last.popitem(last=False)
            decoder = self._idle.pop() if self._idle else Decoder(self.seconds, self.memory)
            self._busy[ticket] = client, decoder
            self._changed.notify_all()
        try:
            yield decoder
        finally:
            with self._changed:
                del self._busy[ticket]
                if not decoder.has_ended:
                    self._idle.append(decoder)
                else:
                    decoder.end()
                    if not self._is_closed:
                        # At the other end: one that is ready goes before one that has yet to start.
                        self._idle.appendleft(Decoder(self.seconds, self.memory))
                self._changed.notify_all()

    def _next(self) -> object:
        """The ticket whose turn it is, None where there is none or no decoder is free."""
        if len(self._busy) >= self.count:
            return None
        served = {client for client, _ in self._busy.values()} - {NOBODY}
        fitting = [(client, ticket) for ticket, client in self._waiting.items() if client not in served]
        # min takes the first of equals, and tickets stand in the order of their arrival.
        found = min(fitting, key=lambda one: [self._last.get(key, 0) for key in (one[0][0], one[0])], default=None)
        return found and found[1]

    @property
    def processes(self) -> list[subprocess.Popen]:
        """Those that are there, idle or busy."""
        with self._changed:
            return [decoder.process for decoder in (*self._idle, *(decoder for _, decoder in self._busy.values()))]

    @property
    def busy(self) -> int:
        """Files that are being decoded."""
        return len(self._busy)

    @property
    def waiting(self) -> int:
        """Files that wait for a decoder."""
        return len(self._waiting)

    def close(self) -> None:
        """End all of them."""
        self._is_closed = True
        for process in self.processes:
            process.kill()


_here = Decoders()


def decoders() -> Decoders:
    """Those of this process, each started when it is first needed."""
    return _here


def _forked() -> None:
    global _here
    _here = Decoders()  # a fork must not talk over our pipes; it would start its own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
atexit.register(lambda: _here.close())
