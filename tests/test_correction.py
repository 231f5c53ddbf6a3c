"""A reader turns, mirrors or inverts an image, or chooses another window of its file: on the page, by the API, by the
command line, and what the exports say of it. The files are the app's own example, stored in other ways."""

import json
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from gradio_client import Client, handle_file
from playwright.sync_api import expect

from priorrg.__main__ import main
from priorrg.errors import ImageError
from priorrg.export.forms import FORMS
from priorrg.export.text import clipboard_text
from priorrg.imaging.open import read_radiograph
from priorrg.imaging.orientation import INVERSE, MIRRORED, corrected, through, window_in_use
from priorrg.reporting.reporter import read_study
from priorrg.study import Orientation, Study
from priorrg.ui.correction import take_correction
from priorrg.ui.pixels import image_key
from priorrg.ui.sessions import Session
from tests.browsing import EXAMPLE, shown, upload, written
from tests.test_export import made, words
from tests.test_export import written as exported

SIDEWAYS = Orientation(1)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A function that writes the example's current image turned (as np.rot90 counts) or inverted, with two windows."""
    folder = tmp_path_factory.mktemp("stored")

    def write(turns: int = 0, is_inverted: bool = False, is_mirrored: bool = False):
        data = pydicom.dcmread(EXAMPLE / "current.dcm")
        data.decompress()
        pixels = np.rot90(data.pixel_array, turns)
        pixels = pixels[:, ::-1] if is_mirrored else pixels
        pixels = 4095 - pixels if is_inverted else pixels
        data.Rows, data.Columns = pixels.shape
        data.PixelData = np.ascontiguousarray(pixels).astype("<u2").tobytes()
        data.WindowCenter, data.WindowWidth = [2048, 1500], [4096, 2500]
        data.WindowCenterWidthExplanation = ["NORMAL", "LUNG"]
        path = folder / f"{turns}{is_inverted}{is_mirrored}.dcm"
        data.save_as(path)
        return path

    return write


# What the session keeps


def session_of(path) -> Session:
    session = Session()
    session.put("current", read_radiograph(path))
    session.put("prior", read_radiograph(EXAMPLE / "prior.dcm"))
    session.views = {"current": "AP"}
    return session


def ask(session: Session, **said) -> bool:
    image = session.current
    assert image is not None
    return take_correction(session, {"side": "current", "key": image_key(image)} | said)


def test_corrections_stay_with_their_image_and_are_taken_back(stored):
    session = session_of(stored())
    first = session.current
    assert first is not None
    assert ask(session, step="90") and ask(session, step="mirrored") and ask(session, window=1)
    assert session.current is not None and session.current.orientation == Orientation(1, True)
    assert session.current.window != first.window and session.views == {"current": "AP"}
    session.exchange()
    assert session.prior is not None and session.prior.orientation == Orientation(1, True)
    session.exchange()
    assert ask(session, step="reset") and ask(session, window=0)
    assert session.current.fingerprint == first.fingerprint


@pytest.mark.parametrize(
    "said",
    [{"side": "both"}, {"key": "of another image"}, {"step": "45"}, {"window": 9}, {"window": "1"}, {"step": "reset"}],
    ids=str,
)
def test_what_cannot_be_meant_changes_nothing(stored, said):
    session = session_of(stored())
    before = session.current
    assert not ask(session, **{"step": "90"} | said) and session.current is before


# The page


def film_menu(page, side="current"):
    page.click(f".pane[data-side={side}] .film-menu summary")
    return f".pane[data-side={side}] .film-menu"


def drawn(page, side="current") -> np.ndarray:
    """(64, 64) grey of the square film that stands on the screen, however large it stands there."""
    page.wait_for_function(
        "s => { const v = document.querySelector('#viewer .viewer'); return v.dataset[s] === v.dataset[s + 'Drawn']; }",
        arg=side,
    )
    grey = page.evaluate(
        """side => {
            const from = document.querySelector(`.pane[data-side=${side}] canvas`);
            const edge = Math.min(from.width, from.height);
            const pen = Object.assign(document.createElement("canvas"), { width: 64, height: 64 }).getContext("2d");
            pen.imageSmoothingQuality = "high";
            pen.drawImage(from, (from.width - edge) / 2, (from.height - edge) / 2, edge, edge, 0, 0, 64, 64);
            return [...pen.getImageData(0, 0, 64, 64).data].filter((_, i) => i % 4 === 0);
        }""",
        side,
    )
    return np.array(grey, dtype=float).reshape(64, 64)


