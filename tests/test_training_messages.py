"""What somebody who trains can mend is one sentence."""

import json

import pytest

from tests.training import configuration, refused
from train.__main__ import main
from train.config import load_config


def test_an_unknown_key_is_refused_with_its_name(simulated, tmp_path, capsys):
    config = configuration(simulated, tmp_path, stage1__learing_rate=1e-4)
    assert "no key stage1.learing_rate" in refused(capsys, "stage1", "--config", config)
    config = configuration(simulated, tmp_path)
    message = refused(capsys, "stage1", "--config", config, "--override", "stage9.epochs=1")
    assert "no key stage9" in message


def test_a_number_may_be_written_as_people_write_it(simulated, tmp_path):
    """YAML takes 5e-5 for a text."""
    config = load_config(configuration(simulated, tmp_path), ["stage2.learning_rate=5e-5", "stage1.epochs=2"])
    assert (config.stage2.learning_rate, config.stage1.epochs) == (5e-5, 2.0)


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("stage2.learning_rate=fast", "stage2.learning_rate is 'fast' (--override), but it must be a number"),
        ("stage1.batch_size=2.5", "stage1.batch_size is 2.5 (--override), but it must be a whole number"),
        ("data.four_views=perhaps", "data.four_views is 'perhaps' (--override), but it must be true or false"),
        ("stage2.coarse_share=1.5", "stage2.coarse_share is 1.5 (--override), but it must be at most 1"),
        ("vision.epochs=0", "vision.epochs is 0 (--override), but it must be greater than 0"),
        ("stage1.schedule=cosinus", "stage1.schedule is 'cosinus'; it must be one of linear, cosine"),
        ("stage1=7", "stage1 is 7 (--override), but it must be names with their values"),
        ("stage1.epochs.deep=1", "no key stage1.epochs.deep: stage1.epochs holds no keys"),
        ("seed", "--override seed says no value"),
        ("model.config.num_latent=3", "no key model.config.num_latent"),
        ("model.config.num_latents=many", "model.config: num_latents is 'many', but it must be a whole number"),
        ("model.config.max_context_tokens=4000", "max_context_tokens is 4000, but the position table"),
        ("data.view_positions=nowhere.json", "There is no view-position file nowhere.json"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(simulated, tmp_path, capsys, override, part):
    assert part in refused(capsys, "stage1", "--config", configuration(simulated, tmp_path), "--override", override)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: 0\nstage1:\n  epochs: many\n", "stage1.epochs is 'many' (line 3 of the file), but it must be a number"),
        ("stage1:\n  epoch: 1\n", "no key stage1.epoch (line 2 of the file)"),
        ("- a list\n", "it must be names with their values"),
        ("seed: [\n", "is not valid YAML"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_its_line(tmp_path, capsys, text, said):
    (tmp_path / "run.yaml").write_text(text, encoding="utf-8")
    assert said in refused(capsys, "stage1", "--config", str(tmp_path / "run.yaml"))


def test_a_split_that_is_missing_is_named(simulated, tmp_path, capsys):
    annotation = json.loads((simulated / "annotation.json").read_text(encoding="utf-8"))
    (tmp_path / "annotation.json").write_text(json.dumps({"train": annotation["train"]}), encoding="utf-8")
    config = configuration(simulated, tmp_path, data__annotation=str(tmp_path / "annotation.json"))
    assert "no studies in a split 'val'. It has: train." in refused(capsys, "stage1", "--config", config)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"data__annotation": "nowhere.json"}, "There is no annotation file nowhere.json"),
        ({"model__vision": "nowhere.pt"}, "Train it first: python -m train vision"),
        ({"stage2__start_from": "nowhere"}, "nowhere holds no model"),
        ({"stage2__keep_best": True, "stage2__save_steps": 5}, "set stage2.save_steps to 0"),
    ],
    ids=["annotation", "vision", "stage 1", "best"],
)
def test_what_is_missing_is_named(trained, simulated, tmp_path, capsys, change, part):
    usual = {"model__vision": str(trained / "vision" / "vision.pt")}
    assert part in refused(capsys, "stage2", "--config", configuration(simulated, tmp_path, **usual | change))


def test_a_batch_larger_than_the_data_is_said(trained, simulated, tmp_path, capsys):
    usual = {"model__vision": str(trained / "vision" / "vision.pt"), "stage1__batch_size": 64}
    message = refused(capsys, "stage1", "--config", configuration(simulated, tmp_path, **usual))
    assert "holds 64 studies" in message and "stage1.batch_size" in message


def test_a_data_set_is_never_written_over(simulated, capsys):
    assert "already holds a data set" in refused(capsys, "simulate", "--output", str(simulated))


def test_an_interrupted_data_set_is_not_mixed_with_another(tmp_path, capsys):
    """Its images are kept, so another seed would put wrong labels on them."""
    folder, counts = tmp_path / "sim", ["--train", "1", "--val", "0", "--test", "0", "--size", "64", "--workers", "1"]
    assert main(["simulate", "--output", str(folder), "--seed", "1", *counts]) == 0
    (folder / "annotation.json").unlink()  # it is written last
    assert "begun otherwise" in refused(capsys, "simulate", "--output", str(folder), "--seed", "2", *counts)
    assert main(["simulate", "--output", str(folder), "--seed", "1", *counts]) == 0
