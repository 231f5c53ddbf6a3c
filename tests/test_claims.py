"""What the paper claims of its parts: what is held against what, and what that decides."""

import json
from dataclasses import replace

import pytest

from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from tests.training import configuration, refused
from train.__main__ import main
from train.batches import examples_of
from train.config import load_config
from train.data import read_annotation
from train.measure.card import BEGIN, END
from train.measure.claims import ANYWHERE, EXCHANGED, NOT_SHOWN, OWN, REFUTED, SHOWN, attention_on_asked, verdict
from train.measure.evaluate import with_films_of_others


@pytest.fixture(scope="module")
def measured(trained, simulated, tmp_path_factory):
    """(arguments of every command, folder of evaluation.json and claims.json) of small weights."""
    folder = tmp_path_factory.mktemp("claims")
    common = ["--config", configuration(simulated, folder, data__cache=""), "--weights", str(trained / "stage2")]
    common += ["--split", "train"]
    evaluation = folder / "evaluation.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder))  # METEOR is left out for the time it takes
        assert main(["evaluate", "--ablate", *common, "--output", str(evaluation)]) == 0
    assert main(["claims", *common, "--evaluation", str(evaluation), "--output", str(folder / "claims.json")]) == 0
    return common, folder


def test_each_claim_comes_with_its_difference_and_what_that_decides(measured):
    figures = json.loads((measured[1] / "claims.json").read_text(encoding="utf-8"))
    evaluation = json.loads((measured[1] / "evaluation.json").read_text(encoding="utf-8"))
    assert len(figures["claims"]) == 5
    for row in figures["claims"].values():
        assert row["verdict"] == verdict(row["interval"])
    prior = next(row for name, row in figures["claims"].items() if name.startswith("the prior"))
    assert prior["difference"] == evaluation["differences"]["another patient's prior"]["change_macro_f1"]["difference"]


def test_a_claim_is_shown_above_zero_refuted_below_and_else_neither():
    assert [verdict(interval) for interval in ((0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1), None)] == [
        SHOWN,
        REFUTED,
        NOT_SHOWN,
        NOT_SHOWN,
    ]


def test_a_model_that_looks_everywhere_alike_looks_at_what_is_asked_for_by_chance(trained, simulated, tmp_path):
    """Attention without queries is even: the share on the finding is the finding's share of the patches."""
    model = PriorRGModel.from_pretrained(trained / "stage2")
    processor = PriorRGProcessor.from_pretrained(trained / "stage2")
    records = read_annotation(simulated / "annotation.json")["train"]
    config = load_config(configuration(simulated, tmp_path, data__cache=""))
    looked = attention_on_asked(model, processor, records, config)
    assert looked["share"][OWN] != pytest.approx(looked["share"][ANYWHERE], rel=1e-4)
    for name, value in model.perceiver.named_parameters():
        if name.endswith("cross_attention.to_queries.weight"):
            value.data.zero_()
    looked = attention_on_asked(model, processor, records, config)
    assert looked["share"] == pytest.approx(dict.fromkeys((OWN, EXCHANGED, ANYWHERE), looked["share"][ANYWHERE]))
    assert looked["difference"]["difference"] == pytest.approx(0, abs=1e-6)


def test_the_claims_refuse_the_evaluation_of_other_weights(measured, tmp_path, capsys):
    common, folder = measured
    other = json.loads((folder / "evaluation.json").read_text(encoding="utf-8")) | {"weights": "others"}
    (tmp_path / "other.json").write_text(json.dumps(other), encoding="utf-8")
    assert "need an evaluation of these weights" in refused(
        capsys, "claims", *common, "--evaluation", str(tmp_path / "other.json")
    )


def test_the_card_tells_the_claims(measured, tmp_path):
    (tmp_path / "README.md").write_text(f"# A model\n{BEGIN}\n{END}\n", encoding="utf-8")
    (tmp_path / "localisation.json").write_text("{}", encoding="utf-8")
    command = ["card", "--weights", str(tmp_path), "--localisation", str(tmp_path / "localisation.json")]
    command += ["--evaluation", str(measured[1] / "evaluation.json"), "--claims", str(measured[1] / "claims.json")]
    assert main(command) == 0
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| fine detail finds more" in card and "Part of the attention that lies on what is asked for" in card


def test_films_of_another_patient_come_with_the_views_and_leave_the_text(simulated):
    own = examples_of(read_annotation(simulated / "annotation.json")["train"])
    of = {example.current: example for example in own}
    for before, after in zip(own, with_films_of_others(own), strict=True):
        donor = of[after.current]
        assert donor.record.subject_id != before.record.subject_id
        assert (after.prior, after.view, after.prior_view) == (donor.prior, donor.view, donor.prior_view)
        assert replace(
            after, **{name: getattr(before, name) for name in ("current", "view", "prior", "prior_view")}
        ) == (before)
