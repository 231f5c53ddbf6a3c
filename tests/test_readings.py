"""The reading as a reader lives it: waiting, stopping, editing, and the same study read with something withheld."""

import json
import logging
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from priorrg import texts
from priorrg.errors import BusyError, CheckpointError
from priorrg.explain import overlays
from priorrg.model.configuration import COARSE_FROM_WHOLE
from priorrg.report.sentences import EditedSentence, changed_sentences, edited_text, split_sentences
from priorrg.reporting.confidence import FILE, weights_digest
from priorrg.reporting.events import ReportDone
from priorrg.reporting.reporter import Reporter
from priorrg.study import ClinicalContext, Study
from priorrg.ui.api import Api, Asked
from priorrg.ui.editing import correction, edit, left_unsent, mark
from priorrg.ui.readings import compare, different_facts, readings_payload
from priorrg.ui.report_payload import standing_report
from priorrg.ui.runs import Runs
from priorrg.ui.sessions import Comparison, Session, Sessions
from tests.browsing import EXAMPLE

LONG_ENOUGH_S = 60  # a test that waits for an event fails after this; none waits for the clock


@pytest.fixture(scope="module")
def published_weights(save_small_model):
    """As imported weights are read: no coarse memory, three beams."""
    return save_small_model(coarse_draft=COARSE_FROM_WHOLE, num_beams=3, mask_context_padding=False)


@pytest.fixture(params=["small_weights", "published_weights"])
def reporter(request):
    return Reporter.load(request.getfixturevalue(request.param))


@pytest.fixture
def runs(reporter):
    return Runs(reporter)


@pytest.fixture
def sessions(reporter):
    return Sessions(reporter.forget, idle_seconds=3600)


def show(session: Session, make_radiograph, current: int = 1, prior: int | None = 2) -> None:
    session.put("current", make_radiograph(current))
    session.put("prior", None if prior is None else make_radiograph(prior))


def press(runs: Runs, session: Session) -> None:
    runs.press(session, "Cough and fever.", "Heart failure.", "PA", "PA")


def read(runs: Runs, session: Session) -> list[dict]:
    press(runs, session)
    return list(runs.generate(session, "attention"))


@contextmanager
def held_encoder(reporter: Reporter, monkeypatch) -> Iterator[tuple[threading.Event, threading.Event, list[int]]]:
    """An encoder that waits: (it was entered, it may go on, one entry a call)."""
    entered, may_go, calls = threading.Event(), threading.Event(), []
    assert reporter.blank_film is reporter.blank_film, "encoded once, for all readings"
    encode = reporter.model.encode_image

    def slow(pixels):
        calls.append(len(pixels))
        entered.set()
        assert may_go.wait(LONG_ENOUGH_S)
        return encode(pixels)

    monkeypatch.setattr(reporter.model, "encode_image", slow)
    try:
        yield entered, may_go, calls
    finally:
        may_go.set()


# Images are encoded while the reader types


def test_an_image_is_encoded_ahead_and_generate_waits_for_it_instead_of_encoding_twice(
    runs, reporter, sessions, make_radiograph, monkeypatch
):
    session = sessions.of("tab")
    show(session, make_radiograph, prior=None)
    with held_encoder(reporter, monkeypatch) as (entered, may_go, calls):
        runs.encode_ahead(session)
        assert entered.wait(LONG_ENOUGH_S)
        press(runs, session)
        states = runs.generate(session, "attention")
        assert next(states)["busy"]
        threading.Timer(0.2, may_go.set).start()
        assert list(states)[-1]["sentences"]
    assert calls == [1]


def test_encoding_ahead_holds_up_no_other_reading(runs, reporter, sessions, make_radiograph, monkeypatch):
    other = sessions.of("other")
    show(other, make_radiograph, current=5, prior=None)
    reporter.prepare(other.current)
    session = sessions.of("tab")
    show(session, make_radiograph)
    with held_encoder(reporter, monkeypatch) as (entered, _, _):
        runs.encode_ahead(session)
        assert entered.wait(LONG_ENOUGH_S)
        assert read(runs, other)[-1]["sentences"], "written while the other image was still being encoded"


