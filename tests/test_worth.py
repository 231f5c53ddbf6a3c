"""What stage 1 is worth: arms that differ in nothing else, counted over patients and seeds."""

import json

from tests.training import configuration, refused
from train.__main__ import main
from train.measure.worth import ARMS, FIGURES, NONE


def test_every_arm_learns_from_its_own_losses_for_as_many_steps(trained, simulated, tmp_path, capsys):
    runs = tmp_path / "runs"
    vision = str(trained / "vision" / "vision.pt")
    config = configuration(simulated, tmp_path, model__vision=vision, stage1__contrastive=5.0, stage2__output=str(runs))
    command = ["worth", "--config", config, "--seeds", "1", "--steps", "6", "--output", str(tmp_path / "worth.json")]
    assert main(command) == 0
    figures = json.loads((tmp_path / "worth.json").read_text(encoding="utf-8"))
    assert figures["arms"].keys() == ARMS.keys()
    assert all(row.keys() == {*FIGURES} for row in figures["arms"].values())
    assert "difference" not in figures["arms"][NONE][FIGURES[0]]
    assert NONE in capsys.readouterr().out

    told = {}
    for folder in runs.glob("*_0"):
        stages = {file.parent.name: json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*/run.json")}
        assert sum(run["result"]["steps"] for run in stages.values()) == 6
        learned = stages.get("stage1", {}).get("config", {}).get("stage1", {})
        told[folder.name] = (learned.get("contrastive"), learned.get("auxiliary"))
    assert told == {
        "no_stage_1_0": (None, None),
        "contrastive_loss_alone_0": (1.0, 0.0),
        "auxiliary_loss_alone_0": (0.0, 1.0),
        "both_0": (1.0, 1.0),
    }

    drafts = {file: file.stat().st_mtime_ns for file in runs.glob("*/drafts.json")}
    assert len(drafts) == len(ARMS) and main(command) == 0
    assert drafts == {file: file.stat().st_mtime_ns for file in runs.glob("*/drafts.json")}, "what has ended stands"


def test_too_few_steps_are_refused(simulated, tmp_path, capsys):
    assert "three at least" in refused(capsys, "worth", "--config", configuration(simulated, tmp_path), "--steps", "2")


def test_a_figure_that_a_split_has_nothing_to_count_for_is_none_and_not_nought(trained, simulated, tmp_path, capsys):
    annotation = json.loads((simulated / "annotation.json").read_text(encoding="utf-8"))
    for record in annotation["test"]:
        record |= {"prior_study": None, "findings": "Small right pleural effusion."}
    (tmp_path / "annotation.json").write_text(json.dumps(annotation), encoding="utf-8")
    data = {
        "data__annotation": str(tmp_path / "annotation.json"),
        "model__vision": str(trained / "vision" / "vision.pt"),
    }
    config = configuration(simulated, tmp_path, **data, stage2__output=str(tmp_path / "runs"))
    output = tmp_path / "worth.json"
    assert main(["worth", "--config", config, "--seeds", "1", "--steps", "3", "--output", str(output)]) == 0
    arms = json.loads(output.read_text(encoding="utf-8"))["arms"]
    rows = capsys.readouterr().out.splitlines()
    for arm, found in arms.items():
        assert found["finding_micro_f1"]["value"] is not None, "an effusion is there to be found"
        nothing = found["change_macro_f1"]
        assert (nothing["value"], nothing["by_seed"]) == (None, [None])
        assert {nothing.get("difference"), nothing.get("interval")} == {None}
        (row,) = (line.split() for line in rows if line.startswith(arm) and "change_macro_f1" in line)
        assert row[-5:] == ["change_macro_f1", "-", "of", "seeds", "-"]
