"""Feedback: kept at once, kept for good, and exported so that a spreadsheet can read it."""

import csv
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from priorrg.__main__ import main
from priorrg.errors import FeedbackError
from priorrg.feedback.export import export_csv
from priorrg.feedback.store import Feedback, FeedbackStore, SentenceMark
from priorrg.plain_text import plain_text
from priorrg.texts.report import DISCLAIMER

FEEDBACK = Feedback(
    rating=4,
    coarse_draft="Small left effusion.",
    refined_report="Moderate left effusion. No pneumothorax.",
    corrected_report="Small left effusion.\nNo pneumothorax.",
    comment='Severity "too high", otherwise fine; größer?',
    marks=(SentenceMark("Moderate left effusion.", 0, "wrong severity"),),
    indication="Dyspnea, effusion?",
    history="",
    has_prior=True,
    view_position="AP",
    prior_view_position="PA",
    current_fingerprint="a" * 64,
    prior_fingerprint="b" * 64,
    weights_name="PriorRG embedded (simulated)",
    weights_kind="simulated",
    settings={"num_beams": 3},
)


@pytest.fixture
def database(tmp_path):
    return tmp_path / "kept" / "feedback.sqlite3"


def exported(database, output) -> list[dict[str, str]]:
    export_csv(database, output)
    with Path(output).open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_what_was_sent_comes_back_as_it_was(database):
    store = FeedbackStore(database)
    other = replace(FEEDBACK, rating=1, marks=(), has_prior=False, reader="B", session="morning")
    assert [store.add(FEEDBACK), store.add(other)] == [1, 2]
    rows = FeedbackStore(database).rows()
    assert [row.feedback for row in rows] == [FEEDBACK, other]
    assert store.count() == 2


def test_a_revision_names_what_it_stands_in_the_place_of_and_both_stay(database, tmp_path):
    store = FeedbackStore(database)
    number = store.add(FEEDBACK)
    store.add(replace(FEEDBACK, rating=2, revises=number))
    first, second = exported(database, tmp_path / "out.csv")
    assert (first["revises"], second["revises"]) == ("", str(number)) and first["rating"] == "4"


def test_a_file_from_before_there_were_revisions_is_taken_up_with_all_that_it_holds(database):
    store = FeedbackStore(database)
    store.add(FEEDBACK)
    with sqlite3.connect(database) as connection:  # as the version before left it
        connection.executescript("ALTER TABLE submission DROP COLUMN revises; PRAGMA user_version = 1;")
    store = FeedbackStore(database)
    store.add(replace(FEEDBACK, revises=1))
    assert [row.feedback.revises for row in store.rows()] == [None, 1] and store.rows()[0].feedback == FEEDBACK


def test_feedback_survives_the_kill_of_the_process_that_took_it(database):
    program = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_feedback import FEEDBACK, FeedbackStore
print(FeedbackStore({str(database)!r}).add(FEEDBACK), flush=True)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, encoding="utf-8")
    assert process.stdout is not None
    assert process.stdout.readline() == "1\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [row.feedback for row in FeedbackStore(database).rows()] == [FEEDBACK]