def test_a_session_that_ends_while_its_image_is_encoded_leaves_nothing(
    runs, reporter, sessions, make_radiograph, monkeypatch
):
    session = sessions.of("tab")
    show(session, make_radiograph)
    images = [session.current, session.prior]
    with held_encoder(reporter, monkeypatch) as (entered, may_go, calls):
        ahead = [reporter.encode_ahead(image, lambda image=image: session.shows(image)) for image in images]
        assert entered.wait(LONG_ENOUGH_S)
        sessions.end("tab")
        may_go.set()
        for one in ahead:
            one.result(LONG_ENOUGH_S)
    assert calls == [1], "the second image was not wanted any more"
    assert not any(reporter.images.holds(image) for image in images)


def test_what_does_not_hang_on_the_context_is_computed_before_generate(
    runs, reporter, sessions, make_radiograph, monkeypatch
):
    """For the views that the reader chose; and without the prior, nothing of the pair stands in for it."""
    fused, fuse = [], reporter.model.spatiotemporal_features

    def counted(current, views, *prior):
        fused.append(views.tolist())
        return fuse(current, views, *prior)

    monkeypatch.setattr(reporter.model, "spatiotemporal_features", counted)
    session = sessions.of("tab")
    show(session, make_radiograph)
    session.views["current"] = "AP"
    runs.encode_ahead(session)
    runs.encode_ahead(session)  # the page fetches two images
    reporter.encode_ahead(session.current, lambda: True).result(LONG_ENOUGH_S)  # behind what was asked for before
    assert fused == [[reporter.processor.view_id("AP")]]
    study = Study(replace(session.current, view_position="AP"), session.prior, ClinicalContext("Cough."))
    ahead = reporter.report(study)
    assert len(fused) == 1 and ahead == Reporter(reporter.model, reporter.processor).report(study)
    assert reporter.report(replace(study, prior=None)).report != ahead.report
    assert len(fused) == 3


def test_a_pair_that_left_the_page_while_it_was_fused_is_not_remembered(
    runs, reporter, sessions, make_radiograph, monkeypatch
):
    session, fused, fuse = sessions.of("tab"), [], reporter.model.spatiotemporal_features
    show(session, make_radiograph)
    study = Study(session.current, session.prior)

    def closed_meanwhile(*given):
        fused.append(1)
        sessions.end("tab")
        return fuse(*given)

    with monkeypatch.context() as patched:
        patched.setattr(reporter.model, "spatiotemporal_features", closed_meanwhile)
        ahead = reporter.fuse_ahead(study, lambda: session.shows_pair(study.current, study.prior))
        ahead.result(LONG_ENOUGH_S)
        reporter.report(study)
    assert len(fused) == 2, "it had to be computed anew"


# Waiting and stopping


def test_stop_does_not_wait_for_the_encoder(runs, reporter, sessions, make_radiograph, monkeypatch):
    session = sessions.of("tab")
    show(session, make_radiograph)
    with held_encoder(reporter, monkeypatch) as (entered, _, _):
        press(runs, session)
        states = runs.generate(session, "attention")
        next(states)
        threading.Thread(target=lambda: entered.wait(LONG_ENOUGH_S) and runs.stop(session)).start()
        last = list(states)[-1]
        assert last["status"].startswith("Stopped") and not last["busy"]


def test_who_comes_second_is_told_how_many_are_before_and_begins_by_itself(runs, sessions, make_radiograph):
    first, second = sessions.of("first"), sessions.of("second")
    for session in (first, second):
        show(session, make_radiograph)
        press(runs, session)
    running = runs.generate(first, "attention")
    next(running)
    waiting = runs.generate(second, "attention")
    assert next(waiting)["status"].startswith("1 reading before yours")
    assert list(running)[-1]["sentences"]
    assert list(waiting)[-1]["sentences"]
    assert len(runs.queue) == 0


