"""The benchmark: paired differences, ablations, text scores, retrieval, and what commands and card make of them."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from nltk.translate.bleu_score import corpus_bleu
from PIL import Image

from priorrg.errors import DataError
from priorrg.imaging.open import read_trusted
from priorrg.reporting.reporter import Reporter
from priorrg.study import ClinicalContext, Study
from train.__main__ import main
from train.batches import examples_of
from train.data import read_annotation
from train.measure.card import BEGIN, END, section
from train.measure.evaluate import ABLATIONS, RUNS, ablated, hard_cases
from train.measure.metrics import COMPARED, F1_FIGURES, RATES, differences, measure, score, text_metrics
from train.measure.retrieval import AT, DIRECTIONS, READINGS, chance, recalls
from train.measure.text_metrics import TEXT_FIGURES, meteor, tokens
from train.scoring import score as scoring
from train.simulate.context import AskedContext
from train.simulate.dataset import write_annotation
from train.simulate.truth import HARD

EFFUSION, HEART = "Small left pleural effusion, new.", "The heart is mildly enlarged, stable."
REPORT = f"{EFFUSION} {HEART} No pneumothorax."
OTHERS = ("Moderate right pleural effusion, larger.", "Large right pneumothorax.", "Mild pulmonary edema, improved.")


def measured(references, hypotheses, subjects=None):
    count = len(references)
    return measure(
        references,
        hypotheses,
        [AskedContext("Rule out effusion.", asked=("effusion",))] * count,
        [number % 2 == 0 for number in range(count)],
        subjects or [str(number) for number in range(count)],
    )


# Intervals and paired differences


def test_the_paired_interval_of_identical_readings_is_exactly_zero():
    references, written = [REPORT, *OTHERS] * 5, [HEART, EFFUSION, *OTHERS[1:]] * 5
    found = differences(measured(references, written), {"coarse": measured(references, written)})
    assert found["coarse"].keys() == set(COMPARED)
    for name, row in found["coarse"].items():
        assert row == {"difference": 0, "interval": (0, 0)}, name


def test_pairing_shows_a_gain_that_two_intervals_hide():
    """Half of the patients are hard for both readings; the better one names one finding more in some of the others."""
    references = [REPORT] * 60
    better = [REPORT, ""] * 30
    worse = [HEART if number % 6 == 0 else text for number, text in enumerate(better)]
    first, second = measured(references, better), measured(references, worse)
    above, below = first.interval("finding_micro_f1"), second.interval("finding_micro_f1")
    assert above and below and above[0] < below[1], "apart they overlap"
    difference = differences(first, {"worse": second})["worse"]["finding_micro_f1"]
    assert difference["interval"][0] > 0
    assert differences(second, {"better": first})["better"]["finding_micro_f1"]["interval"][1] < 0


def test_readings_of_other_patients_cannot_be_paired():
    with pytest.raises(ValueError, match="same patients"):
        differences(measured([REPORT] * 2, [REPORT] * 2), {"other": measured([REPORT] * 2, [REPORT] * 2, ["a", "b"])})


def test_patients_are_drawn_not_studies():
    """Ten studies of one patient are right or wrong together, so they tell as little as one."""
    references, written = [REPORT] * 80, ([REPORT] * 10 + ["No edema."] * 10) * 4
    alone = measured(references, written).interval("finding_micro_f1")
    together = measured(references, written, [str(n // 10) for n in range(80)]).interval("finding_micro_f1")
    assert alone and together
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])


def test_every_figure_has_an_interval_that_holds_it():
    references = [REPORT, *OTHERS] * 20
    written = [REPORT, OTHERS[0], EFFUSION, "Mild pulmonary edema, stable."] * 19 + [""] * 4
    figures = score(references, written, [ClinicalContext()] * 80, [True] * 80, [str(n) for n in range(80)])
    for name in F1_FIGURES:
        low, high = figures["interval"][name]
        assert low < figures[name] < high, name
    for name in ("bleu_1", "bleu_4", "rouge_l", "cider"):
        low, high = figures["interval"][name]
        assert low < figures["text"][name] < high, name
    effusion = figures["by_finding"]["effusion"]
    for name in ("precision", "recall", "f1"):
        low, high = effusion["interval"][name]
        assert low < effusion[name] < high, name


# What a change is counted over


def test_a_missed_finding_is_a_missed_change_but_not_a_wrong_comparison():
    figures = score([REPORT] * 2, [REPORT, EFFUSION], [ClinicalContext()] * 2, [True] * 2, ["a", "b"])
    assert figures["change_macro_f1"] < 1
    assert figures["change_of_found_macro_f1"] == 1


@pytest.mark.parametrize("guess", ["Small left pleural effusion, stable.", "Small left pleural effusion."])
def test_a_wrong_or_missing_comparison_of_a_found_finding_counts(guess):
    figures = score([EFFUSION], [guess], [ClinicalContext()], [True], ["a"])
    assert figures["finding_micro_f1"] == 1
    assert figures["change_of_found_macro_f1"] == 0


def test_a_finding_that_both_call_resolved_is_found():
    text = "The left pleural effusion has resolved."
    assert score([text], [text], [ClinicalContext()], [True], ["a"])["change_of_found_macro_f1"] == 1


# Text scores


def test_bleu_is_nltks_corpus_bleu():
    references = [REPORT, *OTHERS, "Clear lungs."]
    written = [f"{HEART} {EFFUSION}", REPORT, OTHERS[1], "", "Lungs."]
    found = text_metrics(references, written)
    for order in range(1, 5):
        wanted = [[tokens(text)] for text in references]
        theirs = corpus_bleu(wanted, [tokens(text) for text in written], weights=(1 / order,) * order)
        assert found[f"bleu_{order}"] == pytest.approx(theirs)


def test_cider_falls_when_words_are_shuffled():
    references = [REPORT, *OTHERS]
    shuffled = [" ".join(reversed(text.split())) for text in references]
    same, mixed = text_metrics(references, references)["cider"], text_metrics(references, shuffled)["cider"]
    assert same and mixed is not None
    assert same == pytest.approx(10) and mixed < same / 2


def test_texts_without_words_score_nothing():
    found = text_metrics(["", ""], ["", "Lungs."])
    assert found["bleu_1"] == found["cider"] == 0


def test_without_java_there_is_no_meteor(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with meteor() as program:
        assert program is None


def test_a_java_that_does_not_run_is_said_at_once(monkeypatch, tmp_path):
    broken = tmp_path / "java"
    broken.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(DataError, match="METEOR program gave no answer"), meteor():
        pass


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="METEOR is a Java program")
def test_meteor_falls_with_the_text_and_ends_its_program():
    references, near = [REPORT, *OTHERS], [EFFUSION, *OTHERS]
    with meteor() as program:
        assert program
        same, less, empty = (
            measure(references, written, [ClinicalContext()] * 4, [True] * 4, list("abcd"), [program])
            for written in (references, near, ["", "|||\n", "", ""])
        )
    first, second = same.value["meteor"], less.value["meteor"]
    assert first and second and first > second > 0.3 and empty.value["meteor"] == 0
    low, high = less.interval("meteor") or (1, 0)
    assert low < second < high
    assert not [child for child in psutil.Process().children() if "java" in child.name()]


# Ablations, on a data set of four patients, two of whom have a prior


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Five studies as a user of MIMIC-CXR has them: patients 0 and 1 with a prior, 2 and 3 without."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    records = []
    for number, (patient, prior) in enumerate([("0", True), ("0", False), ("1", True), ("2", False), ("3", False)]):
        names = [f"{number}_{time}.png" for time in ("now", "before")]
        for name in names:
            Image.fromarray(rng.integers(0, 255, (160, 160), dtype=np.uint8)).save(folder / name)
        scans = [{"image_path": [n], "view_position": [v]} for n, v in zip(names, ("PA", f"AP{patient}"), strict=True)]
        records.append(
            {
                "subject_id": patient,
                "study_id": str(number),
                "anchor_scan": scans[0],
                "prior_study": {"latest_study": scans[1]} if prior else None,
                "indication_pure": f"Rule out effusion, case {number}.",
                "history_pure": "",
                "findings": [REPORT, *OTHERS, REPORT][number],
                "findings_factual_serialization": ["a fact"],
            }
        )
    (folder / "annotation.json").write_text(json.dumps({"test": records}), encoding="utf-8")
    (folder / "view_positions.json").write_text(json.dumps({"unk": 0, "PA": 1}), encoding="utf-8")
    return folder


def examples(data: Path):
    return examples_of(read_annotation(data / "annotation.json")["test"])


def test_another_patients_prior_is_never_ones_own(data):
    own = examples(data)
    priors = {e.prior: e.record.subject_id for e in own if e.prior}
    for seed in range(20):
        for before, after in zip(own, ablated(own, "another patient's prior", seed), strict=True):
            assert (after.prior is None) == (before.prior is None), "who has no prior gets none"
            if after.prior:
                assert priors[after.prior] != before.record.subject_id
                assert after.prior_view == f"AP{priors[after.prior]}", "a prior comes with its view position"
            assert (after.current, after.context, after.findings) == (before.current, before.context, before.findings)


def test_another_context_is_another_patients(data):
    own = examples(data)
    patient_of = {e.context: e.record.subject_id for e in own}
    circles = set()
    for seed in range(20):
        given = ablated(own, "another context", seed)
        assert all(patient_of[e.context] != e.record.subject_id for e in given)
        assert given == ablated(own, "another context", seed)
        circles.add(tuple(e.context for e in given))
    assert len(circles) > 1, "the seed decides who gives to whom"


def test_withholding_leaves_the_reference(data):
    for what, has_prior, has_context in (("without prior", 0, 5), ("without context", 2, 0), ("without both", 0, 0)):
        given = ablated(examples(data), what)
        assert sum(e.prior is not None for e in given) == has_prior
        assert sum(e.context != ClinicalContext() for e in given) == has_context
        assert [e.findings for e in given] == [e.findings for e in examples(data)]


def test_one_patient_alone_has_nobody_to_exchange_with(data):
    with pytest.raises(DataError, match="Only patient 0"):
        ablated(examples(data)[:2], "another patient's prior")
    with pytest.raises(DataError, match="no ablation called 'image'"):
        ablated(examples(data), "image")


# Retrieval


def embeddings(texts):
    """Unit vectors, one a distinct text."""
    names = sorted(set(texts))
    return torch.eye(len(names))[[names.index(text) for text in texts]]


def test_a_perfect_model_finds_every_report_first_and_chance_is_stated():
    texts = [str(number) for number in range(40)]
    found = recalls(embeddings(texts), 3 * embeddings(texts), texts, texts)
    for way in DIRECTIONS:
        for k in AT:
            assert found.value[f"{way} {k}"] == 1.0
            assert found.interval(f"{way} {k}") == (1, 1)
    assert [chance(texts, k) for k in AT] == pytest.approx([k / 40 for k in AT])


def test_a_report_of_the_same_words_is_a_hit():
    texts = ["clear", "clear", "effusion", "edema"]
    swapped = embeddings(texts)[[1, 0, 3, 2]]
    found = recalls(swapped, embeddings(texts), texts, list("abcd"))
    assert found.value["image_to_report 1"] == 0.5
    assert chance(texts, 1) == pytest.approx((2 * 2 / 4 + 2 * 1 / 4) / 4)
    assert chance(texts, 10) == 1


def test_the_right_report_in_third_place_is_found_at_five():
    texts, reports = [str(number) for number in range(8)], torch.eye(8)
    seen = torch.eye(8) + 2 * torch.eye(8).roll(1, dims=1) + 3 * torch.eye(8).roll(2, dims=1)
    found = recalls(seen, reports, texts, texts).value
    assert (found["image_to_report 1"], found["image_to_report 5"]) == (0, 1)


def test_equal_embeddings_are_no_success():
    texts = [str(number) for number in range(40)]
    found = recalls(torch.ones(40, 4), torch.ones(40, 4), texts, texts)
    assert set(found.value.values()) == {0}


# The commands, through a small model of random weights, and the card


def overrides(data: Path) -> list[str]:
    values = {"annotation": data / "annotation.json", "image_root": data, "cache": "''"}
    return [part for name, value in values.items() for part in ("--override", f"data.{name}={value}")]


@pytest.fixture(scope="module")
def evaluations(data, small_weights, tmp_path_factory):
    """Folder of evaluation.json, with the ablations, and retrieval.json; METEOR is left out for the time it takes."""
    folder = tmp_path_factory.mktemp("runs")
    common = [*overrides(data), "--weights", str(small_weights)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder))
        assert main(["evaluate", "--ablate", *common, "--output", str(folder / "evaluation.json")]) == 0
    assert main(["retrieve", *common, "--output", str(folder / "retrieval.json")]) == 0
    return folder


def test_the_json_holds_every_figure_of_every_reading(evaluations):
    figures = json.loads((evaluations / "evaluation.json").read_text(encoding="utf-8"))
    assert figures["hard"] == {}, "these studies carry no truth"
    assert (figures["studies"], figures["patients"], figures["studies_skipped"]) == (5, 4, 0)
    for run in RUNS:
        assert {*F1_FIGURES, *RATES, "interval", "by_finding", "by_change", "text"} <= figures[run].keys()
        assert figures[run]["text"].keys() == set(TEXT_FIGURES)
        assert figures[run]["text"]["meteor"] is None and figures[run]["text"]["cider"] is not None
        # The rules that read facts know the simulator's words only; these studies carry no truth.
        assert figures[run]["by_finding"] == figures[run]["by_change"] == {}
        assert {figures[run][name] for name in (*F1_FIGURES, *RATES)} == {None}
    assert figures["differences"].keys() == set(RUNS) - {"refined"}
    for row in figures["differences"].values():
        assert row.keys() == set(TEXT_FIGURES)


def test_hard_cases_are_scored_apart_from_the_usual_ones(tmp_path):
    write_annotation(tmp_path, {"test": 200}, seed=0)
    examples = examples_of(read_annotation(tmp_path / "annotation.json")["test"])
    texts = ["" if e.truth and e.truth.hard == "threshold" else e.findings for e in examples]
    found = hard_cases(examples, texts)
    assert found.keys() == {"usual", *HARD} and sum(kind["studies"] for kind in found.values()) == 400
    for kind, figures in found.items():
        assert figures["finding_micro_f1"] == (0 if kind == "threshold" else 1)


def test_the_retrieval_json_holds_both_directions_with_and_without_context(evaluations):
    figures = json.loads((evaluations / "retrieval.json").read_text(encoding="utf-8"))
    assert (figures["studies"], figures["distinct_reports"]) == (5, 4)
    for run in READINGS:
        for way in DIRECTIONS:
            row = figures[run][way]
            for k in AT:
                low, high = row["interval"][f"recall_at_{k}"]
                assert 0 <= low <= row[f"recall_at_{k}"] <= high <= 1
            assert row["recall_at_5"] == 1, "among five studies"
    assert figures["difference"]["image_to_report"]["recall_at_10"] == {"difference": 0, "interval": [0, 0]}


def test_evaluation_without_ablation_reads_twice_and_counts_the_skipped(
    data, small_weights, tmp_path, capsys, monkeypatch
):
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    (copy / "3_now.png").write_bytes(b"no image")
    monkeypatch.setenv("PATH", str(tmp_path))
    output = tmp_path / "evaluation.json"
    command = ["evaluate", *overrides(copy), "--weights", str(small_weights), "--output", str(output)]
    assert main([*command, "--samples", "1"]) == 0
    printed = capsys.readouterr().out
    figures = json.loads(output.read_text(encoding="utf-8"))
    assert figures["studies_skipped"] == 1 and "3_now.png" in printed
    assert "coarse" in figures and not set(ABLATIONS) & figures.keys()
    for name in ("finding_micro_f1", "change_of_found_macro_f1", "cider", "refined minus", "reference:"):
        assert name in printed
    assert "coarse" in section(figures, {})


def test_what_is_scored_as_the_draft_is_the_draft_of_the_app(data, small_weights, tmp_path, capsys, monkeypatch):
    """From the coarse memory, greedily; and the report from the whole one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    output = ["--output", str(tmp_path / "evaluation.json")]
    assert main(["evaluate", *overrides(data), "--weights", str(small_weights), *output, "--samples", "5"]) == 0
    printed = capsys.readouterr().out
    drafts, reports = (
        [line.split(":", 1)[1].strip() for line in printed.splitlines() if line.startswith(f"  {name}:")]
        for name in ("coarse", "refined")
    )
    reporter = Reporter.load(small_weights)
    readings = []
    for example in examples(data):
        assert example.current
        current = replace(read_trusted(data / example.current), view_position=example.view)
        prior = example.prior and replace(read_trusted(data / example.prior), view_position=example.prior_view)
        readings.append(reporter.report(Study(current, prior or None, example.context)))
    assert drafts == [" ".join(one.draft.split()) for one in readings] != reports
    assert reports == [" ".join(one.report.split()) for one in readings]


