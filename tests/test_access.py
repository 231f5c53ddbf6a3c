"""Whom the page leaves out: axe on every state that a reader sees, in both themes, and the keyboard alone."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browsing import finished, opened, switched, written

SERIOUS = ("serious", "critical")
# axe's rules on regions ask for landmarks round everything that is Gradio's own; they are moderate, and not ours.
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


def serious(page) -> list[str]:
    """What axe finds serious or critical on the page as it stands, a line each."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['target']} {node['html'][:120]} {node.get('failureSummary', '')[:200]}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious_from_the_first_look_to_the_four_readings(app, browser, theme):
    page = browser.new_page()
    page.goto(f"{app.address}/?__theme={theme}")
    finished(page)
    found = {"as it opens, with its captions": serious(page)}
    switched(page, "prior")
    found["with another reading in the report's place"] = serious(page)
    page = opened(page, f"{app.address}/?__theme={theme}")
    assert page.evaluate("document.body.classList.contains('dark')") is (theme == "dark")
    found["before anything was read"] = serious(page)
    page.click("#context .context-examples summary")
    page.click("#notes summary")
    written(page)
    found["with a report"] = serious(page)
    page.click("#report .sentence >> nth=0")
    page.wait_for_selector("#viewer .viewer[data-overlay=shown]")
    found["with a sentence selected"] = serious(page)
    page.keyboard.press("F2")
    found["while a sentence is edited"] = serious(page)
    page.keyboard.press("Escape")
    page.click("#report .views >> text=Coarse draft")
    found["with the draft"] = serious(page)
    page.click("#compare")
    page.wait_for_function("() => document.querySelectorAll('#readings .reading-text').length === 4", timeout=60_000)
    page.wait_for_selector("#readings .readings[aria-busy=false]")
    found["with the four readings"] = serious(page)
    page.click("#viewer .viewer-tools >> text=?")
    found["with the viewer's help"] = serious(page)
    page.close()
    assert {state: lines for state, lines in found.items() if lines} == {}


def test_the_page_is_dark_until_a_reader_chooses_otherwise_and_stays_as_chosen(app, browser):
    context = browser.new_context(color_scheme="light")
    is_dark = "document.body.classList.contains('dark')"
    first = opened(context, app.address)
    assert first.evaluate(is_dark)
    first.click("#theme")
    assert not first.evaluate(is_dark)
    first.close()
    again = opened(context, app.address)
    assert not again.evaluate(is_dark), "the choice is remembered in this browser"
    context.close()


def test_a_study_is_read_and_a_sentence_selected_by_keyboard_alone(page):
    page.focus("#indication textarea")
    page.keyboard.type("Cough.")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "generate":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("#report .sentence", timeout=60_000)
    page.wait_for_selector("#report .report[aria-busy=false]")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('sentence')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("#viewer .viewer[data-overlay=shown]")


def test_every_control_has_a_name_for_a_screen_reader(page):
    written(page)
    nameless = page.evaluate("""() => [...document.querySelectorAll(
        'button, input:not([type=file]), select, textarea, [role=slider]')]
        .filter((node) => node.offsetParent !== null)
        .filter((node) => !(node.textContent || node.getAttribute('aria-label') || node.getAttribute('aria-labelledby')
            || node.title || (node.labels && node.labels.length)))
        .map((node) => node.outerHTML.slice(0, 160))""")
    assert nameless == []
