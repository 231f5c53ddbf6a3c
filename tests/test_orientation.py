"""Polarity, orientation and square pixels: what a header says is righted or told, and a reader's correction is exact.

The chest is drawn by arithmetic; a bright mark in the upper left of the screen tells its sides apart.
"""

from functools import cache
from itertools import product

import numpy as np
import pytest
from PIL import Image

from priorrg.assets import EXAMPLES
from priorrg.errors import ImageError
from priorrg.imaging.open import read_radiograph
from priorrg.imaging.orientation import (
    INVERSE,
    MIRRORED,
    applied,
    corrected,
    orientation_of,
    through,
    told,
    window_number,
    words_of,
)
from priorrg.imaging.pairs import remarks_on
from priorrg.study import Orientation, Radiograph
from priorrg.ui.notes_payload import notes_payload, sentence
from priorrg.ui.sessions import Session
from tests.test_depth import SQUARE, table
from tests.test_imaging import dicom, encoded, refusal, written

EXAMPLE = EXAMPLES / "growing-effusion" / "current.dcm"
ALL = [Orientation(*parts) for parts in product(range(4), (False, True), (False, True))]


@cache
def chest() -> np.ndarray:
    """(350, 300), 0 to 1: two dark lungs beside a bright middle, and a side marker."""
    y, x = np.mgrid[0:350, 0:300] / np.array([350, 300]).reshape(2, 1, 1)
    tones = 0.75 - 0.25 * np.abs(x - 0.5)
    for middle in (0.3, 0.7):
        tones = tones - 0.55 * np.clip(1.2 - (((x - middle) / 0.16) ** 2 + ((y - 0.45) / 0.3) ** 2), 0, 1)
    tones = tones + 0.2 * (np.abs(x - 0.5) < 0.05) + 0.1 * np.sin(y * 60) * (np.abs(x - 0.5) > 0.1)
    tones[:, :15] = tones[:, -15:] = 0.02
    tones[10:40, 30:50] = 1
    return np.clip(tones, 0, 1)


def stored(tones: np.ndarray) -> np.ndarray:
    return np.rint(tones * 4095).astype(np.uint16)


def film(tones: np.ndarray, **changes) -> Radiograph:
    changes = {"ViewPosition": "PA", "BodyPartExamined": "CHEST", "WindowCenter": 2048, "WindowWidth": 4096} | changes
    return read_radiograph(written(dicom(stored(tones), **changes)))


def is_chest(radiograph: Radiograph) -> bool:
    return radiograph.pixels.shape == chest().shape and bool(np.abs(radiograph.display() / 255 - chest()).max() < 0.01)


def kinds(radiograph: Radiograph) -> list[str]:
    return [remark.kind for remark in remarks_on(radiograph, None)]


# Polarity


@pytest.mark.parametrize(
    ("photometric", "shape", "intent", "sign", "is_stored_inverted", "is_told"),
    [
        ("MONOCHROME2", "IDENTITY", "FOR PRESENTATION", -1, False, False),
        ("MONOCHROME1", "INVERSE", "FOR PRESENTATION", 1, True, False),
        ("MONOCHROME1", None, None, None, True, False),
        ("MONOCHROME2", "INVERSE", None, None, True, True),
        ("MONOCHROME2", "INVERSE", "FOR PRESENTATION", 1, True, True),
        ("MONOCHROME1", "IDENTITY", None, None, True, True),
        ("MONOCHROME1", "IDENTITY", None, None, False, True),
        ("MONOCHROME2", None, "FOR PROCESSING", 1, True, True),
        ("MONOCHROME2", None, "FOR PROCESSING", -1, False, True),
        ("MONOCHROME1", None, "FOR PROCESSING", 1, True, True),
        ("MONOCHROME1", None, "FOR PROCESSING", -1, False, True),
        ("MONOCHROME2", "IDENTITY", "FOR PRESENTATION", 1, True, True),
        ("MONOCHROME2", "IDENTITY", "FOR PRESENTATION", 1, False, False),
    ],
)
def test_polarity_is_righted_by_the_header_and_told_where_it_contradicts_itself(
    photometric, shape, intent, sign, is_stored_inverted, is_told
):
    changes = {"PresentationLUTShape": shape, "PresentationIntentType": intent, "PixelIntensityRelationshipSign": sign}
    changes = {name: value for name, value in changes.items() if value is not None}
    tones = 1 - chest() if is_stored_inverted else chest()
    radiograph = film(tones, PhotometricInterpretation=photometric, **changes)
    assert is_chest(radiograph)
    assert ({"polarity", "raw"} & set(kinds(radiograph)) != set()) == is_told


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_raw_values_counts_before_a_falling_rescale(sign):
    tones = 1 - chest() if sign == 1 else chest()
    raw = {"PresentationIntentType": "FOR PROCESSING", "PixelIntensityRelationshipSign": sign}
    assert is_chest(film(tones, RescaleSlope="-1", RescaleIntercept="4095", **raw))


