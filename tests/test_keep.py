"""What a reader made outlives a reload, sleep and a broken line, and nothing is thrown away without a question."""

import time

import pytest

from priorrg.ui.keep import PATH
from priorrg.ui.queue import Client
from priorrg.ui.sessions import Sessions
from tests.browsing import finished, key_of, opened, shown, written
from tests.serving import Line, served

FIRST = "#report [data-row='0'] "
COMMENT = "#comment textarea"
CORRECTED = "#corrected textarea"


def held(page, *said):
    """Expects that the server has taken all of `said` from the page: what is done under this `with` makes it so."""
    return page.expect_response(
        lambda answer: answer.url.endswith(PATH) and answer.ok and all(one in told(answer.request) for one in said)
    )


def told(request) -> str:
    return request.post_data or ""


def edited(page, text="New large right pneumothorax."):
    """A report whose first sentence is changed, a sentence marked, a comment, a rating: all with the server."""
    written(page)
    page.wait_for_function("() => document.querySelector('#corrected textarea').value")
    page.fill(COMMENT, "Half a thought")
    page.click("#rating label >> nth=2")
    page.click("#report [data-row='1'] .sentence")  # its tools are seen now
    page.select_option("#report [data-row='1'] .mark", "wrong severity")
    page.dblclick(FIRST + ".sentence")
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    with held(page, f'"corrected":"{text}', "Half a thought", '"rating":3', "wrong severity"):
        page.keyboard.press("Enter")


def assert_as_edited(page, key, text="New large right pneumothorax."):
    page.wait_for_selector("#report .sentence", timeout=30_000)
    page.wait_for_function("() => document.querySelector('#comment textarea').value")
    assert shown(page, "current") == key
    assert page.inner_text(FIRST + ".sentence") == text and page.inner_text(FIRST + ".tag.edited") == "edited"
    assert page.input_value("#report [data-row='1'] .mark") == "wrong severity"
    assert page.input_value(COMMENT) == "Half a thought"
    assert page.input_value(CORRECTED).startswith(text)
    assert page.is_checked("#rating input >> nth=2")


def accept(page):
    page.on("dialog", lambda dialog: dialog.accept())


@pytest.fixture
def prior_less(page):
    """A tab on which another study stands than the example that opens the page."""
    page.click("#remove-prior")
    page.wait_for_selector("#viewer .viewer[data-prior='']")
    page.fill("#history textarea", "Known colon cancer.")
    return page


def test_a_reload_shows_the_same_films_report_edits_marks_and_texts(prior_less):
    page = prior_less
    edited(page)
    key = shown(page, "current")
    page.click("#method label >> nth=1")
    page.wait_for_timeout(1500)
    accept(page)
    page.reload()
    assert_as_edited(page, key)
    assert not shown(page, "prior") and page.input_value("#history textarea") == "Known colon cancer."
    page.click("#report .sentence >> nth=1")
    page.wait_for_selector("#viewer .viewer[data-overlay=shown]")
    page.dblclick(FIRST + ".sentence")  # and goes on from there
    page.keyboard.press("End")
    page.keyboard.type(" Again.")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#corrected textarea').value.includes('Again.')")


def test_what_is_typed_while_the_line_is_down_is_there_when_it_returns(prior_less):
    page = prior_less
    edited(page)
    key = shown(page, "current")
    accept(page)
    page.context.set_offline(True)
    page.wait_for_selector("#keep >> text=line to the server is down")
    page.fill(CORRECTED, "New large right pneumothorax. Typed without a line.")
    with held(page, "Typed without a line."):
        page.context.set_offline(False)
    page.reload()
    assert_as_edited(page, key)
    assert page.input_value(CORRECTED).endswith("Typed without a line.")


