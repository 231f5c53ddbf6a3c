"""The switch beside the report's title, and the way from the draft to the report: both in the report's own place."""

import json
import threading

import pytest

from priorrg import texts
from priorrg.reporting.reporter import Reporter
from priorrg.reporting.stopping import Stop
from priorrg.study import ClinicalContext, Study
from priorrg.ui.queue import Client, ReadingQueue
from priorrg.ui.runs import Runs
from priorrg.ui.sessions import Session, Sessions
from priorrg.ui.switch import KINDS, read_others, study_for
from priorrg.ui.switch_payload import difference_line
from tests.browsing import opened, switched, written


@pytest.fixture(scope="module")
def reporter(small_weights):
    return Reporter.load(small_weights)


@pytest.fixture
def runs(reporter):
    return Runs(reporter, most_waiting=1)


@pytest.fixture
def session(runs, reporter, make_radiograph) -> Session:
    """A session whose report stands."""
    session = Sessions(reporter.forget, idle_seconds=3600).of("tab")
    session.put("current", make_radiograph(1))
    session.put("prior", make_radiograph(2))
    return generated(runs, session)


def generated(runs: Runs, session: Session, indication: str = "Cough and fever.") -> Session:
    runs.press(session, indication, "", "PA", "PA")
    list(runs.generate(session, "attention"))
    return session


def readings(state: dict) -> dict:
    return json.loads(state["readings"])


def test_each_reading_is_what_the_model_writes_of_that_study_and_comes_with_its_overlays(runs, reporter, session):
    study = session.run.study
    alone = {
        "prior": reporter.report(Study(study.current, None, study.context)).report,
        "context": reporter.report(Study(study.current, study.prior)).report,
        "stranger": reporter.report(study_for("stranger", study)).report,
    }
    last = list(read_others(runs, session, session.run.key))[-1]
    found = readings(last)
    assert {what: " ".join(found[what]["sentences"]) for what in KINDS} == alone
    assert not last["busy"]
    for one in found.values():
        assert len(one["overlays"]) == len(one["details"]) == len(one["sentences"])
        assert one["method"] == "attention"
    assert all(overlay["prior"] is None for overlay in found["stranger"]["overlays"]), "that film is not on the page"
    assert any(overlay["prior"] is not None for overlay in found["context"]["overlays"])


def test_what_was_not_given_is_said_with_what_would_have_changed(runs, session):
    session.put("prior", None)
    generated(runs, session, indication="")
    found = readings(list(read_others(runs, session, session.run.key))[-1])
    assert "No prior was given" in found["prior"]["note"] and "would change" in found["prior"]["note"]
    assert "No indication" in found["context"]["note"] and "would be answered" in found["context"]["note"]
    assert found["stranger"]["sentences"]


def test_reading_ahead_gives_way_to_whoever_asks(runs, session):
    """It stands in nobody's way: not in the count of those who wait, and not before anybody."""
    states = read_others(runs, session, session.run.key)
    next(states)
    with runs.queue.place(Client("somebody", "else")) as place:
        assert list(place.wait(Stop())) == [], "nobody was before"
        assert runs.queue.before(Client("a third")) == 1


def test_a_reading_in_spare_time_is_told_to_stop_and_waited_for():
    queue, stop, begun = ReadingQueue(1), Stop(), threading.Event()

    def read() -> None:
        with queue.place(Client("reader")) as place:
            assert list(place.wait(Stop())) == []
            begun.set()

    with queue.spare(stop, patience_s=0) as is_lent:
        assert is_lent and len(queue) == 0
        reader = threading.Thread(target=read)
        reader.start()
        assert stop.wait(60), "told to stop"
        assert not begun.is_set(), "but the model is its own until it has stopped"
    reader.join(60)
    assert begun.is_set()


def test_no_spare_time_is_lent_while_somebody_reads():
    queue = ReadingQueue(1)
    with queue.place(Client("reader")), queue.spare(Stop(), patience_s=0) as is_lent:
        assert not is_lent


