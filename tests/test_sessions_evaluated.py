"""What comes out of a session is what readers entered: tables, files, figures, and the copy on the hub."""

import base64
import csv
import io
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pyarrow.parquet as parquet
import pytest
from huggingface_hub import HfApi
from PIL import Image
from pypdf import PdfReader

from priorrg.errors import SessionError
from priorrg.sessions.evaluation import evaluate
from priorrg.sessions.export import export
from priorrg.sessions.hub import Sender, push
from priorrg.sessions.rehearse import HABITS, rehearse
from priorrg.sessions.report import write_report
from priorrg.sessions.session import Session
from priorrg.sessions.statistics import (
    Crossed,
    Ratings,
    contrasts,
    exact,
    gwet_ac1,
    holm,
    krippendorff_alpha,
    mean_over_cases,
    preferred,
    sensitivity,
    weighted_kappa,
)
from priorrg.sessions.tables import COLUMNS, facts_changed, tables, word_distance
from priorrg.texts.report import DISCLAIMER

HEAD = "instructions: Read.\nconsent: I take part.\ncases: cases.csv\n"
DETECT = "title: Planted\nkind: detect\n" + HEAD + "readers: 2\narms: [{name: planted, report: planted}]\nrepeats: 1\n"
COMPARE = (
    """\
title: Two
kind: compare
readers: 2
arms: [{name: human, report: reference}, {name: other, report: "other:them"}]
"""
    + HEAD
)
ASSIST = (
    """\
title: Help
kind: assist
readers: 2
arms: [{name: scratch, report: none}, {name: draft, report: planted}]
order: {design: crossover}
"""
    + HEAD
)
TURNED = {"category": "wrong_location", "place": 1, "says": "Small right effusion."}
LEFT_OUT = {"category": "missing_finding", "says": "Left pneumothorax.", "finding": "pneumothorax"}
MADE_UP = {"category": "false_finding", "place": 0, "finding": "pneumothorax"}
CASES = (
    ("a", "Clear lungs. Small left effusion. Normal heart.", [TURNED]),
    ("b", "Clear lungs. Normal heart.", [LEFT_OUT]),
    ("c", "Clear lungs. Large left effusion.", []),
    ("d", "Right pneumothorax. Clear lungs.", [MADE_UP]),
)


@pytest.fixture
def folder(tmp_path):
    Image.fromarray(np.full((8, 8), 90, dtype=np.uint8)).save(tmp_path / "film.png")
    with (tmp_path / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["case", "current", "reference", "report:them", "planted_report", "planted"])
        for name, report, planted in CASES:
            rows.writerow([name, "film.png", f"Reference {name}.", f"Other {name}.", report, json.dumps(planted)])
    return tmp_path


def session(folder, text) -> Session:
    file = folder / "study.yaml"
    file.write_text(text, encoding="utf-8")
    made = Session.at(file)
    made.store.record("protocol", {"text": made.protocol_text})
    made.store.record("session_opened")
    return made


def sends(session: Session, reader: str, case: str, *events: tuple[str, dict], is_repeat=False, arm="") -> None:
    """A reader's events about one case, from opening to submitting."""
    assignment = next(
        one
        for one in session.assignments(reader)
        if one.case == case and one.is_repeat == is_repeat and (not arm or one.arm == arm)
    )
    listed = [("opened", {}), *events, ("submitted", {})]
    client = f"{reader}{case}{is_repeat}{arm}"
    session.store.append([session.event(reader, None, "consented", f"{reader}c")])
    session.store.append(
        [session.event(reader, assignment, kind, f"{client}{n}", payload=p) for n, (kind, p) in enumerate(listed)]
    )


@pytest.fixture
def judged(folder):
    """Two readers of four planted reports. R1 finds two of three errors and names one; R2 finds one; two alarms."""
    study = session(folder, DETECT)
    wrong = {"verdict": "struck", "category": "wrong_location", "significance": "critical"}
    edited = {"place": 1, "verdict": "edited", "text": "Small right effusion.", "category": "wrong_severity"}
    sends(
        study,
        "R1",
        "a",
        ("sentence", edited | {"significance": "minor"}),
        ("time", {"phase": "look", "active_s": 10.0}),
    )
    sends(study, "R1", "b", ("missed", {"id": "m", "text": "There is a pneumothorax.", "significance": "significant"}))
    sends(study, "R1", "c", ("time", {"phase": "edit", "active_s": 20.0, "idle_s": 100.0}))
    sends(study, "R1", "d")
    sends(study, "R2", "a", ("sentence", wrong | {"place": 0}))
    sends(study, "R2", "b", ("missed", {"id": "m", "text": "A nodule."}))
    sends(study, "R2", "c", ("answer", {"question": "comment", "value": "=HYPERLINK(1)"}))
    sends(study, "R2", "d", ("sentence", {"place": 0, "verdict": "struck", "category": "false_finding"}))
    return study


