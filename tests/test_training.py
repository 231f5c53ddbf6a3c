"""Training from the command line: the whole chain, small, on studies simulated for this test."""

import json
import shutil

import pytest
import torch

from priorrg.model.configuration import PriorRGConfig
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from priorrg.reporting.events import ReportDone
from priorrg.reporting.reporter import Reporter, read_study
from tests.training import ROOT, configuration, weights_of
from train.__main__ import main
from train.batches import Collator, examples_of
from train.config import load_config
from train.data import read_annotation
from train.simulate.context import NEW_WORDINGS
from train.stage2 import Stage2Task

PAPER = ROOT / "train" / "configs" / "paper.yaml"


@pytest.mark.slow
def test_the_chain_ends_in_weights_that_the_app_reads_with(trained, simulated, tmp_path):
    assert main(["embed", "--weights", str(trained / "stage2"), "--output", str(tmp_path / "small")]) == 0
    reporter = Reporter.load(str(tmp_path / "small"))
    record = read_annotation(simulated / "annotation.json")["test"][1]
    assert record.prior
    study = read_study(simulated / record.current, simulated / record.prior, indication="Rule out effusion.")
    done = next(event for event in reporter.stream(study) if isinstance(event, ReportDone))
    assert done.tokens, "what two epochs of six patients teach may be nothing but spaces; the chain is what counts"
    assert reporter.card.kind == "simulated"


@pytest.mark.slow
def test_stage_2_learns_and_starts_from_stage_1(trained):
    figures = json.loads((trained / "stage2" / "run.json").read_text(encoding="utf-8"))["result"]
    first, *_, last = figures["validation_losses"]
    assert last < first < 7  # ln 400 = 6.0 is guessing evenly
    stage1, stage2 = weights_of(trained / "stage1"), weights_of(trained / "stage2")
    frozen = [name for name in stage1 if name.startswith("image_encoder.") or "pos_embed" in name]
    assert frozen and all(torch.equal(stage1[name], stage2[name]) for name in frozen)
    moved = [name for name in stage1 if name.startswith("perceiver")]
    assert moved and not all(torch.equal(stage1[name], stage2[name]) for name in moved)


