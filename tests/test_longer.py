"""What published weights write, on the page: a report that ended at the limit and is written on, gaps, the lateral."""

from dataclasses import replace

import pytest

from priorrg import texts
from priorrg.export.contents import ReportExport
from priorrg.export.forms import FORMS
from priorrg.feedback.store import REASONS
from priorrg.model.decoding import Decoding
from priorrg.report.sentences import split_sentences
from priorrg.reporting.events import ReportDone, ReportWord, Stopped
from priorrg.reporting.reporter import Reporter, WeightsCard
from priorrg.reporting.stopping import Stop
from priorrg.study import Study
from priorrg.ui.editing import correction, edit, mark
from priorrg.ui.longer import correction_after
from priorrg.ui.runs import Runs
from priorrg.ui.sessions import Session
from tests.test_export import NOON


@pytest.fixture(scope="module")
def reporter(save_small_model):
    return Reporter.load(save_small_model(max_report_tokens=6))


@pytest.fixture
def runs(reporter):
    return Runs(reporter, most_waiting=1)


@pytest.fixture
def session(runs, make_radiograph) -> Session:
    """A session whose report ended at the limit."""
    session = Session()
    session.put("current", make_radiograph(1))
    runs.press(session, "Cough.", "", "PA", "PA")
    list(runs.generate(session, "attention"))
    return session


