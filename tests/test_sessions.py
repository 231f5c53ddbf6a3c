"""What the server holds for a tab, and that it is gone when the tab is."""

import time

import pytest

from priorrg.feedback.store import FeedbackStore
from priorrg.reporting.reporter import Reporter
from priorrg.ui.actions import Actions
from priorrg.ui.examples import examples
from priorrg.ui.sessions import Sessions
from priorrg.ui.uploads import UploadFolder


@pytest.fixture(scope="module")
def reporter(small_weights):
    return Reporter.load(small_weights)


@pytest.fixture
def actions(reporter, tmp_path):
    return Actions(reporter, FeedbackStore(tmp_path / "feedback.sqlite3"))


@pytest.fixture
def sessions(reporter):
    return Sessions(reporter.forget, idle_seconds=3600)


def read(actions, session):
    """Press Generate and wait for the report; the study that was read."""
    actions.press(session, "Cough.", "", "PA", "PA")
    for _ in actions.generate(session, "attention"):
        pass
    return session.run.study


def test_ending_a_session_forgets_its_images_their_features_and_its_texts(actions, sessions):
    session = sessions.of("tab")
    actions.take_example(session, examples()[0])
    study = read(actions, session)
    assert actions.reporter.images.holds(study.current)
    sessions.end("tab")
    assert not actions.reporter.images.holds(study.current) and not actions.reporter.images.holds(study.prior)
    again = sessions.of("tab")
    assert again.current is None and again.report is None and again.draft == ""


def test_images_that_were_replaced_are_forgotten_too(actions, sessions):
    session = sessions.of("tab")
    actions.take_example(session, examples()[0])
    first = read(actions, session)
    actions.take_example(session, examples()[1])
    sessions.end("tab")
    assert not actions.reporter.images.holds(first.current)


def test_what_another_tab_still_shows_is_kept_for_it(actions, sessions):
    for key in ("one", "two"):
        actions.take_example(sessions.of(key), examples()[0])
    study = read(actions, sessions.of("one"))
    sessions.end("one")
    assert actions.reporter.images.holds(study.current)
    sessions.end("two")
    assert not actions.reporter.images.holds(study.current)


def test_a_tab_that_closes_in_the_middle_leaves_nothing(actions, sessions):
    session = sessions.of("tab")
    actions.take_example(session, examples()[0])
    actions.press(session, "Cough.", "", "PA", "PA")
    study = session.run.study
    events = actions.generate(session, "attention")
    next(events)  # nothing is encoded yet
    sessions.end("tab")
    states = list(events)
    assert not actions.reporter.images.holds(study.current)
    assert not any(state.get("sentences") for state in states)


def test_a_broken_connection_ends_the_session_only_if_the_tab_stays_away(actions, reporter, make_radiograph):
    sessions = Sessions(reporter.forget, idle_seconds=3600, grace_seconds=0)
    for tab in ("sleeping laptop", "closed"):
        sessions.of(tab).put("current", make_radiograph(1))
        sessions.leave(tab)
    back = sessions.of("sleeping laptop")
    time.sleep(0.01)
    sessions.end_idle()
    assert back.current is not None and sessions.of("sleeping laptop") is back
    assert len(sessions) == 1


def test_what_an_interrupted_upload_leaves_is_swept(tmp_path):
    (tmp_path / "tmpabc").write_bytes(b"half of a file")
    uploads = UploadFolder(tmp_path)
    assert uploads.sweep() == 0, "it may still be on its way"
    assert uploads.sweep(older_than_s=-1) == 1 and list(tmp_path.iterdir()) == []


def test_idle_sessions_end_by_themselves(actions, reporter):
    sessions = Sessions(reporter.forget, idle_seconds=0)
    actions.take_example(sessions.of("left open"), examples()[0])
    study = read(actions, sessions.of("left open"))
    sessions.end_idle()
    assert len(sessions) == 0
    assert not reporter.images.holds(study.current)


def test_a_new_image_takes_the_old_report_away(actions, sessions):
    """Feedback and overlays must never join one report to another image."""
    session = sessions.of("tab")
    actions.take_example(session, examples()[0])
    read(actions, session)
    actions.remove(session, "prior")
    assert session.report is None and session.overlays == {} and session.marks == {}


def test_a_refused_upload_leaves_the_image_and_no_file(actions, sessions, tmp_path):
    session = sessions.of("tab")
    actions.take_example(session, examples()[0])
    before = session.current
    letter = tmp_path / "letter.png"
    letter.write_text("no image", encoding="utf-8")
    with pytest.raises(Exception, match="no image that PriorRG knows"):
        actions.take_upload(session, "current", letter)
    assert session.current is before and not letter.exists()


def test_waiting_for_its_turn_shows_nothing_of_the_report_before(actions, sessions):
    session = sessions.of("tab")
    actions.take_example(session, examples()[0])
    read(actions, session)
    actions.press(session, "Another question.", "", "PA", "PA")
    shown = actions.waiting(session)
    assert shown["busy"] and shown["sentences"] == [] and shown["report"] == ""
    stopped = actions.stop(session)
    assert stopped is not None and not stopped["busy"] and stopped["status"].startswith("Stopped")
    assert list(actions.generate(session, "attention")) == [], "what was stopped while it waited never begins"


def test_a_reading_that_fails_says_so_and_is_not_swallowed(actions, sessions, monkeypatch):
    def break_down(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(actions.reporter, "memory", break_down)
    monkeypatch.setattr(actions.reporter, "study_inputs", break_down)
    session = sessions.of("tab")
    actions.take_example(session, examples()[0])
    actions.press(session, "", "", "PA", "PA")
    shown = []
    with pytest.raises(RuntimeError):
        for state in actions.generate(session, "attention"):
            shown.append(state)
    assert shown[-1]["status"].startswith("The reading failed") and not shown[-1]["busy"]


def test_marks_go_with_the_feedback_that_was_sent(actions, sessions):
    session = sessions.of("tab")
    actions.take_example(session, examples()[0])
    read(actions, session)
    actions.mark(session, {"0": "wrong severity"})
    actions.send_feedback(session, 3, "", "")
    actions.send_feedback(session, 4, "", "")
    assert [len(kept.feedback.marks) for kept in actions.store.rows()] == [1, 0]
