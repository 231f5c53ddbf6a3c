"""Kill a writing process again and again, and look whether anything that was acknowledged is missing or half there.

    python -m tests.kills --kills 1000                  SQLite, in a folder of its own
    python -m tests.kills --kills 1000 --postgresql     Debian's PostgreSQL, started for it

The writer keeps answers in parts of three and says so when they were acknowledged; the kill (SIGKILL) comes at a random
moment within what a few of them take.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from priorrg.sessions.events import Event
from priorrg.sessions.store import Store
from tests.databases import postgresql

PART = 3
READY = b"ready\n"


def write_until_killed(url: str, run: int, told: int) -> None:
    store = Store(url, "kills")
    os.write(told, READY)
    number = 0
    while True:
        ids = [f"{run}-{number}-{place}" for place in range(PART)]
        answer = {"question": "usefulness", "value": "4"}
        kept = store.append([Event("answer", one, "R1", 1, "case", "arm", payload=answer) for one in ids])
        os.write(told, "".join(f"{one}\n" for one in kept).encode())
        number += 1


def killed_once(url: str, run: int, rng: random.Random, within_s: float) -> list[str]:
    """Ids that were acknowledged before the kill."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            write_until_killed(url, run, writing)
        finally:
            os._exit(1)
    os.close(writing)
    if run % 10:  # of ten nine are killed while they write, and one while it opens the database
        os.read(reading, len(READY))
    time.sleep(rng.uniform(0, within_s))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        lines = pipe.read().decode().splitlines(keepends=True)
    return [line.strip() for line in lines if line.endswith("\n") and line != READY.decode()]


def check(url: str, kills: int, seed: int = 1, within_s: float = 0.15) -> dict[str, int]:
    """Counts of kills, of acknowledged events, of kept ones, and of what is missing or half (both must be 0)."""
    store = Store(url, "kills")
    store.record("session_opened")
    store.engine.dispose()
    rng = random.Random(seed)
    acknowledged = [one for run in range(kills) for one in killed_once(url, run, rng, within_s)]
    kept = {one.event.client_id for one in Store(url, "kills").events("R1")}
    parts: dict[str, int] = {}
    for one in kept:
        part = one.rpartition("-")[0]
        parts[part] = parts.get(part, 0) + 1
    return {
        "kills": kills,
        "acknowledged": len(acknowledged),
        "kept": len(kept),
        "missing": len(set(acknowledged) - kept),
        "half": sum(count != PART for count in parts.values()),
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args(arguments)
    if options.postgresql:
        with postgresql() as url:
            found = check(url, options.kills)
    else:
        with tempfile.TemporaryDirectory() as folder:
            found = check(f"sqlite:///{Path(folder) / 'kills.sqlite3'}", options.kills)
    print(", ".join(f"{count} {name}" for name, count in found.items()))
    return 1 if found["missing"] or found["half"] or not found["acknowledged"] else 0


if __name__ == "__main__":
    sys.exit(main())