def test_the_page_writes_on_and_keeps_edits_and_marks(runs, session):
    short, key, reason = session.report, session.run.key, next(iter(REASONS))
    rows = [{"text": short.text, "source": 0, "removed": False}, {"text": "Mine.", "source": None, "removed": False}]
    payload = edit(session, key, rows)
    mark(session, {"0": reason})
    assert correction(session, session.offered) == f"{short.text}. Mine."
    assert payload and payload["isUnfinished"] and payload["canGoOn"] and payload["status"] == texts.report.CUT
    assert runs.press_longer(session, key)
    payloads = list(runs.generate(session, "attention"))
    longer = session.report
    assert longer.tokens[: len(short.tokens)] == short.tokens and len(longer.tokens) == 10
    assert all(one["report"].startswith(short.text[: len(short.text) // 2]) for one in payloads if one["busy"])
    last = payloads[-1]
    assert [one["text"] for one in last["edits"]][:2] == [longer.sentences[0].text, "Mine."]
    assert last["marks"] == {"0": reason} and session.marks[0].sentence == longer.sentences[0].text
    assert last["overlays"] and last["key"] != key and not last["busy"]
    assert correction_after(session, f"{short.text}. Mine.") == session.edited_text
    assert not session.unsent, "what was edited stands in the report"


def test_an_edit_that_the_press_overtook_is_not_shown_as_unsent(runs, session):
    """The press brought what was written after it."""
    key = session.run.key
    rows = [{"text": "Half", "source": 0, "removed": False}]
    assert edit(session, key, [rows[0] | {"text": "Half a thought, whole."}], 2)
    assert runs.press_longer(session, key)
    assert edit(session, key, rows, 1) is None and not session.unsent
    list(runs.generate(session, "attention"))
    assert session.edits[0].text == "Half a thought, whole." and not session.unsent
    assert edit(session, key, [rows[0] | {"text": "Later."}], 3) is None and session.unsent == ["Later."]


def test_only_what_ended_at_the_limit_and_was_not_sent_is_written_on(runs, session):
    assert not runs.press_longer(session, "another report")
    session.submissions = 1
    assert not runs.press_longer(session, session.run.key)


@pytest.mark.parametrize("when", ["waiting", "writing"])
def test_a_report_whose_going_on_was_stopped_stands_as_it_was(runs, session, when):
    short = session.report
    edit(session, session.run.key, [{"text": "Changed.", "source": 0, "removed": False}])
    assert runs.press_longer(session, session.run.key)
    if when == "waiting":
        last = runs.stop(session)
    else:
        last = None
        for payload in runs.generate(session, "attention"):
            last = payload
            if payload["step"] == "refining":
                runs.stop(session)
    assert last and last["status"] == texts.report.NOT_WRITTEN_ON and last["overlays"]
    assert session.report is short and session.edited_text == "Changed."


def test_a_report_whose_going_on_failed_stands_as_it_was_with_what_was_read_of_it(runs, session, monkeypatch):
    """Also the other readings of its study, which took as long again."""
    short, readings, overlays = session.report, {"prior": session.report}, session.overlays
    session.readings = readings
    assert runs.press_longer(session, session.run.key) and not session.readings

    def fail(*_, **__):
        raise MemoryError
        yield

    monkeypatch.setattr(runs.reporter, "stream", fail)
    last = None
    with pytest.raises(MemoryError):
        for payload in runs.generate(session, "attention"):
            last = payload
    assert last and last["status"] == texts.report.NOT_WRITTEN_ON and last["overlays"] and not last["busy"]
    assert session.report is short and session.readings is readings and session.overlays is overlays


def test_to_the_end_reads_on_until_the_position_table_is_full(reporter, make_radiograph, monkeypatch):
    few_times, study, steps = Reporter.load(reporter.source, most_tokens=300), Study(make_radiograph(1)), []
    step = Decoding.step
    monkeypatch.setattr(Decoding, "step", lambda decoding, ids: steps.append(1) or step(decoding, ids))
    events = list(few_times.stream(study, to_the_end=True, with_draft=False))
    words = [event.text_so_far for event in events if isinstance(event, ReportWord)]
    assert words == sorted(words, key=len), "what was shown never goes back, also where a limit was passed"
    (done,) = [event for event in events if isinstance(event, ReportDone)]
    assert not done.can_go_on and len(done.tokens) > 300
    assert done.is_cut == (len(done.tokens) == 1023)
    assert len(steps) == len(done.tokens), "nothing that stands is read again"


@pytest.mark.parametrize("num_beams", [1, 3])
def test_to_the_end_is_what_each_part_begun_anew_would_write(reporter, study, num_beams):
    """Until somebody stops it, in its third part or later; the draft stands with what was written."""
    tokens, parts = (), []
    for _ in range(3):
        (part,) = [
            one
            for one in reporter.stream(study, num_beams=num_beams, with_draft=False, begun=tokens)
            if isinstance(one, ReportDone)
        ]
        parts.append(part.text)
        tokens = part.tokens
    stop, shown = Stop(), [""]
    for event in reporter.stream(study, stop, num_beams, to_the_end=True):
        if isinstance(event, ReportWord):
            shown.append(event.text_so_far)
            if len(event.text_so_far) > len(parts[-1]):
                stop.set()
        last = event
    assert isinstance(last, Stopped) and last.draft == reporter.report(study).draft
    assert shown[-1].startswith(parts[-1]) and last.report.startswith(parts[-1])


@pytest.mark.parametrize("form", ["text", "fhir"])
def test_no_export_holds_a_gap_and_each_says_what_the_report_lacks(form, study):
    text = "Frontal and lateral views. Compared to ___, the effusion is"
    card = WeightsCard("n", "published", "", "whole_memory")
    export = ReportExport(study, "As of ___.", text, tuple(split_sentences(text)), card, NOON, is_cut=True)
    assert texts.report.CUT in export.statements() and texts.report.NO_LATERAL in export.statements()
    assert "___" not in export.text + export.draft_text + export.written_text
    written = FORMS[form].write(export).decode()
    assert "___" not in written and "left out of the training data" in written
    assert form == "fhir" or ("reached the length" in written and "A GREEDY READING OF THE WHOLE MEMORY" in written)
    human = replace(export, edited="Effusion.")
    assert texts.report.CUT not in human.statements(), "a human's report ends where the human ended it"
    assert texts.report.NO_LATERAL not in human.statements()
    corrected = replace(export, edited="Frontal and lateral radiograph. Compared to ___, the effusion is.")
    assert {texts.report.CUT, texts.report.NO_LATERAL} <= set(corrected.statements()), "its end is still the model's"