def test_a_film_that_looks_inverted_is_told_whatever_its_header_says_and_can_be_righted():
    """The header says chest and PA; of polarity it knows nothing."""
    radiograph = film(1 - chest())
    (remark,) = remarks_on(radiograph, None)
    assert remark.kind == "looks" and remark.remedy == INVERSE and "seems inverted" in sentence(remark)
    righted = corrected(radiograph, INVERSE)
    assert is_chest(righted) and kinds(righted) == []


# Orientation


def as_stored(rows: str, columns: str) -> np.ndarray:
    """The chest as a file has it whose rows and columns run so."""
    tones = chest()
    if rows in "HF":
        tones, rows, columns = tones.T, columns, rows
        tones = tones[::-1] if rows == "R" else tones
        return tones[:, ::-1] if columns == "H" else tones
    tones = tones[:, ::-1] if rows == "R" else tones
    return tones[::-1] if columns == "H" else tones


@pytest.mark.parametrize("rows", "LRHF")
@pytest.mark.parametrize("columns", "LRHF")
def test_a_frontal_film_is_brought_upright_by_its_patient_orientation(rows, columns):
    if {rows, columns} <= {"L", "R"} or {rows, columns} <= {"H", "F"}:
        assert is_chest(film(chest(), PatientOrientation=[rows, columns]))  # no plane at all
        return
    radiograph = film(as_stored(rows, columns), PatientOrientation=[rows, columns])
    assert is_chest(radiograph)
    assert not radiograph.orientation, "which is the reader's own correction"
    told = {("L", "F"): [], ("R", "F"): ["mirrored by header"]}.get((rows, columns), ["turned by header"])
    assert kinds(radiograph) == told


def test_a_mirrored_film_can_be_mirrored_back_in_the_remark_itself():
    radiograph = film(chest()[:, ::-1], PatientOrientation=["R", "F"])
    (remark,) = remarks_on(radiograph, None)
    assert remark.remedy == MIRRORED and "side marker" in sentence(remark)


def test_an_upright_film_whose_header_says_that_it_lies_stays_and_that_is_told():
    radiograph = film(chest(), PatientOrientation=["F", "R"])
    assert is_chest(radiograph) and kinds(radiograph) == ["header would turn"]


@pytest.mark.parametrize("stated", [["L"], ["", ""], ["LEFT", "FOOT"], ["X", "Y"], "L", ["LH", "FR"]], ids=str)
def test_an_orientation_of_one_word_or_an_unknown_one_changes_nothing(stated):
    radiograph = film(chest(), PatientOrientation=stated)
    assert is_chest(radiograph) and kinds(radiograph) == []


def test_what_was_done_to_the_detectors_field_is_not_done_again():
    """(0018,7032) and (0018,7034) describe the pixels as they are stored."""
    assert is_chest(film(chest(), FieldOfViewRotation="90", FieldOfViewHorizontalFlip="YES"))