def test_what_the_commands_miss_is_one_sentence(data, tmp_path, capsys):
    assert main(["retrieve", "--weights", str(tmp_path), *overrides(data)]) == 2
    printed = capsys.readouterr().err
    assert "holds no trained model" in printed and "Traceback" not in printed


def test_every_text_that_was_scored_stands_beside_the_figures(evaluations, data):
    lines = [json.loads(line) for line in (evaluations / "evaluation.jsonl").read_text(encoding="utf-8").splitlines()]
    by_run = {run: [line for line in lines if line["ablation"] == run] for run in ("", *ABLATIONS)}
    assert len(lines) == 5 * len(by_run)
    for run, found in by_run.items():
        assert [line["study"] for line in found] == ["0", "1", "2", "3", "4"]
        assert [line["reference"] for line in found] == [REPORT, *OTHERS, REPORT]
        assert all(isinstance(line["refined"], str) and (line["coarse"] is None) == bool(run) for line in found)
    assert [line["has_prior"] for line in by_run[""]] == [True, False, True, False, False]
    assert not any(line["has_prior"] for line in by_run["without prior"])
    assert by_run[""][2]["indication"] == "Rule out effusion, case 2."
    assert not any(line["indication"] for line in by_run["without context"])


RADEVAL = """
class RadEval:
    def __init__(self, metrics, show_progress):
        (self.name,) = metrics
        if self.name == "green":
            raise OSError("no such weights")

    def __call__(self, refs, hyps):
        return {self.name + "_f1": sum(r == h for r, h in zip(refs, hyps)) / len(refs)}

    def crimson_scorer(self, refs, hyps, patient_contexts):
        return [sum(bool(c["indication"]) for c in patient_contexts) / len(refs)]
"""


