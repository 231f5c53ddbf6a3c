"""What the server holds for a tab, and that it is gone when the tab is."""

import time

import pytest

from priorrg.errors import BusyError
from priorrg.feedback.store import FeedbackStore
from priorrg.reporting.reporter import Reporter
from priorrg.ui.editing import mark
from priorrg.ui.examples import examples, take_example
from priorrg.ui.feedback import send_feedback
from priorrg.ui.queue import Client
from priorrg.ui.runs import Runs
from priorrg.ui.sessions import Sessions
from priorrg.ui.slots import take_upload
from priorrg.ui.uploads import UploadFolder


@pytest.fixture(scope="module")
def reporter(small_weights):
    return Reporter.load(small_weights)


@pytest.fixture
def runs(reporter):
    return Runs(reporter)


@pytest.fixture
def sessions(reporter):
    return Sessions(reporter.forget, idle_seconds=3600)


def read(runs, session):
    """Press Generate and wait for the report; the study that was read."""
    runs.press(session, "Cough.", "", "PA", "PA")
    for _ in runs.generate(session, "attention"):
        pass
    return session.run.study


def test_ending_a_session_forgets_its_images_their_features_and_its_texts(runs, sessions):
    session = sessions.of("tab")
    take_example(session, examples()[0])
    study = read(runs, session)
    assert runs.reporter.images.holds(study.current)
    sessions.end("tab")
    assert not runs.reporter.images.holds(study.current) and not runs.reporter.images.holds(study.prior)
    again = sessions.of("tab")
    assert again.current is None and again.report is None and again.draft == ""


def test_images_that_were_replaced_are_forgotten_too(runs, sessions):
    session = sessions.of("tab")
    take_example(session, examples()[0])
    first = read(runs, session)
    take_example(session, examples()[1])
    sessions.end("tab")
    assert not runs.reporter.images.holds(first.current)


def test_what_another_tab_still_shows_is_kept_for_it(runs, sessions):
    for key in ("one", "two"):
        take_example(sessions.of(key), examples()[0])
    study = read(runs, sessions.of("one"))
    sessions.end("one")
    assert runs.reporter.images.holds(study.current)
    sessions.end("two")
    assert not runs.reporter.images.holds(study.current)


def test_a_tab_that_closes_in_the_middle_leaves_nothing(runs, sessions):
    session = sessions.of("tab")
    take_example(session, examples()[0])
    runs.press(session, "Cough.", "", "PA", "PA")
    study = session.run.study
    events = runs.generate(session, "attention")
    next(events)  # nothing is encoded yet
    sessions.end("tab")
    states = list(events)
    assert not runs.reporter.images.holds(study.current)
    assert not any(state.get("sentences") for state in states)


def test_a_broken_connection_ends_the_session_only_if_the_tab_stays_away(runs, reporter, make_radiograph):
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


def test_idle_sessions_end_by_themselves(runs, reporter):
    sessions = Sessions(reporter.forget, idle_seconds=0)
    take_example(sessions.of("left open"), examples()[0])
    study = read(runs, sessions.of("left open"))
    sessions.end_idle()
    assert len(sessions) == 0
    assert not reporter.images.holds(study.current)


def test_a_new_image_takes_the_old_report_away(runs, sessions):
    """Feedback and overlays must never join one report to another image."""
    session = sessions.of("tab")
    take_example(session, examples()[0])
    read(runs, session)
    session.put("prior", None)
    assert session.report is None and session.overlays == {} and session.marks == {}


def test_a_refused_upload_leaves_the_image_and_no_file(runs, sessions, tmp_path):
    session = sessions.of("tab")
    take_example(session, examples()[0])
    before = session.current
    letter = tmp_path / "letter.png"
    letter.write_text("no image", encoding="utf-8")
    with pytest.raises(Exception, match="no image that PriorRG knows"):
        take_upload(session, "current", letter)
    assert session.current is before and not letter.exists()


def test_waiting_for_its_turn_shows_nothing_of_the_report_before(runs, sessions):
    session = sessions.of("tab")
    take_example(session, examples()[0])
    read(runs, session)
    runs.press(session, "Another question.", "", "PA", "PA")
    shown = runs.waiting(session)
    assert shown["busy"] and shown["sentences"] == [] and shown["report"] == ""
    stopped = runs.stop(session)
    assert stopped is not None and not stopped["busy"] and stopped["status"].startswith("Stopped")
    assert list(runs.generate(session, "attention")) == [], "what was stopped while it waited never begins"


def test_a_reading_that_fails_says_so_and_is_not_swallowed(runs, sessions, monkeypatch):
    def break_down(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(runs.reporter, "memory", break_down)
    monkeypatch.setattr(runs.reporter, "study_inputs", break_down)
    session = sessions.of("tab")
    take_example(session, examples()[0])
    runs.press(session, "", "", "PA", "PA")
    shown = []
    with pytest.raises(RuntimeError):
        for state in runs.generate(session, "attention"):
            shown.append(state)
    assert shown[-1]["status"].startswith("The reading failed") and not shown[-1]["busy"]


def test_marks_go_with_the_feedback_that_was_sent_and_with_each_revision_of_it(runs, reporter, sessions, tmp_path):
    session = sessions.of("tab")
    take_example(session, examples()[0])
    read(runs, session)
    mark(session, {"0": "wrong severity"})
    store = FeedbackStore(tmp_path / "feedback.sqlite3")
    for rating in (3, 4):
        send_feedback(store, reporter.config, session, rating, "", "")
    sent, revised = store.rows()
    assert revised.feedback.revises == sent.number, "it takes the other's place, so it holds the whole"
    assert revised.feedback.marks == sent.feedback.marks and len(sent.feedback.marks) == 1


def test_there_are_so_many_sessions_and_no_more_and_nobody_has_them_all(reporter):
    sessions = Sessions(reporter.forget, idle_seconds=3600, most=10)
    hers, his = Client("10.0.0.1", "browser"), Client("10.0.0.2", "browser")
    sessions.of("1", hers)
    sessions.of("2", hers)
    for client in (hers, hers):
        with pytest.raises(BusyError, match="as many open pages as it may"):
            sessions.of("3", client)
    for number in range(3):
        sessions.of(f"beside {number}", Client("10.0.0.1", f"other browser {number}"))
    with pytest.raises(BusyError):
        sessions.of("a sixth of one address", Client("10.0.0.1", "yet another"))
    assert sessions.of("4", his) and len(sessions) == 6
    assert sessions.of("1", hers), "those that are there go on"


def test_tabs_that_are_gone_make_room_for_new_ones(reporter, make_radiograph):
    sessions = Sessions(reporter.forget, idle_seconds=3600, most=10)
    client = Client("10.0.0.1", "browser")
    sessions.of("left", client).put("current", make_radiograph(1))
    kept = sessions.of("open", client)
    sessions.leave("left")
    assert sessions.of("new", client) and len(sessions) == 2 and sessions.of("open", client) is kept


def test_all_pages_with_an_example_share_its_pixels(sessions):
    for key in ("one", "two"):
        take_example(sessions.of(key), examples()[0])
    assert sessions.of("one").current.pixels is sessions.of("two").current.pixels
