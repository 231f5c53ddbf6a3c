"""Where a batch comes from: cached features or pixels, loading processes, images that are lost on the way."""

import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from priorrg.errors import DataError
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from tests.training import configuration, refused, weights_of
from train import features
from train.__main__ import main
from train.batches import Collator, LostImages, StudyDataset, examples_of
from train.data import image_paths, read_annotation
from train.features import FeatureCache


@pytest.mark.slow
def test_features_of_other_images_are_never_taken(trained, simulated, tmp_path, capsys):
    copy, config = tmp_path / "data", tmp_path / "runs"
    shutil.copytree(simulated, copy)
    usual = {"model__vision": str(trained / "vision" / "vision.pt")}
    written = "vision features"
    assert main(["stage1", "--config", configuration(copy, config, **usual)]) == 0
    assert written in capsys.readouterr().err
    assert main(["stage1", "--config", configuration(copy, config, **usual)]) == 0
    assert written not in capsys.readouterr().err
    one, two = sorted((copy / "images").glob("p*_s1.png"))[:2]
    shutil.copy(one, two)
    assert main(["stage1", "--config", configuration(copy, config, **usual)]) == 0
    assert written in capsys.readouterr().err


@pytest.mark.slow
def test_the_evaluation_of_another_split_leaves_what_the_first_one_computed(trained, simulated, tmp_path, capsys):
    settings = ["--config", configuration(simulated, tmp_path), "--output", str(tmp_path / "evaluation.json")]
    for split, computes in (("val", True), ("test", True), ("val", False)):
        assert main(["evaluate", *settings, "--weights", str(trained / "stage2"), "--split", split]) == 0
        assert ("vision features" in capsys.readouterr().err) is computes, split


def opened(simulated: Path, folder: Path, weights: Path, **settings) -> FeatureCache:
    """The cache of the validation images for a model folder's encoder."""
    model, processor = PriorRGModel.from_pretrained(weights), PriorRGProcessor.from_pretrained(weights)
    paths = image_paths(read_annotation(simulated / "annotation.json")["val"])
    return FeatureCache.open(folder, model, processor, simulated, paths, **settings)


@pytest.mark.slow
def test_stage_1_caches_last_hidden_states_and_stage_2_adds_the_layers(trained, simulated, tmp_path):
    last = opened(simulated, tmp_path, trained / "stage1", with_layers=False)
    assert not last.has_layers and not list(tmp_path.glob("layers.*"))
    written = (tmp_path / "last.f16").read_bytes()
    both = opened(simulated, tmp_path, trained / "stage1")
    assert (tmp_path / "last.f16").read_bytes() == written, "what is there is kept"
    paths = image_paths(read_annotation(simulated / "annotation.json")["val"])
    assert both.layers(paths).shape == (len(paths), 2, 17, 32) and both.last(paths).shape == (len(paths), 17, 32)
    normalised = torch.nn.functional.layer_norm(both.layers(paths)[:, -1].float(), (32,))
    assert torch.corrcoef(torch.stack([normalised.flatten(), both.last(paths).float().flatten()]))[0, 1] > 0.9


@pytest.mark.slow
def test_a_cache_whose_writing_was_interrupted_goes_on_where_it_stopped(trained, simulated, tmp_path, monkeypatch):
    whole = opened(simulated, tmp_path / "whole", trained / "stage1")
    paths = image_paths(read_annotation(simulated / "annotation.json")["val"])
    monkeypatch.setattr(features, "_BATCH", 1)
    monkeypatch.setattr(features, "_BATCHES_BETWEEN_MARKS", 1)
    encoded, encode = [], PriorRGModel.encode_image

    def counted(model, pixels, with_layers=True):
        encoded.append(len(pixels))
        if len(encoded) == 3:
            raise KeyboardInterrupt
        return encode(model, pixels, with_layers)

    monkeypatch.setattr(PriorRGModel, "encode_image", counted)
    with pytest.raises(KeyboardInterrupt):
        opened(simulated, tmp_path / "parts", trained / "stage1")
    parts = opened(simulated, tmp_path / "parts", trained / "stage1")
    assert len(encoded) == len(paths) + 1, "the two that were written are not encoded again"
    torch.testing.assert_close(parts.layers(paths), whole.layers(paths), rtol=2e-2, atol=2e-2)  # bfloat16
    torch.testing.assert_close(parts.last(paths), whole.last(paths), rtol=2e-2, atol=2e-2)


