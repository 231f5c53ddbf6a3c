"""Training from the command line: the whole chain, small, on studies simulated for this test."""

import json
import multiprocessing
import multiprocessing.process
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch.utils.data import DataLoader

from priorrg.errors import DataError
from priorrg.explain.overlays import Overlay
from priorrg.model.configuration import PriorRGConfig
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from priorrg.report.sentences import Sentence
from priorrg.reporting.reporter import ReportDone, Reporter, read_study
from train import checkpoints, features
from train.__main__ import main
from train.config import load_config
from train.data import Collator, LostImages, StudyDataset, examples_of, image_paths, read_annotation
from train.features import FeatureCache
from train.measure.localise import localise, mask_grid
from train.pretrain_vision import MASK_CHANNELS

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "train" / "configs" / "paper.yaml"

SMALL_MODEL = {
    "hidden_size": 32,
    "vision_stem_channels": [4, 8, 16],
    "vision_config": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 64,
        "patch_size": 16,
        "num_channels": 1,
    },
    "text_config": {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 160,
    },
    "decoder_config": {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 160},
    "fusion_heads": 2,
    "fusion_blocks": 1,
    "num_latents": 8,
    "perceiver_depth": 1,
    "perceiver_heads": 2,
    "perceiver_head_size": 16,
    "mask_context_padding": True,
    "coarse_draft": "coarse_memory",
    "max_report_tokens": 140,
    "max_context_tokens": 140,
    "num_beams": 1,
    "weights_kind": "simulated",
    "weights_name": "small",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Ten simulated patients, as the command writes them."""
    folder = tmp_path_factory.mktemp("data") / "sim"
    counts = ["--train", "6", "--val", "2", "--test", "2"]
    assert main(["simulate", "--output", str(folder), "--size", "64", "--workers", "1", *counts]) == 0
    return folder


def configuration(data: Path, runs: Path, **changes) -> str:
    """A configuration file; changes are `section__key=value`."""
    tree = {
        "data": {
            "annotation": str(data / "annotation.json"),
            "image_root": str(data),
            "view_positions": str(data / "view_positions.json"),
            "cache": str(runs / "features"),
        },
        "model": {"vocabulary": 400, "vision": str(runs / "vision" / "vision.pt"), "config": SMALL_MODEL},
        "vision": {"output": str(runs / "vision"), "epochs": 3, "batch_size": 4},
        "stage1": {
            "output": str(runs / "stage1"),
            "batch_size": 4,
            "epochs": 1,
            "save_steps": 0,
            "auxiliary": 1.0,
            "warmup_steps": 0,
        },
        "stage2": {
            "output": str(runs / "stage2"),
            "start_from": str(runs / "stage1"),
            "batch_size": 4,
            "epochs": 2,
            "save_steps": 0,
            "auxiliary": 0.3,
            "coarse_share": 0.3,
            "learning_rate": 1e-3,
            "decoder_learning_rate": 3e-3,
            "warmup_steps": 0,
        },
    }
    for name, value in changes.items():
        section, key = name.split("__")
        tree.setdefault(section, {})[key] = value
    runs.mkdir(parents=True, exist_ok=True)
    file = runs / "run.yaml"
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """Folder of runs after vision, stage 1 and stage 2."""
    runs = tmp_path_factory.mktemp("runs")
    config = configuration(data, runs)
    for command in ("vision", "stage1", "stage2"):
        assert main([command, "--config", config]) == 0
    return runs


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.mark.slow
def test_the_chain_ends_in_weights_that_the_app_reads_with(trained, data, tmp_path):
    assert main(["embed", "--weights", str(trained / "stage2"), "--output", str(tmp_path / "small")]) == 0
    reporter = Reporter.load(str(tmp_path / "small"))
    record = read_annotation(data / "annotation.json")["test"][1]
    assert record.prior
    study = read_study(data / record.current, data / record.prior, indication="Rule out effusion.")
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
def test_evaluation_prints_a_table_and_writes_every_figure(trained, data, tmp_path, capsys):
    config, output = configuration(data, tmp_path), tmp_path / "evaluation.json"
    command = ["evaluate", "--config", config, "--weights", str(trained / "stage2"), "--output", str(output)]
    assert main([*command, "--ablate", "--samples", "2"]) == 0
    printed = capsys.readouterr().out
    assert "finding_micro_f1" in printed or "finding micro-F1" in printed
    assert printed.count("reference:") == 2
    figures = json.loads(output.read_text(encoding="utf-8"))
    assert (figures["studies"], figures["patients"]) == (4, 2)
    assert {"refined", "coarse", "without prior", "without context"} <= figures.keys()


def test_an_overlay_that_peaks_on_the_finding_scores_and_one_that_peaks_beside_it_does_not(data, monkeypatch):
    """On both images, by the simulator's masks; what is explained is a sentence of the truth."""
    said = {"effusion": "Small {side} pleural effusion.", "cardiomegaly": "Mild cardiomegaly.", "edema": "Mild edema."}
    records = [record for part in read_annotation(data / "annotation.json").values() for record in part]
    masks = {record.current: record.masks for record in records}
    found = [
        (record, finding)
        for record in records
        if record.truth and record.prior_truth
        for finding in record.truth.findings
        if finding.name in said and finding.key in {before.key for before in record.prior_truth.findings}
    ]
    assert found, "of the simulated patients one keeps such a finding"
    record, finding = found[0]
    assert record.prior is not None
    text = said[finding.name].format(side=finding.side)
    channel = MASK_CHANNELS.index(" ".join(filter(None, (finding.name, finding.side))))
    now, before = (mask_grid(data / str(masks[path]), 4)[channel] for path in (record.current, record.prior))

    priors = [other for other in records if other.current == record.prior]

    class ReporterOfTheTruth:
        def stream(self, study):
            yield ReportDone(text, (), (Sentence(text, 0, len(text)),), ())

    def measured(change) -> dict:
        overlay = Overlay(Sentence(text, 0, len(text)), change(now), change(before))
        monkeypatch.setattr("train.measure.localise.explain", lambda *_, **__: [overlay])
        figures = localise(ReporterOfTheTruth(), [record, *priors], data, pairs=1)  # type: ignore[arg-type]
        assert set(figures) == {"attention", "attention, plain", "gradient", "gradient, plain"}
        return figures["gradient"]

    on, beside = measured(lambda mask: mask), measured(lambda mask: 1 - mask)
    for image in ("current", "prior"):
        assert on[image]["peak"] == 1.0 and beside[image]["peak"] == 0.0
        assert 0 < on[image]["chance"] < 1 and on[image]["sentences"] == 1


