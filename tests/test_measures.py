"""What a reader measures on a film: the file's pixel spacing, the words, and what of it exports say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from priorrg.export.forms import FORMS
from priorrg.imaging.measures import Line, measured
from priorrg.imaging.open import read_radiograph
from priorrg.imaging.orientation import corrected
from priorrg.study import Orientation, Study
from priorrg.ui.measures import take_measures
from priorrg.ui.pixels import image_key
from priorrg.ui.sessions import Session
from tests.browsing import EXAMPLE
from tests.test_export import made, words
from tests.test_export import written as exported
from tests.test_imaging import dicom, written

PIXELS = np.linspace(0, 4000, 200 * 240).reshape(200, 240).astype(np.uint16)


def film(**header):
    return read_radiograph(written(dicom(PIXELS, **header)))


@pytest.mark.parametrize(
    ("header", "spacing", "is_of_detector"),
    [
        ({}, None, False),
        ({"ImagerPixelSpacing": ["0.15", "0.15"]}, 0.15, True),
        ({"PixelSpacing": ["0.14", "0.14"], "ImagerPixelSpacing": ["0.15", "0.15"]}, 0.14, False),
        ({"PixelSpacing": ["0.15", "0.15"], "ImagerPixelSpacing": ["0.15", "0.15"]}, 0.15, True),
        ({"PixelSpacing": ["0.14", "0.14"], "PixelSpacingCalibrationType": "FIDUCIAL"}, 0.14, False),
        ({"NominalScannedPixelSpacing": ["0.2", "0.2"]}, 0.2, True),
        ({"PixelSpacing": ["0.4", "0.2"]}, 0.2, True),  # made square, by twice the rows
        ({"PixelAspectRatio": ["2", "1"]}, None, False),
        ({"PixelSpacing": ["0", "0"]}, None, False),
        ({"PixelSpacing": ["900", "900"]}, None, False),  # micrometres, or a mistake
    ],
    ids=str,
)
def test_the_pixel_spacing_is_what_the_header_says_of_square_pixels(header, spacing, is_of_detector):
    image = film(**header)
    assert image.spacing_mm == (None if spacing is None else pytest.approx(spacing))
    assert image.is_spacing_of_detector == is_of_detector


def test_turning_keeps_the_spacing():
    assert corrected(film(PixelSpacing=["0.4", "0.2"]), Orientation(1)).spacing_mm == pytest.approx(0.2)


def test_distances_are_told_in_millimetres_or_said_to_have_none():
    line = Line("distance", (10, 20), (40, 60))
    assert measured(film(PixelSpacing=["0.5", "0.5"], PixelSpacingCalibrationType="GEOMETRY"), [line]) == (
        "distance 25.0 mm"
    )
    assert measured(film(ImagerPixelSpacing=["0.5", "0.5"]), [line]).endswith(
        "at the detector, larger than in the patient"
    )
    assert measured(film(), [line]) == "distance 50 pixels (the file gives no pixel spacing)"


def test_the_cardiothoracic_ratio_counts_what_goes_across():
    heart, chest = Line("heart", (50, 100), (150, 100)), Line("thorax", (20, 120), (220, 120))
    said = measured(film(PixelSpacing=["0.5", "0.5"], PixelSpacingCalibrationType="GEOMETRY"), [chest, heart])
    assert said == "cardiothoracic ratio 0.50 (heart 50.0 mm, chest 100.0 mm)"
    assert measured(film(), [heart]) == ""


def session_of(image) -> Any:
    session = Session()
    session.put("current", image)
    session.put("prior", film(ImagerPixelSpacing=["0.2", "0.2"]))
    return session


def said_of(session, *lines, side="current"):
    return {"side": side, "key": image_key(getattr(session, side)), "lines": list(lines)}


LINE = {"kind": "distance", "from": [0, 0], "to": [30, 40]}


def test_what_is_kept_goes_with_its_film_and_ends_with_it():
    session = session_of(film())
    assert take_measures(session, said_of(session, LINE, side="prior"))
    assert list(session.measured()) == ["prior"]
    session.exchange()
    assert list(session.measured()) == ["current"]
    session.correct("current", corrected(session.current, Orientation(1)))
    assert session.measured() == {}
    assert take_measures(session, said_of(session, LINE)) and session.measured()
    assert take_measures(session, said_of(session)) and session.measured() == {}, "no line is kept any more"


@pytest.mark.parametrize(
    "said",
    [
        {"side": "both"},
        {"key": "of another image"},
        {"lines": "many"},
        {"lines": [LINE] * 100},
        {"lines": [{"kind": "distance"}]},
        {"lines": [LINE | {"kind": "liver"}]},
        {"lines": [LINE | {"to": [0]}]},
        {"lines": [LINE | {"to": [float("nan"), 0]}]},
        {"lines": [LINE | {"to": ["a", "b"]}]},
        {"lines": [LINE | {"to": 5}]},
    ],
    ids=lambda said: str(said)[:50],
)
def test_what_cannot_be_meant_is_not_kept(said):
    session = session_of(film())
    assert not take_measures(session, said_of(session, LINE) | said) and session.measured() == {}


@pytest.mark.parametrize("form", FORMS)
def test_every_export_says_what_was_measured(form, tmp_path):
    study = Study(read_radiograph(EXAMPLE / "current.dcm"))
    export = replace(made(study), measures={"current": "distance 25.0 mm"})
    said = words(form, exported(export, form, tmp_path))
    assert "Current image, measured by the reader: distance 25.0 mm." in said
