"""Files on their way in: each lies in a folder of its own until it is read, and those that nobody takes go too."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gradio import route_utils

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.open import read_radiograph
from priorrg.study import Radiograph
from priorrg.ui.queue import Client
from priorrg.ui.server import metrics
from priorrg.ui.server.bounds import begun_files
from priorrg.ui.server.visits import named_files

OUT_OF_SIGHT = "out-of-sight"  # a class of uploads that are there for their input alone, which the page's own parts use
UNPACKED = "unpacked-"  # how a folder beside an archive begins, in which its films lie
ABANDONED_AFTER_S = 1800  # longer than any upload waits for its turn
EMPTY_AFTER_S = 300  # longer than an upload takes to send its first byte


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
            files = begun_files.get()
            if files is not None:
                files.append(Path(self.file.name))

    route_utils.GradioUploadFile = Apart  # type: ignore[misc]


def read(path: str | Path, client: Client, called: str = "") -> Radiograph:
    """The upload as a radiograph; arguments as of read_radiograph. Raises ImageError, also where the file is gone."""
    try:
        return read_radiograph(path, called=called, client=(client.group, client.owner))
    except ImageError:
        metrics.refused("image")
        raise
    except OSError:  # its own sentence would carry the file's name into the log
        raise ImageError(f"{called}: {texts.page.LOST_UPLOAD}" if called else texts.page.LOST_UPLOAD) from None


def read_and_delete(path: str | Path, client: Client, called: str = "") -> Radiograph:
    """As `read`; the file is gone afterwards, whatever came of it."""
    try:
        return read(path, client, called)
    finally:
        discard(path)


class UploadFolder:
    """The folder in which uploads lie. How old a file is, is counted from when it was first seen, by a clock that never
    jumps: the date on a file and the computer's own date may be anything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: dict[Path, float] = {}

    def size(self) -> int:
        """Bytes of all uploads that lie there."""
        return sum(_size(path) for path in _found(self.folder))

    def discard(self, path: str) -> None:
        """Delete an upload that a caller names; any other path is left alone."""
        file = Path(path)
        if file.is_absolute() and ".." not in file.parts and self.folder.resolve() in file.resolve().parents:
            discard(file)

    def follow(self, page: Any) -> None:
        """Delete from now on what a call of this page hands over that Gradio refuses on the way to its handler, such as
        one whose other file is no upload: only a handler would delete them."""
        prepared = page.preprocess_data

        async def watched(handler: Any, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
            try:
                return await prepared(handler, inputs, *args, **kwargs)
            except BaseException:
                for path in named_files(inputs):
                    self.discard(path)
                raise

        page.preprocess_data = watched

    def sweep(self, older_than_s: float = ABANDONED_AFTER_S, empty_after_s: float = EMPTY_AFTER_S) -> int:
        """Delete what lies there for longer, and sooner what is empty: files without a byte, folders without a file.

        Gives how many files went. Gradio forgets those that arrived in part.
        """
        now, deleted = time.monotonic(), 0
        found = sorted(_found(self.folder), reverse=True)  # what is in a folder comes before it
        self._seen = {path: self._seen.get(path, now) for path in found}
        for path in found:
            age = now - self._seen[path]
            try:
                if path.is_dir():
                    if age > empty_after_s:
                        path.rmdir()
                elif age > (older_than_s if path.stat().st_size else empty_after_s):
                    path.unlink()
                    deleted += 1
            except OSError:  # taken by its reader meanwhile, or a folder that is not empty
                continue
        return deleted

    def watch(self, every_s: float = 60) -> None:
        """Sweep from now on, in a thread of its own."""

        def run() -> None:
            while True:
                time.sleep(every_s)
                self.sweep()

        threading.Thread(target=run, name="abandoned uploads", daemon=True).start()


def _found(folder: Path) -> Iterator[Path]:
    """All that lies there, and below, without folders that their readers delete meanwhile: rglob raises for them."""
    for path, folders, files in os.walk(folder):
        yield from (Path(path, name) for name in (*folders, *files))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def discard(path: str | Path) -> None:
    """Delete an upload, what was unpacked beside it, and the folder that it had for itself."""
    path = Path(path)
    path.unlink(missing_ok=True)
    for unpacked in path.parent.glob(f"{UNPACKED}*/"):
        shutil.rmtree(unpacked, ignore_errors=True)
    with suppress(OSError):  # not empty: it was no folder of an upload
        path.parent.rmdir()