def test_a_third_hears_that_the_second_has_gone(runs, sessions, make_radiograph):
    tabs = [sessions.of(name) for name in ("first", "second", "third")]
    states = []
    for session in tabs:
        show(session, make_radiograph)
        press(runs, session)
        states.append(runs.generate(session, "attention"))
    heard = [next(each)["status"] for each in states]
    assert heard[2].startswith("2 readings before yours")
    states[1].close()  # its tab was closed
    assert next(states[2])["status"].startswith("1 reading before yours")
    for each in (states[0], states[2]):
        each.close()
    assert len(runs.queue) == 0


def test_stop_while_waiting_ends_it_and_it_never_begins(runs, sessions, make_radiograph):
    first, second = sessions.of("first"), sessions.of("second")
    for session in (first, second):
        show(session, make_radiograph)
        press(runs, session)
    running = runs.generate(first, "attention")
    next(running)
    waiting = runs.generate(second, "attention")
    next(waiting)
    assert runs.stop(second)["status"].startswith("Stopped before")
    assert list(waiting) == []
    running.close()


def test_when_as_many_wait_as_may_the_next_is_told_and_loses_nothing(reporter, sessions, make_radiograph):
    runs = Runs(reporter, most_waiting=1)
    first, second, third = (sessions.of(name) for name in ("first", "second", "third"))
    for session in (first, second, third):
        show(session, make_radiograph)
    read(runs, third)
    report = third.report
    readings = [column["text"] for column in list(compare(runs, third))[-1]["columns"]]
    press(runs, first)
    running = runs.generate(first, "attention")
    next(running)
    press(runs, second)
    waiting = runs.generate(second, "attention")
    next(waiting)
    with pytest.raises(BusyError, match="queue is full: 1 at most"):
        press(runs, third)
    assert third.report is report
    (refused,) = compare(runs, third)
    assert refused["status"].startswith("The queue is full") and not refused["busy"]
    assert [column["text"] for column in refused["columns"]] == readings, "those that stand stay"
    for each in (first, second):
        runs.stop(each)
    assert list(running) and not list(waiting)
    assert read(runs, third)[-1]["sentences"]


def test_a_reading_of_the_api_stands_in_the_same_queue(runs, reporter, sessions, make_radiograph, monkeypatch):
    with held_encoder(reporter, monkeypatch) as (entered, may_go, _):
        call = threading.Thread(target=Api(reporter, runs.queue).report, args=(Asked(example_copy()),))
        call.start()
        assert entered.wait(LONG_ENOUGH_S)
        session = sessions.of("tab")
        show(session, make_radiograph, prior=None)
        press(runs, session)
        assert runs.waiting(session)["status"].startswith("1 reading before yours")
        waiting = runs.generate(session, "attention")
        assert next(waiting)["status"].startswith("1 reading before yours")
        may_go.set()
        assert list(waiting)[-1]["sentences"]
        call.join(LONG_ENOUGH_S)


def example_copy() -> str:
    """A file that the API may delete."""
    return shutil.copy(EXAMPLE / "current.dcm", tempfile.mkdtemp())


def test_stop_while_overlays_are_traced_ends_that_and_keeps_the_report(runs, sessions, make_radiograph, monkeypatch):
    session = sessions.of("tab")
    show(session, make_radiograph)
    press(runs, session)
    told = []
    traced = overlays.InputXGradient.attribute

    def attribute(*args):
        told.append(runs.stop(session))  # with the first sentence
        return traced(*args)

    monkeypatch.setattr(overlays.InputXGradient, "attribute", attribute)
    last = list(runs.generate(session, "gradient"))[-1]
    assert len(told) == 1
    for said in (told[0], last):  # whichever reaches the page later
        assert "overlays were stopped" in said["status"] and "Not a medical device" in said["status"]
        assert said["sentences"] and not said["busy"]
    assert session.report is not None and not session.overlays
    monkeypatch.undo()
    assert runs.trace(session, "gradient")["overlays"]
    assert "overlays were stopped" not in runs.stop(session)["status"], "there is nothing left to stop"