def test_localisation_is_measured_by_one_command_and_says_on_which_weights(trained, data, tmp_path, capsys):
    config, output = configuration(data, tmp_path), tmp_path / "localisation.json"
    command = ["localise", "--config", config, "--weights", str(trained / "stage2"), "--output", str(output)]
    assert main([*command, "--pairs", "2"]) == 0
    assert "chance" in capsys.readouterr().out
    assert len(json.loads(output.read_text(encoding="utf-8"))["weights"]) == 16


# Processes of their own, forked from one that has imported everything once.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["train.build", "train.stage1", "train.stage2"])


def command(arguments: list[str], rank: int, count: int, port: int, last_step: int) -> None:
    """One process of a training command, with the variables that torchrun would set.

    It gets a SIGKILL as soon as a checkpoint at or behind last_step is complete.
    """
    save = checkpoints.Checkpoints.on_save

    def save_and_die(self, arguments, state, control, **more):
        save(self, arguments, state, control, **more)
        checkpoints.processes().wait_for_everyone()  # the mark of completeness stands
        if state.global_step >= last_step:
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoints.Checkpoints.on_save = save_and_die  # type: ignore[method-assign]
    torch.set_num_threads(1)
    if count > 1:
        ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
        where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ |= {name: str(value) for name, value in (ranks | where).items()} | {"ACCELERATE_USE_CPU": "true"}
    os.chdir(ROOT)
    raise SystemExit(main(arguments))