@pytest.mark.parametrize(("orientation", "turns"), [(["A", "F"], 0), (["P", "F"], 0), (["A", "H"], 2), (["F", "P"], 1)])
def test_a_lateral_film_gets_its_head_to_the_top_and_is_never_mirrored(orientation, turns):
    radiograph = film(chest(), PatientOrientation=orientation, ViewPosition="")
    assert radiograph.view_position == "LATERAL"
    assert np.array_equal(radiograph.pixels, np.rot90(film(chest()).pixels, -turns))


def test_a_frontal_view_that_is_said_to_show_another_plane_is_told():
    assert "other plane" in kinds(film(chest(), PatientOrientation=["A", "F"]))
    assert "other plane" in kinds(film(chest(), PatientOrientation=["L", "P"]))


@pytest.mark.parametrize(("turns", "remedy"), [(1, 1), (3, 3)])
def test_a_film_that_lies_on_its_side_is_told_with_the_turn_that_rights_it(turns, remedy):
    radiograph = film(np.rot90(chest(), turns))
    (remark,) = remarks_on(radiograph, None)
    assert remark.kind == "looks" and remark.remedy is not None and remark.remedy.quarter_turns in (1, 3)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_film_that_is_turned_and_inverted_is_told_for_both_and_righted_by_one_correction(turns):
    """The header says chest and PA, so that nothing but this is judged of its looks."""
    upright = read_radiograph(EXAMPLE).display() / 255
    radiograph = film(1 - np.rot90(upright, turns))
    (remark,) = remarks_on(radiograph, None)
    assert "seems inverted" in sentence(remark) and ("on its side" if turns != 2 else "upside down") in sentence(remark)
    remedy = Orientation(turns, is_inverted=True)
    assert remark.remedy == remedy
    session = Session()
    session.put("current", radiograph)
    (note,) = notes_payload(session)["notes"]
    assert note["remedy"]["label"] == f"Correct it: {told(remedy)}", "the button says what it does"
    righted = corrected(radiograph, remedy)
    assert kinds(righted) == [] and np.abs(righted.display() / 255 - upright).mean() < 0.02


# Square pixels


@pytest.mark.parametrize(
    "changes",
    [
        {"PixelAspectRatio": ["2", "1"]},
        {"PixelSpacing": ["0.4", "0.2"]},
        {"ImagerPixelSpacing": ["0.28", "0.14"]},
        {"NominalScannedPixelSpacing": ["0.2", "0.1"]},
        {"PixelSpacing": ["0.4", "0.2"], "PixelAspectRatio": ["1", "1"]},
        {"PixelSpacing": "", "ImagerPixelSpacing": ["0.28", "0.14"]},
    ],
    ids=str,
)
def test_pixels_twice_as_high_as_wide_become_square(changes):
    radiograph = film(chest()[::2], **changes)
    assert radiograph.pixels.shape == chest().shape
    assert np.abs(radiograph.display() / 255 - chest())[:, 60:].mean() < 0.02
    assert any("2 times as long as wide" in note for note in radiograph.notes)


@pytest.mark.parametrize(
    "changes",
    [
        {"PixelSpacing": ["0.139", "0.1391"]},
        {"PixelSpacing": ["0", "0"]},
        {"PixelAspectRatio": ["1", "1"]},
        {"PixelSpacing": ["0.2"]},
    ],
    ids=str,
)
def test_square_pixels_stay_as_they_are(changes):
    assert is_chest(film(chest(), **changes))


def test_pixels_wider_than_high_and_the_turn_go_together():
    """The pixels' sides are those of the file, before it is brought upright."""
    lying = as_stored("F", "L")[:, ::2]  # every second column of the file
    assert film(lying, PatientOrientation=["F", "L"], PixelSpacing=["0.1", "0.2"]).pixels.shape == chest().shape


