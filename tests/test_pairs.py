"""What the page knows of two images: dates, people, views, looks; and several files sorted into a study.

The DICOM files are small and made here; the films are the app's own examples.
"""

import datetime
import io
import shutil
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import generate_uid

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.looks import COLOUR, FEW_TONES, INVERTED, REASONS, TURNED, UPSIDE_DOWN, doubts
from priorrg.imaging.open import read_radiograph
from priorrg.imaging.pairs import remarks_on
from priorrg.ui.notes_payload import notes_payload, sentence
from priorrg.ui.sessions import Session
from priorrg.ui.several import MAX_FILES, take_files
from tests.browsing import EXAMPLE, opened, shown, upload, wait_for_change
from tests.test_imaging import dicom, ramp, written

FILM = EXAMPLE.parent / "resolved-pneumothorax" / "current.png"


def film(day: str = "20260310", time: str = "", seed: int = 0, **changes: Any) -> bytes:
    """A small DICOM radiograph of its own examination; `changes` are DICOM keywords."""
    changes = {"ViewPosition": "PA", "BodyPartExamined": "CHEST", "StudyTime": time} | changes
    pixels = np.roll(ramp(), seed, axis=1)
    uids: dict[str, Any] = {
        name: generate_uid(entropy_srcs=[name, day, str(seed)]) for name in ("StudyInstanceUID", "SeriesInstanceUID")
    }
    data = dicom(pixels, StudyDate=day, **uids | changes)
    return written(data)


def read(*args, **changes):
    return read_radiograph(film(*args, **changes))


def said(current, prior=None) -> list[str]:
    return [sentence(remark) for remark in remarks_on(current, prior)]


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (("20260310",), ("20260307",), "The prior is 3 days older."),
        (("20260310",), ("20260309",), "The prior is 1 day older."),
        (("20260310",), ("20250310",), "The prior is about 12 months older."),
        (("20260310",), ("20210310",), "The prior is about 5 years older."),
        (("20260310", "140000"), ("20260310", "091500.5"), "The prior is 4 hours older."),
        (("20260310", "140000"), ("20260310", "133000"), "The prior is 30 minutes older."),
    ],
)
def test_how_much_older_the_prior_is_is_said(now, before, expected):
    assert said(read(*now), read(*before, seed=1)) == [expected]


@pytest.mark.parametrize("times", [("", ""), ("0800", ""), ("080000", "080000"), ("99", "xx")])
def test_one_day_without_two_times_leaves_the_order_open_and_offers_to_exchange(times):
    remarks = remarks_on(read("20260310", times[0]), read("20260310", times[1], seed=1))
    assert [(r.kind, r.offers_swap) for r in remarks] == [("same day", True)]


def test_a_prior_that_is_younger_is_told_and_exchanging_is_offered():
    remarks = remarks_on(read("20260307"), read("20260310", seed=1))
    assert [(r.kind, r.is_warning, r.offers_swap) for r in remarks] == [("swapped", True, True)]
    assert "3 days younger" in sentence(remarks[0])


def test_the_time_of_the_acquisition_counts_before_that_of_the_study():
    late = read("20260310", "080000", AcquisitionDate="20260310", AcquisitionTime="180000")
    assert said(late, read("20260310", "120000", seed=1)) == ["The prior is 6 hours older."]


def test_images_without_dates_say_that_the_reader_decides():
    png = read_radiograph(FILM)
    assert said(png, read_radiograph(FILM.with_name("prior.png"))) == [
        "No date for the current and the prior image: which came first is as you placed them."
    ]
    assert said(read(), png)[0].startswith("No date for the prior image")


def test_different_people_are_told_and_their_identifiers_are_nowhere():
    one, other = read("20260310"), read("20260301", seed=1, PatientID="PAT-2")
    assert "different people" in said(one, other)[0]
    kept = repr((one, one.header, vars(one.header))) + "".join(said(one, other))
    assert "PAT-" not in kept and "ROENTGEN" not in kept
    assert one.header and one.header.person and one.header.person not in repr(one), (
        "not even the digest goes into a log by accident"
    )