def started(count: int, *arguments: str, last_step: int = 10**9) -> Sequence[multiprocessing.process.BaseProcess]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    going = [
        PROCESSES.Process(target=command, args=(list(arguments), rank, count, port, last_step)) for rank in range(count)
    ]
    for process in going:
        process.start()
    return going


def run(count: int, *arguments: str) -> None:
    going = started(count, *arguments)
    try:
        for process in going:
            process.join(900)
        assert [process.exitcode for process in going] == [0] * count
    finally:
        end(going)


def end(going: Sequence[multiprocessing.process.BaseProcess]) -> None:
    for process in going:
        process.kill()
    for process in going:
        process.join()


def kill_behind_a_checkpoint(count: int, step: int, *arguments: str) -> None:
    """SIGKILL to all processes as soon as a checkpoint at or behind `step` is complete."""
    going = started(count, *arguments, last_step=step)
    for process in going:
        process.join(900)
    assert [process.exitcode for process in going] == [-signal.SIGKILL] * count


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "processes", "step"), [("stage1", 2, 25), ("stage1", 1, 25), ("stage2", 1, 25)])
def test_a_run_that_was_killed_and_resumed_ends_where_an_unbroken_one_ends(
    trained, data, tmp_path, stage, processes, step
):
    """Killed for good, in the middle of an epoch (stage 1, 4 steps each) or at its end (5 each).

    Same curve, same weights; the operations are the same, so 1e-6 is rounding. Both read one tokenizer: its training is
    not repeatable, and would make any two runs differ.
    """
    changes = {f"{stage}__save_steps": 5, f"{stage}__epochs": 10, "stage2__start_from": str(trained / "stage1")}
    changes |= {"model__vision": str(trained / "vision" / "vision.pt"), "stage1__batch_size": 4 // processes}
    changes |= {"model__tokenizer": str(trained / "stage1" / "tokenizer.json")}
    unbroken, broken = tmp_path / "unbroken" / stage, tmp_path / "broken" / stage
    run(processes, stage, "--config", configuration(data, unbroken.parent, **changes))
    wanted = json.loads((unbroken / "run.json").read_text(encoding="utf-8"))["result"]

    config, checkpoints = configuration(data, broken.parent, **changes), broken / "checkpoints"
    kill_behind_a_checkpoint(processes, step, stage, "--config", config)
    assert not (broken / "model.safetensors").exists(), "it was killed before its end"
    assert json.loads((broken / "run.json").read_text(encoding="utf-8"))["result"] == {"finished": False}
    half_written = checkpoints / "checkpoint-9999"
    half_written.mkdir()

    run(processes, stage, "--config", config, "--resume")
    result = json.loads((broken / "run.json").read_text(encoding="utf-8"))["result"]
    assert (result["steps"], result["processes"]) == (wanted["steps"], processes)
    assert wanted["steps"] == 10 * (18 // 4 if stage == "stage1" else -(-18 // 4))  # stage 1 drops the rest
    assert result["validation_losses"] == pytest.approx(wanted["validation_losses"], abs=1e-5)
    assert not half_written.exists()
    resumed = weights_of(broken)
    for name, value in weights_of(unbroken).items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_stage_0_resumes_to_the_same_weights(data, tmp_path, monkeypatch):
    config = configuration(data, tmp_path, vision__epochs=70)  # 210 steps: a checkpoint after 200
    kept, last = tmp_path / "after 200.pt", tmp_path / "vision" / "last.pt"
    replace = Path.replace

    def keep_the_first(file, target):
        replace(file, target)
        if Path(target).name == "last.pt" and not kept.exists():
            shutil.copy(target, kept)

    monkeypatch.setattr(Path, "replace", keep_the_first)
    assert main(["vision", "--config", config]) == 0
    unbroken = torch.load(tmp_path / "vision" / "vision.pt", weights_only=True)
    assert torch.load(kept, weights_only=True)["step"] == 200, "what a kill before the end leaves"
    shutil.copy(kept, last)
    (tmp_path / "vision" / "vision.pt").unlink()
    assert main(["vision", "--config", config, "--resume"]) == 0
    resumed = torch.load(tmp_path / "vision" / "vision.pt", weights_only=True)
    assert all(torch.equal(resumed[name], value) for name, value in unbroken.items())


@pytest.mark.slow
def test_the_best_epoch_can_be_kept(trained, data, tmp_path):
    """A learning rate at which the later epochs are worse: the kept one is the best of them."""
    changes = {"stage2__keep_best": True, "stage2__epochs": 4, "stage2__decoder_learning_rate": 0.3}
    changes |= {"stage2__start_from": str(trained / "stage1"), "model__vision": str(trained / "vision" / "vision.pt")}
    changes |= {"stage2__schedule": "reduce_lr_on_plateau", "stage2__schedule_settings": {"patience": 100}}
    assert main(["stage2", "--config", configuration(data, tmp_path, **changes)]) == 0
    result = json.loads((tmp_path / "stage2" / "run.json").read_text(encoding="utf-8"))["result"]
    assert result["validation_loss"] == pytest.approx(min(result["validation_losses"]))


@pytest.mark.slow
def test_two_processes_train_together(trained, data, tmp_path):
    """One process may decode the coarse memory while the other does not. Stage 1: see the run that is killed."""
    changes = {"model__vision": str(trained / "vision" / "vision.pt"), "stage2__start_from": str(trained / "stage1")}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += ["-m", "train", "stage2", "--config", configuration(data, tmp_path, **changes)]
    variables = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stderr[-9000:]
    result = json.loads((tmp_path / "stage2" / "run.json").read_text(encoding="utf-8"))["result"]
    assert result["steps"] == 2 * -(-18 // 8)


@pytest.mark.slow
def test_two_processes_count_no_study_twice(trained, data, tmp_path):
    """Three studies over two processes: Trainer's own loop would repeat one. No epoch, so weights are the same."""
    annotation = json.loads((data / "annotation.json").read_text(encoding="utf-8"))
    annotation["val"] = annotation["val"][:3]
    (tmp_path / "annotation.json").write_text(json.dumps(annotation), encoding="utf-8")
    changes = {"model__vision": str(trained / "vision" / "vision.pt"), "stage2__start_from": str(trained / "stage1")}
    changes |= {"data__annotation": str(tmp_path / "annotation.json"), "stage2__epochs": 0}
    losses = []
    for processes in (1, 2):
        run(processes, "stage2", "--config", configuration(data, tmp_path / str(processes), **changes))
        written = json.loads((tmp_path / str(processes) / "stage2" / "run.json").read_text(encoding="utf-8"))
        losses.append(written["result"]["validation_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=2e-3)  # bfloat16 rounds batches of other sizes in another way


GATHERED = """
import sys, torch, torch.distributed as dist
from priorrg.model.modeling import contrastive_loss, same_study_matrix
from train.stage1 import gather

dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0)
visual_rows, report_rows = torch.randn(6, 8), torch.randn(6, 8)
numbers = torch.tensor([0, 1, 2, 1, 3, 0])  # images of studies 0 and 1 lie on both processes
weight, scale = torch.eye(8).requires_grad_(), torch.tensor(2.0, requires_grad=True)

def gradients(rows):
    visual, report = visual_rows[rows] @ weight, report_rows[rows] @ weight
    same = same_study_matrix(gather(numbers[rows]))
    loss = contrastive_loss(gather(visual), gather(report), scale, same)
    return loss, torch.autograd.grad(loss, (weight, scale))

loss, found = gradients(slice(rank * 3, rank * 3 + 3))
for gradient in found:  # as DistributedDataParallel does
    dist.all_reduce(gradient)
    gradient /= world
dist.barrier()
dist.destroy_process_group()
alone, wanted = gradients(slice(0, 6))
torch.testing.assert_close(loss, alone)
torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
"""


@pytest.mark.slow
def test_two_processes_have_the_loss_and_the_gradients_of_one(tmp_path):
    program = tmp_path / "gathered.py"
    program.write_text(GATHERED, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(program)]
    variables = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.slow
def test_accumulated_steps_have_the_loss_of_whole_ones(trained, data, tmp_path):
    usual = {"model__vision": str(trained / "vision" / "vision.pt"), "stage2__start_from": str(trained / "stage1")}
    usual |= {"stage2__epochs": 1, "stage2__coarse_share": 0.0, "stage2__learning_rate": 0.0}
    usual |= {"stage2__decoder_learning_rate": 0.0}
    losses = []
    for name, changes in (("whole", {}), ("parts", {"stage2__batch_size": 1, "stage2__gradient_accumulation": 4})):
        assert main(["stage2", "--config", configuration(data, tmp_path / name, **usual | changes)]) == 0
        written = json.loads((tmp_path / name / "stage2" / "run.json").read_text(encoding="utf-8"))
        losses.append(written["result"]["training_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=0.1)  # means over batches of other sizes


def test_images_of_one_study_are_one_study_in_every_process(data):
    """MIMIC-CXR has records that differ in their image alone; they are positives of each other."""
    record, other = read_annotation(data / "annotation.json")["train"][1:3]
    dataset = StudyDataset([record, replace(record, current="images/another view.png"), other])
    numbers = [dataset[place].study_number for place in range(3)]
    assert numbers[0] == numbers[1] != numbers[2]
    pair = StudyDataset([record], four_views=True)
    assert len({pair[place].study_number for place in range(3)}) == 3, "read another way it is another study"


@pytest.mark.slow
def test_features_of_other_images_are_never_taken(trained, data, tmp_path, capsys):
    copy, config = tmp_path / "data", tmp_path / "runs"
    shutil.copytree(data, copy)
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


def opened(data: Path, folder: Path, weights: Path, **settings) -> FeatureCache:
    """The cache of the validation images for a model folder's encoder."""
    model, processor = PriorRGModel.from_pretrained(weights), PriorRGProcessor.from_pretrained(weights)
    paths = image_paths(read_annotation(data / "annotation.json")["val"])
    return FeatureCache.open(folder, model, processor, data, paths, **settings)


@pytest.mark.slow
def test_stage_1_caches_last_hidden_states_and_stage_2_adds_the_layers(trained, data, tmp_path):
    last = opened(data, tmp_path, trained / "stage1", with_layers=False)
    assert not last.has_layers and not list(tmp_path.glob("layers.*"))
    written = (tmp_path / "last.f16").read_bytes()
    both = opened(data, tmp_path, trained / "stage1")
    assert (tmp_path / "last.f16").read_bytes() == written, "what is there is kept"
    paths = image_paths(read_annotation(data / "annotation.json")["val"])
    assert both.layers(paths).shape == (len(paths), 2, 17, 32) and both.last(paths).shape == (len(paths), 17, 32)
    normalised = torch.nn.functional.layer_norm(both.layers(paths)[:, -1].float(), (32,))
    assert torch.corrcoef(torch.stack([normalised.flatten(), both.last(paths).float().flatten()]))[0, 1] > 0.9


@pytest.mark.slow
def test_a_cache_whose_writing_was_interrupted_goes_on_where_it_stopped(trained, data, tmp_path, monkeypatch):
    whole = opened(data, tmp_path / "whole", trained / "stage1")
    paths = image_paths(read_annotation(data / "annotation.json")["val"])
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
        opened(data, tmp_path / "parts", trained / "stage1")
    parts = opened(data, tmp_path / "parts", trained / "stage1")
    assert len(encoded) == len(paths) + 1, "the two that were written are not encoded again"
    torch.testing.assert_close(parts.layers(paths), whole.layers(paths), rtol=2e-2, atol=2e-2)  # bfloat16
    torch.testing.assert_close(parts.last(paths), whole.last(paths), rtol=2e-2, atol=2e-2)


@pytest.mark.slow
def test_a_cache_that_the_disk_has_no_room_for_is_refused_before_it_is_written(trained, data, tmp_path, monkeypatch):
    monkeypatch.setattr(features.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(2000, 1000, 1000))
    with pytest.raises(DataError, match=r"needs 0.0 GB for \d+ images; 0.0 GB are free"):
        opened(data, tmp_path, trained / "stage1")


@pytest.mark.slow
def test_cache_and_pixels_give_the_same_loss(trained, data, tmp_path):
    """No epoch: the validation loss of the same weights, fed in three ways. bfloat16 and float16 round differently."""
    usual = {"model__vision": str(trained / "vision" / "vision.pt"), "stage2__start_from": str(trained / "stage1")}
    usual |= {"stage2__epochs": 0, "stage2__workers": 2}
    losses = {}
    ways = {"cache": {}, "last alone": {"data__cache_layers": False}, "pixels": {"data__cache": ""}}
    for name, changes in ways.items():
        assert main(["stage2", "--config", configuration(data, tmp_path / name, **usual | changes)]) == 0
        losses[name] = json.loads((tmp_path / name / "stage2" / "run.json").read_text(encoding="utf-8"))["result"][
            "validation_loss"
        ]
    assert not list((tmp_path / "last alone").rglob("layers.f16"))
    assert losses["cache"] == pytest.approx(losses["pixels"], rel=5e-3)
    assert losses["last alone"] == pytest.approx(losses["pixels"], rel=5e-3)


def test_loading_processes_that_live_on_write_each_epochs_own_text(data):
    """They hold a copy of the data set: an epoch that is set in the training process alone never reaches them."""
    dataset = StudyDataset(read_annotation(data / "annotation.json")["train"], resample=True, four_views=True)
    loader = DataLoader(dataset, 4, num_workers=2, persistent_workers=True, collate_fn=list)
    texts = []
    for epoch in (0, 1):
        dataset.epoch = epoch
        texts.append([example.findings for batch in loader for example in batch])
        assert texts[-1] == [dataset[number].findings for number in range(len(dataset))]
    assert texts[0] != texts[1]


@pytest.mark.slow
def test_loading_processes_change_nothing_in_a_run(trained, data, tmp_path):
    usual = {"model__vision": str(trained / "vision" / "vision.pt"), "stage1__epochs": 2, "data__cache": ""}
    weights = []
    for workers in (0, 2):
        config = configuration(data, tmp_path / str(workers), **usual, stage1__workers=workers)
        assert main(["stage1", "--config", config]) == 0
        weights.append(weights_of(tmp_path / str(workers) / "stage1"))
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_an_image_that_is_lost_during_the_run_is_named_and_another_study_takes_its_place(
    trained, data, tmp_path, capsys
):
    shutil.copytree(data, tmp_path / "data")
    examples = examples_of(read_annotation(data / "annotation.json")["train"][:4])
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
def test_a_fresh_start_forgets_the_checkpoints_of_an_earlier_run(trained, data, tmp_path):
    """Otherwise resuming would go on from the earlier run, whose checkpoint has the higher number."""
    usual = {"model__vision": str(trained / "vision" / "vision.pt"), "stage1__save_steps": 1}
    assert main(["stage1", "--config", configuration(data, tmp_path, **usual, stage1__epochs=3)]) == 0
    assert main(["stage1", "--config", configuration(data, tmp_path, **usual, stage1__epochs=1)]) == 0
    numbers = [int(f.name.split("-")[1]) for f in (tmp_path / "stage1" / "checkpoints").glob("checkpoint-*")]
    assert max(numbers) == 18 // 4


@pytest.mark.slow
def test_data_without_truth_trains_from_pixels(trained, data, tmp_path, capsys):
    """What a user of MIMIC-CXR brings: text and images, one of them damaged, no simulation, no feature cache."""
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
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


# What a user can mend is one sentence


def refused(capsys, *command: str) -> str:
    assert main(list(command)) == 2
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    return printed


def test_an_unknown_key_is_refused_with_its_name(data, tmp_path, capsys):
    config = configuration(data, tmp_path, stage1__learing_rate=1e-4)
    assert "no key stage1.learing_rate" in refused(capsys, "stage1", "--config", config)
    config = configuration(data, tmp_path)
    message = refused(capsys, "stage1", "--config", config, "--override", "stage9.epochs=1")
    assert "no key stage9" in message


def test_a_number_may_be_written_as_people_write_it(data, tmp_path):
    """YAML takes 5e-5 for a text."""
    config = load_config(configuration(data, tmp_path), ["stage2.learning_rate=5e-5", "stage1.epochs=2"])
    assert (config.stage2.learning_rate, config.stage1.epochs) == (5e-5, 2.0)


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("stage2.learning_rate=fast", "stage2.learning_rate is 'fast' (--override), but it must be a number"),
        ("stage1.batch_size=2.5", "stage1.batch_size is 2.5 (--override), but it must be a whole number"),
        ("data.four_views=perhaps", "data.four_views is 'perhaps' (--override), but it must be true or false"),
        ("stage2.coarse_share=1.5", "stage2.coarse_share is 1.5 (--override), but it must be at most 1"),
        ("stage1.epochs=0", "stage1.epochs is 0 (--override), but it must be greater than 0"),
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
def test_a_value_of_the_wrong_kind_is_named(data, tmp_path, capsys, override, part):
    assert part in refused(capsys, "stage1", "--config", configuration(data, tmp_path), "--override", override)


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


def test_a_split_that_is_missing_is_named(data, tmp_path, capsys):
    annotation = json.loads((data / "annotation.json").read_text(encoding="utf-8"))
    (tmp_path / "annotation.json").write_text(json.dumps({"train": annotation["train"]}), encoding="utf-8")
    config = configuration(data, tmp_path, data__annotation=str(tmp_path / "annotation.json"))
    assert "no studies in a split 'val'. It has: train." in refused(capsys, "stage1", "--config", config)


@pytest.mark.parametrize("field", ["anchor_scan", "findings", "findings_factual_serialization"])
def test_a_record_without_a_field_is_named(data, tmp_path, capsys, field):
    annotation = json.loads((data / "annotation.json").read_text(encoding="utf-8"))
    del annotation["train"][3][field]
    (tmp_path / "annotation.json").write_text(json.dumps(annotation), encoding="utf-8")
    config = configuration(data, tmp_path, data__annotation=str(tmp_path / "annotation.json"))
    message = refused(capsys, "stage1", "--config", config)
    assert "train record 3" in message and annotation["train"][3]["id"] in message and field in message


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
def test_what_is_missing_is_named(trained, data, tmp_path, capsys, change, part):
    usual = {"model__vision": str(trained / "vision" / "vision.pt")}
    assert part in refused(capsys, "stage2", "--config", configuration(data, tmp_path, **usual | change))


@pytest.mark.slow
def test_unreadable_images_are_named_and_skipped_up_to_a_limit(trained, data, tmp_path, capsys):
    copy, runs = tmp_path / "data", tmp_path / "runs"
    shutil.copytree(data, copy)
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


def test_a_batch_larger_than_the_data_is_said(trained, data, tmp_path, capsys):
    usual = {"model__vision": str(trained / "vision" / "vision.pt"), "stage1__batch_size": 64}
    message = refused(capsys, "stage1", "--config", configuration(data, tmp_path, **usual))
    assert "holds 64 studies" in message and "stage1.batch_size" in message


def test_a_data_set_is_never_written_over(data, capsys):
    assert "already holds a data set" in refused(capsys, "simulate", "--output", str(data))


def test_an_interrupted_data_set_is_not_mixed_with_another(tmp_path, capsys):
    """Its images are kept, so another seed would put wrong labels on them."""
    folder, counts = tmp_path / "sim", ["--train", "1", "--val", "0", "--test", "0", "--size", "64", "--workers", "1"]
    assert main(["simulate", "--output", str(folder), "--seed", "1", *counts]) == 0
    (folder / "annotation.json").unlink()  # it is written last
    assert "begun otherwise" in refused(capsys, "simulate", "--output", str(folder), "--seed", "2", *counts)
    assert main(["simulate", "--output", str(folder), "--seed", "1", *counts]) == 0


# Paper scale


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
