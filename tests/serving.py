"""The app as somebody starts it, in a process of its own, for the tests that talk to it over the network."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Served:
    """address: http://127.0.0.1:PORT. uploads: where its temporary files lie. log: all that it said."""

    address: str
    port: int
    uploads: Path
    log: Path
    feedback: Path


IN_THE_REPOSITORY = (sys.executable, "app.py")
# A system whose own encoding is ASCII: what names none fails at the first other character. As Windows with a code page.
NO_UTF_8: dict[str, Any] = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def free_port() -> int:
    """One below those that the system gives to whoever connects, so that none of these takes it before the app does."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def served(
    folder: Path, *flags: str, command: Sequence[str | Path] = IN_THE_REPOSITORY, cwd: Path = ROOT, **variables: str
) -> Iterator[Served]:
    """Start the app with these flags and variables, wait until it is up, and stop it at the end."""
    port = free_port()
    uploads, log, feedback = folder / "uploads", folder / "log.txt", folder / "kept" / "feedback.sqlite3"
    uploads.mkdir()
    settings = {"PRIORRG_WEIGHTS": "embedded", "PRIORRG_FEEDBACK": str(feedback), "TMPDIR": str(uploads), **variables}
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port), *flags],
            cwd=cwd,
            env=os.environ | settings,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until_up(f"http://127.0.0.1:{port}", process, log)
        yield Served(f"http://127.0.0.1:{port}", port, uploads, log, feedback)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


class Line:
    """A line to the server at `port` that can be cut, which ends what goes over it; address: where it begins.

    port may change: a server that was started anew.
    """

    def __init__(self, port: int) -> None:
        self.is_cut = False
        self.port = port
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._join, daemon=True).start()

    def cut(self) -> None:
        self.is_cut = True
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _join(self) -> None:
        with suppress(OSError):  # closed
            while True:
                browser, _ = self._listener.accept()
                if self.is_cut:
                    browser.close()
                    continue
                try:
                    server = socket.create_connection(("127.0.0.1", self.port))
                except ConnectionRefusedError:  # it is not there now
                    browser.close()
                    continue
                self._ends += [browser, server]
                for ends in ((browser, server), (server, browser)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, out_of: socket.socket, into: socket.socket) -> None:
        with suppress(OSError):
            while data := out_of.recv(1 << 16):
                into.sendall(data)
        with suppress(OSError):
            into.shutdown(socket.SHUT_RDWR)


def wait_until_up(address: str, process: subprocess.Popen, log: Path) -> None:
    for _ in range(1200):
        try:
            urllib.request.urlopen(f"{address}/healthz")
            return
        except OSError:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.5)
    raise AssertionError(f"the app did not come up: {log.read_text(encoding='utf-8')}")
