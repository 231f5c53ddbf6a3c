"""A file that nobody vouches for takes its decoder down at most: never the time, the memory or the turn of others.

Real decoders (priorrg/imaging/decoders.py), limits lowered where a test would else take ten seconds.
"""

import datetime
import struct
import subprocess
import sys
import threading
import time
import zlib
from contextlib import suppress
from dataclasses import replace

import numpy as np
import psutil
import pytest
from pydicom.uid import JPEG2000

from priorrg.errors import ImageError
from priorrg.imaging.decoders import NOBODY, Decoders
from priorrg.imaging.open import read_radiograph, read_trusted
from priorrg.imaging.orientation import window_number
from priorrg.imaging.passing import described, from_plain, to_plain
from priorrg.reporting.reporter import Reporter, read_study
from priorrg.study import Radiograph, Window
from priorrg.ui.api import Api, Asked
from priorrg.ui.queue import ReadingQueue
from tests.browsing import EXAMPLE
from tests.fuzz import hold, mutations
from tests.test_imaging import NAME, dicom, written

FILM = (EXAMPLE / "current.dcm").read_bytes()


def never_ends() -> bytes:
    """JPEG 2000 whose first box is of 0 bytes, so that the search for the codestream never leaves it."""
    data = dicom()
    data.file_meta.TransferSyntaxUID = JPEG2000
    boxes = struct.pack(">I4s4s", 12, b"jP  ", b"\r\n\x87\n") + bytes(64)
    data.PixelData = struct.pack("<HHIHHI", 0xFFFE, 0xE000, 0, 0xFFFE, 0xE000, len(boxes)) + boxes
    data.PixelData += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    return written(data)


def png(columns: int, rows: int, colour: int = 0, bits: int = 8) -> bytes:
    """An image that is all black but for its last row, some hundred times smaller than its pixels."""
    row = bytes(1 + columns * (3 if colour else 1) * bits // 8)
    packer = zlib.compressobj(9)
    packed = [packer.compress(row) for _ in range(rows - 1)]
    packed.append(packer.compress(row[:1] + b"\xff" * (len(row) - 1)) + packer.flush())

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", columns, rows, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"".join(packed)) + chunk(b"IEND", b"")


@pytest.fixture
def few(request):
    """Decoders of this test alone: `few(count=1, seconds=1.0)`."""
    made = []

    def make(**limits) -> Decoders:
        made.append(Decoders(**limits))
        return made[-1]

    yield make
    for decoders in made:
        decoders.close()


@pytest.fixture(scope="module")
def soon() -> float:
    """Seconds in which a decoder has surely read a film on this machine, as busy as it is."""
    decoders = Decoders(count=1)
    try:
        decoders.read(FILM, "a film")  # the first starts it
        began = time.monotonic()
        decoders.read(FILM, "a film")
        return max(1.0, round(20 * (time.monotonic() - began)))
    finally:
        decoders.close()


def refused(decoders: Decoders, content: bytes, client: tuple[str, str] = NOBODY) -> str:
    with pytest.raises(ImageError) as error:
        decoders.read(content, "'a film'", client)
    message = str(error.value)
    assert message.endswith(".") and "'a film'" in message and NAME not in message
    return message


def test_a_radiograph_is_the_same_whether_it_was_decoded_here_or_in_a_decoder():
    for file in (*sorted(EXAMPLE.glob("*.dcm")), EXAMPLE.parent / "resolved-pneumothorax" / "current.png"):
        passed, own = read_radiograph(file), read_trusted(file)
        ours: list[np.ndarray] = []
        theirs: list[np.ndarray] = []
        assert to_plain(passed, theirs) == to_plain(own, ours)
        for one, other in zip(theirs, ours, strict=True):
            assert np.array_equal(one, other) and one.dtype == other.dtype


def test_the_same_person_has_the_same_digest_from_every_decoder(few):
    decoders = few(count=2)
    headers = []

    def read(client: str) -> None:
        headers.append(decoders.read(FILM, "a film", ("", client)).header)

    readers = [threading.Thread(target=read, args=(name,)) for name in ("one", "other")]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    own = read_trusted(FILM).header
    assert own is not None and own.person and headers == [own, own]


def test_what_crosses_is_checked_and_never_run():
    arrays: list[np.ndarray] = []
    plain = to_plain(read_trusted(FILM), arrays)
    told, body = described(arrays), bytearray(b"".join(array.tobytes() for array in arrays))
    assert isinstance(from_plain(Radiograph, plain, told, body).study_date, datetime.date)
    for wrong in (
        {"view_position": 3},
        {"pixels": 7},
        {"pixels": [0]},
        {"header": {"modality": "DX"}},
        {"study_date": "yesterday"},
        {"more": 1},
    ):
        with pytest.raises(ValueError):
            from_plain(Radiograph, plain | wrong, told, body)
    for wrong in (
        {"shape": [1 << 20, 1 << 20], "dtype": "uint16"},
        {"shape": [-1, -1], "dtype": "uint16"},
        {"shape": [1024, 1024], "dtype": "object"},
        {"shape": [1024, 1023], "dtype": "uint16"},
    ):
        with pytest.raises(ValueError):
            from_plain(Radiograph, plain, [wrong], body)


def test_a_curve_that_two_windows_share_is_one_curve_on_the_other_side():
    """The page tells by this which of the file's windows an image is shown through."""
    film = read_trusted(FILM)
    curve = np.arange(4096, dtype=np.uint16)
    film = replace(film, windows=(Window("", *film.window), Window("own", *film.window, curve)), curve=curve)
    arrays: list[np.ndarray] = []
    plain = to_plain(film, arrays)
    body = bytearray(b"".join(array.tobytes() for array in arrays))
    passed = from_plain(Radiograph, plain, described(arrays), body)
    assert len(arrays) == 2 and window_number(passed) == window_number(film) == 1


def test_a_file_that_never_ends_is_ended_and_its_decoder_replaced(few, soon):
    decoders = few(count=1, seconds=soon)
    assert f"longer than the {soon:g} seconds" in refused(decoders, never_ends())
    assert decoders.read(FILM, "a film").pixels.shape == (1024, 1024)
    assert decoders.ended == {"time": 1}


def test_nobody_waits_for_another_clients_file_that_never_ends(few):
    """Of two decoders a client has one, however many files it sends."""
    decoders = few(count=2, seconds=120.0)  # nobody waits for their end: they go with the test
    decoders.read(FILM, "a film")
    hostile = [
        threading.Thread(target=refused, args=(decoders, never_ends(), ("here", "hostile")), daemon=True)
        for _ in range(5)
    ]
    for thread in hostile:
        thread.start()
    while decoders.waiting < 4:
        time.sleep(0.01)
    for reader in ("one", "other"):
        decoders.read(FILM, "a film", ("here", reader))
    assert not decoders.ended, "both were read before the first of the hostile files was given up"


def test_whoever_comes_new_goes_before_whoever_was_served(few, soon):
    decoders = few(count=1, seconds=soon)
    decoders.read(FILM, "a film", ("here", "greedy"))
    order = []

    def read(client: str, content: bytes) -> None:
        with suppress(ImageError):
            decoders.read(content, "a film", ("here", client))
        order.append(client)

    threads = [threading.Thread(target=read, args=("greedy", never_ends()))]
    threads[0].start()
    while decoders.busy < 1:
        time.sleep(0.01)
    for client in ("greedy", "greedy", "new"):
        threads.append(threading.Thread(target=read, args=(client, FILM)))
        threads[-1].start()
        while decoders.waiting < len(threads) - 1:
            time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert order == ["greedy", "new", "greedy", "greedy"]


@pytest.mark.parametrize("is_limited_by_the_system", [True, False])
def test_a_file_that_needs_too_much_memory_is_refused_for_that(few, monkeypatch, is_limited_by_the_system):
    if not is_limited_by_the_system:  # as on macOS and Windows
        monkeypatch.setattr("priorrg.imaging.decoders.KEEPS_TO_LIMITS", False)
    decoders = few(count=1, memory=150 << 20)
    message = refused(decoders, png(5000, 4000, colour=2))
    assert "more than the 0.1 GB of memory" in message
    assert decoders.read(FILM, "a film").pixels.shape == (1024, 1024)
    assert decoders.ended == {"memory": 1}


def test_a_decoder_that_falls_over_is_replaced_and_the_reader_told(few):
    decoders = few(count=1, seconds=20.0)
    decoders.read(FILM, "a film")
    (decoder,) = decoders.processes
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.append(refused(decoders, never_ends())))
    reader.start()
    while not decoders.busy:
        time.sleep(0.01)
    decoder.kill()
    reader.join()
    assert "the decoder broke off" in said[0]
    assert decoders.read(FILM, "a film").pixels.shape == (1024, 1024)
    assert decoders.ended == {"crash": 1}


