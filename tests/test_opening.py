"""What the page opens on, and the examples: each shows by the shipped weights what it was chosen for."""

import json
from dataclasses import asdict

import pytest

from priorrg import texts
from priorrg.assets import EXAMPLES
from priorrg.reporting.reporter import Reporter, read_study
from priorrg.ui.examples import examples, take_example
from priorrg.ui.notes_payload import notes_payload
from priorrg.ui.opening import Opening
from priorrg.ui.runs import Runs
from priorrg.ui.sessions import Sessions
from tests.browsing import finished
from train.choose_examples import WANTED, read_effects


@pytest.fixture(scope="module")
def embedded():
    return Reporter.load("embedded")


@pytest.mark.parametrize("wanted", WANTED, ids=lambda wanted: wanted.name)
def test_each_chosen_example_shows_by_the_shipped_weights_what_it_was_chosen_for(embedded, wanted):
    """Fails where the weights were changed and `python -m train examples` was not run anew."""
    folder = EXAMPLES / wanted.name
    told = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    study = read_study(folder / "current.dcm", folder / "prior.dcm", told["indication"], told["history"])
    effects = read_effects(embedded, study, told["truth"]["report"])
    assert wanted.is_it(effects), effects.report
    assert told["shows"] == asdict(wanted.shows(effects))


def test_there_are_examples_enough_and_one_of_them_is_wrong_and_says_why():
    found = examples()
    assert len(found) >= 6 and len({example.title for example in found}) == len(found)
    said = [texts.page.EXAMPLE_SHOWS[what].format(**values) for what, values in (example.shows for example in found)]
    assert sum(one.startswith("Here it fails") for one in said) == 1
    assert found[0].name == "question-answered", "the page opens on it"


def test_an_example_is_named_and_explained_in_the_language_of_its_reader():
    sessions = Sessions(lambda fingerprints: None, idle_seconds=3600)
    session = sessions.of("tab")
    example = next(example for example in examples() if example.name == "here-it-fails")
    take_example(session, example)
    assert notes_payload(session)["notes"][0]["text"].startswith("Here it fails")
    with texts.speaking("de"):
        assert notes_payload(session)["notes"][0]["text"].startswith("Hier irrt")
        assert example.title == "Wo es misslingt"


def test_every_page_opens_on_a_report_of_its_own(embedded):
    opening, sessions = Opening(Runs(embedded), examples()[0]), Sessions(embedded.forget, idle_seconds=3600)
    found = []
    for tab in ("one", "two"):
        session = sessions.of(tab)
        take_example(session, examples()[0])
        payload = opening.on(session)
        assert (
            payload is not None
            and payload["sentences"]
            and payload["overlays"]
            and {one["act"] for one in payload["captions"]} >= {"context", "prior"}
        )
        found.append((session, payload))
    (one, first), (two, second) = found
    assert first["key"] != second["key"] and first["report"] == second["report"]
    one.put("prior", None)
    assert two.report is not None and two.readings.keys() == {"prior", "context", "stranger"}


def test_weights_that_never_saw_a_simulated_film_open_on_no_reading_of_one(small_weights):
    reporter = Reporter.load(small_weights)
    session = Sessions(reporter.forget, idle_seconds=3600).of("tab")
    take_example(session, examples()[0])
    assert Opening(Runs(reporter), examples()[0]).on(session) is None and session.run is None


def test_what_an_example_shows_stands_among_the_notes_until_another_image_comes(page, tmp_path):
    page.click("#example-here-it-fails")
    page.wait_for_selector("#notes .note >> text=Here it fails")
    page.click("#remove-prior")
    page.wait_for_selector("#notes .note >> text=Here it fails", state="detached")


def test_the_page_opens_on_a_finished_reading_whose_captions_point_at_its_effects(app, browser):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(app.address)
    finished(page)
    assert page.input_value("#indication textarea") == examples()[0].context.indication
    assert page.input_value("#corrected textarea"), "the correction starts from it"
    page.click("#report .captions [data-act=context]")
    assert page.inner_text("#report .other-line").startswith("Without the context: ")
    page.click("#report .captions [data-act=prior]")
    assert page.inner_text("#report .other-line").startswith("Without the prior: ")
    page.click("#report .captions-close")
    page.wait_for_selector("#report .captions", state="hidden")
    again = context.new_page()
    again.goto(app.address)
    finished(again)
    assert again.is_hidden("#report .captions"), "closed for good"
    context.close()


def test_captions_go_with_the_report_that_they_speak_of(app, browser):
    page = browser.new_page()
    page.goto(app.address)
    finished(page)
    page.wait_for_selector("#report .captions li")
    page.click("#example-growing-effusion")
    page.wait_for_selector("#report .captions", state="hidden")
    page.close()
