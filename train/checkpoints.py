"""What a run leaves on disk, and how the next one goes on from it: checkpoints, starting weights, run.json."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from transformers import TrainerCallback

from priorrg.errors import CheckpointError
from priorrg.model.modeling import PriorRGModel
from train.config import RunConfig
from train.processes import processes

_COMPLETE = "complete"  # the file that says that all processes have written their part of a checkpoint


class Checkpoints(TrainerCallback):
    """Marks a checkpoint once all processes have written theirs: what a kill leaves half written bears no mark.

    One that is due at the end of an epoch is written behind that epoch's validation, or a resumed run would lack it.
    """

    def __init__(self) -> None:
        self._is_due = False

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if control.should_save and float(state.epoch).is_integer():
            self._is_due, control.should_save = True, False

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_save = control.should_save or self._is_due
        self._is_due = False

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        running = processes()
        running.wait_for_everyone()
        if running.is_main_process:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / _COMPLETE).touch()


def last_checkpoint(folder: Path) -> Path | None:
    """The latest complete checkpoint; half written ones behind it are removed. None = there is none."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda f: int(f.name.split("-")[1]))
    complete = [checkpoint for checkpoint in found if (checkpoint / _COMPLETE).is_file()]
    running = processes()
    running.wait_for_everyone()  # all have looked before anything is removed
    if running.is_main_process:
        for checkpoint in set(found) - set(complete):
            shutil.rmtree(checkpoint)
    running.wait_for_everyone()
    return complete[-1] if complete else None


def take_over(model: PriorRGModel, folder: str | Path) -> list[str]:
    """Take over weights of equal name and shape from a model folder; returns the names that found none.

    Raises CheckpointError when the folder holds no weights.
    """
    files = sorted(Path(folder).glob("*.safetensors"))
    if not files:
        raise CheckpointError(f"{folder} holds no model (no .safetensors file). Run the stage before this one first.")
    stored = {name: tensor for file in files for name, tensor in load_file(file).items()}
    own = model.state_dict()
    fitting = {n: t for n, t in stored.items() if n in own and own[n].shape == t.shape}
    model.load_state_dict(fitting, strict=False)
    return sorted(set(own) - set(fitting))


def record_run(output: Path, config: RunConfig, result: dict[str, Any]) -> None:
    """Configuration, seed, package versions and figures beside the weights; of simulated data its version and seed."""
    packages = ("torch", "transformers", "accelerate", "tokenizers", "safetensors", "numpy", "priorrg")
    versions = {name: importlib.metadata.version(name) for name in packages}
    run = {"config": asdict(config), "versions": versions, "result": result}
    simulation = Path(config.data.image_root) / "simulation.json"
    if simulation.is_file():
        run["simulation"] = json.loads(simulation.read_text(encoding="utf-8"))
    (output / "run.json").write_text(json.dumps(run, indent=1), encoding="utf-8")
