"""Where sentences point, as a presentation state that a viewer lays over the film."""

import datetime
import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

import priorrg
from priorrg.errors import ExportError
from priorrg.explain.overlays import GROUNDING, Overlay
from priorrg.export.contents import ReportExport
from priorrg.export.dicom_gsps import write_gsps
from priorrg.export.dicom_sr import write_dicom_sr
from priorrg.imaging.open import read_radiograph
from priorrg.imaging.orientation import TURN_OVER, corrected
from priorrg.report.sentences import Sentence
from priorrg.reporting.reporter import WeightsCard
from priorrg.study import Study
from priorrg.texts.export import GSPS_LAYER
from priorrg.texts.report import DISCLAIMER
from tests.test_imaging import NAME, dicom, written

NOON = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
CARD = WeightsCard("small", "own", "", "coarse_memory")
SAID = "Small right pleural effusion."


def exported(film, points: bool = True) -> ReportExport:
    """One sentence whose grounding is the lowest patch on the left of a grid of 8, and one that points nowhere."""
    grid = np.zeros((8, 8), dtype=np.float32)
    grid[7, 0] = 1.0 if points else 0.0
    sentences = (Sentence(SAID, 0, len(SAID)), Sentence("No other abnormality.", len(SAID) + 1, len(SAID) + 22))
    overlays = (
        Overlay(sentences[0], grid, None, method=GROUNDING),
        Overlay(sentences[1], 0 * grid, None, None, GROUNDING),
    )
    return ReportExport(Study(film), "", SAID, sentences, CARD, NOON, overlays=overlays, method=GROUNDING)


def film_of(**changes) -> tuple[bytes, int, int]:
    """A film that is wider than high, so that the model saw its middle alone; its rows and columns."""
    data = dicom(StudyInstanceUID=generate_uid(), SeriesInstanceUID=generate_uid(), **changes)
    pixels = np.tile(np.linspace(0, 4000, 300).astype(np.uint16), (200, 1))
    data.Rows, data.Columns, data.PixelData = 200, 300, pixels.tobytes()
    return written(data), 200, 300


def test_an_outline_lies_on_the_films_stored_pixels_where_the_model_saw_it():
    file, rows, columns = film_of()
    state = pydicom.dcmread(io.BytesIO(write_gsps(exported(read_radiograph(file)), file)))
    note, annotation = state.GraphicAnnotationSequence
    assert [layer.GraphicLayerDescription for layer in state.GraphicLayerSequence] == [GSPS_LAYER, f"1. {SAID}"]
    assert DISCLAIMER in note.TextObjectSequence[0].UnformattedTextValue, "whoever sees an outline sees this"
    (outline,) = annotation.GraphicObjectSequence
    points = np.array(outline.GraphicData).reshape(-1, 2)
    assert np.array_equal(points[0], points[-1])
    patch, left = rows / 8, (columns - rows) / 2  # the square in the middle
    assert left <= points[:, 0].min() and points[:, 0].max() <= left + 2 * patch
    assert rows - 2 * patch <= points[:, 1].min() and points[:, 1].max() <= rows
    film = pydicom.dcmread(io.BytesIO(file))
    (shown,) = state.ReferencedSeriesSequence[0].ReferencedImageSequence
    assert (state.StudyInstanceUID, shown.ReferencedSOPInstanceUID) == (film.StudyInstanceUID, film.SOPInstanceUID)
    assert state.PatientName == state.PatientID == "" and state.Modality == "PR"


def test_report_and_outlines_name_the_same_equipment_however_long_the_weights_name_is():
    file, _, _ = film_of()
    export = replace(exported(read_radiograph(file)), card=replace(CARD, name="long " * 20))
    for written_as in (write_dicom_sr(export), write_gsps(export, file)):
        data = pydicom.dcmread(io.BytesIO(written_as))
        assert (data.Manufacturer, data.SoftwareVersions) == ("PriorRG", priorrg.__version__)
        assert data.ManufacturerModelName == ("long " * 20)[:64].strip() and data.DeviceSerialNumber == "none"


@pytest.mark.parametrize(("photometric", "shape"), [("MONOCHROME1", "INVERSE"), ("MONOCHROME2", "IDENTITY")])
def test_a_film_is_shown_no_negative_of_itself(photometric, shape):
    file, _, _ = film_of(PhotometricInterpretation=photometric)
    state = pydicom.dcmread(io.BytesIO(write_gsps(exported(read_radiograph(file)), file)))
    assert state.PresentationLUTShape == shape


@pytest.mark.parametrize(
    ("header", "shows"),
    [
        ({"WindowCenter": "", "WindowWidth": ""}, None),
        ({"WindowCenter": 2000}, None),
        ({"WindowCenter": [100, 2000], "WindowWidth": [200, 4000]}, [100, 2000]),
    ],
)
def test_a_window_without_values_is_none(header, shows):
    file, _, _ = film_of(**header)
    state = pydicom.dcmread(io.BytesIO(write_gsps(exported(read_radiograph(file)), file)))
    found = [window.WindowCenter for window in state.get("SoftcopyVOILUTSequence", [])]
    assert found == ([shows] if shows else [])


def test_a_film_without_a_preamble_has_its_outlines_too():
    file, _, _ = film_of()
    assert write_gsps(exported(read_radiograph(file[132:])), file[132:])


@pytest.mark.parametrize(
    "header",
    [
        {"WindowCenter": 2000, "WindowWidth": 0},
        {"WindowCenter": [100, 2000], "WindowWidth": 200},
        {"WindowCenter": 2000, "WindowWidth": 4000, "VOILUTFunction": NAME.replace("^", " ")},
        {"RescaleSlope": 1},
    ],
)
def test_a_header_that_breaks_the_standard_is_a_sentence_and_is_not_quoted(header):
    """One such film among thousands must not end a manifest's run."""
    file, _, _ = film_of(**header)
    with pytest.raises(ExportError, match="does not say as the DICOM standard wants it") as refused:
        write_gsps(exported(read_radiograph(file)), file)
    assert "ROENTGEN" not in str(refused.value) and refused.value.__cause__ is None


def test_what_would_lie_wrongly_or_show_nothing_is_refused_in_a_sentence():
    file, _, _ = film_of()
    film = read_radiograph(file)
    with pytest.raises(ExportError, match="was turned, mirrored or resampled"):
        write_gsps(exported(corrected(film, TURN_OVER)), file)
    with pytest.raises(ExportError, match="no sentence of this report points at a place"):
        write_gsps(exported(film, points=False), file)