def test_tables_hold_what_was_entered(judged):
    found = tables(judged)
    read = {(row["reader"], row["case"]): row for row in found["readings"] if not row["is_repeat"]}
    assert Counter(row["status"] for row in found["readings"]) == {"submitted": 8, "new": 2}, "repeats were not read"
    first = read["R1", "a"]
    assert first["final_text"] == "Clear lungs. Small right effusion. Normal heart."
    assert (first["errors"], first["significant_errors"], first["edit_distance"]) == (1, 0, 1)
    assert first["facts_changed"] == 2, "one effusion went, another came"
    assert read["R1", "b"]["final_text"].endswith("Normal heart. There is a pneumothorax.")
    assert (read["R1", "c"]["active_s"], read["R1", "c"]["away_s"], read["R1", "c"]["edit_s"]) == (20.0, 100.0, 20.0)
    marks = {(row["reader"], row["case"]): row for row in found["errors"]}
    assert marks["R1", "a"]["planted"] == "wrong_location" and marks["R1", "a"]["category"] == "wrong_severity"
    assert marks["R2", "a"]["planted"] == "" and marks["R2", "b"]["planted"] == "", "false alarms"
    finds = {(row["reader"], row["case"]): (row["is_found"], row["is_named"]) for row in found["planted"]}
    assert finds["R1", "a"] == (True, False) and finds["R1", "b"] == (True, True) and finds["R1", "d"] == (False, False)
    assert finds["R2", "a"] == finds["R2", "b"] == (False, False) and finds["R2", "d"] == (True, True)
    assert len(found["sentences"]) == 2 * (3 + 2 + 2 + 2)
    assert all(set(row) == set(COLUMNS[name]) for name, rows in found.items() for row in rows)


def test_the_report_computes_from_what_was_entered(judged, tmp_path):
    sections = {section.title: section for section in evaluate(judged.protocol, tables(judged))}
    detection = {row[0]: row[1:] for row in sections["Detection of planted errors"].rows}
    # R1: 2 of 3, exact interval of 2 of 3 is 9 to 99 %; R2: 1 of 3, two alarms in four reports.
    assert detection["R1"] == ("2 of 3", "67% (9% to 99%)", "1", "0.00")
    assert detection["R2"] == ("1 of 3", "33% (1% to 91%)", "1", "0.50")
    assert detection["all"][0] == "3 of 6" and detection["all"][1].startswith("50% (")
    errors = {row[1]: row[2:] for row in sections["Errors a report"].rows}
    assert errors["all"][0] == "8" and errors["all"][1].startswith("0.62 ("), "five errors in eight readings"
    assert errors["wrong_location"] == ("1", "0.125", "0.125") and errors["significance minor"][0] == "1"
    (time,) = sections["Time"].rows
    assert time[2].startswith("3.8 (") and time[1] == "8", "30 s over eight readings"
    # Of nine sentences the readers differ in three (a0, a1, d0); AC1 by hand: pe = 2 * (1/6) * (5/6).
    agreed = {row[0]: row[1:] for row in sections["Agreement between readers"].rows}
    by_chance = 2 * (3 / 18) * (15 / 18)
    assert agreed["sentence is wrong"][:2] == ("9", "67%")
    assert agreed["sentence is wrong"][3].startswith(f"{(6 / 9 - by_chance) / (1 - by_chance):.2f} (")
    assert "2 readers read 4 cases. With fewer than five readers" in sections["How far this carries"].words
    page, pdf = write_report(judged, tmp_path / "out")
    assert DISCLAIMER in page.read_text(encoding="utf-8") and "2 of 3" in page.read_text(encoding="utf-8")
    told = "".join(sheet.extract_text() for sheet in PdfReader(pdf).pages)
    assert "DETECTION OF PLANTED ERRORS" in told and told.count(DISCLAIMER[:40]) >= 2


