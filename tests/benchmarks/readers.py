"""Many readers over HTTP: python -m tests.benchmarks.readers [readers] [reports] [another checkout] [flags of the app].

Starts the app of this checkout with the embedded weights, and that of the other one beside it, and asks both for
reports in turns: first one reader, then so many at once, each an address of its own with a study of its own, each so
many reports, two films uploaded for every one. Says reports a second, processor seconds of the server and its decoders
a report, how long the answers took from the call on (the first word comes before), and whether each report is the one
that was written when nobody else asked. Ratios of one run are what a loaded machine can tell.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil
import pydicom
from pydicom.uid import RLELossless

from priorrg.ui.examples import examples
from tests.serving import ROOT, served

ENOUGH = 300  # places in the queue


@dataclass(frozen=True)
class Asked:
    current: bytes
    prior: bytes | None
    indication: str
    history: str


@dataclass
class Phase:
    """What came of a number of reports. cpu: seconds of the server and its children."""

    seconds: float
    cpu: float
    answers: list[str]
    waits: list[float] = field(default_factory=list)

    def line(self) -> str:
        count, late = len(self.answers), sorted(self.waits)[int(0.95 * (len(self.waits) - 1))]
        return (
            f"{count / self.seconds:6.2f} reports/s, {self.cpu / count:.3f} s of processor a report, answer after "
            f"{statistics.median(self.waits):.2f} s, 95 % within {late:.2f} s"
        )


def studies(count: int) -> list[Asked]:
    """The examples, each time with other noise in the last bit, so that nothing is remembered of another reader."""
    noise, made = np.random.default_rng(0), []
    known = [one for one in examples() if {file.suffix for file in (one.current, one.prior) if file} == {".dcm"}]

    def film(path: Path, folder: str) -> bytes:
        file = pydicom.dcmread(path)
        pixels = file.pixel_array ^ noise.integers(0, 2, file.pixel_array.shape, dtype=file.pixel_array.dtype)
        file.compress(RLELossless, pixels)
        file.save_as(Path(folder) / "film.dcm")
        return (Path(folder) / "film.dcm").read_bytes()

    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            one = known[number % len(known)]
            prior = film(one.prior, folder) if one.prior else None
            made.append(Asked(film(one.current, folder), prior, one.context.indication, one.context.history))
    return made


class Reader:
    """A program at an address of its own."""

    def __init__(self, address: str, number: int):
        headers = {"X-Forwarded-For": f"10.1.{number // 250}.{1 + number % 250}"}
        self.http = httpx.Client(base_url=address, headers=headers, timeout=600)
        named = self.http.get("/gradio_api/info").raise_for_status().json()["named_endpoints"]
        self.defaults = [one.get("parameter_default") for one in named["/report"]["parameters"]]

    def report(self, asked: Asked) -> tuple[str, float]:
        """Draft and report, and how long they took from the call on."""
        files = [self._upload(film) if film else None for film in (asked.current, asked.prior)]
        began = time.perf_counter()
        given = [*files, asked.indication, asked.history]
        data = given + self.defaults[len(given) :]
        called = self.http.post("/gradio_api/call/report", json={"data": data}).raise_for_status()
        with self.http.stream("GET", f"/gradio_api/call/report/{called.json()['event_id']}") as stream:
            event = ""
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                elif line.startswith("data: ") and event in ("complete", "error"):
                    if event == "error":
                        raise RuntimeError(line)
                    (answer,) = json.loads(line.removeprefix("data: "))
                    return f"{answer['coarse_draft']}\n{answer['refined_report']}", time.perf_counter() - began
        raise RuntimeError("no answer")

    def _upload(self, film: bytes) -> dict:
        sent = self.http.post("/gradio_api/upload", files={"files": ("film.dcm", film)}).raise_for_status()
        return {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}


def processor_seconds(port: int) -> float:
    """Of whoever listens there and its children."""
    listening = [one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    server = next(one.pid for one in listening if one.laddr and one.laddr.port == port)  # type: ignore[union-attr]
    processes = [psutil.Process(server), *psutil.Process(server).children(recursive=True)]
    return sum(sum(one.cpu_times()[:2]) for one in processes)


def ask(address: str, asked: Sequence[Asked], readers: int, reports: int) -> Phase:
    """Each of so many readers asks for so many reports of his study, one after another."""
    port = int(address.rpartition(":")[2])
    waiting = [Reader(address, number) for number in range(readers)]
    begun, cpu = time.perf_counter(), processor_seconds(port)
    with ThreadPoolExecutor(readers) as pool:
        found = list(pool.map(lambda at: [waiting[at].report(asked[at]) for _ in range(reports)], range(readers)))
    phase = Phase(time.perf_counter() - begun, processor_seconds(port) - cpu, [])
    for texts in found:
        phase.answers += [text for text, _ in texts]
        phase.waits += [wait for _, wait in texts]
    return phase


def main(readers: int, reports: int, others: Sequence[str], flags: Sequence[str]) -> None:
    asked = studies(readers)
    quiet: list[str] | None = None
    with ExitStack() as stack:
        servers = {}
        for tree in (*others, str(ROOT)):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            more = flags if tree == str(ROOT) else ()
            queue = {"PRIORRG_QUEUE_SIZE": str(ENOUGH), "PRIORRG_SESSIONS": "1000", "PYTHONPATH": tree}
            app = stack.enter_context(served(folder, *more, cwd=Path(tree), **queue))
            servers["this" if tree == str(ROOT) else "other"] = app.address
        single, many = {}, {}
        for address in servers.values():
            ask(address, asked, 1, 3)  # warms up
        for name, address in servers.items():
            alone = [ask(address, [study], 1, 1) for study in asked]
            texts = [phase.answers[0] for phase in alone]
            quiet = quiet or texts
            if texts != quiet:
                print(f"{name}: OTHER REPORTS than the first server's")
            waits = [phase.waits[0] for phase in alone]
            single[name] = Phase(sum(one.seconds for one in alone), sum(one.cpu for one in alone), texts, waits)
            print(f"{name:5}  1 reader   {single[name].line()}", flush=True)
        for name, address in servers.items():
            many[name] = ask(address, asked, readers, reports)
            expected = [text for text in quiet or [] for _ in range(reports)]
            differing = sum(one != text for one, text in zip(many[name].answers, expected, strict=True))
            print(f"{name:5} {readers:2} readers  {many[name].line()}; {differing} reports differ", flush=True)
        if others:
            for what, found in (("1 reader", single), (f"{readers} readers", many)):
                ours, theirs = (found[name].seconds / len(found[name].answers) for name in ("this", "other"))
                cpu = found["other"].cpu / len(found["other"].answers) * len(found["this"].answers) / found["this"].cpu
                print(f"{what}: {theirs / ours:.2f} times the reports a second, {1 / cpu:.2f} of the processor time")


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[1:] if one.isdigit()][:2]
    checkouts = [one for one in sys.argv[1:] if Path(one).is_dir()][:1]
    settings = [one for one in sys.argv[1:] if one.startswith("--")]
    readers, reports = [*numbers, *[16, 3][len(numbers) :]]
    main(readers, reports, checkouts, settings)
