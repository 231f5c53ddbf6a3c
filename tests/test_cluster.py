"""Many studies by several processes (accelerate) and by a real Ray: the same lines, once, though a worker dies."""

import csv
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from pydicom.uid import generate_uid

from priorrg import texts
from priorrg.__main__ import main
from tests.serving import ROOT, free_port
from tests.test_imaging import dicom, written

pytestmark = pytest.mark.slow
NAME, PATIENT, INDICATION = "Sanderson^Ottilie", "PID-5550123", "Cough since the flood of Marburg."
STUDIES = 72  # three tasks of a cluster, three batches of each of two processes
BLOCKED = 70  # stands in the last task, and in the last batch of the second process


@pytest.fixture(scope="module")
def studies(tmp_path_factory, small_weights):
    """A folder with a manifest of many studies and what the plain command writes of it (`plain.jsonl`).

    Number 5 is missing, 6 a DICOM file that names somebody, and of number 70 the image is a file of its own.
    """
    folder, rng = tmp_path_factory.mktemp("cluster"), np.random.default_rng(0)
    for name in ("0", "1", "2", "3", "blocked"):
        Image.fromarray(rng.integers(0, 255, (160, 160), dtype=np.uint8)).save(folder / f"{name}.png")
    (folder / "named.dcm").write_bytes(written(dicom(PatientName=NAME, PatientID=PATIENT, Modality="DX")))
    with (folder / "studies.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "current", "prior", "indication"])
        for number in range(1, STUDIES + 1):
            current = {5: "nowhere.png", 6: "named.dcm", BLOCKED: "blocked.png"}.get(number, f"{number % 4}.png")
            prior = f"{(number + 1) % 4}.png" if number % 3 else ""
            table.writerow([f"study {number}", current, prior, f"{INDICATION} {number % 5}" if number % 2 else ""])
    assert main(command(folder, small_weights, "plain.jsonl")) == 0
    return folder


def command(folder: Path, weights: Path | str, output: str, *options: str) -> list[str]:
    files = ["--manifest", str(folder / "studies.csv"), "--out", str(folder / output)]
    return ["report", *files, "--weights", str(weights), *options]


@contextmanager
def held_up(folder: Path) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Number 70's image as a pipe, at which who reads it waits.

    Gives a function: its block runs while somebody waits there, and who comes later finds the image.
    """
    image, aside = folder / "blocked.png", folder / "aside.png"
    image.rename(aside)
    os.mkfifo(image)

    @contextmanager
    def waiting() -> Iterator[None]:
        with image.open("wb"):  # returns when the other end is opened
            aside.replace(image)
            yield

    try:
        yield waiting
    finally:
        if aside.exists():
            aside.replace(image)


@contextmanager
def started(arguments: Sequence[str | Path], log: Path, **environment: str) -> Iterator[psutil.Popen]:
    with log.open("wb") as said:
        here = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        process = psutil.Popen([str(one) for one in arguments], stdout=said, stderr=said, env=here)
        try:
            yield process
        finally:
            if process.poll() is None:
                everyone = [*process.children(recursive=True), process]
                kill(everyone, lambda one: True)
            process.wait()


def kill(processes: Iterable[psutil.Process], wanted: Callable[[psutil.Process], bool]) -> int:
    """How many of them were; those that end meanwhile are none."""
    killed = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if wanted(process):
                process.kill()
                killed += 1
    return killed


def lines_in(folder: Path) -> list[str]:
    return [json.loads(line)["id"] for part in folder.glob("*.jsonl") for line in part.read_bytes().splitlines()]


@pytest.mark.long
def test_processes_of_accelerate_write_what_one_writes_though_one_is_killed(studies, small_weights, tmp_path):
    output, parts, log = studies / "processes.jsonl", studies / "processes.parts", tmp_path / "log"
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "--monitor_interval=0.1"]
    read = ["-m", "priorrg", *command(studies, small_weights, output.name)]
    with (
        held_up(studies) as waiting,
        started([sys.executable, *launch, f"--main_process_port={free_port()}", *read], log) as process,
    ):
        with waiting():
            assert kill(process.children(recursive=True), lambda one: one.environ().get("RANK") == "1") == 1
        assert process.wait() != 0 and not output.exists()
    stood = lines_in(parts)
    assert len(stood) >= 16 and len(stood) == len(set(stood)) < STUDIES
    with started([sys.executable, *launch, f"--main_process_port={free_port()}", *read], log) as process:
        assert process.wait() == 0, log.read_text(encoding="utf-8")
    assert output.read_bytes() == (studies / "plain.jsonl").read_bytes() and not parts.exists()


@pytest.fixture(scope="module")
def ray(tmp_path_factory):
    """A Ray of two CPUs with a folder of its own: its address, the folder, and what connects to it."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # sockets need a short path
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_worker_niceness": "0"}
    port, log = free_port(), folder / "log"
    start = [
        sys.executable,
        "-m",
        "ray.scripts.scripts",
        "start",
        "--head",
        f"--port={port}",
        "--num-cpus=2",
        "--block",
    ]
    start += [
        "--include-dashboard=false",
        "--disable-usage-stats",
        f"--temp-dir={folder}",
        f"--object-store-memory={2**28}",
    ]
    with started(start, log, **token) as process:
        until = time.monotonic() + 120
        while "runtime started" not in log.read_text(encoding="utf-8").lower():
            assert process.poll() is None and time.monotonic() < until, log.read_text(encoding="utf-8")
            time.sleep(0.2)
        yield f"127.0.0.1:{port}", folder, token, process
    shutil.rmtree(folder)


def test_a_cluster_writes_what_one_process_writes_though_its_workers_are_killed(studies, small_weights, ray, tmp_path):
    address, folder, token, head = ray
    output, parts, log = studies / "cluster.jsonl", studies / "cluster.parts", tmp_path / "log"
    arguments = [sys.executable, "-m", "priorrg", *command(studies, small_weights, output.name, "--cluster", address)]
    with held_up(studies) as waiting, started(arguments, log, **token) as process:
        with waiting():
            everything = head.children(recursive=True)
            assert kill(everything, lambda one: any("MapWorker" in word for word in one.cmdline()))
        assert process.wait() == 0, log.read_text(encoding="utf-8")
    assert output.read_bytes() == (studies / "plain.jsonl").read_bytes() and not parts.exists()
    logged = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    assert b"MapWorker" in logged, "what is looked at is there"
    for secret in (NAME, PATIENT, INDICATION, "named.dcm", "study 6"):
        assert secret.encode() not in logged + log.read_bytes()
    reports = {json.loads(line).get("report") for line in output.read_bytes().splitlines()} - {None}
    assert not any(report.encode() in logged for report in reports)


@pytest.mark.long
def test_a_run_whose_workers_die_each_time_ends_in_a_sentence_and_can_go_on(studies, small_weights, ray, tmp_path):
    address, _, token, head = ray
    output, log = studies / "dying.jsonl", tmp_path / "log"
    arguments = [sys.executable, "-m", "priorrg", *command(studies, small_weights, output.name, "--cluster", address)]
    with started(arguments, log, **token) as process:
        until = time.monotonic() + 600
        while process.poll() is None and time.monotonic() < until:
            kill(head.children(recursive=True), lambda one: any("MapWorker" in word for word in one.cmdline()))
            time.sleep(0.2)
        assert process.poll() == 2
    said = log.read_text(encoding="utf-8")
    assert texts.many.CLUSTER_GAVE_UP.partition("(")[0] in said and "Traceback" not in said, said
    assert not output.exists()
    with started(arguments, log, **token) as process:
        assert process.wait() == 0, log.read_text(encoding="utf-8")
    assert output.read_bytes() == (studies / "plain.jsonl").read_bytes()


@pytest.mark.long
def test_a_ray_of_its_own_writes_files_too_and_leaves_nothing_behind(small_weights, tmp_path):
    for number in (1, 2):
        data = dicom(StudyInstanceUID=generate_uid(), SeriesInstanceUID=generate_uid(), StudyDate=f"2024010{number}")
        data.PatientName, data.PatientID = NAME, PATIENT
        data.PixelData = data.PixelData[::-1] if number == 1 else data.PixelData
        (tmp_path / f"{number}.dcm").write_bytes(written(data))
    (tmp_path / "studies.csv").write_text("current,prior\n2.dcm,1.dcm\n", encoding="utf-8")
    plain, home = (
        command(tmp_path, small_weights, "plain.jsonl", "--files", "overlays", "sr", "gsps"),
        tmp_path / "home",
    )
    assert main(plain) == 0
    arguments = [*command(tmp_path, small_weights, "own.jsonl", "--files", "overlays", "sr", "gsps"), "--cluster"]
    home.mkdir()
    scratch = Path(tempfile.mkdtemp(prefix="own-", dir="/tmp"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch), "HOME": str(home)}
    run = [sys.executable, "-m", "priorrg", *arguments]
    ran = subprocess.run(run, env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "own.jsonl").read_bytes() == (tmp_path / "plain.jsonl").read_bytes()
    names = [sorted(file.name for file in (tmp_path / f"{run}.files").iterdir()) for run in ("own", "plain")]
    assert names[0] == names[1] and len(names[0]) == 3
    name = "000001.overlays.npz"
    with np.load(tmp_path / "own.files" / name) as own, np.load(tmp_path / "plain.files" / name) as alone:
        np.testing.assert_array_equal(own["current"], alone["current"])
    assert not list(scratch.iterdir()) and not (home / ".ray").exists()
    scratch.rmdir()
