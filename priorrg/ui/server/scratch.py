"""The folder of this server's uploads. It goes with the server; what one leaves that was killed goes at the next start.

A living server holds a lock in its folder, which the system takes away from a process that ends in whatever way: so two
servers on one machine never sweep each other. Imports no gradio, which reads the folder's name when it is imported.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

LIVING, BEING_MADE = "priorrg-uploads-", "priorrg-making-"
LOCK, FILES = "lock", "files"


def claim(parent: Path | None = None) -> Path:
    """A new folder for uploads that this process alone uses, below the system's temporary folder or another.

    Folders of servers that are gone are swept first. It is deleted at an ordinary exit.
    """
    parent = parent or Path(tempfile.gettempdir())
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    making = Path(tempfile.mkdtemp(prefix=BEING_MADE, dir=parent))  # mode 0700
    lock = FileLock(making / LOCK)
    lock.acquire()
    # Under its name it is seen by others, and then it is locked already.
    folder = making.rename(parent / making.name.replace(BEING_MADE, LIVING))
    (folder / FILES).mkdir(mode=0o700)

    def leave() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()

    atexit.register(leave)
    return folder / FILES


def sweep(parent: Path) -> int:
    """Delete the folders of this user's servers that are gone; gives how many."""
    swept = 0
    for folder in parent.glob(f"{LIVING}*"):
        try:
            status = folder.lstat()
            if folder.is_symlink() or not folder.is_dir() or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
                continue
            with FileLock(folder / LOCK, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
                swept += 1
        except (Timeout, OSError):  # it lives, or another server sweeps it at this moment
            continue
    return swept