def test_stop_with_the_last_word_of_the_report_leaves_nothing_busy(runs, sessions, make_radiograph, monkeypatch):
    session = sessions.of("tab")
    show(session, make_radiograph)
    press(runs, session)
    take_report = Session.take_report

    def stop_and_take_report(self, *args):
        assert runs.stop(self) is None, "the report is not yet the session's"
        return take_report(self, *args)

    monkeypatch.setattr(Session, "take_report", stop_and_take_report)
    last = list(runs.generate(session, "attention"))[-1]
    assert last["sentences"] and not last["busy"] and "overlays were stopped" in last["status"]


def test_the_page_is_told_each_step(runs, sessions, make_radiograph):
    session = sessions.of("tab")
    show(session, make_radiograph)
    steps = list(dict.fromkeys(state["step"] for state in read(runs, session)))
    assert steps == ["images", "encoding", "drafting", "refining", "tracing", ""]


# How sure the model was


def test_each_sentence_has_a_confidence_that_is_named_uncalibrated(reporter, study):
    done = next(event for event in reporter.stream(study) if isinstance(event, ReportDone))
    assert len(done.confidences) == len(done.sentences) > 0
    assert all(0 < one.probability <= 1 and not one.is_calibrated for one in done.confidences)


def test_a_confidence_is_the_mean_probability_of_the_sentences_own_tokens(reporter, study):
    """One sentence long: then it is the geometric mean over all tokens but the end."""
    done = next(event for event in reporter.stream(study) if isinstance(event, ReportDone))
    ids = torch.tensor([[reporter.config.decoder_start_token_id, *done.tokens[:-1]]])
    with torch.no_grad():
        logits = reporter.model(memory=reporter.memory(study).full, decoder_input_ids=ids).logits[0]
    given = logits.softmax(dim=-1).gather(1, torch.tensor(done.tokens)[:, None])[:, 0].tolist()
    written = [p for p, token in zip(given, done.tokens, strict=True) if token != reporter.config.eos_token_id]
    if len(done.sentences) == 1:
        mean = 1.0
        for probability in written:
            mean *= probability ** (1 / len(written))
        # float32, one pass instead of one a token
        assert done.confidences[0].probability == pytest.approx(mean, rel=1e-3)
    else:
        assert min(given) <= min(one.probability for one in done.confidences) <= max(given)


def calibrated(folder, reporter, **changes) -> None:
    tree = {
        "score": "least",
        "knots": {"any": [[0.0, 0.25], [1.0, 0.25]]},
        "error": 0.02,
        "sentences": 1000,
        "measured_on": "test",
        "weights": weights_digest(reporter.model),
    }
    (folder / FILE).write_text(json.dumps(tree | changes), encoding="utf-8")


def test_a_calibration_beside_the_weights_is_used(save_small_model, study):
    folder = save_small_model()
    calibrated(folder, Reporter.load(folder))
    done = next(event for event in Reporter.load(folder).stream(study) if isinstance(event, ReportDone))
    assert {(one.probability, one.is_calibrated, one.level) for one in done.confidences} == {(0.25, True, "low")}


def test_a_calibration_of_other_weights_is_left_out_with_a_word(save_small_model, study, caplog):
    folder = save_small_model()
    calibrated(folder, Reporter.load(folder), weights="those of another training")
    with caplog.at_level(logging.WARNING):
        reporter = Reporter.load(folder)
    assert reporter.calibration is None and "other weights" in caplog.text


@pytest.mark.parametrize("part", ["perceiver.latents", "image_projection", "text_encoder", "decoder.transformer.wte"])
def test_a_calibration_is_left_out_whichever_weights_were_trained_on(save_small_model, part, caplog):
    """Also where the decoder stayed as it was, or nothing but BatchNorm's statistics moved (image_projection)."""
    folder = save_small_model()
    reporter = Reporter.load(folder)
    calibrated(folder, reporter)
    state = reporter.model.state_dict()
    name = next(n for n in state if n.startswith(part) and (part != "image_projection" or "running_mean" in n))
    state[name] += 0.1
    reporter.model.save_pretrained(folder)
    assert Reporter.load(folder).calibration is None and "other weights" in caplog.text


