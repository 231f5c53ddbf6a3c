"""Bringing a study to the page as a reader does: dropped on a film, dropped anywhere, a zip; and where things stand."""

import base64
import zipfile

import numpy as np
import pytest
from PIL import Image

from priorrg.imaging.open import read_radiograph
from priorrg.ui.pixels import image_key
from tests.browsing import EXAMPLE, opened, shown, upload, wait_for_change, written

OTHER = EXAMPLE.parent / "resolved-pneumothorax" / "current.png"


@pytest.fixture(scope="module")
def tab(app, browser):
    """One tab for all that needs no fresh one."""
    page = opened(browser, app.address)
    yield page
    page.close()


def dropped(page, place, *paths):
    """Drop files at the place of a selector, as the browser tells the page of it."""
    files = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]
    page.evaluate(
        """([place, files]) => {
            const dataTransfer = new DataTransfer();
            for (const [name, content] of files)
                dataTransfer.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
            for (const kind of ["dragover", "drop"])
                document.querySelector(place).dispatchEvent(
                    new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        [place, files],
    )


def dragged(page, place, *paths):
    """Drag what lies at these paths on the disk, a folder too, from outside of the browser and let go at a selector."""
    box = page.locator(place).bounding_box()
    session = page.context.new_cdp_session(page)
    held = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 20, "data": held}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **at})
    session.detach()


def key_of(path) -> str:
    return image_key(read_radiograph(path))


def wait_for(page, side, key):
    page.wait_for_function(
        "([s, k]) => document.querySelector('#viewer .viewer').getAttribute('data-' + s) === k", arg=[side, key]
    )


def bottom(page, selector) -> float:
    """In pixels of the page, from its top."""
    return page.evaluate(
        "s => { const all = [...document.querySelectorAll(s)].slice(0, 4);"
        " return Math.max(...all.map((one) => one.getBoundingClientRect().bottom)) + window.scrollY; }",
        selector,
    )


def test_a_file_dropped_on_a_film_takes_its_place_and_several_anywhere_are_sorted(tab, tmp_path):
    dropped(tab, "#report", EXAMPLE / "prior.dcm", EXAMPLE / "current.dcm")
    wait_for(tab, "prior", key_of(EXAMPLE / "prior.dcm"))
    tab.wait_for_selector("#notes :has-text('current.dcm (PA, 2026-03-10 08:00) is the current image.')")
    dropped(tab, ".pane[data-side=prior] canvas", OTHER)
    wait_for(tab, "prior", key_of(OTHER))
    assert shown(tab, "current") == key_of(EXAMPLE / "current.dcm"), "the other film stays"
    pack = tmp_path / "CD.zip"
    with zipfile.ZipFile(pack, "w") as archive:
        for name in ("prior", "current"):
            archive.write(EXAMPLE / f"{name}.dcm", f"IMAGES/{name}")
    dropped(tab, ".pane[data-side=prior] canvas", pack)
    tab.wait_for_selector("#notes :has-text('prior (PA, 2026-03-04 08:00) is the prior.')")
    assert [shown(tab, side) for side in ("current", "prior")] == [
        key_of(EXAMPLE / f"{side}.dcm") for side in ("current", "prior")
    ]


def test_a_folder_as_it_lies_on_a_cd_is_dropped_whole_and_its_films_are_sorted(tab, tmp_path):
    """A real drag of a directory: the browser hands over the folder, not its files."""
    inner = tmp_path / "CD" / "IMAGES" / "S1"
    inner.mkdir(parents=True)
    for name in ("prior", "current"):
        (inner / name).write_bytes((EXAMPLE / f"{name}.dcm").read_bytes())
    (tmp_path / "CD" / "README.TXT").write_text("Viewer of the department.", encoding="utf-8")
    upload(tab, "current", OTHER)
    wait_for(tab, "current", key_of(OTHER))
    dragged(tab, "#report", tmp_path / "CD")
    for side in ("current", "prior"):
        wait_for(tab, side, key_of(EXAMPLE / f"{side}.dcm"))
    tab.wait_for_selector("#notes :has-text('current (PA, 2026-03-10 08:00) is the current image.')")


def test_how_much_of_an_upload_has_arrived_is_shown_on_its_film(app, browser, tmp_path):
    page = opened(browser, app.address)
    session = page.context.new_cdp_session(page)
    line = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    session.send("Network.emulateNetworkConditions", line)
    large = tmp_path / "large.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1000, 1200), np.uint8)).save(large)
    upload(page, "prior", large)
    page.wait_for_function(
        """() => { const bar = document.querySelector(".pane[data-side=prior] .film-travelled progress");
            return bar && bar.value > 5 && bar.value < 95 && bar.nextSibling.textContent === `${bar.value} %`; }"""
    )
    assert page.inner_text(".pane[data-side=prior] .film-arriving").startswith("Reading large.png")
    page.wait_for_selector(".film-travelled", state="detached")
    assert shown(page, "prior") == key_of(large)
    page.close()


def test_a_film_is_taken_off_by_its_own_corner_and_its_place_says_how_to_bring_another(tab):
    upload(tab, "prior", OTHER)
    wait_for(tab, "prior", key_of(OTHER))
    tab.click("#remove-prior")
    tab.wait_for_selector("#viewer .viewer[data-prior='']")
    offer = tab.locator(".pane[data-side=prior] .film-offer")
    assert "Drop a file here" in offer.inner_text() and not tab.is_visible("#remove-prior")
    with tab.expect_file_chooser() as chooser:
        offer.locator("button").click()
    chooser.value.set_files(str(EXAMPLE / "prior.dcm"))
    wait_for(tab, "prior", key_of(EXAMPLE / "prior.dcm"))


def test_the_view_position_that_a_reader_sets_on_the_film_is_what_the_model_is_given(page):
    assert page.input_value("#view-current") == "PA"
    page.select_option("#view-current", "LATERAL")
    page.wait_for_selector("#notes :has-text('The current image is a lateral view')")
    written(page)
    page.click("#report .received summary")
    assert "LATERAL" in page.inner_text("#report .received")
    before = shown(page, "current")
    upload(page, "current", EXAMPLE / "current.dcm")  # a film of one's own: the example goes, with what was said of it
    page.wait_for_selector("#viewer .viewer[data-prior='']")
    assert shown(page, "current") == before and page.input_value("#view-current") == "PA"


def test_on_a_desk_films_context_generate_and_four_sentences_are_in_sight_together(page):
    written(page)
    for selector in (".pane canvas", "#indication textarea", "#generate", "#report .sentence"):
        assert bottom(page, selector) <= 900, selector
    assert page.evaluate("window.scrollY") == 0


def test_on_a_phone_the_order_is_films_context_generate_report_and_generate_is_soon(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.querySelector('.pane canvas').getBoundingClientRect().width < 390")
    places = [bottom(page, one) for one in (".pane canvas", "#indication textarea", "#generate", "#report")]
    assert places == sorted(places)
    assert places[2] <= 1.5 * 844


def test_a_film_that_is_refused_is_told_and_leaves_what_was_there(page, tmp_path):
    (tmp_path / "letter.zip").write_bytes(b"PK\x03\x04 Dear colleague")
    before = shown(page, "current")
    dropped(page, ".pane[data-side=current] canvas", tmp_path / "letter.zip")
    page.wait_for_selector("#problem :has-text('letter.zip is a damaged ZIP archive')")
    assert shown(page, "current") == before
    dropped(page, "#study", OTHER)  # it can go on
    wait_for_change(page, "current", before)


def test_on_a_phone_the_films_never_cover_the_sentence_that_they_show(page):
    page.set_viewport_size({"width": 390, "height": 844})
    written(page)
    page.evaluate("document.querySelector('#report .sentence').scrollIntoView({ block: 'start' })")
    page.click("#report .sentence >> nth=0")
    page.wait_for_selector("#viewer .viewer[data-overlay=shown]")
    page.wait_for_function(
        "document.querySelector('#report .sentence-row.selected').getBoundingClientRect().top"
        " >= document.querySelector('#viewer').getBoundingClientRect().bottom"
    )
    assert page.evaluate("document.querySelector('#viewer').getBoundingClientRect().top") >= 0, "the films are in sight"


def test_on_a_phone_a_tap_opens_the_films_over_the_whole_screen_and_the_button_closes_them(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.querySelector('.pane canvas').getBoundingClientRect().width < 390")
    page.click(".pane[data-side=prior] canvas")
    page.wait_for_selector("#viewer .viewer[data-full=on]")
    box = page.locator("#viewer .viewer").bounding_box()
    assert [round(box[name]) for name in ("x", "y", "width", "height")] == [0, 0, 390, 844]
    page.wait_for_function(
        "document.querySelector('.pane[data-side=prior] canvas').getBoundingClientRect().width > 300"
    )
    page.click("#viewer [data-act=full]")
    page.wait_for_selector("#viewer .viewer:not([data-full=on])")