@pytest.mark.parametrize(
    ("one", "other", "are_told"),
    [
        ({"PatientID": "7"}, {"PatientID": " 7 "}, False),
        ({"PatientID": ""}, {"PatientID": "7"}, False),
        ({"PatientID": "7", "IssuerOfPatientID": "A"}, {"PatientID": "7", "IssuerOfPatientID": "B"}, True),
        ({"PatientID": "7", "IssuerOfPatientID": "A"}, {"PatientID": "7"}, False),
    ],
    ids=["the same", "unnamed", "two issuers", "one issuer"],
)
def test_people_are_told_apart_by_identifier_and_issuer(one, other, are_told):
    kinds = [r.kind for r in remarks_on(read(**one), read("20260301", seed=1, **other))]
    assert ("different people" in kinds) == are_told


def test_the_same_image_twice_is_told_through_any_window():
    kinds = [r.kind for r in remarks_on(read(), read("20260301", WindowCenter=900, WindowWidth=700))]
    assert kinds == ["same image"]


def test_two_images_of_one_examination_are_told():
    uid = generate_uid(entropy_srcs=["one examination"])
    kinds = [r.kind for r in remarks_on(read(StudyInstanceUID=uid), read(seed=1, StudyInstanceUID=uid))]
    assert kinds == ["same examination", "same day"]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"ViewPosition": "LL"}, "a lateral view"),
        ({"Modality": "CT"}, "no radiograph (modality CT)"),
        ({"Modality": "ROENTGEN^W"}, "no radiograph (modality another kind)"),
        ({"BodyPartExamined": "HAND"}, "another part of the body (HAND)"),
        ({"ImageLaterality": "L"}, "one side alone (left)"),
        ({"Modality": "OT", "BodyPartExamined": ""}, "does not look like"),
        ({"ViewPosition": "", "BodyPartExamined": ""}, "does not look like"),
    ],
)
def test_what_the_header_says_is_told_and_never_refused(changes, part):
    found = said(read(**changes))
    assert len(found) == 1 and part in found[0] and found[0].startswith(("The current image", "By its header"))


def test_a_frontal_chest_radiograph_by_its_header_is_not_judged_by_its_looks():
    radiograph = read()
    assert radiograph.doubts and said(radiograph) == []


# Looks


def tones() -> np.ndarray:
    return read_radiograph(FILM).display()


@pytest.mark.parametrize(
    "example", sorted(EXAMPLE.parent.glob("*/*.*g")) + sorted(EXAMPLE.parent.glob("*/*.dcm")), ids=str
)
def test_the_example_films_look_like_chest_radiographs(example):
    assert read_radiograph(example).doubts == ()


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda p: 255 - p, INVERTED),
        (np.rot90, TURNED),
        (lambda p: np.rot90(p, -1), TURNED),
        (lambda p: np.rot90(p, 2), UPSIDE_DOWN),
        (np.flipud, UPSIDE_DOWN),
        (lambda p: 255 - np.rot90(p), (INVERTED, TURNED)),
        (lambda p: 255 - np.rot90(p, -1), (INVERTED, TURNED)),
        (lambda p: 255 - np.flipud(p), (INVERTED, UPSIDE_DOWN)),
    ],
)
def test_an_inverted_or_turned_film_is_doubted_for_that(made, reason):
    assert doubts(np.ascontiguousarray(made(tones()))) == (reason if isinstance(reason, tuple) else (reason,))


@pytest.mark.parametrize("tone", [0, 255, 60])
@pytest.mark.parametrize("bars", [((0, 0), (300, 300)), ((80, 0), (120, 40)), ((200, 200), (0, 0))], ids=str)
def test_bars_and_shutters_round_a_film_are_no_reason_to_doubt_it(bars, tone):
    assert doubts(np.pad(tones(), bars, constant_values=tone)) == ()


