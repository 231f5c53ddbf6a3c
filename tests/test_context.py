"""What a reader is told before and beside a report: the context as it is received, the weights, where data goes."""

import json
import random
import urllib.request

import pytest
from PIL import Image

from priorrg.assets import EMBEDDED_WEIGHTS
from priorrg.errors import CheckpointError
from priorrg.reporting.known_words import read_known_words, unknown_words
from priorrg.reporting.reporter import Reporter, WeightsCard
from priorrg.reporting.weights import read_evaluation, read_model_card
from priorrg.study import MAX_CONTEXT_CHARACTERS, ClinicalContext
from priorrg.ui.about import measured_words, trained_words
from priorrg.ui.context import context_payload
from tests.browsing import EXAMPLE, upload, wait_for_change, written
from train.known_words import known_words
from train.simulate.context import write_context
from train.simulate.dicom import png_mark
from train.simulate.truth import StudyTruth


@pytest.fixture(scope="module")
def reporter(small_weights):
    return Reporter.load(small_weights)


def test_the_received_context_is_what_the_tokens_say_with_both_markers(reporter):
    received = reporter.received_context(ClinicalContext("Cough.", ""))
    assert received.text.startswith("[INDICATION]") and "[HISTORY]" in received.text
    assert 0 < received.tokens <= received.most == reporter.config.max_context_tokens and received.note == ""


def test_a_long_context_is_received_in_part_and_the_page_says_how_much(reporter):
    payload = context_payload(reporter, "cough " * 300, "")
    assert payload["isLong"] and "words of the indication are not read: cough cough" in payload["length"]
    shown = payload["received"].split("[SEP]")[0]
    assert 0 < shown.count("cough") < 300, "what is shown is what the model gets, not what was typed"


@pytest.mark.parametrize("letter", ["\u80ba", "\u0e1b", "e\u0301"], ids=["Chinese", "Thai", "with accents"])
def test_a_long_context_without_spaces_is_received_in_part_and_not_dropped_whole(reporter, letter):
    received = reporter.received_context(ClinicalContext(letter * 600, "Heart failure."))
    assert "letters of the indication" in received.note and received.tokens <= received.most
    fitting, _ = reporter.processor.fit_context(ClinicalContext(letter * 600, "Heart failure."))
    assert len(fitting.indication) >= 10 and set(fitting.indication) <= set(letter)
    assert fitting.indication.endswith(letter[-1]) and fitting.history == "Heart failure."


def test_a_context_beyond_the_limit_is_named_while_it_is_typed(reporter):
    payload = context_payload(reporter, "a" * (MAX_CONTEXT_CHARACTERS + 1), "")
    assert payload["isLong"] and "Shorten it" in payload["length"] and payload["received"] == ""


def test_daily_words_name_no_tokens(reporter):
    assert context_payload(reporter, "cough", "")["length"] == "The model reads all of it."
    assert context_payload(reporter, " ", "")["length"] == "", "nothing was typed, nothing is said"
    assert "token" not in context_payload(reporter, "cough " * 300, "fever " * 300)["length"]


def test_words_that_the_weights_were_never_taught_are_named_as_typed(reporter):
    known = frozenset({"pleural", "effusion", "and"})
    payload = context_payload(reporter, "Sarcoid and pleural efusion.", "SARCOID, plerual", known)
    assert payload["unknown"] == ["SARCOID"], "one slip of the finger is known: training contexts have such"
    assert context_payload(reporter, "Sarcoid.", "")["unknown"] == [], "weights without a list call nothing unknown"


def test_the_list_that_embed_writes_holds_what_simulated_contexts_say():
    known = frozenset(known_words())
    for seed in range(40):
        context = write_context(StudyTruth(view="PA"), None, random.Random(seed))
        assert unknown_words((context.indication, context.history), known) == [], context
    beside = read_known_words(EMBEDDED_WEIGHTS)  # of the simulator that taught them, which goes on since
    assert unknown_words(("Herzinsuffizienz, zebra, effusion",), beside) == ["Herzinsuffizienz", "zebra"]


