"""A manifest's studies read by the machines of a Ray cluster, as a job of Ray Data, into the same lines and files.

Rows go out and lines come back; a worker opens the images itself. So what Ray keeps, and might write to a disk, is the
manifest's text and the reports, never a pixel or a header; what a worker prints goes nowhere, and nothing that it
raises is Ray's to log. One that dies is started anew by Ray and reads its rows once more, a few times at most; lines
that have arrived stand in a part beside the output (lines.py).
"""

from __future__ import annotations

import json
import logging
import math
import os
import secrets
import tempfile
import traceback
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from priorrg import texts
from priorrg.errors import CheckpointError, PriorRGError, StudyError
from priorrg.many.lines import Lines
from priorrg.many.manifest import Row
from priorrg.many.reports import BATCH, Job, OnProgress, job_of, read_rows
from priorrg.reporting.reporter import Reporter

LOCAL = "local"
TASK = 2 * BATCH  # studies that a worker is given at once: the second batch is decoded while the first is read
TRIES = 5  # of a task whose worker dies each time: a study too large for every machine would be begun for ever
STARTS = 20  # of one worker, which may as well die while it loads the weights
STORE = 256 << 20  # bytes that a Ray of our own may have for rows and lines
SHORT = 32  # characters of a folder: a socket's path has 103 at most, and Ray puts some 60 behind it


@dataclass(frozen=True)
class Worker:
    """What each worker needs. weights: a name that every machine knows, held against `job.weights` by what they are.

    working: where relative paths begin.
    """

    weights: str
    precision: str
    job: Job
    working: Path


def write_reports_on(
    address: str, worker: Worker, rows: Sequence[Row], output: Path, on_progress: OnProgress
) -> tuple[int, int]:
    """As write_reports, by the cluster at `address`, or by a Ray on this machine alone (`local`).

    It has a worker for each GPU of the cluster or, where there is none, for each CPU. Raises StudyError where Ray
    cannot be had or gives up, PriorRGError where a worker sees no such folder or weights or cannot write.
    """
    lines = Lines(output, rows, worker.job.weights, worker.job.kinds)
    missing, since = lines.missing, lines.done
    with lines.adding(0) as add, closing(_answers(address, worker, missing)) as answers:
        for answer in answers if missing else ():
            if "trouble" in answer:
                raise PriorRGError(answer["trouble"])
            if "unforeseen" in answer:
                raise RuntimeError(answer["unforeseen"])
            add(answer["lines"])
            on_progress(lines.done, lines.failed, since, len(rows))
    lines.join()
    return lines.done, lines.failed


def _answers(address: str, worker: Worker, rows: Sequence[tuple[int, Row]]) -> Generator[dict[str, Any]]:
    """What the workers say, as it comes: `lines`, `trouble` in a sentence, or `unforeseen`."""
    with _connected(address) as ray:
        from ray.exceptions import RayError

        resources = ray.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        workers = gpus or max(1, int(resources.get("CPU", 1)))
        tasks = max(math.ceil(len(rows) / TASK), min(workers, len(rows)))
        ray.data.DataContext.get_current().enable_progress_bars = False
        plain = [{"number": number, **asdict(row)} for number, row in rows]
        with warnings.catch_warnings():
            # Ray deprecates its options by name, and has no other way yet to say how often a task is tried.
            warnings.filterwarnings("ignore", message=".*ray_remote_args.*")
            answers = ray.data.from_items(plain, override_num_blocks=tasks).map_batches(
                _Reporting,
                fn_constructor_args=(worker,),
                batch_size=None,  # a task
                batch_format="pyarrow",
                max_task_retries=TRIES - 1,
                max_restarts=STARTS - 1,
                compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers, initial_size=min(workers, tasks)),
                **({"num_gpus": 1} if gpus else {"num_cpus": 1}),
            )
        try:
            for given in answers.iter_rows():
                yield json.loads(given["answer"])
        except RayError as error:
            raise StudyError(texts.many.CLUSTER_GAVE_UP.format(reason=type(error).__name__)) from None


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Ray, connected. One of our own tells nobody of itself, takes calls of this run alone, and leaves no folder."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # read at the import, as are all of these
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if address == LOCAL:
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}  # or it keeps one in the home
        os.environ.update(token)
        os.environ.setdefault("RAY_worker_niceness", "0")  # or who waits here waits for all else that runs
    try:
        import ray.data
        from ray.exceptions import RayError
    except ImportError:
        raise StudyError(texts.many.NO_RAY) from None
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what ends a run is told in a sentence
    short = tempfile.gettempdir() if len(tempfile.gettempdir()) <= SHORT else "/tmp"
    with tempfile.TemporaryDirectory(prefix="priorrg-", dir=short) as folder:
        own = {"include_dashboard": False, "object_store_memory": STORE, "_temp_dir": folder}
        try:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **(own if address == LOCAL else {}))
        except (OSError, ValueError, RuntimeError, RayError) as error:
            reason = type(error).__name__
            raise StudyError(texts.many.NO_CLUSTER.format(address=address, reason=reason)) from None
        try:
            yield ray
        finally:
            ray.shutdown()


class _Reporting:
    """The weights in one worker, loaded once."""

    def __init__(self, worker: Worker):
        with Path(os.devnull).open("r+b") as nowhere:  # libraries that warn quote what they warn of
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        self.worker = worker
        self.refused: dict[str, str] = {}
        try:
            self.reporter = _loaded(worker)
        except Exception as error:
            self.refused = _told(error)

    def __call__(self, batch: Any) -> Iterator[dict[str, list[str]]]:
        """batch: an Arrow table with a row's number and columns. Gives an answer for each batch of lines."""
        if self.refused:
            yield {"answer": [json.dumps(self.refused)]}
            return
        rows = [(given.pop("number"), Row(**given)) for given in batch.to_pylist()]
        try:
            for lines in read_rows(self.reporter, rows, self.worker.job):
                yield {"answer": [json.dumps({"lines": lines})]}
        except Exception as error:
            yield {"answer": [json.dumps(_told(error))]}


def _loaded(worker: Worker) -> Reporter:
    job = worker.job
    try:
        os.chdir(worker.working)
    except OSError:
        if not (job.folder.is_absolute() and job.beside.is_absolute()):
            raise StudyError(texts.many.NOT_SHARED.format(folder=worker.working)) from None
    for folder in (job.folder, job.beside.parent) if job.kinds else (job.folder,):
        if not folder.is_dir():
            raise StudyError(texts.many.NOT_SHARED.format(folder=folder.absolute()))
    reporter = Reporter.load(worker.weights, precision=worker.precision)
    found = job_of(reporter, job.folder, job.beside, job.num_beams).weights
    if found != job.weights:
        raise CheckpointError(texts.many.OTHER_WEIGHTS.format(wanted=job.weights, found=found))
    return reporter


def _told(error: Exception) -> dict[str, str]:
    """A sentence for whoever runs it, or, of our own mistake, its type and place: its message may quote a study."""
    if isinstance(error, PriorRGError):
        return {"trouble": str(error)}
    place = traceback.extract_tb(error.__traceback__)[-1]
    return {"unforeseen": f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"}
