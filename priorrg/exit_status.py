"""How a command of `priorrg` or `train` ends: a status, and a sentence on what whoever typed it can mend."""

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from priorrg.errors import PriorRGError


def exit_status(command: Callable[[], int | None]) -> int:
    """Runs a command; what it returns, or 2 with one sentence on stderr where whoever typed it can mend that."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # it warns whoever writes models, of what is meant here
    try:
        status = command() or 0
        print(end="", flush=True)
    except PriorRGError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever reads along, as `head` does, has seen enough
        if _output_takes("\n"):
            raise  # of another pipe, as to a process that died
        return 128 + 13  # as a shell says of SIGPIPE
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _output_takes("")
        where = f" ({error.filename})" if error.filename else ""
        print(f"The disk is full{where}: make room, and start again.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # what was written stays on the screen
        print(file=sys.stderr)
        return 130
    return status


def _output_takes(text: str) -> bool:
    """Whether standard output takes text and what waits before it, which the end of Python would write once more.

    What it does not take goes nowhere.
    """
    try:
        print(text, end="", flush=True)
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True