def test_figures_on_the_page_are_those_beside_the_weights_and_name_what_is_weak():
    evaluation = json.loads((EMBEDDED_WEIGHTS / "evaluation.json").read_text(encoding="utf-8"))
    said = measured_words(evaluation)
    assert f"{evaluation['refined']['finding_micro_f1']:.2f}" in said and str(evaluation["studies"]) in said
    weak = [name for name, found in evaluation["refined"]["by_finding"].items() if found["f1"] < 0.5]
    assert all(name in said for name in weak)
    worse = {"studies": 4, "refined": {"finding_micro_f1": 0.5, "by_finding": {"nodule": {"f1": 0.1}}}}
    assert "Hardly seen: nodule (F1 0.10)" in measured_words(worse)


def test_weights_without_an_evaluation_have_none_and_a_damaged_one_is_named(tmp_path):
    assert read_evaluation(tmp_path) is None and read_model_card(tmp_path) == ""
    (tmp_path / "evaluation.json").write_text("[]", encoding="utf-8")
    with pytest.raises(CheckpointError, match="python -m train card"):
        read_evaluation(tmp_path)


def test_each_kind_of_weights_says_where_it_learned():
    said = {kind: trained_words(WeightsCard("", kind, "A note.", "")) for kind in ("simulated", "published", "own")}
    assert len(set(said.values())) == 3 and "imulated" in said["simulated"]
    assert all(words.endswith("A note.") for words in said.values())


def test_examples_are_a_click_away_and_what_was_received_is_shown_on_demand(page):
    page.click("#context .context-examples summary")
    page.click("#context .example >> text=rule out pneumothorax")
    page.wait_for_function(
        "() => document.querySelector('#indication textarea').value === 'Chest pain, rule out pneumothorax.'"
    )
    page.fill("#history textarea", "Heavy smoker.")
    page.click("#context .received summary")
    page.wait_for_function(
        "() => document.querySelector('#context .received code').textContent.toLowerCase().includes('heavy smoker')"
    )
    assert "The model reads all of it." in page.inner_text("#context .context-length")
    written(page)
    page.fill("#history textarea", "Something else by now.")
    page.click("#report .received summary")
    given = page.inner_text("#report .received code")
    assert "heavy smoker" in given.lower() and "current PA, prior PA" in given, "the report's own context stays"


def test_a_film_that_is_not_simulated_is_told_beside_the_report_and_its_dots_are_hollow(page, tmp_path):
    written(page)
    assert page.inner_text("#report .context-note") == "" and "●" in page.inner_text("#report .sure >> nth=0")
    film = Image.open(EXAMPLE.parent / "resolved-pneumothorax" / "current.png")
    for name, mark, said in (("anybody's.png", None, "means nothing"), ("simulated.png", png_mark(), "")):
        film.save(tmp_path / name, pnginfo=mark)
        before = page.get_attribute("#viewer .viewer", "data-current")
        upload(page, "current", tmp_path / name)
        if said:
            wait_for_change(page, "current", before)
        page.wait_for_selector("#report .sentence", state="detached")
        written(page)
        assert said in page.inner_text("#report .context-note")
        assert ("●" in page.inner_text("#report .sure >> nth=0")) is not bool(said)
    upload(page, "current", EXAMPLE / "current.dcm")
    page.wait_for_selector("#report .sentence", state="detached")
    written(page)
    assert page.inner_text("#report .context-note") == "", "the simulator's DICOM files say what they are"


def test_the_page_says_which_weights_how_measured_and_where_data_goes(app, page):
    page.click("#about-fold button >> nth=0")
    page.wait_for_selector("#about >> text=held-out studies")
    said = page.inner_text("#about")
    assert "PriorRG embedded (simulated)" in said and "held-out studies" in said and "not a medical device" in said
    assert "120 idle minutes" in said and "never an image" in said
    address = page.get_attribute("#about a", "href")
    with urllib.request.urlopen(address) as answer:
        assert answer.headers.get_content_type() == "text/plain"
        assert answer.read().decode() == read_model_card(EMBEDDED_WEIGHTS)
