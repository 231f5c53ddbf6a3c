"""An image that may show a name is remarked before anything of it is taken away."""

import json
import random

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw

from priorrg import texts
from priorrg.__main__ import main
from priorrg.assets import EXAMPLES
from priorrg.export.contents import remarks_before
from priorrg.imaging.burned_in import BY_HEADER, BY_LOOKS, has_writing, writing_in
from priorrg.imaging.open import read_radiograph
from priorrg.reporting.reporter import Reporter
from priorrg.study import Study
from priorrg.ui.runs import Runs
from priorrg.ui.sessions import Session
from tests.benchmarks.burned_in import HEIGHTS, film, with_name
from tests.browsing import shown, upload, wait_for_change, written

DICOM = EXAMPLES / "growing-effusion" / "current.dcm"


@pytest.fixture(scope="module")
def films():
    return [film(number, edge=256) for number in range(3)]


@pytest.fixture
def named(tmp_path, films):
    path = tmp_path / "named.png"
    Image.fromarray(with_name(films[0], random.Random(1), HEIGHTS[1])).save(path)
    return path


def stored(tmp_path, annotation: str):
    data = pydicom.dcmread(DICOM)
    data.BurnedInAnnotation = annotation
    data.save_as(tmp_path / "current.dcm")
    return read_radiograph(tmp_path / "current.dcm")


@pytest.mark.parametrize(("annotation", "found"), [("YES", BY_HEADER), ("NO", ""), ("", "")])
def test_the_header_is_believed_where_it_says_that_writing_is_burned_in(annotation, found, tmp_path):
    radiograph = stored(tmp_path, annotation)
    assert writing_in(radiograph) == found
    said = remarks_before(Study(radiograph, radiograph))
    assert len(said) == (2 if found else 0)
    assert not said or ("current image may show a name" in said[0] and "prior image" in said[1])


def test_a_side_marker_is_no_name(films):
    """The films carry L or R, portable ones AP too."""
    assert not any(map(has_writing, films))
    for file in (*EXAMPLES.glob("*/*.dcm"), *EXAMPLES.glob("*/*.png")):
        assert writing_in(read_radiograph(file)) == "", file.name


@pytest.mark.parametrize("height", HEIGHTS[1:])
def test_a_name_in_a_corner_is_found(films, height):
    rng = random.Random(3)
    found = [has_writing(with_name(one, rng, height)) for one in films for _ in range(3)]
    assert sum(found) >= 7, "most of nine, whatever font and corner; the benchmark counts many"


def test_what_is_drawn_evenly_or_in_the_middle_is_no_writing():
    empty = np.zeros((800, 800), dtype=np.uint8)
    assert not has_writing(empty) and not has_writing(empty + 255)
    frame = Image.fromarray(empty)
    ImageDraw.Draw(frame).rectangle((20, 20, 780, 780), outline=255, width=4)
    assert not has_writing(np.asarray(frame))


def test_page_and_command_line_say_it_before_the_report_is_taken_away(named, small_weights, capsys):
    said = texts.exports.MAY_NAME[BY_LOOKS].format(side="current image")
    runs = Runs(Reporter.load(small_weights))
    session = Session()
    session.put("current", read_radiograph(named))
    runs.press(session, "", "", "PA", "unk")
    assert list(runs.generate(session, "attention"))[-1]["exportNote"].startswith(said)
    assert main(["report", str(named), "--weights", str(small_weights), "--json"]) == 0
    printed = capsys.readouterr()
    assert said in printed.err and said in json.loads(printed.out)["remarks"]


def test_the_remark_stands_above_the_buttons_that_take_the_report_away(page, named):
    written(page)
    assert not page.is_visible(".exports-note"), "the examples show no name"
    before = shown(page, "current")
    upload(page, "current", named)
    wait_for_change(page, "current", before)
    written(page)
    note, buttons = page.locator(".exports-note"), page.locator(".exports-bar")
    assert note.inner_text() == texts.exports.MAY_NAME[BY_LOOKS].format(side="current image")
    above, below = note.bounding_box(), buttons.bounding_box()
    assert above["height"] > 10 and above["y"] + above["height"] <= below["y"]