def picture(kind: str) -> np.ndarray:
    """(480, 640, 3): a drawing, a landscape in colour, or the same in grey."""
    rows, columns = np.mgrid[0:480, 0:640] / 480.0
    if kind == "drawing":
        return np.repeat(np.where((rows - 0.5) ** 2 + (columns - 0.6) ** 2 < 0.1, 255, 0)[..., None], 3, 2).astype(
            np.uint8
        )
    noise = np.random.default_rng(3).normal(0, 12, (480, 640))
    sky = np.stack([90 + 60 * rows, 140 + 40 * rows, 250 - 60 * rows], axis=-1)
    field = np.stack([60 + 30 * columns, 120 + 50 * np.sin(9 * columns), 40 + 0 * columns], axis=-1)
    colours = np.where((rows > 0.6 + 0.1 * np.sin(5 * columns))[..., None], field, sky) + noise[..., None]
    return np.clip(colours, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("kind", "reason"), [("drawing", FEW_TONES), ("landscape", COLOUR)])
def test_a_picture_is_doubted_with_a_reason(kind, reason):
    buffer = io.BytesIO()
    Image.fromarray(picture(kind)).save(buffer, "JPEG", quality=90)
    radiograph = read_radiograph(buffer.getvalue())
    assert reason in radiograph.doubts
    assert texts.notes.DOUBTS[reason] in said(radiograph)[0]


def test_a_grey_picture_is_doubted_too():
    assert doubts(np.asarray(Image.fromarray(picture("landscape")).convert("L"))) != ()


def test_an_evenly_tinted_film_is_not_in_colour():
    tinted = np.rint(tones()[..., None] * np.array([0.90, 0.95, 1.0])).astype(np.uint8)
    assert doubts(tones(), tinted) == ()


def test_every_doubt_and_remark_has_its_words():
    assert set(texts.notes.DOUBTS) == set(REASONS)


# Several files at once


def files(folder, *contents: bytes) -> list[str]:
    paths = []
    for number, content in enumerate(contents):
        paths.append(folder / str(number) / f"IM{number + 1}")  # each upload has a folder of its own
        paths[-1].parent.mkdir()
        paths[-1].write_bytes(content)
    return [str(path) for path in paths]


def taken(folder, *contents: bytes) -> tuple[Any, str]:
    """A session after these files were dropped at once, and all that its notes say."""
    session = Session()
    take_files(session, files(folder, *contents))
    told = " ".join(note["text"] for note in notes_payload(session)["notes"])
    assert "DOE" not in told and "ROENTGEN" not in told
    assert not list(folder.iterdir()), "the uploads are deleted"
    return session, told


def test_files_are_sorted_by_date_whatever_their_order(tmp_path):
    days = ("20260301", "20260310", "20260305")
    session, told = taken(tmp_path, *(film(day, seed=n) for n, day in enumerate(days)))
    assert (session.current.study_date, session.prior.study_date) == (
        datetime.date(2026, 3, 10),
        datetime.date(2026, 3, 5),
    )
    assert "IM2 (PA, 2026-03-10) is the current image." in told
    assert "IM3 (PA, 2026-03-05) is the prior." in told
    assert "IM1 (PA, 2026-03-01) is not used" in told


def test_times_sort_files_of_one_day(tmp_path):
    session, told = taken(tmp_path, film("20260310", "070000"), film("20260310", "190000", seed=1))
    assert session.current.header.time == datetime.time(19)
    assert "12 hours older" in told and "2026-03-10 19:00" in told


def test_laterals_copies_and_other_people_are_set_aside_with_a_sentence(tmp_path):
    uid = generate_uid(entropy_srcs=["one examination"])
    session, told = taken(
        tmp_path,
        film("20260310", StudyInstanceUID=uid),
        film("20260310", seed=1, ViewPosition="LL", StudyInstanceUID=uid),
        film("20260309", seed=2, PatientID="PAT-2"),
        film("20260310", seed=3, ViewPosition="AP", StudyInstanceUID=uid),
        film("20260308"),
        film("20260307", seed=4, Modality="CT"),
        film("20260306", seed=5),
    )
    assert session.prior.study_date == datetime.date(2026, 3, 6)
    for number, reason in ((2, "a lateral view"), (3, "of another person"), (4, "same examination")):
        assert any(f"IM{number} (" in part and reason in part for part in told.split(".")), (number, told)
    assert "IM5 (PA, 2026-03-08) is set aside: the same image" in told
    assert "IM6 (PA, 2026-03-07) is set aside: no radiograph" in told


