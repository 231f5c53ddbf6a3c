"""A run that pauses goes on as if it had not, and several processes train as one would."""

import json
import multiprocessing
import multiprocessing.process
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from priorrg.model.contrastive import contrastive_loss, same_study_matrix
from tests.serving import free_port
from tests.training import ROOT, configuration, refused, weights_of
from train import checkpoints
from train.__main__ import main
from train.data import read_annotation
from train.simulate.dataset import write_annotation
from train.stage1 import gather

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


def commands(count: int, *arguments: str, last_step: int = 10**9) -> Sequence[multiprocessing.process.BaseProcess]:
    port = free_port()
    return [
        PROCESSES.Process(target=command, args=(list(arguments), rank, count, port, last_step)) for rank in range(count)
    ]


def run(count: int, *arguments: str) -> None:
    joined(commands(count, *arguments))


def joined(going: Sequence[multiprocessing.process.BaseProcess], exitcode: int = 0) -> None:
    """Start these processes and wait for their ends; none outlives a failure."""
    for process in going:
        process.start()
    try:
        for process in going:
            process.join(900)
        assert [process.exitcode for process in going] == [exitcode] * len(going)
    finally:
        for process in going:
            process.kill()
        for process in going:
            process.join()


def kill_behind_a_checkpoint(count: int, step: int, *arguments: str) -> None:
    """SIGKILL to all processes as soon as a checkpoint at or behind `step` is complete."""
    joined(commands(count, *arguments, last_step=step), -signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "processes", "step"), [pytest.param("stage1", 2, 10, marks=pytest.mark.long), ("stage2", 1, 10)]
)
def test_a_run_that_was_killed_and_resumed_ends_where_an_unbroken_one_ends(
    trained, simulated, tmp_path, stage, processes, step
):
    """Killed for good, in the middle of an epoch (stage 1, 4 steps each) or at its end (5 each).

    Same curve, same weights; the operations are the same, so 1e-6 is rounding. Both read one tokenizer: its training is
    not repeatable, and would make any two runs differ.
    """
    changes = {f"{stage}__save_steps": 5, f"{stage}__epochs": 4, "stage2__start_from": str(trained / "stage1")}
    changes |= {"model__vision": str(trained / "vision" / "vision.pt"), "stage1__batch_size": 4 // processes}
    changes |= {"model__tokenizer": str(trained / "stage1" / "tokenizer.json")}
    unbroken, broken = tmp_path / "unbroken" / stage, tmp_path / "broken" / stage
    run(processes, stage, "--config", configuration(simulated, unbroken.parent, **changes))
    wanted = json.loads((unbroken / "run.json").read_text(encoding="utf-8"))["result"]

    config, checkpoints = configuration(simulated, broken.parent, **changes), broken / "checkpoints"
    kill_behind_a_checkpoint(processes, step, stage, "--config", config)
    assert not (broken / "model.safetensors").exists(), "it was killed before its end"
    assert json.loads((broken / "run.json").read_text(encoding="utf-8"))["result"] == {"finished": False}
    half_written = checkpoints / "checkpoint-9999"
    half_written.mkdir()

    run(processes, stage, "--config", config, "--resume")
    result = json.loads((broken / "run.json").read_text(encoding="utf-8"))["result"]
    assert (result["steps"], result["processes"]) == (wanted["steps"], processes)
    assert wanted["steps"] == 4 * (18 // 4 if stage == "stage1" else -(-18 // 4))  # stage 1 drops the rest
    assert result["validation_losses"] == pytest.approx(wanted["validation_losses"], abs=1e-5)
    assert not half_written.exists()
    resumed = weights_of(broken)
    for name, value in weights_of(unbroken).items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_stage_0_resumes_to_the_same_weights(simulated, tmp_path, monkeypatch):
    config = configuration(simulated, tmp_path, vision__epochs=70)  # 210 steps: a checkpoint after 200
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


@pytest.fixture(scope="module")
def paused(trained, simulated, tmp_path_factory):
    """Folder of a run of stage 1 that wrote a checkpoint, and what its configuration differs by from the usual one."""
    runs = tmp_path_factory.mktemp("paused")
    changes = {"model__vision": str(trained / "vision" / "vision.pt"), "stage1__save_steps": 2}
    assert main(["stage1", "--config", configuration(simulated, runs, **changes)]) == 0
    return runs, changes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("stage1.learning_rate=0.1", "stage1.learning_rate was 5e-05 and is 0.1"),
        ("stage1.epochs=7", "stage1.epochs was 1.0 and is 7.0"),
        ("seed=3", "seed was 0 and is 3"),
        ("data.four_views=false", "data.four_views was True and is False"),
        ("model.config.fusion_blocks=2", "model.config.fusion_blocks was 1 and is 2"),
    ],
)
def test_a_run_does_not_go_on_as_another_one(paused, simulated, capsys, override, said):
    runs, changes = paused
    before = (runs / "stage1" / "run.json").read_text(encoding="utf-8")
    command = ["stage1", "--config", configuration(simulated, runs, **changes), "--resume", "--override", override]
    assert said in refused(capsys, *command)
    assert (runs / "stage1" / "run.json").read_text(encoding="utf-8") == before


@pytest.mark.slow
def test_a_run_does_not_go_on_with_other_records(paused, simulated, tmp_path, capsys):
    runs, changes = paused
    annotation = json.loads((simulated / "annotation.json").read_text(encoding="utf-8"))
    annotation["train"][0]["findings"] += " No free air."
    file = tmp_path / "annotation.json"
    file.write_text(json.dumps(annotation), encoding="utf-8")
    command = ["stage1", "--config", configuration(simulated, runs, **changes), "--resume"]
    assert "holds other records" in refused(capsys, *command, "--override", f"data.annotation={file}")


