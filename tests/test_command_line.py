"""The command line, as a user types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from priorrg.__main__ import main
from priorrg.exit_status import exit_status
from priorrg.texts.report import DISCLAIMER
from tests.serving import ROOT

PARITY = Path(__file__).parent / "parity"


@pytest.fixture
def image(tmp_path, make_radiograph):
    path = tmp_path / "current.png"
    Image.fromarray(make_radiograph(1).display()).save(path)
    return str(path)


def test_report_prints_disclaimer_weights_draft_and_report(image, small_weights, capsys):
    assert main(["report", image, "--indication", "Cough.", "--weights", str(small_weights)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(DISCLAIMER)
    assert "Weights: small random weights (own)" in printed
    draft, report = printed.split("\n\nCoarse draft: ")[1].split("\n\nReport: ")
    assert len(draft.split()) > 3 and len(report.split()) > 3

    assert main(["report", image, "--indication", "Cough.", "--weights", str(small_weights), "--json"]) == 0
    as_json = json.loads(capsys.readouterr().out)
    assert (as_json["draft"], as_json["report"]) == (draft.strip(), report.strip())
    assert as_json["disclaimer"] == DISCLAIMER and as_json["weights"]["kind"] == "own"


def test_prior_view_and_beams_change_what_is_read(image, small_weights, tmp_path, capsys):
    rng = np.random.default_rng(0)
    prior = tmp_path / "prior.png"
    Image.fromarray(rng.integers(0, 255, (160, 160), dtype=np.uint8)).save(prior)
    reports = set()
    for options in ([], ["--prior", str(prior)], ["--view", "LATERAL"], ["--beams", "3"]):
        assert main(["report", image, "--weights", str(small_weights), "--json", *options]) == 0
        reports.add(json.loads(capsys.readouterr().out)["report"])
    assert len(reports) == 4


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"image": "no such file.png"}, "no such file.png cannot be read: No such file or directory."),
        ({"weights": "no/such/folder"}, "There are no weights at no/such/folder"),
        ({"image": __file__}, "is no image that PriorRG knows"),
    ],
    ids=["no image", "no weights", "a file that is no image"],
)
def test_what_a_user_can_mend_is_one_sentence_and_status_2(image, small_weights, capsys, changed, sentence):
    status = main(["report", changed.get("image", image), "--weights", changed.get("weights", str(small_weights))])
    printed = capsys.readouterr()
    assert status == 2
    assert sentence in printed.err and "Traceback" not in printed.err
    assert printed.out == ""


def test_an_imported_checkpoint_can_be_read_with_at_once(image, tmp_path, capsys):
    folder = str(tmp_path / "imported")
    files = ["--tokenizer", str(PARITY / "tokenizer.json"), "--view-positions", str(PARITY / "view_positions.json")]
    assert main(["import-checkpoint", str(PARITY / "published_style.ckpt"), folder, *files, "--heads", "2"]) == 0
    assert folder in capsys.readouterr().out
    assert main(["report", image, "--weights", folder, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"]["kind"] == "published"
    typed = ["import-checkpoint", str(PARITY / "published_style.ckpt"), folder, *files, "--heads", "2", "--own"]
    assert main(typed) == 0 and main(["weights", "info", folder]) == 0
    assert "not the authors'" in capsys.readouterr().out


def test_importing_the_package_is_light():
    program = (
        "import sys, priorrg, priorrg.errors, priorrg.report.sentences, priorrg.study; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_view_position_that_is_none_is_refused(image, small_weights, capsys):
    assert main(["report", image, "--weights", str(small_weights), "--view", "banana"]) == 2
    assert "'banana' is not known. These weights know: AP, LATERAL, PA, unk." in capsys.readouterr().err


def test_a_context_that_is_read_in_part_is_said(image, small_weights, capsys):
    long = "Cough and fever since Monday. " * 60
    assert main(["report", image, "--weights", str(small_weights), "--indication", long]) == 0
    assert "words of the indication are not read" in capsys.readouterr().err


TYPED = [sys.executable, "-m", "priorrg"]


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_whoever_stops_reading_along_sees_no_traceback(unbuffered):
    """`priorrg report ... | head -1`"""
    typed = subprocess.Popen(
        [*TYPED, "weights", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        encoding="utf-8",
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )
    assert typed.stdout is not None and typed.stderr is not None
    typed.stdout.close()
    assert typed.stderr.read() == "" and typed.wait() == 141


def test_another_pipe_that_breaks_is_not_taken_for_the_end_of_reading_along():
    """As of a worker that died: ended in silence, nobody would know why."""

    def command():
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            pipe.write(b"a study")

    with pytest.raises(BrokenPipeError):
        exit_status(command)


def test_a_command_without_any_output_to_write_to_ends_as_it_does_with_one(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)  # as Python sets it for `>&-`
    assert main(["weights", "list"]) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_one_sentence():
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [*TYPED, "weights", "list"], stdout=full, stderr=subprocess.PIPE, cwd=ROOT, encoding="utf-8"
        )
    assert (done.returncode, done.stderr) == (2, "The disk is full: make room, and start again.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="has no bound for the size of a file")
def test_weights_for_which_there_is_no_room_are_one_sentence(tmp_path):
    """The file's size is bounded, as a disk is that fills meanwhile."""
    bounded = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); "
    files = ["--tokenizer", str(PARITY / "tokenizer.json"), "--view-positions", str(PARITY / "view_positions.json")]
    typed = ["priorrg", "import-checkpoint", str(PARITY / "published_style.ckpt"), str(tmp_path / "imported"), *files]
    run = f"import sys; sys.argv = {typed!r}; runpy.run_module('priorrg', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", bounded + run], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.endswith(f"The weights cannot be written to {tmp_path / 'imported'}: File too large.\n")