def test_a_decoder_writes_no_file_and_sees_no_secrets(few, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    decoders = few(count=1)
    decoders.read(FILM, "a film")
    (decoder,) = decoders.processes
    limits = psutil.Process(decoder.pid)
    assert limits.rlimit(psutil.RLIMIT_CORE) == limits.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert "HF_TOKEN" not in limits.environ()
    assert all("torch" not in one.path and "gradio" not in one.path for one in limits.memory_maps())


def test_a_reading_from_files_goes_through_the_limits_too(tmp_path):
    (tmp_path / "gone.dcm").write_bytes(b"")
    with pytest.raises(ImageError, match=r"'gone.dcm' is empty"):
        read_study(tmp_path / "gone.dcm")
    with pytest.raises(ImageError, match=r"absent.dcm cannot be read: No such file"):
        read_study(tmp_path / "absent.dcm")


def test_no_reading_waits_while_a_file_of_the_api_is_decoded(few, monkeypatch, small_weights, tmp_path):
    decoders = few(count=1, seconds=2.0)
    monkeypatch.setattr("priorrg.imaging.open.decoders", lambda: decoders)
    api = Api(Reporter.load(small_weights), ReadingQueue(1))
    file = tmp_path / "its own" / "upload.dcm"
    file.parent.mkdir()
    file.write_bytes(never_ends())
    said: list[str] = []

    def call() -> None:
        with pytest.raises(ImageError) as error:
            api.report(Asked(str(file)))
        said.append(str(error.value))

    caller = threading.Thread(target=call)
    caller.start()
    while not decoders.busy:
        time.sleep(0.01)
    assert len(api.queue) == 0
    caller.join()
    assert "longer than the 2 seconds" in said[0] and not list(tmp_path.iterdir())


def test_decoders_go_with_the_program_that_started_them():
    """Also when it is killed, which leaves it no time to end them."""
    program = (
        "import os, signal\nfrom priorrg.imaging.decoders import decoders\n"
        f"from priorrg.imaging.open import read_radiograph\nread_radiograph({str(EXAMPLE / 'current.dcm')!r})\n"
        "print(*(process.pid for process in decoders().processes), flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8").stdout
    left = [int(pid) for pid in told.split()]
    assert left
    until = time.monotonic() + 20
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in left):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_mutated_files_become_a_radiograph_or_a_sentence_and_nothing_else(few):
    """A short run of `python -m tests.fuzz`."""
    decoders = few(count=2)
    outcomes = hold(mutations(400, seed=1), decoders)
    assert not outcomes.wrong
    assert outcomes.counts["read"] > 60 and sum(outcomes.counts.values()) - decoders.ended.total() == 400