def test_what_could_not_be_read_ahead_is_read_when_it_is_asked_for_in_its_turn(runs, session):
    with runs.queue.place(Client("somebody", "else")) as place:
        assert list(place.wait(Stop())) == []
        states = read_others(runs, session, session.run.key, asked="context")
        next(states)
        waiting = next(states)
        assert waiting["busy"] and waiting["status"] == texts.page.ONE_BEFORE
    busy = [state["status"] for state in states if state["busy"]]
    assert any(status.startswith("Reading again without the context") for status in busy)
    assert session.readings["context"].text


def test_a_new_study_ends_the_readings_of_the_old_one_and_forgets_them(runs, session):
    states = read_others(runs, session, session.run.key)
    next(states)
    key = session.run.key
    session.put("prior", None)
    list(states)
    assert session.readings == {} and list(read_others(runs, session, key)) == []


def test_a_context_alone_has_no_readings_of_what_was_never_there(session):
    bare = Study(session.run.study.current, None, ClinicalContext())
    assert study_for("prior", bare) is None and study_for("context", bare) is None


@pytest.mark.parametrize(
    ("what", "report", "other", "line"),
    [
        (
            "prior",
            "Large left pleural effusion, increased.",
            "Large left pleural effusion.",
            'Without the prior: "larger" is not said of the left pleural effusion.',
        ),
        (
            "context",
            "No pneumothorax. Mild edema.",
            "Mild edema.",
            "Without the context: the pneumothorax is not ruled out.",
        ),
        (
            "stranger",
            "Small left pleural effusion, decreased.",
            "Small left pleural effusion, new.",
            'With another patient\'s prior: the left pleural effusion is "new", not "smaller".',
        ),
        (
            "prior",
            "The right pneumothorax has resolved. Mild edema.",
            "Moderate edema. Small right pleural effusion.",
            "Without the prior: the right pneumothorax is not said to have resolved; the edema is "
            '"moderate", not "mild"; the right pleural effusion is said here alone (present, small).',
        ),
    ],
)
def test_the_facts_that_changed_are_named_in_one_line(what, report, other, line):
    assert difference_line(what, report, other) == line


def test_where_nothing_changes_that_is_said_with_what_would_have():
    same = difference_line("prior", "Mild edema.", "Mild edema.")
    assert same.startswith("Without the prior: nothing changes, word for word.") and "would have changed" in same
    assert "the same facts" in difference_line("prior", "There is mild edema.", "Mild edema.")


def test_a_long_list_of_differences_is_cut_and_counted():
    report = "Mild edema. No pneumothorax. Small left pleural effusion. Right rib fracture. Moderate cardiomegaly."
    assert difference_line("context", report, "No other acute abnormality.").endswith("; and 2 more.")


# In the browser


def test_one_press_shows_the_other_reading_and_switching_back_finds_the_edited_report(page):
    written(page)
    page.click("#report .refined .sentence >> nth=0")
    page.keyboard.press("F2")
    page.keyboard.press("End")
    page.keyboard.type(" Mine.")
    page.keyboard.press("Enter")
    mine = page.inner_text("#report .refined .sentence >> nth=0")
    assert mine.endswith("Mine.")
    switched(page, "prior")
    line = page.inner_text("#report .other-line")
    assert line.startswith("Without the prior:") and '"larger" is not said of the left pleural effusion' in line
    assert (
        page.is_hidden("#report .refined")
        and page.query_selector("#report .other textarea, #report .other .mark") is None
    )
    assert page.query_selector("#report .other del") is not None, "words that differ"
    assert page.query_selector("#report .other .tag.glow") is not None, "tags that differ"
    colour = "selector => getComputedStyle(document.querySelector(selector)).color"
    cell = page.evaluate(colour, "#report .glance tr.selected td.glow")
    assert cell == page.evaluate(colour, "#report .other-line"), "cells that differ can be read, also of what is chosen"
    assert "report itself" in page.inner_text("#report .other .note")
    assert "report itself" in page.inner_text("#exports .exports-note"), "also beside the exports"
    assert page.get_attribute("#viewer .viewer", "data-overlay") == "shown", "of the sentence that names the same"
    page.click("#report .given [data-given=all]")
    assert page.inner_text("#report .refined .sentence >> nth=0") == mine
    assert page.is_hidden("#report .other") and page.inner_text("#exports .exports-note") == ""


