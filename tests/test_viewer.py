"""The viewer as a radiologist uses it: real uploads, what stands on the canvas, and who is given pixels."""

import base64
import gzip
import math
from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image

from priorrg.imaging.open import read_radiograph
from priorrg.study import Radiograph
from priorrg.ui.pixels import LONGEST_EDGE, TOKEN_HEADER, first_look, packed, picture_of, plain
from tests.browsing import EXAMPLE, FAR, opened, shown, upload
from tests.browsing import written as report_written
from tests.test_imaging import dicom, written

EDGE = 320


def neighbours() -> np.ndarray:
    """(EDGE, EDGE) of 12 bits: 2000 on the left, 2001 on the right, and a strip of all values below."""
    pixels = np.full((EDGE, EDGE), 2000, dtype=np.uint16)
    pixels[:, EDGE // 2 :] = 2001
    pixels[-40:] = np.linspace(0, 4095, EDGE).astype(np.uint16)
    return pixels


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """(current, prior): 12-bit DICOM with a rescale intercept of -1000, and 8-bit PNG of another size."""
    folder = tmp_path_factory.mktemp("files")
    current, prior = folder / "current.dcm", folder / "prior.png"
    scale = {"RescaleIntercept": -1000, "RescaleSlope": 1, "WindowCenter": 1048, "WindowWidth": 4096}
    current.write_bytes(written(dicom(neighbours(), **scale)))
    Image.fromarray(np.tile(np.arange(200, dtype=np.uint8), (240, 1))).save(prior)
    return current, prior


@pytest.fixture(scope="module")
def tab(app, browser, files):
    """One tab with both uploads for the whole module."""
    page = opened(browser, app.address)
    for side, file in zip(("current", "prior"), files, strict=True):
        put(page, side, file)
    yield page
    page.close()


@pytest.fixture
def room(tab):
    """The tab with its viewer as at the start."""
    tab.keyboard.press("Escape")
    if not pressed(tab, "link"):
        tools(tab, "link")
    tools(tab, "reset")
    return tab


def put(page, side, file):
    before = shown(page, side)
    upload(page, side, file)
    page.wait_for_function(
        "([side, before]) => { const drawn = document.querySelector('#viewer .viewer').dataset[side + 'Drawn'];"
        " return drawn && drawn !== before; }",
        arg=[side, before],
    )


def tools(page, act):
    page.click(f"#viewer [data-act={act}]")


def pressed(page, act):
    return page.get_attribute(f"#viewer [data-act={act}]", "aria-pressed") == "true"


def corner(page, side, name):
    return page.inner_text(f"#viewer .pane[data-side={side}] .corner-{name}")


def picture(page, side="current"):
    """What stands on a side's canvas: (rows, columns) of its red."""
    png = page.evaluate(
        "side => document.querySelector(`#viewer .pane[data-side=${side}] canvas`).toDataURL('image/png')", side
    )
    return np.asarray(Image.open(BytesIO(base64.b64decode(png.partition(",")[2]))))[..., 0].astype(int)


def lit(page, side, size, seen):
    """(row, column) of the overlay's heat on a side's canvas, in patches of 8 by 8 of the square that the model saw.

    size: (rows, columns) of the file, which fits into the canvas; seen: edge of the square in its middle.
    """
    bare, heat = [], []
    for kept in (bare, heat):
        kept.append(picture(page, side).astype(float))
        tools(page, "overlay")
    red = heat[0] - bare[0] if heat[0].max() > bare[0].max() else bare[0] - heat[0]
    place = np.argwhere(red > 0.75 * red.max()).mean(axis=0)
    scale = min(edge / length for edge, length in zip(red.shape, size, strict=True))
    corner = [(edge - seen * scale) / 2 for edge in red.shape]
    return [(at - start) / (seen * scale / 8) - 0.5 for at, start in zip(place, corner, strict=True)]


def halves(page):
    """Greys left and right of the middle of the current image, where neighbours() holds 2000 and 2001."""
    seen = picture(page)
    row, middle = seen[seen.shape[0] // 2], seen.shape[1] // 2
    return int(row[middle - 20]), int(row[middle + 20])


def drag(page, right, down, side="current", shift=False):
    box = page.locator(f"#viewer .pane[data-side={side}] canvas").bounding_box()
    start = box["x"] + box["width"] / 2, box["y"] + box["height"] / 3
    if shift:
        page.keyboard.down("Shift")
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + right, start[1] + down, steps=3)
    page.mouse.up()
    if shift:
        page.keyboard.up("Shift")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_the_first_look_is_of_the_files_pixels_or_of_means_of_equally_many(make_radiograph):
    small = make_radiograph()
    assert first_look(small) is small.pixels
    pixels = np.random.default_rng(0).integers(0, 65536, (3001, 1502)).astype(np.uint16)
    large = Radiograph(pixels, (1500.0, 3000.0))
    size, look = picture_of(large), first_look(large)
    assert size.step == 3 and max(size.width, size.height) <= LONGEST_EDGE
    assert look.shape == (size.height, size.width) == (1000, 500)
    assert look[7, 9] == round(float(pixels[21:24, 27:30].mean())), "all of the depth is there"
    longest = Radiograph(pixels[:64], (1500.0, 3000.0))
    assert first_look(longest).size > 0


def test_packed_pixels_hold_every_value_and_are_smaller():
    pixels = np.random.default_rng(0).integers(0, 65536, (70, 90)).astype(np.uint16)
    data = np.frombuffer(gzip.decompress(packed(pixels)), dtype=np.uint8).reshape(2, 70, 90).astype(np.uint32)
    steps = data[0] + (data[1] << 8)
    assert np.array_equal(np.cumsum(steps, axis=1) & 0xFFFF, pixels)
    film = read_radiograph(EXAMPLE / "current.dcm").pixels
    assert len(packed(film)) < 0.6 * len(plain(film))


def test_the_units_of_a_file_survive_shift_and_inversion():
    stored = neighbours()
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        changes = {"RescaleIntercept": -1000, "RescaleSlope": 2, "PhotometricInterpretation": photometric}
        radiograph = read_radiograph(written(dicom(stored, **changes)))
        slope, intercept = radiograph.units
        assert np.array_equal(slope * radiograph.pixels + intercept, 2 * stored.astype(float) - 1000)
        assert (slope < 0) == (photometric == "MONOCHROME1")


class TestOnThePage:
    def test_narrowing_the_window_tells_apart_two_values_that_share_one_grey(self, room):
        left, right = halves(room)
        assert left == right, "on eight bits they are one"
        for _ in range(4):
            drag(room, -180, 0)
        left, right = halves(room)
        assert 0 < left < right < 255
        narrow = float(corner(room, "current", "window").split()[1])
        assert narrow == pytest.approx(4096 * math.exp(-4 * 180 / 200), rel=0.02)

    @pytest.mark.parametrize("host", ["127.0.0.1", FAR])
    def test_one_to_one_shows_each_pixel_through_the_files_window(self, room, app, browser, files, host):
        page = room if host == "127.0.0.1" else opened(browser, app.address.replace("127.0.0.1", host))
        if page is not room:
            put(page, "current", files[0])
        tools(page, "oneToOne")
        assert corner(page, "current", "scale") == "1:1"
        seen = picture(page)
        top, left = (int((size - EDGE) / 2 + 0.5) for size in seen.shape)  # as the browser rounds
        wanted = read_radiograph(files[0]).display().astype(int)
        off = np.abs(seen[top : top + EDGE, left : left + EDGE] - wanted)
        assert off.max() <= 1 and (off > 0).mean() < 0.01, "half a grey level may be rounded either way"
        if page is not room:
            page.close()

    @pytest.mark.parametrize("host", ["127.0.0.1", FAR])
    def test_of_a_large_film_a_first_look_comes_at_once_and_every_pixel_when_it_is_zoomed(
        self, app, browser, tmp_path, host
    ):
        rows, columns = 2600, 2100
        file = tmp_path / "large.dcm"
        file.write_bytes(written(dicom(np.random.default_rng(0).integers(0, 4096, (rows, columns)).astype(np.uint16))))
        page = opened(browser, app.address.replace("127.0.0.1", host))
        asked = []
        page.on("request", lambda request: asked.append(request.url) if "/pixels/current" in request.url else None)
        put(page, "current", file)
        assert len(asked) == 1 and "whole" not in asked[0], "nobody has looked so closely yet"
        tools(page, "oneToOne")
        page.wait_for_function(
            "document.querySelector('#viewer .pane[data-side=current] .corner-scale').textContent === '1:1'"
        )
        assert len(asked) == 2 and "whole=1" in asked[1]
        seen = picture(page)
        top, left = (
            math.floor((size - edge) / 2 + 0.5) for size, edge in zip(seen.shape, (rows, columns), strict=True)
        )
        film = read_radiograph(file).display().astype(int)
        off = np.abs(seen - film[-top : seen.shape[0] - top, -left : seen.shape[1] - left])
        assert off.max() <= 1 and (off > 0).mean() < 0.01, "half a grey level may be rounded either way"
        page.close()

    def test_window_and_level_are_in_the_values_of_the_file(self, room):
        assert corner(room, "current", "window") == "W 4096 L 1048"
        assert corner(room, "prior", "window") == "W 256 L 128"

    def test_linked_images_change_in_proportion_and_unlinked_ones_alone(self, room):
        drag(room, -139, 0)  # half the width: exp(-139 / 200)
        assert corner(room, "current", "window") == "W 2044 L 1048"
        assert corner(room, "prior", "window") == "W 128 L 128"
        tools(room, "zoomIn")
        before = corner(room, "prior", "scale")
        tools(room, "link")
        drag(room, -139, 0)
        tools(room, "zoomIn")
        assert corner(room, "current", "window") == "W 1020 L 1048"
        assert corner(room, "prior", "window") == "W 128 L 128"
        assert corner(room, "prior", "scale") == before
        tools(room, "link")
        assert corner(room, "prior", "window") == "W 64 L 128", "linking again takes over what was last touched"

    def test_shift_and_drag_moves_the_image_and_the_wheel_zooms(self, room):
        before, scale = picture(room), corner(room, "prior", "scale")
        room.hover("#viewer .pane[data-side=current] canvas")
        room.mouse.wheel(0, -100)
        room.wait_for_function(
            "s => document.querySelector('#viewer .pane[data-side=prior] .corner-scale').textContent !== s", arg=scale
        )
        zoomed = picture(room)
        drag(room, 60, -100, shift=True)
        assert not np.array_equal(zoomed, before) and not np.array_equal(picture(room), zoomed)
        assert corner(room, "current", "window") == "W 4096 L 1048"
        tools(room, "reset")
        assert np.array_equal(picture(room), before)

    def test_invert_exchanges_black_and_white_and_reset_takes_it_back(self, room):
        before = picture(room)
        left, right = halves(room)
        tools(room, "invert")
        assert halves(room) == (255 - left, 255 - right)
        tools(room, "reset")
        assert np.array_equal(picture(room), before)

    def test_the_overlay_of_each_image_lies_on_it_where_the_overlay_has_it(self, app, browser, tmp_path):
        """Films that are not square, one hot patch each off the diagonal: current wide and prior tall."""
        page = opened(browser, app.address)
        hot = {"current": (1, 5), "prior": (6, 2)}
        sizes = {"current": (150, 300), "prior": (300, 150)}
        overlay = {side: np.zeros((8, 8), int) for side in hot}
        for side, size in sizes.items():
            tones = np.full(size, 40, np.uint8)
            tones[0, :2] = 0, 255
            Image.fromarray(tones).save(tmp_path / f"{side}.png")
            put(page, side, tmp_path / f"{side}.png")
            overlay[side][hot[side]] = 255
        detail = {side: grid.tolist() for side, grid in overlay.items()}
        page.evaluate("detail => window.dispatchEvent(new CustomEvent('priorrg:overlay', { detail }))", detail)
        for style in ("outline", "heat"):
            tools(page, style)
            for side, place in hot.items():
                assert lit(page, side, sizes[side], 150) == pytest.approx(place, abs=0.2), style
        page.close()

    def test_an_outline_hides_no_lung_and_heat_lets_it_through(self, room):
        """A plateau of 2 by 2 patches in the middle: what lies inside of the outline is as it was."""
        room.wait_for_selector("#notes .note")  # below the films: they have their height now
        bare = picture(room, "prior")
        grid = np.zeros((8, 8), int)
        grid[3:5, 3:5] = 255
        detail = {"prior": grid.tolist(), "current": grid.tolist()}
        room.evaluate("detail => window.dispatchEvent(new CustomEvent('priorrg:overlay', { detail }))", detail)
        tools(room, "outline")
        outlined = picture(room, "prior")
        tools(room, "heat")
        hot = picture(room, "prior")
        rows, columns = (slice(edge // 2 - 12, edge // 2 + 12) for edge in bare.shape)
        assert np.array_equal(outlined[rows, columns], bare[rows, columns]) and not np.array_equal(outlined, bare)
        tinted = hot[rows, columns]
        assert not np.array_equal(tinted, bare[rows, columns])
        assert np.corrcoef(tinted.ravel(), bare[rows, columns].ravel())[0, 1] > 0.9, "what is below is still told"
        tools(room, "overlay")
        assert np.array_equal(picture(room, "prior"), bare) and pressed(room, "overlay")
        tools(room, "outline")
        room.evaluate("window.dispatchEvent(new CustomEvent('priorrg:overlay', { detail: null }))")

    def test_a_preset_is_of_the_films_own_tones_and_reset_takes_it_back(self, room):
        before = corner(room, "current", "window")
        room.select_option(".pane[data-side=current] .pane-presets", "whole")
        whole = corner(room, "current", "window")
        room.select_option(".pane[data-side=current] .pane-presets", "lungs")
        lungs = corner(room, "current", "window")
        assert len({before, whole, lungs}) == 3
        width = [int(said.split()[1]) for said in (whole, lungs)]
        assert width[1] < width[0] <= 4096
        room.select_option(".pane[data-side=current] .pane-presets", "start")
        assert corner(room, "current", "window") == before

    def test_the_magnifier_shows_what_lies_under_the_pointer_larger_on_both_films(self, room):
        before = [picture(room, side) for side in ("current", "prior")]
        tools(room, "magnify")
        box = room.locator("#viewer .pane[data-side=current] canvas").bounding_box()
        x, y = box["width"] / 2, box["height"] / 2
        room.mouse.move(box["x"] + x, box["y"] + y)
        room.mouse.move(box["x"] + x + 3, box["y"] + y)
        room.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        after = [picture(room, side) for side in ("current", "prior")]
        for old, new in zip(before, after, strict=True):
            changed = np.argwhere(old != new)
            assert len(changed) and np.abs(changed - np.array(old.shape) / 2).max() < 120, "only under the glass"
        tools(room, "magnify")
        assert np.array_equal(picture(room), before[0])

    def test_a_distance_and_the_cardiothoracic_ratio_are_measured_and_kept_for_exports(self, app, browser, tmp_path):
        page = opened(browser, app.address)
        for side, spacing in (("current", {"PixelSpacing": ["0.5", "0.5"]}), ("prior", {})):
            (tmp_path / side).write_bytes(written(dicom(neighbours() + (side == "prior"), **spacing)))  # type: ignore[arg-type]
            put(page, side, tmp_path / side)
        tools(page, "oneToOne")
        tools(page, "dragDistance")
        said = ".pane[data-side={}] .pane-measures".format
        drag(page, 60, 80)
        assert "Distance 50.0 mm" in page.inner_text(said("current"))
        drag(page, 60, 80, side="prior")
        assert "Distance 100 px" in page.inner_text(said("prior"))
        assert "the file gives no pixel spacing" in page.inner_text(said("prior"))
        tools(page, "dragRatio")
        assert "across the heart" in page.inner_text(said("current"))
        drag(page, 50, 7)
        assert "across the chest" in page.inner_text(said("current"))
        drag(page, 100, -7)
        assert "CTR 0.50 (heart 25.0 mm, chest 50.0 mm)" in page.inner_text(said("current"))
        page.check(said("current") + " input")
        page.click("#generate")
        page.wait_for_selector("#report .sentence", timeout=60_000)
        page.wait_for_selector("#report .report[aria-busy=false]")
        with page.expect_download() as taken:
            page.click("#exports button >> text=Text")
        text = " ".join(taken.value.path().read_text(encoding="utf-8").split())
        assert "Current image, measured by the reader: distance 50.0 mm; cardiothoracic ratio 0.50" in text
        assert "Prior image, measured" not in text
        page.close()

    def test_the_prior_is_laid_over_the_current_film_by_its_anatomy(self, page, tmp_path):
        """The prior is the current film moved: aligned, flicker shows one picture, by the frames two."""
        data = pydicom.dcmread(EXAMPLE / "current.dcm")
        data.decompress()
        data.PixelData = np.roll(data.pixel_array, (60, -50), axis=(0, 1)).astype("<u2").tobytes()
        data.StudyDate = "20260101"
        data.save_as(tmp_path / "moved.dcm")
        put(page, "prior", tmp_path / "moved.dcm")
        page.wait_for_selector("#viewer .viewer[data-current='']")  # the example went
        put(page, "current", EXAMPLE / "current.dcm")
        tools(page, "wipe")
        page.wait_for_selector("#viewer .viewer[data-aligned=good]")
        assert "a good fit (correlation 0.9" in page.inner_text("#viewer .viewer-remark")
        page.focus("#viewer .divider")
        shown = {}
        for name, key in (("current", "End"), ("prior", "Home")):
            page.keyboard.press(key)
            shown[name] = picture(page)
        edge = shown["current"].shape[0]
        middle = tuple(slice(length // 2 - edge // 4, length // 2 + edge // 4) for length in shown["current"].shape)
        tools(page, "align")
        assert not pressed(page, "align") and "not aligned" in page.inner_text("#viewer .viewer-remark")
        by_frames = picture(page)
        apart = [np.abs(one[middle] - shown["current"][middle]).mean() for one in (shown["prior"], by_frames)]
        assert apart[0] < 0.3 * apart[1]

    def test_wipe_and_flicker_show_both_images_at_one_place(self, room):
        tools(room, "wipe")
        assert not room.is_visible("#viewer .pane[data-side=prior]")
        assert "not aligned" in room.inner_text("#viewer .viewer-remark")
        room.focus("#viewer .divider")
        room.keyboard.press("End")
        current = picture(room)
        room.keyboard.press("Home")
        prior = picture(room)
        assert not np.array_equal(current, prior)
        for _ in range(25):
            room.keyboard.press("ArrowRight")
        both, middle = picture(room), current.shape[1] // 2
        assert np.array_equal(both[:, : middle - 4], current[:, : middle - 4])
        assert np.array_equal(both[:, middle + 4 :], prior[:, middle + 4 :])
        tools(room, "flicker")
        name = "document.querySelector('#viewer .pane[data-side=current] .corner-label strong').textContent"
        for wanted in ("Prior", "Current"):
            room.wait_for_function(f"{name} === '{wanted}'")
        room.keyboard.press("Escape")
        assert room.is_visible("#viewer .pane[data-side=prior]")

    def test_a_new_report_leaves_the_view_and_a_new_image_begins_afresh(self, room, files):
        drag(room, -139, 0)
        report_written(room)
        assert corner(room, "current", "window") == "W 2044 L 1048"
        put(room, "current", EXAMPLE / "current.dcm")
        assert corner(room, "prior", "window") == "W 256 L 128"
        put(room, "current", files[0])

    def test_keys_are_listed_under_the_question_mark_and_rest_while_somebody_types(self, room):
        room.focus("#indication textarea")
        room.keyboard.type("i ? s 1 w r")
        assert room.input_value("#indication textarea").endswith("i ? s 1 w r")
        assert not pressed(room, "invert") and not room.is_visible("#viewer dialog")
        room.evaluate("document.activeElement.blur()")
        room.keyboard.press("i")
        assert pressed(room, "invert")
        room.keyboard.press("?")
        listed = room.inner_text("#viewer dialog")
        assert all(name in listed for name in ("Zoom in", "Exchange black and white", "Drag", "Wheel"))
        room.keyboard.press("i")
        room.uncheck("#viewer dialog input")
        room.keyboard.press("Escape")
        assert not room.is_visible("#viewer dialog") and pressed(room, "invert")
        room.keyboard.press("i")
        assert pressed(room, "invert"), "single keys can be switched off"
        tools(room, "help")
        room.check("#viewer dialog input")
        room.click("#viewer dialog button")

    def test_the_side_of_the_prior_is_remembered_and_nothing_else(self, app, browser):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        sides = (
            "[...document.querySelectorAll('#viewer .pane')]"
            ".sort((a, b) => a.getBoundingClientRect().x - b.getBoundingClientRect().x).map(p => p.dataset.side)"
        )
        page.goto(app.address)
        page.wait_for_selector("#viewer .pane")
        assert page.evaluate(sides) == ["current", "prior"]
        page.keyboard.press("s")
        page.reload()
        page.wait_for_selector("#viewer .viewer[data-current]:not([data-current=''])")
        assert page.evaluate(sides) == ["prior", "current"]
        kept = page.evaluate("localStorage.getItem('priorrg.viewer')")
        assert kept == '{"priorSide":"left","shortcuts":true}'
        context.close()

    def test_pixels_go_to_their_session_alone_and_end_with_it(self, app, browser):
        page = opened(browser, app.address)
        with page.expect_request("**/pixels/current/*") as caught:
            page.click("text=Tube check, no prior")
        address, token = caught.value.url, caught.value.headers[TOKEN_HEADER.lower()]
        assert token not in address
        assert answered(page, address, token) == 200
        assert answered(page, address, "") == answered(page, address, token[:-1] + "~") == 404
        page.click("#end")
        page.wait_for_selector("#viewer .viewer[data-current='']")
        assert answered(page, address, token) == 404
        page.close()


def answered(page, address, token):
    """As this page's browser asks for it: with its cookie."""
    answer = page.request.get(address, headers={TOKEN_HEADER: token})
    assert answer.status != 200 or answer.headers["cache-control"] == "no-store"
    return answer.status
