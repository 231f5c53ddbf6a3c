"""What a sentence hangs on: the prior, the context, the current film."""

import json
import math

import pytest
import torch

from priorrg.explain.knowledge import Knowledge, knowledge_of
from priorrg.report.sentences import Sentence
from priorrg.reporting.confidence import sentence_places
from priorrg.reporting.events import ReportDone
from priorrg.reporting.reporter import Reporter
from priorrg.study import ClinicalContext, Study
from tests.training import configuration
from train.__main__ import main
from train.measure.knowledge import CHANGE, CLAIMS, DENIAL, NOT_PRIOR, judged


@pytest.fixture(scope="module")
def reporter(small_weights):
    return Reporter.load(small_weights)


def read(reporter: Reporter, study: Study) -> ReportDone:
    return next(event for event in reporter.stream(study) if isinstance(event, ReportDone))


def test_what_is_lost_is_the_difference_to_the_reading_that_withholds_it(reporter, study):
    """The prior's, by reading the same words without it; what is not there cannot be withheld."""
    done = read(reporter, study)
    found = knowledge_of(reporter, study, done.tokens, done.sentences)
    assert [one.sentence for one in found] == list(done.sentences)
    assert all(set(one.lost) == {"prior", "context", "current"} for one in found)

    owned = sentence_places(reporter.processor, done.tokens, done.sentences)

    def likely(of: Study) -> list[float]:
        ids = torch.tensor([[reporter.config.decoder_start_token_id, *done.tokens[:-1]]])
        with torch.no_grad():
            logits = reporter.model(memory=reporter.memory(of), decoder_input_ids=ids).logits[0].log_softmax(dim=-1)
        return [sum(float(logits[place, done.tokens[place]]) for place in places) for places in owned]

    for one, whole, left in zip(found, likely(study), likely(Study(study.current, None, study.context)), strict=True):
        assert one.lost["prior"] == pytest.approx(whole - left, abs=1e-3)
    alone = Study(study.current, None, ClinicalContext())
    done = read(reporter, alone)
    for one in knowledge_of(reporter, alone, done.tokens, done.sentences):
        assert set(one.lost) == {"context", "current"} and one.lost["context"] == pytest.approx(0, abs=1e-4)


def test_a_sentence_hangs_on_what_makes_it_ten_times_as_likely_the_strongest_first():
    lost = {"prior": math.log(11), "context": math.log(9), "current": math.log(1000)}
    assert Knowledge(Sentence("", 0, 0), lost).hangs_on == ("current", "prior")


@pytest.mark.parametrize(
    ("text", "lost", "claims"),
    [
        ("Small left pleural effusion, new.", {"prior": 5.0}, {CHANGE: True}),
        ("Small left pleural effusion, new.", {"prior": 0.1, "current": 9.0}, {CHANGE: False}),
        ("No pneumothorax.", {"prior": 0.1, "context": 4.0}, {DENIAL: True, NOT_PRIOR: True}),
        ("No pleural effusion.", {"prior": 5.0, "context": 4.0}, {NOT_PRIOR: False}),
        ("Small left pleural effusion.", {"prior": 0.0, "current": 9.0}, {}),
        ("No other acute abnormality.", {"current": 9.0}, {}),
    ],
)
def test_a_sentence_is_judged_by_what_it_says(text, lost, claims):
    assert judged(Knowledge(Sentence(text, 0, len(text)), lost), {"pneumothorax"}) == claims


def test_what_sentences_hang_on_is_measured_by_one_command(trained, simulated, tmp_path, capsys):
    output = tmp_path / "knowledge.json"
    command = ["knowledge", "--config", configuration(simulated, tmp_path), "--weights", str(trained / "stage2")]
    assert main([*command, "--output", str(output), "--pairs", "2"]) == 0
    assert set(json.loads(output.read_text(encoding="utf-8"))["claims"]) == set(CLAIMS)
    printed = capsys.readouterr().out
    assert all(claim in printed for claim in CLAIMS)
