"""What may stand in the log: what failed, of which type, at which place in the code. Never a text of a reader.

Messages of exceptions quote what they failed on, and so do the frameworks' own: of them type and place are kept. Only
loggers of this package and of the HTTP server say their messages.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import warnings
from types import TracebackType
from typing import Any

SPEAK = ("priorrg", "uvicorn")
OURS = ("priorrg", "app.py")
log = logging.getLogger("priorrg.failure")


def places(error: BaseException | None) -> str:
    """`TypeError at priorrg/ui/page.py:12 in on_press < ...`, innermost first, with what caused it; no message."""
    told, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__)[-12:]
        where = " < ".join(f"{_short(frame.filename)}:{frame.lineno} in {frame.name}" for frame in reversed(frames))
        told.append(f"{type(error).__name__} at {where or 'no place'}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "; because of ".join(told)


def _short(path: str) -> str:
    for mark in ("site-packages/", "/lib/python"):
        if mark in path:
            return path.rpartition(mark)[2]
    parts = path.replace("\\", "/").split("/")
    named = [place for place, part in enumerate(parts) if part in OURS]
    return "/".join(parts[named[0] :]) if named else parts[-1]


class TextlessFormatter(logging.Formatter):
    """One line a record."""

    def format(self, record: logging.LogRecord) -> str:
        said = f"{self.formatTime(record)} {record.levelname} {record.name}: "
        if record.name.split(".")[0] in SPEAK:
            said += record.getMessage().splitlines()[0] if record.getMessage() else ""
        else:
            said += f"at {_short(record.pathname)}:{record.lineno}"
        if isinstance(record.exc_info, tuple):
            said += f" ({places(record.exc_info[1])})"
        return said


def keep_texts_out(level: str) -> None:
    """From now on nothing that this process logs, warns of or dies of tells more than a type and a place."""
    handler = logging.StreamHandler()
    handler.setFormatter(TextlessFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in (*SPEAK, "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
        logger.setLevel(level.upper())
    # Gradio prints tracebacks of what it catches, by these.
    traceback.print_exc = _print_exc  # type: ignore[assignment]
    traceback.print_exception = _print_exception  # type: ignore[assignment]
    sys.excepthook = _hook
    threading.excepthook = lambda told: log.error("a thread failed: %s", places(told.exc_value))
    sys.unraisablehook = lambda told: log.error("something failed unseen: %s", places(told.exc_value))
    warnings.showwarning = _warn  # type: ignore[assignment]


def _print_exc(*_: Any, **__: Any) -> None:
    log.error("a handler failed: %s", places(sys.exc_info()[1]))


def _print_exception(error: Any = None, value: BaseException | None = None, *_: Any, **__: Any) -> None:
    log.error("something failed: %s", places(value if isinstance(value, BaseException) else error))


def _hook(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
    log.critical("the server ends: %s", places(error))


def _warn(message: Any, category: type[Warning], filename: str, lineno: int, *_: Any) -> None:
    log.info("%s at %s:%s", category.__name__, _short(filename), lineno)
