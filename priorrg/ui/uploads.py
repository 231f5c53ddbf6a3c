"""Files on their way in: each lies in a folder of its own until it is read, and those that nobody takes go too."""

from __future__ import annotations

import secrets
import threading
import time
from pathlib import Path
from typing import Any

from gradio import route_utils

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.open import read_radiograph
from priorrg.study import Radiograph

ABANDONED_AFTER_S = 1800  # longer than any upload waits for its turn


def keep_apart() -> None:
    """Give every upload a folder of its own, from now on.

    Gradio names the folder after the content: two readers of one file would share it, and whoever's turn came first
    would delete it for both.
    """
    uploaded: Any = route_utils.GradioUploadFile

    class Apart(uploaded):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.sha.update(secrets.token_bytes(16))

    route_utils.GradioUploadFile = Apart  # type: ignore[misc]


def read(path: str | Path, called: str = "") -> Radiograph:
    """The upload as a radiograph. called: see read_radiograph. Raises ImageError, also where the file is gone."""
    try:
        return read_radiograph(path, called=called)
    except OSError:  # its own sentence would carry the file's name into the log
        raise ImageError(f"{called}: {texts.page.LOST_UPLOAD}" if called else texts.page.LOST_UPLOAD) from None


def read_and_delete(path: str | Path, called: str = "") -> Radiograph:
    """As `read`; the file is gone afterwards, whatever came of it."""
    try:
        return read(path, called)
    finally:
        Path(path).unlink(missing_ok=True)


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
