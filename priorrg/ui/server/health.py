"""Whether the server is up (/healthz), and whether it can do all of its work (/readyz); its log says when not."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from priorrg.errors import FeedbackError
from priorrg.feedback.store import FeedbackStore
from priorrg.reporting.reporter import Reporter
from priorrg.ui.server import metrics

LEAST_FREE = 200_000_000  # bytes of a disk below which it counts as full
LOOKED_FOR_S = 5  # so long a finding stands, so that nobody keeps the disk busy by asking
LOOK_EVERY_S = 30
log = logging.getLogger("priorrg.health")


class Readiness:
    """Looks for trouble: short words that name it, none where all is well. uploads: the folder that they lie in."""

    def __init__(self, uploads: Path, store: FeedbackStore) -> None:
        self._looks: tuple[Callable[[], str | None], ...] = (
            lambda: _disk(uploads, "uploads"),
            lambda: _disk(store.path.parent, "feedback"),
            lambda: _feedback(store),
        )
        self._lock = threading.Lock()
        self._found: tuple[float, list[str]] | None = None
        self._told: set[str] = set()

    def troubles(self) -> list[str]:
        with self._lock:
            if self._found is None or time.monotonic() - self._found[0] > LOOKED_FOR_S:
                found = sorted({trouble for look in self._looks if (trouble := look())})
                self._found = time.monotonic(), found
                self._tell(set(found))
            return self._found[1]

    def _tell(self, found: set[str]) -> None:
        for trouble in found - self._told:
            log.error("not ready: %s", trouble)
            metrics.NOT_READY.labels(trouble).set(1)
        for trouble in self._told - found:
            log.warning("ready again: %s is over", trouble)
            metrics.NOT_READY.labels(trouble).set(0)
        self._told = found

    def watch(self) -> None:
        """Look from now on, also where nobody asks."""

        def run() -> None:
            while True:
                self.troubles()
                time.sleep(LOOK_EVERY_S)

        threading.Thread(target=run, name="readiness", daemon=True).start()


def _disk(folder: Path, what: str) -> str | None:
    try:
        return f"disk of {what} full" if shutil.disk_usage(folder).free < LEAST_FREE else None
    except OSError:
        return f"folder of {what} gone"


def _feedback(store: FeedbackStore) -> str | None:
    try:
        store.check()
    except FeedbackError as error:
        return f"feedback database {error.trouble}"
    return None


def serve_health(app: FastAPI, reporter: Reporter, readiness: Readiness) -> None:
    """Add GET /healthz and /readyz (503 where something is wrong)."""

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok", "weights": reporter.card.name}

    @app.get("/readyz")
    def ready() -> JSONResponse:
        troubles = readiness.troubles()
        return JSONResponse(
            {"status": "not ready" if troubles else "ready", "troubles": troubles}, 503 if troubles else 200
        )