def test_an_export_is_a_described_package_and_its_cells_run_nowhere(judged, tmp_path):
    counts = export(judged, tmp_path / "out")
    package = json.loads((tmp_path / "out" / "datapackage.json").read_text(encoding="utf-8"))
    resources = {one["name"]: one for one in package["resources"]}
    for name, count in counts.items():
        with (tmp_path / "out" / f"{name}.csv").open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        lines = (tmp_path / "out" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        table = parquet.read_table(tmp_path / "out" / f"{name}.parquet")
        assert len(rows) == len(lines) == table.num_rows == count
        columns = [field["name"] for field in resources[name]["schema"]["fields"]]
        assert columns == table.column_names and (not rows or columns == list(rows[0]))
        if name == "answers":
            assert rows[0]["value"] == "'=HYPERLINK(1)" and json.loads(lines[0])["value"] == "=HYPERLINK(1)"
    assert all((tmp_path / "out" / one["path"]).is_file() for one in package["resources"])
    assert (tmp_path / "out" / "protocol.yaml").read_text(encoding="utf-8") == DETECT
    judged.store.withdraw("R1")
    export(judged, tmp_path / "out")
    assert "R1" not in (tmp_path / "out" / "readings.csv").read_text(encoding="utf-8-sig")


def test_a_preference_is_of_an_arm_whatever_side_it_stood_on(folder):
    study = session(folder, COMPARE)
    for reader, says in (("R1", "human"), ("R2", "other")):
        for case, *_ in CASES:
            (one,) = [one for one in study.assignments(reader) if one.case == case]
            side = ("left", "right")[one.arms.index(says)]
            sends(
                study,
                reader,
                case,
                ("answer", {"question": "preference", "value": "equivalent" if case == "d" else side}),
            )
    found = tables(study)
    wins = Counter((row["reader"], row["arm"]) for row in found["readings"] if row["preferred"] == "yes")
    assert wins == {("R1", "human"): 3, ("R2", "other"): 3}
    sections = {section.title: section for section in evaluate(study.protocol, found)}
    (row,) = sections["Preference"].rows
    assert row[:6] == ("human against other", "3", "2", "3", "50% (12% to 88%)", "1")
    assert row[6].startswith("50%") and row[7] == "1", "each reader said the same throughout: six readings, two voices"
    assert "Errors a report" not in sections, "nobody was asked for errors"
    (agreed,) = [row for row in sections["Agreement between readers"].rows if row[0] == "preference"]
    assert agreed[1:3] == ("4", "25%"), "alike in d alone"


def test_of_two_reports_each_may_be_marked_besides_the_preference(folder):
    study = session(folder, COMPARE + "mark_sentences: true\n")
    for reader in ("R1", "R2"):
        for assignment in study.assignments(reader):
            side = assignment.arms.index("other")
            struck = {"report": side, "place": 0, "verdict": "struck", "category": "false_finding"}
            preference = ("answer", {"question": "preference", "value": ("left", "right")[1 - side]})
            sends(study, reader, assignment.case, ("sentence", struck | {"significance": "critical"}), preference)
    sections = {section.title: section for section in evaluate(study.protocol, tables(study))}
    whole = {row[0]: row[2:4] for row in sections["Errors a report"].rows if row[1] == "all"}
    assert whole["other"][1].startswith("1.00") and whole["human"][1].startswith("0.00")
    assert sections["Preference"].rows[0][1:4] == ("8", "0", "0")


def test_writing_is_measured_against_the_draft_and_arms_by_a_mixed_model(folder):
    study = session(folder, ASSIST)
    for reader, factor in (("R1", 1.0), ("R2", 2.0)):
        for number, (case, report, _) in enumerate(CASES):
            for arm, text, seconds in (("scratch", "Written here.", 60), ("draft", report + " More words.", 30)):
                active = ("time", {"phase": "edit", "active_s": seconds * factor * (1 + number / 10)})
                sends(study, reader, case, ("text", {"text": text}), active, arm=arm)
    found = tables(study)
    assert {row["edit_distance"] for row in found["readings"]} == {2}
    (section,) = [one for one in evaluate(study.protocol, found) if one.title == "Arms against each other"]
    (row,) = section.rows
    assert row[:2] == ("log_active_s", "draft - scratch") and row[2].endswith("(ratio 0.50)"), (
        "half the time, as entered"
    )


def test_a_rehearsal_finds_the_habits_that_were_planted(folder):
    study = session(folder, DETECT)
    told = rehearse(study, folder / "rehearsal")
    assert [one.what for one in told if not one.agrees] == []
    assert len(told) == 6 * len(HABITS) and study.store.events("careful") == [], "the session itself is not touched"
    assert (folder / "rehearsal" / "export" / "report.pdf").is_file()


# Statistics against numbers from elsewhere


def test_alpha_and_ac1_are_those_of_the_literature():
    """Twelve units and four raters from Krippendorff's and Gwet's textbooks: alpha 0.743, AC1 0.775."""
    table = ["111.", "2232", "3333", "3333", "2222", "1234", "4444", "1121", "2222", ".555", "..11", "..3."]
    given: Ratings = {
        (f"case{unit}",): {f"r{n}": int(value) - 1 for n, value in enumerate(said) if value != "."}
        for unit, said in enumerate(table)
    }
    assert krippendorff_alpha(given, "nominal").value == pytest.approx(0.743, abs=0.001)
    assert gwet_ac1(given, 5).value == pytest.approx(0.775, abs=0.001)


def test_intervals_and_kappa_are_those_of_the_textbook():
    assert exact(7, 10).low == pytest.approx(0.3475, abs=1e-4) and exact(7, 10).high == pytest.approx(0.9333, abs=1e-4)
    assert exact(0, 10).low == 0 and exact(0, 10).high == pytest.approx(0.3085, abs=1e-4)
    # Quadratic weights, by hand: observed disagreement 1/4, by chance (1 + 8 + 2 + 4 + 4 + 1) / 16 = 5/4.
    assert weighted_kappa([(0, 0), (1, 1), (2, 2), (1, 2)], 3) == pytest.approx(1 - 0.25 / 1.25)
    rows = [{"case": case, "x": x} for case, x in (("a", 0), ("a", 2), ("b", 4))]
    assert mean_over_cases(rows, "x").value == 2
    always = [{"case": f"c{n}", "reader": f"r{n % 3}", "is_found": True} for n in range(9)]
    assert (sensitivity(always).value, sensitivity(always).low) == (1.0, 1.0)


def test_a_mixed_model_gives_the_difference_that_was_put_in_and_holm_all_of_them_together():
    rng = np.random.default_rng(3)
    rows = [
        {"reader": r, "case": c, "arm": arm, "x": shift + 2 * r + 3 * (c % 4) + rng.normal(0, 0.5)}
        for r in range(4)
        for c in range(12)
        for arm, shift in (("a", 0.0), ("b", 1.0), ("c", 0.0))
    ]
    found = {one.arm: one for one in holm(contrasts(rows, "x", ["a", "b", "c"]))}
    for arm in "bc":
        put_in = np.mean([r["x"] for r in rows if r["arm"] == arm]) - np.mean([r["x"] for r in rows if r["arm"] == "a"])
        assert found[arm].difference.value == pytest.approx(put_in, abs=1e-6), "balanced: the difference of means"
        assert found[arm].difference.low < put_in < found[arm].difference.high
    assert found["b"].adjusted == pytest.approx(2 * found["b"].p) and found["b"].adjusted < 0.001
    assert found["c"].adjusted == found["c"].p > 0.05


def test_a_preference_of_few_readers_is_less_sure_than_one_of_many_readings():
    """The exact interval takes readings as independent; the model sees that each reader has a leaning of his own."""
    rng = np.random.default_rng(1)

    def readings(leaning):
        return [
            {"reader": r, "case": c, "is_first": int(rng.random() < 0.5 + (leaning if r % 2 else -leaning))}
            for r in range(6)
            for c in range(30)
        ]

    for leaning, wider in ((0.0, 1.0), (0.4, 2.0)):
        rows = readings(leaning)
        wins = sum(row["is_first"] for row in rows)
        modelled, p = preferred(rows)
        plain = exact(wins, len(rows))
        assert modelled.low < 0.5 < modelled.high and p > 0.05
        assert modelled.value == pytest.approx(plain.value, abs=0.05)
        assert modelled.high - modelled.low > wider * 0.9 * (plain.high - plain.low)
    one_sided = [row | {"is_first": int(rng.random() < 0.8)} for row in readings(0)]
    assert preferred(one_sided)[0].low > 0.6 and preferred(one_sided)[1] < 0.001
    assert np.isnan(preferred(rows[:3])[1]), "of one reader nothing is said of others"


def test_detection_where_all_read_all_has_the_variances_of_obuchowski_and_rockette():
    def planted(found, arm="a"):
        """found: (readers, cases) of 0 and 1."""
        return [
            {"arm": arm, "reader": r, "case": c, "is_found": bool(is_found)}
            for r, row in enumerate(found)
            for c, is_found in enumerate(row)
        ]

    # Readers who agree in every case: all that is unknown is the cases, so the variance of a share of ten cases.
    alike = Crossed(planted([[1, 1, 1, 0, 1, 0, 1, 1, 0, 1]] * 3)).share("a")
    assert alike.value == pytest.approx(0.7)
    assert alike.high - alike.value == pytest.approx(1.95996 * (0.7 * 0.3 / 9) ** 0.5, rel=1e-4)
    # Readers who find all or nothing: all that is unknown is the readers, so Student's interval of three.
    apart = Crossed(planted([[1] * 10, [0] * 10, [1] * 10])).share("a")
    assert apart.high - apart.value == pytest.approx(4.30265 * (1 / 3 / 3) ** 0.5, rel=1e-4)
    # The same in both arms: the cases that all miss together cancel out of the difference.
    both = planted([[1, 0, 1, 1], [1, 0, 1, 0]]) + planted([[1, 0, 1, 1], [1, 0, 1, 0]], "b")
    same = Crossed(both).difference("b", "a")
    assert same.value == 0 and np.isnan(same.low), "nothing is known of how they might differ"
    assert not Crossed(both[:-1]).is_there, "one reading is missing"


def test_distances_count_words_and_facts():
    assert word_distance("Small left effusion.", "Small right effusion.") == 1
    assert word_distance("", "Three new words") == 3 and word_distance("same", "same") == 0
    assert (
        facts_changed("No effusion.", "Small left effusion.") == 2
        and facts_changed("No effusion.", "No effusion.") == 0
    )


# The hub, as far as HTTP goes


class Hub(ThreadingHTTPServer):
    """A stand-in: one data set, public or private, and every commit that was made to it."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answers)
        self.is_private, self.is_down = True, False
        self.made: list[dict] = []
        self.files: dict[str, str] = {}
        self.squashed = 0

    @property
    def api(self) -> HfApi:
        return HfApi(endpoint=f"http://127.0.0.1:{self.server_port}", token="hf_of_the_test")


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def answer(self, status: int, said: dict) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer(
            200, {"id": "me/answers", "sha": "0" * 40, "private": self.server.is_private, "siblings": [], "tags": []}
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        assert self.headers["Authorization"] == "Bearer hf_of_the_test"
        if self.server.is_down:
            return self.answer(500, {"error": "down"})
        if self.path.endswith("/repos/create"):
            self.server.made.append(json.loads(body))
            return self.answer(
                200, {"url": "https://huggingface.co/datasets/me/answers", "id": "1", "name": "me/answers"}
            )
        if "/preupload/" in self.path:
            files = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                for one in json.loads(body)["files"]
            ]
            return self.answer(200, {"files": files})
        if "/super-squash/" in self.path:
            self.server.squashed += 1
            return self.answer(200, {})
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                self.server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"]).decode()
        self.answer(
            200,
            {
                "commitUrl": "https://huggingface.co/datasets/me/answers/commit/1",
                "commitOid": "1" * 40,
                "hookOutput": "",
            },
        )

    def log_message(self, *_) -> None:
        """Nothing: the test's output stays readable."""


@pytest.fixture
def hub():
    server = Hub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_answers_go_to_a_private_data_set_alone(judged, hub):
    hub.is_private = False
    with pytest.raises(SessionError, match="is public: nothing was sent"):
        push(judged, "me/answers", hub.api)
    assert hub.files == {} and hub.made[0]["visibility"] == "private"
    hub.is_private = True
    judged.store.make_link("R1")
    count = push(judged, "me/answers", hub.api)
    ((name, text),) = hub.files.items()
    events = [json.loads(line) for line in io.StringIO(text)]
    assert name.startswith("study/events-") and len(events) == count
    assert {event["client_id"] for event in events if event["reader"] == "R1"} == {
        kept.event.client_id for kept in judged.store.events("R1")
    }
    assert "link_made" not in text and hub.squashed == 0
    judged.store.withdraw("R1")
    push(judged, "me/answers", hub.api)
    (text,) = hub.files.values()
    assert hub.squashed == 1 and '"reader": "R1", "assignment"' not in text, "gone, and gone from the history"


def test_what_could_not_be_sent_stays_due_and_goes_later(judged, hub, monkeypatch, caplog):
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
    sender = Sender(judged.file.parent, "", "me/answers", hub.api)
    hub.is_down = True
    assert not sender.send_once() and "could not be sent to me/answers" in caplog.text
    hub.is_down = False
    assert sender.send_once() and len(hub.files) == 1
    hub.files.clear()
    assert sender.send_once() and hub.files == {}, "nothing new was kept"