def test_other_metrics_read_those_texts_in_an_environment_of_their_own(evaluations, tmp_path):
    """Through the script as it is run, with a package that has RadEval's calls and no weights."""
    (tmp_path / "radeval.py").write_text(RADEVAL, encoding="utf-8")
    (tmp_path / "radeval-2.2.1.dist-info").mkdir()
    (tmp_path / "radeval-2.2.1.dist-info" / "METADATA").write_text("Name: radeval\nVersion: 2.2.1\n", encoding="utf-8")
    output = tmp_path / "scores.json"
    command = [
        sys.executable,
        str(Path(scoring.__file__)),
        str(evaluations / "evaluation.jsonl"),
        "--output",
        str(output),
    ]
    ran = subprocess.run(
        [*command, "--metrics", "radgraph", "green", "crimson"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert ran.returncode == 1 and "green was not computed: OSError: no such weights" in ran.stderr
    found = json.loads(output.read_text(encoding="utf-8"))
    assert found["package"] == "RadEval 2.2.1" and found["studies"] == 5
    assert found["readings"].keys() == {*RUNS}
    assert found["readings"]["refined"].keys() == {"radgraph_f1", "crimson"}
    assert found["readings"]["refined"]["crimson"] == 1 and found["readings"]["without context"]["crimson"] == 0
    figures = json.loads((evaluations / "evaluation.json").read_text(encoding="utf-8"))
    assert "| radgraph_f1 |" in section(figures | {"scores": found}, {})


def test_scores_of_what_holds_no_reports_are_one_sentence(tmp_path, capsys):
    (tmp_path / "other.jsonl").write_text("{}\n", encoding="utf-8")
    for name in ("other.jsonl", "nowhere.jsonl"):
        assert scoring.main([str(tmp_path / name)]) == 2
        assert "holds no reports" in capsys.readouterr().err


def test_scores_without_radeval_are_one_sentence(tmp_path, capsys, monkeypatch):
    (tmp_path / "none.jsonl").write_text("", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])  # whatever is installed here
    assert scoring.main([str(tmp_path / "none.jsonl"), "--output", str(tmp_path / "scores.json")]) == 2
    assert "RadEval is not installed: pip install" in capsys.readouterr().err
    assert not (tmp_path / "scores.json").exists()


def test_the_card_shows_differences_second_set_and_retrieval(evaluations, tmp_path, capsys):
    (tmp_path / "README.md").write_text(f"# A model\n{BEGIN}\n{END}\nWeak points.\n", encoding="utf-8")
    (tmp_path / "localisation.json").write_text("{}", encoding="utf-8")
    command = ["card", "--weights", str(tmp_path), "--localisation", str(tmp_path / "localisation.json")]
    command += ["--evaluation", str(evaluations / "evaluation.json")]
    assert main([*command, "--shifted", str(tmp_path / "nowhere.json")]) == 2
    assert "nowhere.json (--shifted)" in capsys.readouterr().err

    assert main(command) == 0
    plain = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| refined minus |" in plain and "another patient's prior" in plain
    assert "second held-out set" not in plain and "stage 1" not in plain

    command += ["--shifted", str(evaluations / "evaluation.json")]
    compared = {"value": 0.75, "by_seed": [0.7, 0.8], "difference": 0.25, "interval": [0.1, 0.4], "verdict": "shown"}
    nothing = {"value": None, "by_seed": [None, None], "difference": None, "interval": None, "verdict": "not shown"}
    arms = {
        "no stage 1": {"answered": {"value": 0.5, "by_seed": [0.5]}, "tips": {"value": None, "by_seed": [None, None]}},
        "both": {"answered": compared, "tips": nothing},
    }
    worth = json.dumps({"studies": 5, "seeds": 2, "steps": 6, "arms": arms})
    (tmp_path / "worth.json").write_text(worth, encoding="utf-8")
    command += ["--worth", str(tmp_path / "worth.json")]
    assert main([*command, "--retrieval", str(evaluations / "retrieval.json")]) == 0
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| both | 0.750 (0.700, 0.800); **+0.250 (+0.100 to +0.400)**, shown | none (none, none); none, " in card
    assert "| no stage 1 | 0.500 (0.500) | none (none, none) |" in card
    for part in ("second held-out set", "image to report, context alone", "Weak points."):
        assert part in card
    kept = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert section(kept, kept["localisation"]) in card, "the card can be made again from evaluation.json"