@pytest.mark.parametrize(("free", "said"), [(0, "the disk of this server is full"), (1 << 40, "cannot be used")])
def test_without_room_for_the_files_beside_the_database_the_disk_is_told_as_full(database, monkeypatch, free, said):
    """On a disk that really is full SQLite cannot make its file of shared memory; here it leads nowhere."""
    store = FeedbackStore(database)
    Path(f"{database}-shm").symlink_to(database / "nowhere")
    monkeypatch.setattr("priorrg.feedback.store.disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(FeedbackError, match=said):
        store.add(FEEDBACK)


def test_readers_who_send_together_lose_nothing(database):
    def send(reader: str) -> None:
        store = FeedbackStore(database)  # each opens the file itself, the first makes it
        for _ in range(5):
            store.add(replace(FEEDBACK, reader=reader))

    threads = [threading.Thread(target=send, args=(f"reader {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = FeedbackStore(database).rows()
    assert [row.number for row in rows] == list(range(1, 31))
    assert sorted(row.feedback.reader for row in rows) == sorted(f"reader {n}" for n in range(6) for _ in range(5))


@pytest.mark.parametrize(
    "statement", ["UPDATE submission SET rating = 1", "DELETE FROM submission", "DELETE FROM mark"]
)
def test_what_is_kept_cannot_be_changed(database, statement):
    FeedbackStore(database).add(FEEDBACK)
    with sqlite3.connect(database) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)


@pytest.mark.parametrize("rating", [0, 6, -1])
def test_a_rating_outside_one_to_five_is_refused(database, rating):
    store = FeedbackStore(database)
    with pytest.raises(FeedbackError, match="from 1 to 5"):
        store.add(replace(FEEDBACK, rating=rating))
    assert store.count() == 0


def test_only_the_owner_may_read_the_file(database):
    FeedbackStore(database).add(FEEDBACK)
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("My notes, which are no database. " * 40, encoding="utf-8")
    with pytest.raises(FeedbackError, match=r"notes\.txt cannot be used .* PRIORRG_FEEDBACK"):
        FeedbackStore(notes)
    assert notes.read_text(encoding="utf-8").startswith("My notes")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(FeedbackError, match="cannot be used"):
        FeedbackStore(tmp_path / "file" / "feedback.sqlite3")


def test_the_export_has_one_row_a_submission_with_marks_and_disclaimer(database, tmp_path):
    store = FeedbackStore(database)
    store.add(FEEDBACK)
    store.add(replace(FEEDBACK, has_prior=False, marks=()))
    first, second = exported(database, tmp_path / "out.csv")
    assert first["rating"] == "4" and first["comment"] == FEEDBACK.comment
    assert first["corrected_report"] == FEEDBACK.corrected_report  # line break and all
    assert first["marked_wrong"] == "1. Moderate left effusion. (wrong severity)"
    assert (first["has_prior"], second["has_prior"], second["marked_wrong"]) == ("yes", "no", "")
    assert first["weights_kind"] == "simulated"
    assert first["note"] == second["note"] == DISCLAIMER


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\u200b="])
def test_nothing_in_the_export_runs_as_a_formula(database, tmp_path, start):
    FeedbackStore(database).add(replace(FEEDBACK, comment=start + "cmd|' /C calc'!A0"))
    (row,) = exported(database, tmp_path / "out.csv")
    assert row["comment"].startswith("'" + plain_text(start))


def test_the_command_exports_the_apps_own_database(tmp_path, monkeypatch, capsys):
    database = tmp_path / "reading room.sqlite3"
    FeedbackStore(database).add(FEEDBACK)
    monkeypatch.setenv("PRIORRG_FEEDBACK", str(database))
    assert main(["export-feedback", "--output", str(tmp_path / "out.csv")]) == 0
    assert "1" in capsys.readouterr().out
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8-sig").splitlines()) > 1


def test_a_missing_database_or_output_is_one_sentence_and_status_2(tmp_path, capsys):
    missing = tmp_path / "none.sqlite3"
    assert main(["export-feedback", "--database", str(missing), "--output", str(tmp_path / "out.csv")]) == 2
    assert "There is no feedback file" in capsys.readouterr().err
    assert not missing.exists() and not (tmp_path / "out.csv").exists()

    FeedbackStore(missing).add(FEEDBACK)
    output = tmp_path / "no folder" / "out.csv"
    assert main(["export-feedback", "--database", str(missing), "--output", str(output)]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path):
    file = tmp_path / "feedback.sqlite3"
    FeedbackStore(file).add(FEEDBACK)
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 7")
    with pytest.raises(FeedbackError, match="newer PriorRG"):
        FeedbackStore(file)
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (7,)


@pytest.mark.parametrize("content", ["another database", "no database"])
def test_export_touches_no_file_of_others(tmp_path, content):
    file = tmp_path / "mine.sqlite3"
    if content == "another database":
        with sqlite3.connect(file) as connection:
            connection.execute("CREATE TABLE mine (a)")
    else:
        file.write_text("Dear colleague", encoding="utf-8")
    before = file.read_bytes()
    with pytest.raises(FeedbackError, match="no feedback file"):
        export_csv(file, tmp_path / "out.csv")
    assert file.read_bytes() == before and not (tmp_path / "out.csv").exists()


def test_an_export_is_for_its_owner_alone(tmp_path):
    FeedbackStore(tmp_path / "feedback.sqlite3").add(FEEDBACK)
    export_csv(tmp_path / "feedback.sqlite3", tmp_path / "out.csv")
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == 0o600