def test_pixels_that_no_device_makes_are_refused():
    assert "no device makes" in refusal(written(dicom(stored(chest()), PixelSpacing=["0.1", "10"])))


@pytest.mark.parametrize(("kind", "options"), [("PNG", {"dpi": (200, 100)}), ("JPEG", {"dpi": (200, 100)})])
def test_a_raster_image_of_unequal_resolution_becomes_square(kind, options):
    half = Image.fromarray(np.rint(chest()[::2] * 255).astype(np.uint8))
    assert read_radiograph(encoded(half, kind, **options)).pixels.shape == chest().shape


# A reader's correction


@cache
def whole_file(number: int) -> Radiograph:
    """With padding, a curve and a window of its own, shown through the one of that number."""
    data = dicom(stored(chest() * 0.8 + 0.1), WindowCenter=1700, WindowWidth=2100, PixelPaddingValue=0)
    pixels = np.frombuffer(data.PixelData, np.uint16).reshape(350, 300).copy()
    pixels[300:] = 0
    data.PixelData = pixels.tobytes()
    data.VOILUTSequence = [table(SQUARE)]
    return through(read_radiograph(written(data)), number)


@pytest.mark.parametrize("number", [0, 1, 2], ids=["curve", "window", "full range"])
@pytest.mark.parametrize("step", ALL, ids=words_of)
def test_every_correction_can_be_taken_back_exactly(step, number):
    before = whole_file(number)
    after = applied(before, step)
    back = applied(after, step.undone())
    assert np.array_equal(back.pixels, before.pixels) and back.units == pytest.approx(before.units)
    assert np.array_equal(back.display(), before.display())
    assert window_number(after) == number
    assert (after.fingerprint != before.fingerprint) == bool(step)


@pytest.mark.parametrize("number", [0, 1, 2], ids=["curve", "window", "full range"])
@pytest.mark.parametrize("step", ALL, ids=words_of)
def test_a_correction_turns_what_is_shown_and_keeps_what_the_values_mean(step, number):
    before = whole_file(number)
    after = applied(before, step)
    wanted = np.rot90(before.display().astype(int), -step.quarter_turns)
    wanted = wanted[:, ::-1] if step.is_mirrored else wanted
    padding = np.rot90(before.pixels == 0, -step.quarter_turns)
    padding = padding[:, ::-1] if step.is_mirrored else padding
    if step.is_inverted:
        wanted = np.where(padding, 0, 255 - wanted)  # padding stays background
    assert np.abs(after.display() - wanted).max() <= 1
    meant = [r.units[0] * r.pixels[r.pixels > 0].astype(float) + r.units[1] for r in (before, after)]
    assert np.allclose(np.sort(meant[0]), np.sort(meant[1]))


def test_corrections_one_after_the_other_are_one():
    small = Radiograph(np.arange(12, dtype=np.uint16).reshape(3, 4), (6.0, 12.0))
    for first, second in product(ALL, ALL):
        both = applied(applied(small, first), second)
        assert np.array_equal(both.pixels, applied(small, first.then(second)).pixels), (first, second)


def test_corrections_one_after_the_other_are_recorded_as_one():
    both = corrected(corrected(film(chest()), Orientation(1, True)), Orientation(1, False, True))
    assert both.orientation == Orientation(1, True).then(Orientation(1, False, True))
    assert np.array_equal(both.pixels, applied(film(chest()), both.orientation).pixels)


@pytest.mark.parametrize("step", ALL, ids=words_of)
def test_a_correction_has_words_for_programs(step):
    assert orientation_of(words_of(step)) == step


@pytest.mark.parametrize("text", ["45", "upside", "90 180", "mirrored mirrored", "90 left"])
def test_a_correction_in_other_words_is_refused(text):
    with pytest.raises(ImageError, match="90, 180 or 270"):
        orientation_of(text)