def test_a_calibration_stays_where_the_weights_are_stored_at_half_precision(save_small_model):
    folder = save_small_model()
    reporter = Reporter.load(folder)
    calibrated(folder, reporter)
    reporter.model.half().save_pretrained(folder)  # type: ignore[call-arg]
    assert Reporter.load(folder).calibration is not None


def test_a_file_that_is_no_calibration_is_refused_in_a_sentence(save_small_model):
    folder = save_small_model()
    calibrated(folder, Reporter.load(folder), knots={"any": [[0.5, 0.9], [0.2, 0.1]]})
    with pytest.raises(CheckpointError, match="train calibrate"):
        Reporter.load(folder)


# What the prior knowledge changed


def test_the_study_is_read_again_without_encoding_an_image(runs, reporter, sessions, make_radiograph, monkeypatch):
    session = sessions.of("tab")
    show(session, make_radiograph)
    read(runs, session)
    study = session.run.study
    alone = [
        reporter.report(Study(study.current, None, study.context)).report,
        reporter.report(Study(study.current, study.prior)).report,
        reporter.report(Study(study.current)).report,
    ]
    encoded: list[int] = []
    monkeypatch.setattr(reporter.model, "encode_image", lambda pixels: encoded.append(len(pixels)))
    last = list(compare(runs, session))[-1]
    assert [column["text"] for column in last["columns"]] == [session.report.text, *alone]
    assert not last["busy"] and encoded == []
    assert last["key"] == session.run.key


def test_what_is_not_there_is_not_withheld(runs, sessions, make_radiograph):
    session = sessions.of("tab")
    show(session, make_radiograph, prior=None)
    runs.press(session, "", "", "PA", "PA")
    list(runs.generate(session, "attention"))
    last = list(compare(runs, session))[-1]
    assert [column["text"] for column in last["columns"][1:]] == ["", "", ""]
    assert all("nothing to withhold" in column["note"] for column in last["columns"][1:])


def test_stop_ends_the_readings_and_keeps_those_that_stand(runs, sessions, make_radiograph):
    session = sessions.of("tab")
    show(session, make_radiograph)
    read(runs, session)
    for state in compare(runs, session):
        last = state
        if state["columns"] and state["columns"][1]["text"]:
            runs.stop(session)
    assert last["columns"][1]["text"] and not last["columns"][3]["text"]
    assert last["status"].startswith("Stopped") and not last["busy"]
    assert session.report is not None, "the report itself stays"


def test_a_new_study_ends_the_readings_of_the_old_one(runs, sessions, make_radiograph):
    session = sessions.of("tab")
    show(session, make_radiograph)
    read(runs, session)
    states = compare(runs, session)
    next(states)
    session.put("prior", None)
    assert not any(state["columns"][1]["text"] for state in states)
    assert session.comparison is None
    assert list(compare(runs, session))[-1]["status"].startswith("There is no finished report")


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (
            "Large left pleural effusion.",
            [("changed", "pleural effusion, left: present, large, larger → present, large, not compared")],
        ),
        (
            "No pleural effusion.",
            [("gone", "pleural effusion, left: present, large, larger"), ("said", "pleural effusion: absent")],
        ),
        (
            "Small left pleural effusion, increased.",
            [("changed", "pleural effusion, left: present, large, larger → present, small, larger")],
        ),
        ("The large left pleural effusion has increased.", []),
    ],
)
def test_different_facts_are_named_in_words(other, expected):
    found = different_facts("Large left pleural effusion, increased.", other)
    assert [(one["kind"], one["fact"]) for one in found] == expected


