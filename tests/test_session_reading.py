"""A whole small feedback session as a reader has it in a browser: link, consent, practice, two cases, an outage."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from priorrg.ui.session.routes import link
from tests.session_rooms import make_session, sessions_served

SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def served_session(tmp_path_factory, make_radiograph):
    """(session, address) of a session of two cases and one for practice."""
    folder = tmp_path_factory.mktemp("read")
    session = make_session(folder, make_radiograph)
    with sessions_served(folder) as address:
        yield session, address


@pytest.fixture
def machine(browser):
    """A function that gives a fresh browser of a machine of its own, on the page of a link."""
    contexts = []

    def come(address, **options):
        context = browser.new_context(viewport={"width": 1440, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(address)
        return page

    yield come
    for context in contexts:
        context.close()


def findings(page):
    """What axe finds serious or critical on the page in both themes, a line each."""
    found = []
    for _ in ("dark", "light"):
        page.click("#theme")
        for one in Axe().run(page).response["violations"]:
            if one["impact"] in SERIOUS:
                found += [f"{one['id']}: {node['target']}" for node in one["nodes"]]
    page.evaluate("document.activeElement.blur()")  # Enter would press the button once more
    return found


def is_case(page, text):
    expect(page.locator("#place")).to_have_text(text, timeout=30_000)
    page.wait_for_selector(".viewer[data-current-drawn]:not([data-current-drawn=''])", timeout=30_000)


def is_saved(page):
    expect(page.locator("#saved")).to_have_attribute("data-state", "saved", timeout=30_000)


def kinds(session, number):
    return [kept.event.kind for kept in session.store.events("R1") if kept.event.assignment == number]


COUNTED = """() => {
  window.actions = 0;
  for (const name of ["keydown", "pointerdown"]) window.addEventListener(name, () => { window.actions += 1; }, true);
}"""


def test_a_reader_reads_a_whole_session_and_an_outage_loses_nothing(served_session, machine):
    session, address = served_session
    personal = link(address, session.name, session.store.make_link("R1"))
    page = machine(personal)

    # The link's key leaves the address for a cookie that no script reads; instructions are text and no script.
    page.wait_for_selector(".welcome", timeout=30_000)
    assert page.url == f"{address}/session/small" and page.evaluate("document.cookie") == ""
    assert "not a medical device" in page.inner_text(".notice-bar")
    assert page.locator(".welcome .organised strong").inner_text() == "every case"
    assert "rehearsals of a study" in page.inner_text(".welcome")
    assert findings(page) == []
    assert page.is_disabled(".welcome .main-button")
    page.check(".consent input")
    page.click(".welcome .main-button")

    # Practice, with the answer.
    is_case(page, "Practice 1 of 1")
    for key in ("a", "1", "1", "5", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".answer-card")).to_contain_text("Clear lungs. No effusion.", timeout=30_000)
    page.click("text=Next case")

    # A case where everything is right takes at most six actions.
    is_case(page, "Case 1 of 2")
    assert findings(page) == []
    page.evaluate(COUNTED)
    for key in ("a", "1", "1", "5"):
        page.keyboard.press(key)
    is_saved(page)
    assert page.evaluate("window.actions") + 1 <= 6, "and one to submit"
    page.keyboard.press("Enter")
    is_case(page, "Case 2 of 2")
    is_saved(page)
    times = [kept.event.payload for kept in session.store.events("R1") if kept.event.kind == "time"]
    assert kinds(session, 2)[-1] == "submitted" and sum(one["active_s"] for one in times) > 0

    desk = page.locator(".desk")
    assert "Since [date or name left out of the training data] the tube" in desk.inner_text()
    assert "___" not in desk.evaluate("node => node.outerHTML"), "nor is it read aloud"

    # An error by keys alone: struck, wrong location, about a device, significant. Its category stands beside it.
    for key in ("ArrowDown", "ArrowDown", "x", "3", "d", "3"):
        page.keyboard.press(key)
    is_saved(page)
    # The line breaks: what is judged stays here, and the page says so.
    page.context.set_offline(True)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("e")
    page.fill(".editor", "Clear lungs but for the base.")
    page.keyboard.press("Enter")
    page.keyboard.press("4")
    expect(page.locator("#banner")).to_contain_text("kept in this browser", timeout=30_000)
    page.keyboard.press("n")
    page.keyboard.type("Rib fracture")
    page.click("text=Draw its place")
    film = page.locator(".pane[data-side=current] .drawing-layer").bounding_box()
    page.mouse.move(film["x"] + film["width"] / 2, film["y"] + film["height"] / 2)
    page.mouse.down()
    page.mouse.move(film["x"] + film["width"] / 2 + 60, film["y"] + film["height"] / 2 + 40)
    page.mouse.up()
    expect(page.locator(".one-missed")).to_contain_text("Place drawn on the current film")
    assert "missed" not in kinds(session, 3), "the server had no line"
    assert findings(page) == []
    page.context.set_offline(False)
    is_saved(page)
    events = [kept.event for kept in session.store.events("R1")]
    assert len({one.client_id for one in events}) == len(events)
    assert session.state("R1").of(3).sentences[0, 1]["category"] == "wrong_location"
    assert session.state("R1").of(3).sentences[0, 1]["is_device"] is True
    assert session.state("R1").of(3).sentences[0, 0]["text"] == "Clear lungs but for the base."

    # Another machine goes on at the same sentence.
    other = machine(personal)
    is_case(other, "Case 2 of 2")
    expect(other.locator(".sentence-row.at-hand")).to_have_class(re.compile(r"^\S+ edited\b"))
    expect(other.locator(".sentence-row.at-hand .sentence")).to_contain_text("Clear lungs but for the base.")
    expect(other.locator(".film-mark")).to_have_count(1)
    expect(other.locator(".still-open")).to_contain_text("missed")
    other.locator(".one-missed .option", has_text="Minor").click()
    other.locator(".sentence-row.at-hand .options").nth(1).locator(".option", has_text="Minor").click()
    for key in ("2", "1", "4", "Enter"):
        other.keyboard.press(key)
    expect(other.locator(".lone-card h2")).to_have_text("All cases are done", timeout=30_000)
    is_saved(other)
    place = next(iter(session.state("R1").of(3).missed.values()))
    assert (place["text"], place["significance"], place["place"]["image"]) == ("Rib fracture", "minor", "current")
    assert 0.4 < place["place"]["x0"] < place["place"]["x1"] < 0.8
    assert session.state("R1").of(3).status == "submitted"
    assert page.problems == other.problems == []


def test_time_without_a_hand_or_behind_a_pause_is_kept_apart(served_session, machine):
    session, address = served_session
    page = machine("about:blank")
    page.clock.install()
    page.goto(link(address, session.name, session.store.make_link("R2")))
    page.check(".consent input", timeout=30_000)
    page.click(".welcome .main-button")
    is_case(page, "Practice 1 of 1")
    page.clock.fast_forward("05:00")  # four of these five minutes are idle
    page.keyboard.press("v")
    page.click("#pause")
    assert page.locator(".films").is_hidden(), "films are covered"
    page.clock.fast_forward("10:00")
    page.click("text=Go on")
    page.click("text=Skip")
    page.locator("dialog .option").first.click()
    page.click("text=Leave it out")
    is_case(page, "Case 1 of 2")
    is_saved(page)
    kept = [one.event for one in session.store.events("R2")]
    times = [one.payload for one in kept if one.kind == "time" and one.assignment == 1]
    idle, active = (sum(one[name] for one in times) for name in ("idle_s", "active_s"))
    assert 235 <= idle <= 300 and 55 <= active <= 150, (idle, active)
    assert [one.kind for one in kept if one.kind in ("paused", "resumed", "skipped")] == [
        "paused",
        "resumed",
        "skipped",
    ]


def test_the_organiser_follows_and_closes_on_a_page_without_serious_findings(served_session, machine):
    session, address = served_session
    page = machine(f"{address}/organise")
    page.fill("input[type=password]", "not it", timeout=30_000)
    page.click(".main-button")
    expect(page.locator(".problem")).to_have_text(re.compile("not the organiser"))
    page.fill("input[type=password]", (session.file.parent / "organiser.txt").read_text(encoding="utf-8").strip())
    page.click(".main-button")
    page.wait_for_selector(".one-session table")
    assert "not a medical device" in page.inner_text(".notice-bar")
    assert findings(page) == []
    page.click("[data-act=close]")
    page.wait_for_selector("[data-act=reopen]")
    assert not session.store.is_open() and page.problems == []
