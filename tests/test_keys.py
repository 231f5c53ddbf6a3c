"""The keyboard: keys press what stands on the page, all of them are listed, and the first Tab leads to the upload."""

import pytest

from tests.browsing import shown, wait_for_change, written


def is_selected(page, number):
    page.wait_for_selector(f"#report [data-row='{number}'].selected")


def test_a_report_is_asked_for_gone_through_marked_and_rated_by_keys(page):
    page.focus("#indication textarea")
    page.keyboard.press("End")
    page.keyboard.type(" j1n")  # in a text they are letters
    assert page.input_value("#indication textarea").endswith(" j1n")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#report .sentence", timeout=60_000)
    page.wait_for_selector("#report .report[aria-busy=false]")
    page.click("#report .title >> nth=0")
    page.keyboard.press("j")
    is_selected(page, 0)
    page.keyboard.press("m")
    page.wait_for_function("document.activeElement.dataset.role === 'mark'")
    page.select_option("#report [data-row='0'] .mark", "wrong severity")
    page.focus("#report [data-row='0'] .sentence")
    page.keyboard.press("a")  # it is right after all
    is_selected(page, 1)
    assert page.input_value("#report [data-row='0'] .mark") == ""
    page.keyboard.press("k")
    is_selected(page, 0)
    page.keyboard.press("e")
    page.wait_for_selector("#report [data-row='0'] textarea")
    page.keyboard.press("Escape")
    page.wait_for_selector("#report [data-row='0'] textarea", state="detached")
    page.keyboard.press("e")
    page.keyboard.press("Tab")  # leaves the editor, and the hand stays at its sentence
    page.wait_for_function("document.activeElement.matches('#report [data-row=\"0\"] .sentence')")
    page.keyboard.press("4")
    assert page.is_checked("#rating input >> nth=3")
    page.focus("#report [data-row='0'] .sentence")
    page.keyboard.press("v")  # the sentence is covered now, and the hand is where it went
    page.wait_for_function("document.activeElement.dataset.given === 'prior'")
    before = shown(page, "current")
    page.on("dialog", lambda dialog: dialog.accept())
    page.keyboard.press("n")
    wait_for_change(page, "current", before)


def test_the_first_tab_leads_past_all_else_to_the_upload(page):
    page.reload()  # nothing was clicked since
    page.wait_for_selector("#viewer .viewer[data-current]:not([data-current=''])")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the upload"
    page.wait_for_function("document.querySelector('.keys .skip').getBoundingClientRect().x >= 0")  # seen while focused
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.choose") == "current"


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_box_of_keys_lists_each_once_and_nothing_of_it_is_cut(page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    page.keyboard.press("?")
    box = page.locator("dialog.viewer-help[open]")
    box.wait_for()
    keys = page.locator("dialog.viewer-help th").all_inner_texts()
    single = [key for key in keys if len(key) == 1]
    assert "j" in single and "w" in single and len(single) == len(set(single))
    place = box.bounding_box()
    assert place and place["x"] >= 0 and place["x"] + place["width"] <= width and place["y"] + place["height"] <= height
    assert box.evaluate("node => node.scrollWidth <= node.clientWidth"), "nothing stands beside what is in sight"
    assert width < 1440 or box.evaluate("node => node.scrollHeight <= node.clientHeight"), "all at once"


def test_films_over_the_whole_window_are_covered_by_nothing(page):
    """The column beside them comes later in the page."""
    place = page.locator("#generate").bounding_box()
    page.keyboard.press("u")
    page.wait_for_selector("#viewer .viewer[data-full=on]")
    middle = [place["x"] + place["width"] / 2, place["y"] + place["height"] / 2]
    assert page.evaluate("([x, y]) => Boolean(document.elementFromPoint(x, y).closest('#viewer'))", middle)


def test_who_switched_single_keys_off_has_none(page):
    written(page)
    page.evaluate("localStorage.setItem('priorrg.viewer', JSON.stringify({shortcuts: false}))")
    page.click("#report .title >> nth=0")
    page.keyboard.press("4")
    page.keyboard.press("j")
    page.click("#report [data-row='1'] .sentence")
    is_selected(page, 1)
    assert not page.is_checked("#rating input >> nth=3")