@pytest.mark.parametrize(
    ("full", "other", "told"),
    [
        (
            "The endotracheal tube ends 4 cm above the carina.",
            "Endotracheal tube is in place.",
            "endotracheal tube: present, tip 4 cm above the carina → present",
        ),
        (
            "The endotracheal tube ends 4 cm above the carina.",
            "The endotracheal tube ends in the right main bronchus.",
            "endotracheal tube: present, tip 4 cm above the carina → present, tip in the right main bronchus",
        ),
        ("Mild pulmonary edema.", "Severe pulmonary edema.", "edema: present, mild → present, severe"),
        (
            "Opacity in the right lower zone, consistent with pneumonia.",
            "Opacity in the right lower zone.",
            "pneumonia: present",
        ),
        (
            "1.5 cm nodule in the left upper zone.",
            "2.5 cm nodule in the left upper zone.",
            "nodule, mass, left: present, upper zone, 1.5 cm → present, upper zone, 2.5 cm",
        ),
        (
            "Opacity in the right upper zone.",
            "Opacity in the right lower zone.",
            "opacity, consolidation, right: present, upper zone → present, lower zone",
        ),
        (
            "Small left effusion. No relevant change since the prior study.",
            "Small left effusion.",
            "pleural effusion, left: present, small, unchanged → present, small, not compared",
        ),
    ],
)
def test_severity_place_tip_and_interpretation_are_facts_that_may_differ(full, other, told):
    assert [one["fact"] for one in different_facts(full, other)] == [told]
    assert different_facts(full, full) == []


def test_a_report_without_a_sentence_is_not_called_finished_nor_normal(runs, sessions, make_radiograph):
    session = sessions.of("tab")
    show(session, make_radiograph, prior=None)
    press(runs, session)
    assert session.take_report(session.run, "", ReportDone("", (), (), ()))
    payload = standing_report(session)
    assert payload is not None
    said = payload["status"]
    assert said == texts.report.EMPTY and "not a normal report" in said
    assert not said.startswith("Finished")
    comparison = Comparison({"context": ReportDone("", (), (), ())})
    columns = readings_payload(session.run.study, session.report, comparison)["columns"]
    assert columns[2]["note"] == texts.report.EMPTY_READING, "read, and empty: not 'stopped before it was read'"


# Editing


@pytest.fixture
def edited(runs, sessions, make_radiograph):
    """A session with a report whose first sentence the reader has changed."""
    session = sessions.of("tab")
    show(session, make_radiograph)
    session.offered = read(runs, session)[-1]["report"]
    rows = [{"text": one.text, "source": n, "removed": False} for n, one in enumerate(session.report.sentences)]
    rows[0]["text"] = "New small left pleural effusion."
    rows.append({"text": "Written by hand.", "source": None, "removed": False})
    return session, rows


def test_an_edit_is_kept_read_for_facts_and_given_back_with_every_new_payload(runs, edited):
    session, rows = edited
    assert session.edited_text is None
    payload = edit(session, session.run.key, rows)
    assert payload is not None
    assert session.edited_text and session.edited_text.startswith("New small left pleural effusion.")
    assert session.edited_text.endswith("Written by hand.")
    (fact,) = payload["edits"][0]["facts"]
    assert (fact["finding"], fact["side"], fact["change"]) == ("pleural effusion", "left", "new")
    assert payload["report"] == session.report.text, "the model's report stays as it was"
    traced = runs.trace(session, "attention")
    assert traced is not None and traced["edits"] == payload["edits"]


def test_what_was_told_later_is_not_undone_by_what_arrives_later(runs, edited):
    """Messages of the page overtake each other on a slow line."""
    session, rows = edited
    edit(session, session.run.key, rows, number=2)
    kept = session.edited_text
    edit(session, session.run.key, [rows[0] | {"text": "New sm"}, *rows[1:]], number=1)
    assert session.edited_text == kept
    mark(session, {"0": "wrong side or place"}, number=4)
    mark(session, {}, number=3)
    assert session.marks[0].reason == "wrong side or place"


def test_a_sentence_without_a_point_does_not_run_into_the_next(runs, edited):
    session, rows = edited
    rows[0]["text"] = "No pneumothorax"
    edit(session, session.run.key, rows)
    assert session.edited_text.startswith("No pneumothorax. ")