def key_of(path, *steps) -> str:
    """The image that the page is expected to show, by the name that it gives it."""
    image = read_radiograph(path)
    for step in steps:
        image = corrected(image, step)
    return image_key(image)


def wait_for(page, side, key):
    page.wait_for_function(
        "([s, k]) => document.querySelector('#viewer .viewer').getAttribute('data-' + s) === k", arg=[side, key]
    )


def report_of(page) -> list[str]:
    return page.locator("#report .sentence").all_inner_texts()


def test_a_film_that_lies_is_told_and_the_notes_button_rights_it_for_eye_and_model(page, stored):
    boxes = ("#indication textarea", "#history textarea")
    context = [page.input_value(box) for box in boxes]
    written(page)
    right, of_the_example = drawn(page), report_of(page)
    lying = stored(turns=1)
    upload(page, "current", lying)
    wait_for(page, "current", key_of(lying))
    upload(page, "prior", EXAMPLE / "prior.dcm")
    wait_for(page, "prior", key_of(EXAMPLE / "prior.dcm"))
    for box, text in zip(boxes, context, strict=True):
        page.fill(box, text)
    page.wait_for_selector("#notes .note-warning:has-text('lie on its side')")
    page.click("#notes .note-warning button:has-text('Turn it 90° clockwise')")
    wait_for(page, "current", key_of(lying, SIDEWAYS))
    page.wait_for_selector("#notes:not(:has-text('lie on its side'))")
    assert "turned 90° clockwise" in page.inner_text(".pane[data-side=current] .pane-corrected")
    assert np.abs(drawn(page) - right).mean() < 3
    written(page)
    assert report_of(page) == of_the_example


def test_turning_mirroring_and_inverting_are_offered_on_each_film_and_drop_the_report(page):
    written(page)
    for side in ("current", "prior"):
        path, first = EXAMPLE / f"{side}.dcm", drawn(page, side)
        menu, done = film_menu(page, side), []
        for words_, step in (("90", SIDEWAYS), ("mirrored", MIRRORED), ("inverted", INVERSE)):
            page.click(f"{menu} [data-step='{words_}']")
            done.append(step)
            wait_for(page, side, key_of(path, *done))
            expect(page.locator("#report .sentence")).to_have_count(0)
        wanted = 255 - np.rot90(first, -1)[:, ::-1]
        assert np.corrcoef(drawn(page, side).ravel(), wanted.ravel())[0, 1] > 0.98
        page.click(f"{menu} [data-step=reset]")
        wait_for(page, side, key_of(path))
        expect(page.locator(f"{menu} [data-step=reset]")).to_be_disabled()
        page.keyboard.press("Escape")


def test_the_viewers_own_invert_changes_the_screen_and_nothing_else(page):
    before = shown(page, "current")
    page.click("[data-act=invert]")
    assert shown(page, "current") == before and not page.inner_text(".pane[data-side=current] .pane-corrected")
    assert "screen only" in page.get_attribute("[data-act=invert]", "aria-label")


def test_a_window_of_the_file_is_chosen_for_eye_and_model(page, stored):
    upload(page, "current", stored())  # the example's own pixels, of another file
    page.wait_for_selector(".pane[data-side=current] .film-menu option:nth-child(3)", state="attached")
    menu = film_menu(page)
    assert page.locator(f"{menu} option").all_inner_texts() == ["NORMAL", "LUNG", "Full range"]
    first = drawn(page)
    page.select_option(f"{menu} select", label="LUNG")
    wait_for(page, "current", image_key(through(read_radiograph(stored()), 1)))
    assert drawn(page).mean() > first.mean() + 10
    assert page.inner_text(".pane[data-side=current] .corner-window") == "W 2500 L 1500"
    assert "The model reads the image through it too" in page.inner_text(menu)