@pytest.mark.slow
def test_a_cache_that_the_disk_has_no_room_for_is_refused_before_it_is_written(
    trained, simulated, tmp_path, monkeypatch
):
    monkeypatch.setattr(features.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(2000, 1000, 1000))
    with pytest.raises(DataError, match=r"needs 0.0 GB for \d+ images; 0.0 GB are free"):
        opened(simulated, tmp_path, trained / "stage1")


@pytest.mark.slow
def test_a_loading_process_that_is_spawned_gets_the_place_of_the_cache_not_its_content(trained, simulated, tmp_path):
    cache = opened(simulated, tmp_path, trained / "stage1")
    paths = image_paths(read_annotation(simulated / "annotation.json")["val"])
    pickled = pickle.dumps(cache)
    assert len(pickled) < 2000 < cache.layers(paths).nbytes
    there = pickle.loads(pickled)
    assert torch.equal(there.layers(paths), cache.layers(paths)) and torch.equal(there.last(paths), cache.last(paths))
    assert there.skipped == cache.skipped


@pytest.mark.slow
def test_cache_and_pixels_give_the_same_loss(trained, simulated, tmp_path):
    """No epoch: the validation loss of the same weights, fed in three ways. bfloat16 and float16 round differently."""
    usual = {"model__vision": str(trained / "vision" / "vision.pt"), "stage2__start_from": str(trained / "stage1")}
    usual |= {"stage2__epochs": 0, "stage2__workers": 2}
    losses = {}
    ways = {"cache": {}, "last alone": {"data__cache_layers": False}, "pixels": {"data__cache": ""}}
    for name, changes in ways.items():
        assert main(["stage2", "--config", configuration(simulated, tmp_path / name, **usual | changes)]) == 0
        losses[name] = json.loads((tmp_path / name / "stage2" / "run.json").read_text(encoding="utf-8"))["result"][
            "validation_loss"
        ]
    assert not list((tmp_path / "last alone").rglob("layers.f16"))
    assert losses["cache"] == pytest.approx(losses["pixels"], rel=5e-3)
    assert losses["last alone"] == pytest.approx(losses["pixels"], rel=5e-3)


def test_loading_processes_that_live_on_write_each_epochs_own_text(simulated):
    """They hold a copy of the data set: an epoch that is set in the training process alone never reaches them."""
    dataset = StudyDataset(read_annotation(simulated / "annotation.json")["train"], resample=True, four_views=True)
    loader = DataLoader(dataset, 4, num_workers=2, persistent_workers=True, collate_fn=list)
    texts = []
    for epoch in (0, 1):
        dataset.epoch = epoch
        texts.append([example.findings for batch in loader for example in batch])
        assert texts[-1] == [dataset[number].findings for number in range(len(dataset))]
    assert texts[0] != texts[1]