def test_the_page_asks_before_it_throws_away_what_was_not_sent(page):
    edited(page)
    asked = []

    def refuse(dialog):
        asked.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    for press in ("#examples button >> nth=1", "#end", "#remove-prior"):
        page.click(press)
        page.wait_for_timeout(300)
        assert page.inner_text(FIRST + ".sentence").startswith("New large right"), press
    menu = ".pane[data-side=current] .film-menu"
    key = shown(page, "current")
    page.click(f"{menu} summary")
    page.click(f"{menu} [data-step=mirrored]")
    page.focus(f"{menu} select")
    chosen = page.input_value(f"{menu} select")
    page.select_option(f"{menu} select", label="Full range")
    assert page.input_value(f"{menu} select") == chosen, "it stays at what the film is read through"
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    assert shown(page, "current") == key and page.inner_text(FIRST + ".sentence").startswith("New large right")
    assert len(asked) == 5 and all("not sent as feedback" in one for one in asked)
    page.click("button#send")
    page.wait_for_selector("#feedback-said >> text=Kept as number")
    page.click("#examples button >> nth=1")
    page.wait_for_selector("#report .sentence", state="detached")
    assert len(asked) == 5, "what was sent may go"


def test_ending_the_session_forgets_at_once_also_for_a_reload(prior_less):
    page = prior_less
    written(page)
    page.click("#end")
    page.wait_for_selector("#viewer .viewer[data-current='']")
    page.wait_for_timeout(1000)
    page.reload()
    page.wait_for_selector("#report .status >> text=Upload a current image")
    assert not shown(page, "current")
    assert page.query_selector("#report .sentence") is None and page.input_value("#history textarea") == ""


def test_a_second_tab_and_another_browser_begin_their_own_session(app, browser):
    context = browser.new_context()
    first = opened(context, app.address)
    with held(first, "Of the first tab."):
        first.fill("#history textarea", "Of the first tab.")
    key = first.evaluate("sessionStorage.getItem('priorrg.tab')")
    second = context.new_page()  # duplicated: it has the first one's storage
    second.add_init_script(f"sessionStorage.getItem('priorrg.tab') || sessionStorage.setItem('priorrg.tab', '{key}')")
    stranger = browser.new_context().new_page()
    stranger.add_init_script(f"sessionStorage.getItem('priorrg.tab') || sessionStorage.setItem('priorrg.tab', '{key}')")
    for other in (second, stranger):
        other.goto(app.address)
        other.wait_for_selector("#viewer .viewer[data-current]:not([data-current=''])")
        other.wait_for_function("document.querySelector('#indication textarea').value")
        other.wait_for_function("key => sessionStorage.getItem('priorrg.tab') !== key", arg=key)
        assert other.input_value("#history textarea") != "Of the first tab."
    assert first.input_value("#history textarea") == "Of the first tab."
    context.close()
    stranger.context.close()


def test_a_page_that_was_away_for_too_long_is_told_that_it_was_forgotten(browser, patient_app):
    page = opened(browser, patient_app.address)
    with held(page, "Not sent."):
        page.fill(COMMENT, "Not sent.")
    accept(page)
    page.goto("about:blank")
    page.wait_for_timeout(4000)
    page.goto(patient_app.address)
    page.wait_for_selector("#keep >> text=has forgotten what stood here")
    page.close()


def test_what_is_typed_outlives_an_outage_that_is_longer_than_the_server_waits(browser, patient_app):
    line = Line(patient_app.port)
    page = opened(browser, line.address)
    accept(page)
    with held(page, "Before the outage."):
        page.fill(COMMENT, "Before the outage.")
    line.cut()
    page.fill(COMMENT, "Before the outage. And in it.")
    page.wait_for_selector("#keep >> text=line to the server is down")
    page.wait_for_timeout(3000)
    line.is_cut = False
    page.wait_for_selector("#keep >> text=has forgotten this page")
    assert page.input_value(COMMENT) == "Before the outage. And in it.", "it can still be copied"
    page.reload()
    page.wait_for_selector("#keep >> text=has forgotten what stood here")
    assert page.input_value("#unsent textarea") == "Before the outage. And in it."
    page.close()
    line.close()