# Programs


def test_the_api_turns_before_it_reads_and_repeats_what_it_did(app, stored):
    client = Client(app.address, verbose=False)
    rest = {"prior": handle_file(str(EXAMPLE / "prior.dcm")), "indication": "Shortness of breath."}
    right = client.predict(current=handle_file(str(stored())), **rest, api_name="/report")
    lying = stored(turns=1, is_inverted=True)
    asked = {"current": handle_file(str(lying)), **rest, "orientation": "90, inverted"}
    turned = client.predict(**asked, api_name="/report")
    assert turned["refined_report"] == right["refined_report"]
    assert right["orientation"] == {"current": "", "prior": ""}
    assert turned["orientation"] == {"current": "90 inverted", "prior": ""}
    overlay = client.predict(**asked, method="attention", api_name="/overlay")
    assert overlay["refined_report"] == right["refined_report"]
    assert turned["window"] == {"current": "NORMAL", "prior": window_in_use(read_radiograph(EXAMPLE / "prior.dcm"))}
    assert client.predict(**asked, window="lung", api_name="/draft")["window"]["current"] == "LUNG"
    with pytest.raises(Exception, match="90, 180 or 270"):
        client.predict(current=handle_file(str(lying)), orientation="sideways", api_name="/draft")
    with pytest.raises(
        Exception, match=r"Current image: The file has no window 'bone'. It has: 1 \(NORMAL\), 2 \(LUNG\)"
    ):
        client.predict(current=handle_file(str(lying)), window="bone", api_name="/draft")


def test_the_command_line_turns_before_it_reads(stored, small_weights, capsys):
    def read(path, *options):
        assert main(["report", str(path), "--weights", str(small_weights), "--json", *options]) == 0
        return json.loads(capsys.readouterr().out)

    right = read(stored(), "--prior", str(stored()))
    both = ["--orientation", "mirrored", "--prior-orientation", "270"]
    turned = read(stored(is_mirrored=True), "--prior", str(stored(turns=-1)), *both)
    assert turned["report"] == right["report"] and turned["orientation"] == {"current": "mirrored", "prior": "270"}
    assert main(["report", str(stored()), "--orientation", "up", "--weights", str(small_weights)]) == 2


@pytest.mark.parametrize(("asked", "number"), [("", 0), ("1", 0), ("2", 1), ("Lung", 1), ("full range", -1)])
def test_a_window_is_asked_for_by_its_name_or_its_number(stored, asked, number):
    film = read_radiograph(stored())
    chosen = read_study(stored(), window=asked, prior=stored(), prior_window="normal")
    assert chosen.prior and chosen.prior.window == film.window
    assert chosen.current.window == through(film, number).window


def test_a_window_that_the_file_has_not_is_told_with_those_that_it_has(stored):
    with pytest.raises(ImageError, match=r"no window '3 4'. It has: 1 \(NORMAL\), 2 \(LUNG\), 3 \(Full range\)"):
        read_study(stored(), window="3 4")
    with pytest.raises(ImageError, match="names no window that could be chosen"):
        read_study(EXAMPLE.parent / "resolved-pneumothorax" / "current.png", window="1")


# What is taken away


@pytest.mark.parametrize("form", FORMS)
def test_every_export_says_what_the_reader_did_to_the_images(form, stored, tmp_path):
    current = through(corrected(read_radiograph(stored()), SIDEWAYS), 1)
    prior = corrected(read_radiograph(EXAMPLE / "prior.dcm"), INVERSE)
    said = words(form, exported(made(Study(current, prior)), form, tmp_path))
    assert "Current image: corrected by the reader before it was read (turned 90° clockwise)." in said
    assert "Current image: read through another window of its file, which the reader chose." in said
    assert "Prior image: corrected by the reader before it was read (black and white exchanged)." in said


def test_an_export_of_images_as_they_came_says_nothing_of_it(stored):
    study = Study(read_radiograph(stored()), replace(read_radiograph(EXAMPLE / "prior.dcm")))
    assert "corrected" not in clipboard_text(made(study)) and "window" not in clipboard_text(made(study))
