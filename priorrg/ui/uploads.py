"""Uploads that nobody takes: what an interrupted request or a page that was left leaves on the disk."""

from __future__ import annotations

import threading
import time
from pathlib import Path

ABANDONED_AFTER_S = 1800  # longer than any upload waits for its turn


def sweep(folder: Path, older_than_s: float = ABANDONED_AFTER_S) -> int:
    """Delete files of the upload folder that are older; gives how many. Gradio forgets those that arrived in part."""
    deleted, now = 0, time.time()
    for file in folder.rglob("*"):
        try:
            if file.is_file() and now - file.stat().st_ctime > older_than_s:
                file.unlink()
                deleted += 1
        except FileNotFoundError:  # taken by its reader meanwhile
            continue
    return deleted


def watch(folder: Path, every_s: float = 60) -> None:
    """Sweep from now on, in a thread of its own."""

    def run() -> None:
        while True:
            time.sleep(every_s)
            sweep(folder)

    threading.Thread(target=run, name="abandoned uploads", daemon=True).start()