def test_asking_for_the_four_readings_without_a_report_blocks_nobody(runs, sessions):
    """The answer is handed out without the session's lock: Gradio takes the next one in whatever thread is free."""
    session = sessions.of("tab")
    asking = compare(runs, session)
    assert next(asking)["status"]
    taken = []
    other = threading.Thread(target=lambda: taken.append(session.lock.acquire(timeout=LONG_ENOUGH_S)))
    other.start()
    other.join()
    assert taken == [True]


def test_going_back_to_the_models_words_is_no_edit(runs, edited):
    session, rows = edited
    edit(session, session.run.key, rows)
    rows[0]["text"] = session.report.sentences[0].text
    rows[-1]["removed"] = True
    edit(session, session.run.key, rows)
    assert session.edited_text is None


def test_the_correction_starts_from_the_edited_text_and_leaves_a_typed_one_alone(runs, edited):
    session, rows = edited
    edit(session, session.run.key, rows)
    assert correction(session, session.offered) == session.edited_text
    rows[0]["text"] = "No pleural effusion."
    edit(session, session.run.key, rows)
    assert correction(session, session.mirrored) == session.edited_text
    assert correction(session, "Typed into the box.") is None


def test_an_edit_that_was_not_sent_is_handed_back_with_the_next_press(runs, edited):
    session, rows = edited
    edit(session, session.run.key, rows)
    assert session.edited_text in left_unsent(session, "", session.offered)


def test_an_edit_outlives_the_report_that_it_belonged_to(runs, edited, make_radiograph):
    session, rows = edited
    edit(session, session.run.key, rows)
    text = session.edited_text
    session.put("prior", make_radiograph(9))
    assert text in left_unsent(session, "", "")
    press(runs, session)
    assert left_unsent(session, "", "") == "", "handed back once"


def test_an_edit_that_comes_too_late_is_kept_too(runs, edited):
    session, rows = edited
    key = session.run.key
    press(runs, session)
    assert edit(session, key, rows) is None
    assert "Written by hand." in left_unsent(session, "", "")
    assert session.edits == ()


# Differences, sentence by sentence


def test_sentences_of_two_readings_are_set_side_by_side():
    draft = "Small left effusion. Mild edema. No pneumothorax."
    report = "Small left effusion, new. No pneumothorax. Heart size is normal."
    found = [(one.number, [(part.kind, part.text) for part in one.parts]) for one in changed_sentences(draft, report)]
    assert found == [
        (0, [("same", "Small left effusion,"), ("added", "new.")]),
        (None, [("removed", "Mild edema.")]),
        (1, [("same", "No pneumothorax.")]),
        (2, [("added", "Heart size is normal.")]),
    ]


def test_no_sentence_is_lost_or_moved_between_two_readings():
    draft = "A b c. D e f. G h i. J k l."
    report = "D e x. A b c. J k l. M n o."
    changes = changed_sentences(draft, report)
    assert [one.number for one in changes if one.number is not None] == [0, 1, 2, 3]
    for kinds, text in ((("same", "removed"), draft), (("same", "added"), report)):
        words = [word for one in changes for part in one.parts if part.kind in kinds for word in part.text.split()]
        assert words == text.split()


def test_an_edited_report_is_what_is_left_of_its_sentences():
    sentences = split_sentences("No effusion. Heart normal.")
    same = [EditedSentence(one.text, n) for n, one in enumerate(sentences)]
    assert edited_text(sentences, []) is None and edited_text(sentences, same) is None
    assert edited_text(sentences, [same[0], EditedSentence(same[1].text, 1, is_removed=True)]) == "No effusion."
    assert edited_text(sentences, [*same, EditedSentence("  ")]) is None


def test_a_context_alone_may_be_withheld(reporter, study):
    """Both readings exist and are greedy or searched as the weights say; the draft is no part of them."""
    bare = Study(study.current, study.prior, ClinicalContext())
    events = list(reporter.stream(bare, with_draft=False))
    assert events[-1].text == reporter.report(bare).report