@pytest.mark.slow
def test_a_run_leaves_its_configuration_versions_and_figures(trained):
    written = json.loads((trained / "stage2" / "run.json").read_text(encoding="utf-8"))
    assert written["config"]["stage2"]["coarse_share"] == 0.3
    assert {"torch", "transformers", "priorrg"} <= written["versions"].keys()
    assert written["config"]["seed"] == 0 and written["result"]["finished"]
    assert list((trained / "stage2").rglob("events.out.tfevents.*")), "for TensorBoard"
    assert written["result"]["steps"] == 2 * -(-18 // 4)  # 6 patients, three ways each, batches of 4, two epochs


@pytest.mark.slow
def test_evaluation_prints_a_table_and_writes_every_figure(trained, simulated, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # METEOR is left out for the time it takes
    config, output = configuration(simulated, tmp_path), tmp_path / "evaluation.json"
    command = ["evaluate", "--config", config, "--weights", str(trained / "stage2"), "--output", str(output)]
    assert main([*command, "--ablate", "--wordings", "--samples", "2"]) == 0
    printed = capsys.readouterr().out
    assert "finding_micro_f1" in printed or "finding micro-F1" in printed
    assert printed.count("reference:") == 2
    figures = json.loads(output.read_text(encoding="utf-8"))
    assert (figures["studies"], figures["patients"]) == (4, 2)
    assert {"refined", "coarse", "without prior", "without context"} <= figures.keys()
    assert {"as trained", *NEW_WORDINGS, "typed by hand"} == figures["wordings"].keys()
    assert "wording of the question" in printed and figures["wordings"]["as trained"]["unchanged"] in (1, None)


@pytest.mark.slow
def test_the_best_epoch_can_be_kept(trained, simulated, tmp_path):
    """A learning rate at which the later epochs are worse: the kept one is the best of them."""
    changes = {"stage2__keep_best": True, "stage2__epochs": 4, "stage2__decoder_learning_rate": 0.3}
    changes |= {"stage2__start_from": str(trained / "stage1"), "model__vision": str(trained / "vision" / "vision.pt")}
    changes |= {"stage2__schedule": "reduce_lr_on_plateau", "stage2__schedule_settings": {"patience": 100}}
    assert main(["stage2", "--config", configuration(simulated, tmp_path, **changes)]) == 0
    result = json.loads((tmp_path / "stage2" / "run.json").read_text(encoding="utf-8"))["result"]
    assert result["validation_loss"] == pytest.approx(min(result["validation_losses"]))


@pytest.mark.slow
def test_stage_2_keeps_stage_1s_statistics_unless_told_otherwise(trained, simulated):
    stage1, stage2 = weights_of(trained / "stage1"), weights_of(trained / "stage2")
    heads = ("image_projection.", "text_projection.")
    held = [name for name in stage1 if name.startswith(heads) and "running_" in name]
    assert len(held) == 4 and all(torch.equal(stage1[name], stage2[name]) for name in held)
    records = read_annotation(simulated / "annotation.json")["train"][:4]
    processor = PriorRGProcessor.from_pretrained(trained / "stage1")
    batch = Collator(processor, simulated, None, layers=True)(examples_of(records))
    for holds in (True, False):
        task = Stage2Task(PriorRGModel.from_pretrained(trained / "stage1"), 0.0, 0.0, holds_statistics=holds).train()
        task(**batch)
        after = task.model.state_dict()
        assert {torch.equal(stage1[name], after[name]) for name in held} == {holds}


@pytest.mark.slow
def test_the_decoder_learns_at_a_rate_of_its_own(trained, simulated, tmp_path):
    changes = {"stage2__start_from": str(trained / "stage1"), "model__vision": str(trained / "vision" / "vision.pt")}
    changes |= {"stage2__learning_rate": 0.0, "stage2__epochs": 1, "data__cache": str(trained / "features")}
    changes |= {"data__view_positions": ""}  # those that the weights before it know
    assert main(["stage2", "--config", configuration(simulated, tmp_path, **changes)]) == 0
    before, after = weights_of(trained / "stage1"), weights_of(tmp_path / "stage2")
    learned = [name for name in before if "running_" not in name and "num_batches" not in name]  # no statistics
    moved = {name.split(".")[0] for name in learned if not torch.equal(before[name], after[name])}
    assert moved == {"decoder"}


@pytest.mark.slow
def test_every_epoch_has_its_own_text_and_order(trained, simulated, tmp_path, monkeypatch):
    seen = []

    class Watched(Collator):
        def __call__(self, examples):
            seen.extend(examples)
            return super().__call__(examples)

    monkeypatch.setattr("train.run.Collator", Watched)
    changes = {"stage2__start_from": str(trained / "stage1"), "model__vision": str(trained / "vision" / "vision.pt")}
    changes |= {"stage2__epochs": 2, "data__cache": str(trained / "features")}
    assert main(["stage2", "--config", configuration(simulated, tmp_path, **changes)]) == 0
    theirs = {record.study_id for record in read_annotation(simulated / "annotation.json")["train"]}
    trains = [example for example in seen if example.record.study_id in theirs]
    first, second = trains[:18], trains[18:36]
    assert len(trains) == 36 and {e.study_number for e in first} == {e.study_number for e in second}
    assert [e.study_number for e in first] != [e.study_number for e in second], "another order"
    texts = [{e.study_number: e.findings for e in epoch} for epoch in (first, second)]
    assert sum(texts[0][number] != texts[1][number] for number in texts[0]) > 9, "and another wording of most"


@pytest.mark.slow
def test_accumulated_steps_have_the_loss_of_whole_ones(trained, simulated, tmp_path):
    usual = {"model__vision": str(trained / "vision" / "vision.pt"), "stage2__start_from": str(trained / "stage1")}
    usual |= {"stage2__epochs": 1, "stage2__coarse_share": 0.0, "stage2__learning_rate": 0.0}
    usual |= {"stage2__decoder_learning_rate": 0.0}
    losses = []
    for name, changes in (("whole", {}), ("parts", {"stage2__batch_size": 1, "stage2__gradient_accumulation": 4})):
        assert main(["stage2", "--config", configuration(simulated, tmp_path / name, **usual | changes)]) == 0
        written = json.loads((tmp_path / name / "stage2" / "run.json").read_text(encoding="utf-8"))
        losses.append(written["result"]["training_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=0.1)  # means over batches of other sizes


@pytest.mark.slow
def test_data_without_truth_trains_from_pixels(trained, simulated, tmp_path, capsys):
    """What a user of MIMIC-CXR brings: text and images, one of them damaged, no simulation, no feature cache."""
    copy = tmp_path / "data"
    shutil.copytree(simulated, copy)
    damaged = sorted((copy / "images").glob("p*_s2.png"))[0]
    damaged.write_bytes(damaged.read_bytes()[:60])
    annotation = json.loads((copy / "annotation.json").read_text(encoding="utf-8"))
    for records in annotation.values():
        for record in records:
            del record["simulation"]
    (copy / "annotation.json").write_text(json.dumps(annotation), encoding="utf-8")
    changes = {
        "data__cache": "",
        "data__resample_text": False,
        "data__four_views": False,
        "model__vision": "",
        "stage1__auxiliary": 0.0,
        "stage2__auxiliary": 0.0,
        "stage2__epochs": 1,
    }
    config = configuration(copy, tmp_path, **changes)
    for stage in ("stage1", "stage2"):
        assert main([stage, "--config", config]) == 0
        printed = capsys.readouterr().out
        assert f"skipped images/{damaged.name}" in printed and "train: 1 of 12 studies left out" in printed
    assert Reporter.load(str(tmp_path / "stage2")).card.name == "small"


def test_the_paper_scale_configuration_is_the_papers():
    config = load_config(PAPER)
    ours = PriorRGConfig(**config.model.config).to_dict()
    paper = PriorRGConfig().to_dict()
    different = {name for name in paper if ours[name] != paper[name]}
    assert different == {
        "mask_context_padding",
        "coarse_draft",
        "weights_name",
        "training_note",
    }
    assert (config.stage1.batch_size, config.stage1.epochs, config.stage1.learning_rate) == (32, 10, 5e-5)
    assert (config.stage2.batch_size, config.stage2.epochs) == (16, 50)
    assert (config.stage2.learning_rate, config.stage2.decoder_learning_rate) == (5e-6, 5e-5)
    assert config.stage1.auxiliary == config.stage2.auxiliary == 0
    assert config.stage2.word_weight == 1 and config.stage2.more_contexts == 0