def test_exports_are_of_the_report_itself_whatever_is_in_sight(page):
    written(page)
    report = page.locator("#report .refined .sentence").all_inner_texts()
    switched(page, "prior")
    other = page.inner_text("#report .other .sentence >> nth=0")
    with page.expect_download() as taken:
        page.click("#exports button[data-form=text]")
    said = " ".join(taken.value.path().read_text(encoding="utf-8").split())
    assert report[0] in said and other != report[0]


def test_a_reload_brings_the_report_itself_back_and_the_other_readings_at_once(page):
    written(page)
    report = page.locator("#report .refined .sentence").all_inner_texts()
    switched(page, "stranger")
    page.reload()
    page.wait_for_selector("#report .report[data-key]:not([data-key='']) .refined .sentence")
    assert page.is_hidden("#report .other")
    assert page.locator("#report .refined .sentence").all_inner_texts() == report
    switched(page, "stranger")


def test_the_draft_is_held_until_it_can_be_read(page):
    """The page's stopwatch stands still: the report is there and waits, until time goes on."""
    page.evaluate("""() => { const now = performance.now.bind(performance);
        window.stopped = now(); performance.now = () => window.stopped ?? now(); }""")
    page.click("#generate")
    held = json.dumps(texts.report.REPORT["held"])
    page.wait_for_selector(f"#report .status:has-text({held})", timeout=60_000)
    assert page.is_visible("#report .draft-line >> nth=0") and page.query_selector("#report .sentence") is None
    assert page.get_attribute("#report .report", "aria-busy") == "true"
    page.evaluate("() => { window.stopped = undefined; }")
    page.wait_for_selector("#report .report[aria-busy=false] .sentence")


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_replay_goes_from_the_draft_to_the_report_once_more_without_motion_where_none_is_wanted(app, browser, motion):
    page = opened(browser.new_page(reduced_motion=motion), app.address)
    written(page)
    page.evaluate("""() => { window.turned = 0; new MutationObserver(changes => changes.forEach(change => {
        if (change.target.classList.contains('turning')) window.turned++;
    })).observe(document.querySelector('#report .refined'), {attributes: true}); }""")
    page.click("#report .replay")
    assert page.is_visible("#report .draft") and page.is_hidden("#report .refined")
    page.wait_for_selector("#report .draft", state="hidden")
    assert page.is_visible("#report .refined .sentence >> nth=0")
    assert bool(page.evaluate("window.turned")) == (motion == "no-preference")
    page.close()


def test_the_drafts_tab_shows_the_drafts_own_table_and_nothing_to_select(page):
    written(page)
    assert page.inner_text("#report .glance caption") == texts.report.REPORT["glance"]
    page.click("#report .refined .sentence >> nth=0")
    page.click("#report .views >> text=Coarse draft")
    assert page.inner_text("#report .glance caption") == texts.report.REPORT["glanceDraft"]
    assert page.query_selector("#report .glance :is(button, tr[data-row])") is None
    assert page.inner_text("#report .hint") == ""
    assert page.get_attribute("#viewer .viewer", "data-overlay") == "", "no overlay of a sentence that is not there"
    page.click("#report .views >> text=Refined report")
    assert page.get_attribute("#viewer .viewer", "data-overlay") == "shown"


def test_the_caption_says_what_the_draft_and_the_report_are_written_from(page):
    written(page)
    assert page.inner_text("#report .draft-note") == texts.report.DRAFT_FROM_MEMORY