def test_write_on_takes_what_stands_in_an_open_editor_along(browser, patient_app):
    page = opened(browser, patient_app.address)
    written(page)
    before = page.locator("#report .sentence-row").count()
    page.dblclick(FIRST + ".sentence")
    page.keyboard.press("Control+a")
    page.keyboard.type("Typed and never closed.")
    key = key_of(page)
    page.click("#report [data-role=longer]")
    page.wait_for_function("k => document.querySelector('#report .report').dataset.key !== k", arg=key)
    finished(page)
    assert page.inner_text(FIRST + ".sentence") == "Typed and never closed."
    assert page.inner_text(FIRST + ".tag.edited") == "edited"
    page.wait_for_function("() => document.querySelector('#corrected textarea').value.startsWith('Typed and never')")
    assert not page.is_visible("#unsent textarea") and page.locator("#report .sentence-row").count() >= before
    page.close()


def test_what_a_reader_made_outlives_a_restart_of_the_server(app, browser, tmp_path_factory, save_small_model):
    """The new server knows nothing of the page, and says so; nothing of it is gone from the screen, nor by a reload.

    The new one is the app of the other tests, which knows as little and is there already.
    """
    weights = ["--weights", str(save_small_model(max_report_tokens=12))]
    with served(tmp_path_factory.mktemp("before"), *weights) as first:
        line = Line(first.port)
        page = opened(browser, line.address)
        accept(page)
        written(page)
        assert "unfinished" in page.inner_text(FIRST + ".tags"), "it ended at the limit of tokens"
        before = page.inner_text(FIRST + ".sentence")
        page.click("#report [data-role=longer]")
        page.wait_for_function(
            "s => { const now = document.querySelector(s)?.textContent; return now && now.length > BEFORE; }".replace(
                "BEFORE", str(len(before) + 4)
            ),
            arg=FIRST + ".sentence",
        )
        finished(page)
        assert page.inner_text(FIRST + ".sentence").startswith(before)
        page.dblclick(FIRST + ".sentence")
        page.keyboard.press("Control+a")
        page.keyboard.type("New large right pneumothorax.")
        with held(page, '"corrected":"New large right pneumothorax.'):
            page.keyboard.press("Enter")
        page.fill(COMMENT, "Before the restart.")
    page.fill(COMMENT, "Before the restart. And during it.")
    page.wait_for_selector("#keep >> text=line to the server is down")
    line.port = app.port
    page.wait_for_selector("#keep >> text=has forgotten this page")
    assert page.inner_text(FIRST + ".sentence") == "New large right pneumothorax."
    assert page.input_value(COMMENT) == "Before the restart. And during it."
    page.reload()
    page.wait_for_selector("#keep >> text=has forgotten what stood here")
    kept = page.input_value("#unsent textarea")
    assert "Before the restart. And during it." in kept and "New large right pneumothorax." in kept
    page.fill("#indication textarea", "Cough.")
    written(page)  # and it reads on
    page.close()
    line.close()


def test_a_tabs_key_opens_nothing_for_another_login_or_browser(make_radiograph):
    sessions = Sessions(lambda _: None, idle_seconds=3600)
    anna, her_other_browser, ben = Client("login anna", "a"), Client("login anna", "b"), Client("login ben", "c")
    session = sessions.of("hash", anna)
    session.put("current", make_radiograph(1))
    for other in (her_other_browser, ben, Client()):
        assert sessions.resume("new hash", session.tab, other) is None
        assert sessions.with_tab(session.tab, other) is None
    assert sessions.resume("new hash", session.tab, anna) is session
    assert sessions.of("new hash", anna) is session and sessions.of("hash", anna) is not session


def test_within_the_grace_a_broken_connection_is_forgiven_and_after_it_nothing_is_left():
    for grace_seconds, is_forgiven in ((3600, True), (0, False)):
        sessions = Sessions(lambda _: None, idle_seconds=3600, grace_seconds=grace_seconds)
        session = sessions.of("hash")
        sessions.leave("hash")
        time.sleep(0.01)
        sessions.end_idle()
        assert sessions.resume("new", session.tab, Client()) is (session if is_forgiven else None)
        assert len(sessions) == is_forgiven
