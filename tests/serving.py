"""The app as somebody starts it, in a process of its own, for the tests that talk to it over the network."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
NO_UTF_8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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


def wait_until_up(address: str, process: subprocess.Popen, log: Path) -> None:
    for _ in range(1200):
        try:
            urllib.request.urlopen(f"{address}/healthz")
            return
        except OSError:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.5)
    raise AssertionError(f"the app did not come up: {log.read_text(encoding='utf-8')}")