@pytest.mark.slow
def test_loading_processes_change_nothing_in_a_run(trained, simulated, tmp_path):
    usual = {"model__vision": str(trained / "vision" / "vision.pt"), "stage1__epochs": 2, "data__cache": ""}
    weights = []
    for workers in (0, 2):
        config = configuration(simulated, tmp_path / str(workers), **usual, stage1__workers=workers)
        assert main(["stage1", "--config", config]) == 0
        weights.append(weights_of(tmp_path / str(workers) / "stage1"))
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_an_image_that_is_lost_during_the_run_is_named_and_another_study_takes_its_place(
    trained, simulated, tmp_path, capsys
):
    shutil.copytree(simulated, tmp_path / "data")
    examples = examples_of(read_annotation(simulated / "annotation.json")["train"][:4])
    processor = PriorRGProcessor.from_pretrained(trained / "stage1")
    (tmp_path / "data" / examples[1].current).unlink()
    lost = LostImages(image_paths([e.record for e in examples]), most=2)
    collate = Collator(processor, tmp_path / "data", None, layers=False, stage1=True, lost=lost)
    batch = collate(examples)
    assert len(batch["view_ids"]) == 4 and examples[1].current in capsys.readouterr().out
    assert examples[1].study_number not in batch["study_numbers"]
    alone = collate(examples[1:2])
    assert len(alone["view_ids"]) == 1, "a batch of nothing but lost images shows the last whole study"
    validating = Collator(processor, tmp_path / "data", None, layers=True, lost=lost, shrinks=True)
    assert len(validating(examples)["view_ids"]) == 3, "no study counts twice where it is measured"
    assert len(lost) == 1, "the same image, lost again and for another collator, is one image"
    (tmp_path / "data" / examples[3].current).unlink()
    (tmp_path / "data" / examples[2].current).unlink()
    with pytest.raises(DataError, match="More than 2 images became unreadable"):
        collate(examples)
    with pytest.raises(DataError, match="can no longer be read"):
        Collator(processor, tmp_path / "data", None, layers=False, stage1=True)(examples)


@pytest.mark.slow
def test_unreadable_images_are_named_and_skipped_up_to_a_limit(trained, simulated, tmp_path, capsys):
    copy, runs = tmp_path / "data", tmp_path / "runs"
    shutil.copytree(simulated, copy)
    damaged, missing = sorted((copy / "images").glob("p*_s1.png"))[:2]
    damaged.write_bytes(damaged.read_bytes()[:60])
    missing.unlink()
    usual = {"model__vision": str(trained / "vision" / "vision.pt")}
    message = refused(capsys, "stage1", "--config", configuration(copy, runs, **usual, data__max_unreadable=1))
    assert "More than 1 images cannot be read" in message and damaged.name in message

    assert main(["stage1", "--config", configuration(copy, runs, **usual, data__max_unreadable=2)]) == 0
    printed = capsys.readouterr().out
    assert f"skipped images/{damaged.name}" in printed and f"skipped images/{missing.name}" in printed
    result = json.loads((runs / "stage1" / "run.json").read_text(encoding="utf-8"))["result"]
    assert result["examples_per_epoch"] == 3 * (6 - 2)


def test_each_image_of_a_batch_comes_with_its_own_view_position(small_weights, simulated):
    record = next(r for r in read_annotation(simulated / "annotation.json")["train"] if r.prior)
    records = [replace(record, view=view, prior_view=before) for view, before in (("PA", "AP"), ("AP", "LATERAL"))]
    processor = PriorRGProcessor.from_pretrained(small_weights)
    batch = Collator(processor, simulated, None, layers=False)(examples_of(records))
    assert batch["view_ids"].tolist() == [processor.view_id(view) for view in ("PA", "AP")]
    assert batch["prior_view_ids"].tolist() == [processor.view_id(view) for view in ("AP", "LATERAL")]


def test_images_of_one_study_are_one_study_in_every_process(simulated):
    """MIMIC-CXR has records that differ in their image alone; they are positives of each other."""
    record, other = read_annotation(simulated / "annotation.json")["train"][1:3]
    dataset = StudyDataset([record, replace(record, current="images/another view.png"), other])
    numbers = [dataset[place].study_number for place in range(3)]
    assert numbers[0] == numbers[1] != numbers[2]
    pair = StudyDataset([record], four_views=True)
    assert len({pair[place].study_number for place in range(3)}) == 3, "read another way it is another study"