def test_a_file_that_cannot_be_read_is_named_and_the_others_load(tmp_path):
    session, told = taken(tmp_path, film("20260301"), b"Dear colleague", film("20260310", seed=1))
    assert session.current is not None and session.prior is not None
    assert "IM2 is no image that PriorRG knows" in told


def test_files_without_dates_keep_their_order_and_that_is_said(tmp_path):
    png, prior = FILM.read_bytes(), FILM.with_name("prior.png").read_bytes()
    session, told = taken(tmp_path, prior, png)
    assert np.array_equal(session.current.pixels, read_radiograph(prior).pixels)
    assert "The files have no dates" in told
    session, told = taken(tmp_path, png, film("20260301"))
    assert session.current.source == "DICOM" and session.prior.source == "PNG"
    assert "Files without a date" in told


def test_a_lateral_alone_is_taken_with_a_warning(tmp_path):
    session, told = taken(tmp_path, film(ViewPosition="LL"))
    assert session.current.view_position == "LATERAL" and session.prior is None
    assert "The current image is a lateral view" in told and "None of the files can serve as its prior" in told


def test_files_of_which_none_is_readable_leave_everything_as_it_was(tmp_path):
    session = Session()
    take_files(session, files(tmp_path, film()))
    before = session.current
    with pytest.raises(ImageError, match=r"None of these files.*IM1 is no image.*IM2 is empty"):
        take_files(session, files(tmp_path, b"Dear colleague", b""))
    assert session.current is before and not list(tmp_path.iterdir())


def test_more_files_than_may_be_looked_at_are_told_and_deleted(tmp_path):
    _, told = taken(tmp_path, *(film(f"2026{1 + n // 28:02d}{1 + n % 28:02d}", seed=n) for n in range(MAX_FILES + 2)))
    assert f"{MAX_FILES} of the {MAX_FILES + 2} files were looked at" in told


def test_a_view_position_that_the_reader_corrects_ends_the_warning(tmp_path):
    session, _ = taken(tmp_path, film(ViewPosition="LL"))
    session.views = {"current": "PA"}
    assert "lateral" not in " ".join(note["text"] for note in notes_payload(session)["notes"])
    session.exchange()
    assert session.views == {"prior": "PA"}
    session.put("prior", session.prior)
    assert session.views == {}, "a new image speaks for itself again"


# In the browser


@pytest.fixture(scope="module")
def page(app, browser):
    """One tab for all of them."""
    page = opened(browser, app.address)
    yield page
    page.close()


def wait_for_note(page, text: str) -> None:
    page.wait_for_function("t => document.querySelector('#notes .notes').textContent.includes(t)", arg=text)


def load_example(page) -> None:
    for box in ("indication", "history"):
        page.fill(f"#{box} textarea", "")
    page.click("text=Growing effusion")
    for box in ("indication", "history"):
        page.wait_for_function(f"document.querySelector('#{box} textarea').value")
    wait_for_note(page, "The prior is 6 days older.")


def test_swapped_dates_offer_to_exchange_and_nothing_typed_is_lost(page):
    load_example(page)
    page.fill("#indication textarea", "Something I typed.")
    now, before = shown(page, "current"), shown(page, "prior")
    upload(page, "current", EXAMPLE / "prior.dcm")
    wait_for_change(page, "current", now)
    upload(page, "prior", EXAMPLE / "prior.dcm")
    wait_for_note(page, "the same image")
    upload(page, "prior", EXAMPLE / "current.dcm")
    wait_for_note(page, "6 days younger")
    page.click("#notes .note-swap")
    wait_for_note(page, "The prior is 6 days older.")
    for side, key in (("current", now), ("prior", before)):
        page.wait_for_selector(f"#viewer .viewer[data-{side}='{key}']")
    assert page.input_value("#indication textarea") == "Something I typed."
    assert page.query_selector("#notes .note-swap") is None


