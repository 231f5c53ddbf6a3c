"""What is counted for the operator, in the terms of Prometheus. Served at an address of its own, never on the page's.

Counts and seconds only: no text, no name, no address stands in a label.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from priorrg.errors import PriorRGError

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)

READINGS = Counter("priorrg_readings", "Readings that had the model, by how they ended", ["ended"])
READING_SECONDS = Histogram("priorrg_reading_seconds", "How long a reading had the model", buckets=SECONDS)
WAITING_SECONDS = Histogram("priorrg_waiting_seconds", "How long a reading waited for the model", buckets=SECONDS)
WAITING = Gauge("priorrg_waiting", "Readings that wait for the model now")
SESSIONS = Gauge("priorrg_sessions", "Pages that the server holds something for")
UPLOAD_BYTES = Gauge("priorrg_upload_bytes", "Bytes of uploads on the disk")
REFUSALS = Counter("priorrg_refusals", "What was refused, by kind", ["kind"])
FAILURES = Counter("priorrg_failures", "Requests that failed by a mistake of ours or of the machine")
FAILED_LOGINS = Counter("priorrg_failed_logins", "Logins with a wrong name or password")
DECODER_KILLS = Gauge("priorrg_decoder_kills", "Decoding processes that were ended and replaced, by limit", ["limit"])
DECODING = Gauge("priorrg_decoding", "Files that are decoded now, or wait for it")
NOT_READY = Gauge("priorrg_not_ready", "1 where /readyz tells of this trouble", ["trouble"])


def refused(kind: str) -> None:
    """Count one refusal. kind: one of a few words of ours, never a reader's."""
    REFUSALS.labels(kind).inc()


def watch(gauge: Gauge, value: Callable[[], float]) -> None:
    """The gauge's value is asked for whenever somebody looks."""
    gauge.set_function(value)


def serve(address: str) -> None:
    """Answer Prometheus at HOST:PORT, in a thread of its own. Raises MetricsError where that address is taken."""
    host, _, port = address.rpartition(":")
    try:
        start_http_server(int(port), host or "127.0.0.1")
    except (OSError, ValueError, OverflowError) as error:
        raise MetricsError(f"Metrics cannot be served at {address} ({error}). Name another HOST:PORT.") from None


class MetricsError(PriorRGError):
    """The metrics' address cannot be used."""
