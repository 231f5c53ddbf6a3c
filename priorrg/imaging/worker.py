"""A process that decodes what nobody vouches for: `python -m priorrg.imaging.worker`, started by decoders.py.

It takes files over its standard input and gives radiographs or sentences over its standard output, until the input
ends. It knows no model and no page, writes no file, leaves no core and says nothing of a file anywhere else.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import io
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging import header
from priorrg.imaging.open import MAX_BYTES, read_trusted
from priorrg.imaging.passing import described, receive, send, to_plain

try:
    import resource
except ImportError:  # Windows
    resource = None

DECODERS = ("openjpeg", "pylibjpeg", "libjpeg", "jpeg_ls", "imagecodecs._jpeg8")
GRACE_S = 5.0  # after its time a process ends by itself, should nobody be left who ends it
LEFT_BEHIND = 256 << 20  # bytes that a file may leave in memory; a process that holds more gives way to a fresh one


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("r+b") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # decoders written in C print
        given, _ = receive(sys.stdin.buffer, 0)
        header.salt = bytes.fromhex(given["salt"])
        warm_up()
        idle = memory()
        limit(idle + given["memory"] if given["memory"] else 0)
        send(answers, {})
        os.dup2(nowhere.fileno(), 2)
        while True:
            try:
                asked, body = receive(sys.stdin.buffer, MAX_BYTES)
            except EOFError:
                return
            # The exit that needs nobody: neither this interpreter's lock nor the process that started it.
            faulthandler.dump_traceback_later(given["seconds"] + GRACE_S, exit=True, file=nowhere)
            said, arrays = answer(asked, bytes(body))
            body.clear()
            faulthandler.cancel_dump_traceback_later()
            is_last = said.get("limit") == "memory" or memory() > idle + LEFT_BEHIND + sum(a.nbytes for a in arrays)
            send(answers, said | {"is_last": is_last}, *arrays)
            del arrays
            if is_last:
                return


def warm_up() -> None:
    """Load what the first file would wait for, and have what is kept for ever before memory is limited."""
    for name in DECODERS:
        with contextlib.suppress(ImportError):  # one that is not installed is named when a file needs it
            importlib.import_module(name)
    Image.init()
    file = io.BytesIO()
    Image.effect_noise((96, 80), 60).save(file, "PNG")
    read_trusted(file.getvalue())


def limit(most: int) -> None:
    """Write no file and no core, and have no more than `most` bytes of address space, where that is not 0."""
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if most:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def memory() -> int:
    """Bytes of address space, as RLIMIT_AS counts them; 0 where only the system knows."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def answer(asked: dict[str, Any], data: bytes) -> tuple[dict[str, Any], list]:
    """What becomes of one file: `radiograph`, or why there is none."""
    arrays: list = []
    try:
        with texts.speaking(asked.get("language", texts.ENGLISH)):
            radiograph = read_trusted(asked["path"] or data, called=asked["called"])
        plain = to_plain(radiograph, arrays)
        return {"radiograph": plain, "arrays": described(arrays)}, [np.ascontiguousarray(array) for array in arrays]
    except ImageError as error:
        return {"limit": "memory"} if needed_memory(error) else {"refused": str(error)}, []
    except OSError as error:
        return {"errno": error.errno or 0}, []
    except Exception as error:
        if needed_memory(error):
            return {"limit": "memory"}, []
        # Our mistake, to be found by its place: the message may quote the file.
        place = traceback.extract_tb(error.__traceback__)[-1]
        return {"unforeseen": f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"}, []


def needed_memory(error: BaseException | None) -> bool:
    """Whether it began with an allocation that failed; pydicom tells of those of its decoders in words alone."""
    while error is not None:
        if isinstance(error, MemoryError) or "unable to allocate" in str(error).lower():
            return True
        error = error.__cause__ or error.__context__
    return False


if __name__ == "__main__":
    main()