@pytest.mark.parametrize("several", [False, True])
def test_an_image_of_ones_own_takes_the_place_of_the_whole_example(page, tmp_path, several):
    load_example(page)
    page.fill("#indication textarea", "Something I typed.")
    (tmp_path / "letter").write_text("Dear colleague", encoding="utf-8")
    before = shown(page, "current")
    own = EXAMPLE.parent / "resolved-pneumothorax" / "current.png"
    for file in (tmp_path / "letter", own):
        if several:
            page.set_input_files("#upload-set input[type=file]", [str(file)])
        else:
            upload(page, "current", file)
        if file is not own:
            page.wait_for_function("() => document.querySelector('#problem .problem').textContent.length > 0")
            assert shown(page, "current") == before and shown(page, "prior"), "what cannot be read changes nothing"
            assert page.input_value("#history textarea") != ""
    wait_for_change(page, "current", before)
    page.wait_for_selector("#viewer .viewer[data-prior='']")
    page.wait_for_function("() => document.querySelector('#history textarea').value === ''")
    assert page.input_value("#indication textarea") == "Something I typed."


def test_an_example_that_outlived_its_session_on_the_screen_lends_its_texts_to_no_image(page):
    """After long idleness the session is new and knows of no example: as here, where it was ended by hand."""
    load_example(page)
    texts_of = {box: page.input_value(f"#{box} textarea") for box in ("indication", "history")}
    page.click("#end")
    page.wait_for_selector("#viewer .viewer[data-current='']")
    page.wait_for_function("() => document.querySelector('#history textarea').value === ''")
    for box, text in texts_of.items():
        page.fill(f"#{box} textarea", text)
    upload(page, "current", EXAMPLE.parent / "resolved-pneumothorax" / "current.png")
    for box in texts_of:
        page.wait_for_function(f"() => document.querySelector('#{box} textarea').value === ''")
    page.fill("#indication textarea", "Cough.")
    upload(page, "prior", EXAMPLE / "prior.dcm")
    page.wait_for_selector("#viewer .viewer:not([data-prior=''])")
    assert page.input_value("#indication textarea") == "Cough."


def test_two_people_a_lateral_and_a_photograph_are_told_and_can_be_read(page, tmp_path):
    other = pydicom.dcmread(EXAMPLE / "current.dcm")
    other.PatientID, other.ViewPosition = "ANOTHER", "LL"
    other.save_as(tmp_path / "lateral")
    load_example(page)
    upload(page, "current", tmp_path / "lateral")
    wait_for_note(page, "example study was taken off")
    upload(page, "prior", EXAMPLE / "prior.dcm")
    wait_for_note(page, "different people")
    wait_for_note(page, "The current image is a lateral view")
    page.click("#generate")
    page.wait_for_selector("#report .sentence", timeout=60_000)
    assert "ANOTHER" not in page.inner_text("body")
    Image.fromarray(picture("landscape")).save(tmp_path / "photo.png")
    upload(page, "current", tmp_path / "photo.png")
    wait_for_note(page, "does not look like an upright frontal chest radiograph: it is in colour")


def test_files_dropped_at_once_are_sorted_and_gone_from_the_disk(app, page, tmp_path):
    for name in ("prior", "current"):
        shutil.copy(EXAMPLE / f"{name}.dcm", tmp_path / f"IM {name[0]}")
    (tmp_path / "IM letter").write_text("Dear colleague", encoding="utf-8")
    page.set_input_files(
        "#upload-set input[type=file]", [str(file) for file in sorted(tmp_path.iterdir(), reverse=True)]
    )
    wait_for_note(page, "is the prior.")
    told = page.inner_text("#notes .notes")
    assert "The prior is 6 days older." in told and "is no image that PriorRG knows" in told
    assert [file for file in app.uploads.rglob("*") if file.is_file() and file.stat().st_size] == []