def test_records_are_known_again_by_a_process_that_orders_sets_otherwise(tmp_path):
    write_annotation(tmp_path, {"train": 100, "val": 1}, seed=0)
    file = tmp_path / "annotation.json"
    told = (
        "import sys; from train.checkpoints import records_digest; from train.data import read_annotation;"
        "print(records_digest(read_annotation(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", told, str(file)],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.strip() == checkpoints.records_digest(read_annotation(file))


@pytest.mark.slow
def test_a_run_goes_on_where_its_data_moved_and_other_stages_changed(paused, simulated, tmp_path):
    """A cluster's jobs copy their data to another folder each."""
    runs, changes = paused
    shutil.copytree(simulated, tmp_path / "data")
    moved = {"data__annotation": str(tmp_path / "data" / "annotation.json"), "data__image_root": str(tmp_path / "data")}
    moved |= {"data__cache": str(tmp_path / "features"), "stage1__workers": 1, "stage2__epochs": 9}
    config = configuration(simulated, runs, **changes | moved)
    assert main(["stage1", "--config", config, "--resume"]) == 0


@pytest.mark.slow
def test_stage_0_does_not_go_on_as_another_run(trained, simulated, capsys):
    command = ["vision", "--config", configuration(simulated, trained), "--resume"]
    assert "vision.batch_size was 4 and is 5" in refused(capsys, *command, "--override", "vision.batch_size=5")


@pytest.mark.slow
def test_a_fresh_start_forgets_the_checkpoints_of_an_earlier_run(trained, simulated, tmp_path):
    """Otherwise resuming would go on from the earlier run, whose checkpoint has the higher number."""
    usual = {"model__vision": str(trained / "vision" / "vision.pt"), "stage1__save_steps": 1}
    assert main(["stage1", "--config", configuration(simulated, tmp_path, **usual, stage1__epochs=3)]) == 0
    assert main(["stage1", "--config", configuration(simulated, tmp_path, **usual, stage1__epochs=1)]) == 0
    numbers = [int(f.name.split("-")[1]) for f in (tmp_path / "stage1" / "checkpoints").glob("checkpoint-*")]
    assert max(numbers) == 18 // 4


@pytest.mark.slow
@pytest.mark.long
def test_two_processes_train_together(trained, simulated, tmp_path):
    """One process may decode the coarse memory while the other does not. Stage 1: see the run that is killed."""
    changes = {"model__vision": str(trained / "vision" / "vision.pt"), "stage2__start_from": str(trained / "stage1")}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += ["-m", "train", "stage2", "--config", configuration(simulated, tmp_path, **changes)]
    variables = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stderr[-9000:]
    result = json.loads((tmp_path / "stage2" / "run.json").read_text(encoding="utf-8"))["result"]
    assert result["steps"] == 2 * -(-18 // 8)


@pytest.mark.slow
def test_two_processes_count_no_study_twice(trained, simulated, tmp_path):
    """Three studies over two processes: Trainer's own loop would repeat one. No epoch, so weights are the same."""
    annotation = json.loads((simulated / "annotation.json").read_text(encoding="utf-8"))
    annotation["val"] = annotation["val"][:3]
    (tmp_path / "annotation.json").write_text(json.dumps(annotation), encoding="utf-8")
    changes = {"model__vision": str(trained / "vision" / "vision.pt"), "stage2__start_from": str(trained / "stage1")}
    changes |= {"data__annotation": str(tmp_path / "annotation.json"), "stage2__epochs": 0}
    losses = []
    for processes in (1, 2):
        run(processes, "stage2", "--config", configuration(simulated, tmp_path / str(processes), **changes))
        written = json.loads((tmp_path / str(processes) / "stage2" / "run.json").read_text(encoding="utf-8"))
        losses.append(written["result"]["validation_loss"])
    assert losses[1] == pytest.approx(losses[0], rel=2e-3)  # bfloat16 rounds batches of other sizes in another way


def gathered(rank: int, count: int, port: int) -> None:
    """One of `count` processes that have a part of the rows each; fails where the gradients are not those of one."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=count)
    torch.manual_seed(0)
    visual_rows, report_rows = torch.randn(6, 8), torch.randn(6, 8)
    numbers = torch.tensor([0, 1, 2, 1, 3, 0])  # images of studies 0 and 1 lie on both processes
    weight, scale = torch.eye(8).requires_grad_(), torch.tensor(2.0, requires_grad=True)

    def gradients(rows: slice) -> tuple[torch.Tensor, Sequence[torch.Tensor]]:
        visual, report = visual_rows[rows] @ weight, report_rows[rows] @ weight
        same = same_study_matrix(gather(numbers[rows]))
        loss = contrastive_loss(gather(visual), gather(report), scale, same)
        return loss, torch.autograd.grad(loss, (weight, scale))

    share = 6 // count
    loss, found = gradients(slice(rank * share, (rank + 1) * share))
    for gradient in found:  # as DistributedDataParallel does
        dist.all_reduce(gradient)
        gradient /= count
    dist.barrier()
    dist.destroy_process_group()
    alone, wanted = gradients(slice(0, 6))
    torch.testing.assert_close(loss, alone)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_two_processes_have_the_loss_and_the_gradients_of_one():
    port = free_port()
    joined([PROCESSES.Process(target=gathered, args=(rank, 2, port)) for rank in range(2)])
