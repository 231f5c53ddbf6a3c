"""What a session keeps: events that are there or not, once, until their reader withdraws; a state rebuilt from them."""

import dataclasses
import datetime
import sqlite3
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from PIL import Image
from sqlalchemy.exc import SQLAlchemyError

from priorrg.errors import SessionError
from priorrg.feedback.store import Feedback, FeedbackStore, SentenceMark
from priorrg.reporting.reporter import Reporter
from priorrg.sessions.events import Event
from priorrg.sessions.imported import import_feedback
from priorrg.sessions.prepare import prepare, prepared, to_prepare
from priorrg.sessions.session import Session
from priorrg.sessions.store import Store
from tests import databases, kills

TWO_WEEKS = datetime.timedelta(days=14)

PROTOCOL = """\
title: Small
kind: score
instructions: Read.
consent: I take part.
cases: cases.csv
readers: 2
arms:
  - {name: refined, report: refined, show: [overlays]}
  - {name: alone, report: refined, prior: false}
  - {name: draft, report: draft}
  - {name: human, report: reference}
repeats: 1
washout_days: 14
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory, make_radiograph):
    folder = tmp_path_factory.mktemp("sessions")
    for seed in (1, 2, 3):
        Image.fromarray(make_radiograph(seed).display()).save(folder / f"{seed}.png")
    rows = ["case,current,prior,indication,reference", 'a,1.png,2.png,Cough.,"Clear lungs. No effusion."']
    rows += ["b,2.png,,Fever.,Small left effusion.", "c,3.png,1.png,,Normal."]
    (folder / "cases.csv").write_text("\n".join(rows), encoding="utf-8")
    (folder / "small.yaml").write_text(PROTOCOL, encoding="utf-8")
    return Session.at(folder / "small.yaml")


def test_reports_are_generated_once_and_whoever_was_interrupted_goes_on(session, small_weights):
    loaded = []

    def load(name):
        loaded.append(name)
        return Reporter.load(small_weights)

    assert len(to_prepare(session)) == 6, "draft and refined report of a case are one reading, the human's is none"
    for done, of in prepare(session, load):
        assert of == 6
        if done == 2:
            break  # interrupted
    assert len(to_prepare(session)) == 4
    assert list(prepare(session, load))[-1] == (4, 4) and to_prepare(session) == []
    assert list(prepare(session, load)) == [(0, 0)] and len(loaded) == 2

    refined, alone = prepared(session, "a", "refined"), prepared(session, "a", "alone")
    assert refined and alone and refined.text != alone.text
    assert len(refined.overlays) == len(refined.sentences) == len(refined.confidences)
    current, prior = refined.overlays[0]
    assert current.shape == (4, 4) and prior is not None and alone.overlays[0][1] is None
    assert refined.weights == "small random weights" and len(refined.weights_digest) == 16
    draft = prepared(session, "a", "draft")
    assert draft and draft.text != refined.text and draft.weights_digest == refined.weights_digest
    human = prepared(session, "a", "human")
    assert human and human.sentences == ("Clear lungs.", "No effusion.") and human.weights == ""


# The store, the same on both databases


@pytest.fixture(scope="module")
def postgres():
    if not databases.available():
        warnings.warn(databases.MISSING, stacklevel=1)
        pytest.skip(databases.MISSING)
    with databases.postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    return (
        f"sqlite:///{tmp_path / 'a' / 'answers.sqlite3'}"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres")
    )


@pytest.fixture
def store(url):
    store = Store(url, f"study {time.time_ns()}")
    store.record("session_opened")
    return store


def answer(number: int | str, reader: str = "R1", value: str = "4", **values) -> Event:
    return Event(
        "answer", f"id{number}", reader, 1, "a", "refined", payload={"question": "q", "value": value}, **values
    )


def test_what_was_acknowledged_is_there_once_however_often_it_is_sent(store, url):
    assert store.append([answer(1), answer(2)]) == ["id1", "id2"]
    assert store.append([answer(2), answer(3)]) == ["id2", "id3"], "sent again, for the answer was lost on the line"
    assert store.append([answer(2, reader="R2")]) == ["id2"], "another reader's browser may take the same number"
    again = Store(url, store.session)
    assert [kept.event.client_id for kept in again.events("R1")] == ["id1", "id2", "id3"]
    (kept, *_) = again.events("R1")
    assert kept.event == dataclasses.replace(answer(1), payload=answer(1).payload | {"report": 0}) and kept.version


def test_all_events_of_a_part_are_kept_or_none(store):
    for wrong in (
        Event("answer", "x", "R1", 1, payload={"answer": "no such field"}),
        Event("session_closed", "x", "R1"),
        Event("sentence", "x", "R1", 1, payload={"place": 0, "verdict": "right", "category": "wrong_severity"}),
        answer("x", value="long " * 5000),
        answer("x" * 80),
        answer("x", reader=""),
    ):
        with pytest.raises(SessionError):
            store.append([answer(1), wrong])
    assert store.events("R1") == []


def test_rows_are_never_changed_nor_removed_but_by_a_withdrawal_which_leaves_a_record(store):
    store.append([answer(1), answer(2), answer(3, reader="R2")])
    token = store.make_link("R1")
    for statement in ("UPDATE event SET reader = 'R9'", "DELETE FROM event WHERE reader = 'R1'"):
        with pytest.raises(SQLAlchemyError, match="append-only"), store.engine.begin() as connection:
            connection.execute(sa.text(statement))
    assert store.withdraw("R1") == 2
    assert store.events("R1") == [] and len(store.events("R2")) == 1
    (record,) = [kept.event for kept in store.events("") if kept.event.kind == "withdrawn"]
    assert record.payload == {"reader": "R1", "events": 2}
    assert store.reader_by_token(token) is None
    with pytest.raises(SessionError, match="opens no session"):
        store.append([answer(4)])  # what the reader's page still held


def test_of_withdrawn_answers_no_byte_stays_in_the_file(tmp_path):
    file = tmp_path / "answers.sqlite3"
    store = Store(f"sqlite:///{file}", "study")
    store.record("session_opened")
    store.append([answer(1, value="unmistakable words")])
    assert any(b"unmistakable" in path.read_bytes() for path in tmp_path.iterdir())
    store.withdraw("R1")
    assert not any(b"unmistakable" in path.read_bytes() for path in tmp_path.iterdir())


def test_a_link_is_128_bits_known_by_its_salted_digest_alone_and_can_be_revoked(store):
    token = store.make_link("R1")
    assert len(token) == 22, "16 bytes in base64"
    assert store.reader_by_token(token) == "R1" and store.reader_by_token(token[:-1] + "x") is None
    assert token not in str(store.events(""))
    other = Store(store.url, store.session + " other")
    assert other.reader_by_token(token) is None and other.digest(token) != store.digest(token)
    fresh = store.make_link("R1")
    assert store.revoke_links("R1") == 2
    assert store.reader_by_token(token) is None and store.reader_by_token(fresh) is None


def test_nothing_is_taken_while_the_session_is_closed(store):
    store.append([answer(1)])
    store.record("session_closed")
    with pytest.raises(SessionError, match="This session is closed"):
        store.append([answer(2)])
    store.record("session_reopened")
    assert store.append([answer(2)]) == ["id2"]


def test_readers_write_at_the_same_time_and_all_is_kept(store):
    def writes(reader):
        for number in range(8):
            store.append([answer(number, reader=reader)])

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(writes, [f"R{number}" for number in range(5)]))
    assert len([kept for kept in store.events() if kept.event.kind == "answer"]) == 40


def test_a_process_that_is_killed_loses_nothing_that_it_acknowledged(url):
    found = kills.check(url, kills=8, within_s=0.3)
    assert found["acknowledged"] > 0 and found["missing"] == 0 and found["half"] == 0


def test_a_state_is_rebuilt_from_events_and_the_last_one_counts(session):
    (first, *_) = session.assignments("R1")
    later = iter(range(1000))

    def sent(kind, **payload):
        return session.event("R1", first, kind, f"e{next(later)}", payload=payload)

    if not session.store.is_open():
        session.store.record("session_opened")
    struck = {"place": 0, "verdict": "struck", "category": "false_finding"}
    session.store.append(
        [
            session.event("R1", None, "consented", "c"),
            sent("opened"),
            sent("sentence", **struck),
            sent("sentence", **struck | {"significance": "critical"}),
            sent("missed", id="m1", text="Nodule.", place={"x0": 0.1, "y0": 0.2, "x1": 0.3, "y1": 0.4}),
            sent("missed", id="m2", text="Gone."),
            sent("missed_gone", id="m2"),
            sent("answer", question="usefulness", value="2"),
            sent("answer", question="usefulness", value="3"),
            sent("time", phase="look", active_s=4.0, hidden_s=90.0),
            sent("time", phase="look", active_s=2.5),
        ]
    )
    state = session.state("R1")
    judged = state.of(first.number)
    assert state.consented and judged.status == "open" and not judged.is_shown
    assert judged.sentences[0, 0]["significance"] == "critical" and list(judged.missed) == ["m1"]
    assert judged.answers == {("usefulness", 0): "3"}
    assert judged.times["look"]["active_s"] == 6.5 and judged.times["look"]["hidden_s"] == 90.0
    session.store.append([sent("submitted"), sent("reopened")])
    assert session.state("R1").of(first.number).status == "open"
    session.store.append([sent("submitted")])
    judged = session.state("R1").of(first.number)
    assert judged.status == "submitted" and judged.arm == first.arm
    repeat = session.assignments("R1")[-1]
    assert repeat.is_repeat and session.due("R1", repeat, judged.submitted_utc) == judged.submitted_utc + TWO_WEEKS
    assert session.due("R1", repeat, judged.submitted_utc + TWO_WEEKS) is None


def test_the_feedback_file_is_taken_over_whole_and_only_once(tmp_path):
    old = FeedbackStore(tmp_path / "feedback.sqlite3")
    marks = (SentenceMark("No effusion.", 1, "missed finding"),)
    given = Feedback(
        2,
        "Draft.",
        "Clear. No effusion.",
        "Effusion.",
        "=1+1",
        marks,
        "Cough.",
        "",
        True,
        "PA",
        "AP",
        "f1",
        "f2",
        "w",
        "own",
        {"beams": 3},
    )
    for rating in (2, 5):
        old.add(dataclasses.replace(given, rating=rating))
    store = Store(f"sqlite:///{tmp_path / 'answers.sqlite3'}", "before")
    assert import_feedback(old.path, store) == (2, 2)
    assert import_feedback(old.path, store) == (0, 2)
    kept = [one.event for one in store.events("") if one.event.kind == "imported"]
    for row, event in zip(old.rows(), kept, strict=True):
        payload = event.payload
        assert event.said_utc == row.sent_utc and payload["number"] == row.number and event.settings == {"beams": 3}
        assert payload["marks"] == [dataclasses.asdict(mark) for mark in row.feedback.marks]
        for name in (
            "rating",
            "coarse_draft",
            "refined_report",
            "corrected_report",
            "comment",
            "has_prior",
            "weights_name",
        ):
            assert payload[name] == getattr(row.feedback, name)
        assert payload["current_fingerprint"] == store.digest("f1")


def test_who_reads_does_not_wait_for_who_writes(tmp_path, monkeypatch):
    monkeypatch.setattr("priorrg.sessions.store.LOCK_WITHIN_S", 0.1)
    store = Store(f"sqlite:///{tmp_path / 'answers.sqlite3'}", "study")
    store.record("session_opened")
    token = store.make_link("R1")
    answer = Event("opened", "one", "R1", 1, "case", "arm")
    writing = sqlite3.connect(tmp_path / "answers.sqlite3", isolation_level=None)
    writing.execute("BEGIN IMMEDIATE")
    assert store.is_open() and store.reader_by_token(token) == "R1" and len(store.events()) == 2
    with pytest.raises(SessionError):
        store.append([answer])
    writing.execute("ROLLBACK")
    writing.close()
    assert store.append([answer]) == ["one"]
