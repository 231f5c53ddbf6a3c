"""`priorrg session ...` as an organiser types it, from a protocol to its report, on simulated cases."""

import csv

import pytest

from priorrg.__main__ import main
from priorrg.errors import SessionError
from priorrg.sessions.cases import read_cases
from priorrg.sessions.rehearse import HABITS, performance
from priorrg.sessions.session import Session
from tests.test_sessions_evaluated import DETECT, folder, session  # noqa: F401


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    """A folder with one session, as one command makes it."""
    made = tmp_path_factory.mktemp("made") / "sessions"
    assert main(["session", "new", "demo", "--folder", str(made), "--kind", "detect", "--count", "4"]) == 0
    return made


def run(sessions, *arguments: str) -> int:
    return main(["session", *arguments, "--folder", str(sessions)])


def test_simulated_cases_carry_errors_that_are_none_in_the_reference(sessions):
    cases = read_cases(sessions / "demo-cases")
    assert [len(case.planted) for case in cases] == [0, 1, 1, 2]
    for case in cases:
        assert (case.planted_report == case.reference) == (not case.planted)
        for error in case.planted:
            assert not error.says or error.says in case.reference
            assert error.says not in case.planted_report or not error.says
    assert cases[3].prior is None and cases[0].prior is not None


def test_a_session_goes_from_links_to_its_report_by_commands(sessions, tmp_path, capsys):
    names = tmp_path / "names.txt"
    names.write_text("Ada Example\nBen Example\n", encoding="utf-8")
    assert run(sessions, "readers", "demo", "--names", str(names), "--address", "https://reading.example.org/") == 0
    with (sessions / "demo" / "links.csv").open(newline="", encoding="utf-8") as file:
        links = {row["reader"]: row for row in csv.DictReader(file)}
    assert links["R1"]["name"] == "Ada Example" and (sessions / "demo" / "links.csv").stat().st_mode & 0o077 == 0
    assert links["R1"]["link"].startswith("https://reading.example.org/session/demo#key=")
    study = Session.at(sessions / "demo.yaml")
    token = links["R1"]["link"].partition("#key=")[2]
    assert study.store.reader_by_token(token) == "R1"
    assert "Ada" not in str([kept.event for kept in study.store.events()])
    assert run(sessions, "readers", "demo", "--renew", "R1") == 0 and study.store.reader_by_token(token) is None

    assert run(sessions, "open", "demo") == 0
    study.store.append(list(performance(study, "R1", HABITS["careful"])))
    capsys.readouterr()
    assert run(sessions, "status", "demo") == 0
    said = capsys.readouterr().out
    assert "demo: Finding planted errors (detect), open" in said and "5 of 5" in said and "45" in said

    assert run(sessions, "close", "demo") == 0
    for command in ("export", "report"):
        assert run(sessions, command, "demo", "--output", str(tmp_path / "out")) == 0
    assert (tmp_path / "out" / "report.html").is_file() and (tmp_path / "out" / "errors.parquet").is_file()
    assert run(sessions, "withdraw", "demo", "R1", "--yes") == 0
    assert study.store.events("R1") == [] and "Ada" not in (sessions / "demo" / "links.csv").read_text(encoding="utf-8")


def test_a_protocol_that_is_changed_after_the_opening_changes_nothing(folder):  # noqa: F811
    study = session(folder, DETECT)
    study.file.write_text(DETECT.replace("title: Planted", "title: Changed"), encoding="utf-8")
    assert Session.at(study.file).protocol.title == "Planted"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["open", "nothing"], "nothing.yaml cannot be read: No such file or directory. Make one with"),
        (["new", "demo"], "demo.yaml is there already."),
        (["new", "no/name!"], "is no name for a session"),
        (["readers", "demo", "--revoke", "R9"], "R9 is no reader of demo; they are R1, R2, R3, R4."),
        (["export", "demo", "--output", "/proc/no"], "/proc/no cannot be written"),
    ],
)
def test_what_an_organiser_can_mend_is_one_sentence_and_status_2(sessions, capsys, arguments, said):
    assert run(sessions, *arguments) == 2
    printed = capsys.readouterr().err
    assert said in printed and "Traceback" not in printed


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("case,current\n", "holds no case"),
        ("case,image\na,film.png\n", "line 1: the column image is not known"),
        ("case,current\na,film.png\na,film.png\n", "the case a stands there twice"),
        ("case,current\na,gone.png\n", "1 images are not there, the first is"),
        ('case,current,planted\na,film.png,"[{""category"": ""typo""}]"\n', "line 2: a planted error is a typo; known"),
        ("case,current,planted_report,planted\na,film.png,Clear.,[3]\n", "line 2: planted is no list of errors"),
    ],
)
def test_cases_that_cannot_be_read_are_told_with_their_line(folder, table, said):  # noqa: F811
    (folder / "cases.csv").write_text(table, encoding="utf-8")
    with pytest.raises(SessionError) as told:
        read_cases(folder / "cases.csv")
    assert said in str(told.value)
