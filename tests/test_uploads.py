"""Where uploads lie on the disk, and that none stays there: not after a kill, not empty, not by a clock that jumped."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from priorrg.ui.server import scratch
from priorrg.ui.uploads import UploadFolder, discard
from tests.serving import ROOT

CLAIM = "import sys, time; from pathlib import Path; from priorrg.ui.server import scratch; "
CLAIM += "print(scratch.claim(Path(sys.argv[1])), flush=True); time.sleep(600)"


@contextmanager
def server(parent):
    """Another process that holds a folder below; gives it and its folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(parent)], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8"
    )
    try:
        assert process.stdout is not None
        yield process, type(parent)(process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait(30)


def test_what_a_killed_server_leaves_goes_and_what_a_living_one_has_stays(tmp_path):
    with server(tmp_path) as (killed, dead), server(tmp_path) as (_, living):
        for folder in (dead, living):
            (folder / "film.dcm").write_bytes(b"a film")
        killed.send_signal(signal.SIGKILL)
        killed.wait(30)
        assert scratch.sweep(tmp_path) == 1
        assert not dead.exists() and not dead.parent.exists() and (living / "film.dcm").exists()


def test_an_ordinary_end_leaves_nothing(tmp_path):
    code = CLAIM.replace("time.sleep(600)", "pass")
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    assert list(tmp_path.iterdir()) == []


def test_folders_of_others_are_left_alone(tmp_path):
    (tmp_path / "somebody").mkdir()
    (tmp_path / "priorrg-uploads-link").symlink_to(tmp_path / "somebody")
    (tmp_path / "priorrg-uploads-file").write_text("no folder", encoding="utf-8")
    assert scratch.sweep(tmp_path) == 0 and len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("date", [0, 4_000_000_000])
def test_the_date_on_a_file_says_nothing_about_its_age(tmp_path, date):
    file = tmp_path / "abc" / "film.dcm"
    file.parent.mkdir()
    file.write_bytes(b"a film")
    os.utime(file, (date, date))
    uploads = UploadFolder(tmp_path)
    assert uploads.sweep() == 0 and uploads.size() == 6
    time.sleep(0.05)
    assert uploads.sweep(older_than_s=0.01) == 1


def test_empty_files_and_folders_go_before_the_others(tmp_path):
    (tmp_path / "emptied").mkdir()
    (tmp_path / "begun").touch()
    (tmp_path / "film").write_bytes(b"a film")
    uploads = UploadFolder(tmp_path)
    uploads.sweep(empty_after_s=0)
    time.sleep(0.05)
    uploads.sweep(empty_after_s=0)
    assert [path.name for path in tmp_path.iterdir()] == ["film"]


def test_an_upload_goes_with_its_folder_and_with_no_other(tmp_path):
    for name in ("one/a", "two/b", "two/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    discard(tmp_path / "one" / "a")
    discard(tmp_path / "two" / "b")
    discard(tmp_path / "two" / "b")
    assert not (tmp_path / "one").exists() and (tmp_path / "two" / "c").exists()


def test_uploads_are_counted_and_swept_while_their_readers_delete_them(tmp_path):
    """Many readers: a folder that was listed is gone when it is looked into."""
    is_done = threading.Event()

    def come_and_go() -> None:
        while not is_done.is_set():
            for number in range(50):
                folder = tmp_path / f"{number}" / "within"
                folder.mkdir(parents=True)
                (folder / "film.dcm").write_bytes(b"film")
            for number in range(50):
                discard(tmp_path / f"{number}" / "within" / "film.dcm")
                (tmp_path / f"{number}").rmdir()

    with ThreadPoolExecutor(1) as readers:
        coming = readers.submit(come_and_go)
        folder = UploadFolder(tmp_path)
        try:
            for _ in range(200):
                assert folder.size() >= 0
                folder.sweep()
        finally:
            is_done.set()
        coming.result()
