"""What a run leaves on disk, and how the next one goes on from it: checkpoints, starting weights, run.json."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from transformers import TrainerCallback

from priorrg.errors import CheckpointError, DataError
from priorrg.model.modeling import PriorRGModel
from train.config import RunConfig
from train.data import Record
from train.processes import processes

# What may change while a run pauses, for its weights come out the same: where data lie (other records are found out by
# their digest), where it writes to and how often, and how many processes load.
_MAY_CHANGE = {
    *(f"data.{name}" for name in ("annotation", "image_root", "view_positions", "cache", "max_unreadable")),
    *(f"{stage}.{name}" for stage in ("stage1", "stage2") for name in ("output", "save_steps", "workers")),
    "vision.output",
}
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


def check_same_run(output: Path, config: RunConfig, stage: str, records: dict[str, list[Record]]) -> None:
    """Raises DataError where a run that goes on from a checkpoint would be another one than the one that wrote it.

    Compared with run.json are the settings that the stage (`vision`, `stage1` or `stage2`) rests on, and the records.
    """
    file = output / "run.json"
    if not file.is_file():
        return
    run = json.loads(file.read_text(encoding="utf-8"))
    before, now = (
        _settings({name: tree[name] for name in ("seed", "data", "model", stage)})
        for tree in (run["config"], asdict(config))
    )
    changed = [
        f"{name} was {before[name]!r} and is {now.get(name)!r}"
        for name in sorted(before.keys() & now.keys())
        if before[name] != now[name] and name not in _MAY_CHANGE
    ]
    if run.get("records", records_digest(records)) != records_digest(records):
        changed.append(f"{config.data.annotation} holds other records")
    processes().wait_for_everyone()  # all have read it before it is written anew
    if changed:
        raise DataError(
            f"The run in {output} was begun otherwise: {'; '.join(changed)}. Go on with its own settings, which stand "
            "in its run.json, or begin anew without --resume."
        )


def _settings(tree: dict[str, Any], where: str = "") -> dict[str, Any]:
    """Nested settings by their dotted names."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        found |= _settings(value, f"{where}{name}.") if isinstance(value, dict) else {f"{where}{name}": value}
    return found


def records_digest(records: dict[str, list[Record]]) -> str:
    """A short fingerprint of what a run trains and validates on."""
    digest = hashlib.sha256()
    for split in ("train", "val"):
        for record in records[split]:
            # Sets in order: each process writes them in an order of its own.
            digest.update(json.dumps(asdict(record), sort_keys=True, default=sorted).encode())
    return digest.hexdigest()[:16]


def take_over(model: PriorRGModel, folder: str | Path, leaves_vision: bool = False) -> list[str]:
    """Take over weights of equal name and shape from a model folder; returns the names that found none.

    leaves_vision: the vision encoder stays as it is, whatever the folder holds.
    Raises CheckpointError when the folder holds no weights.
    """
    files = sorted(Path(folder).glob("*.safetensors"))
    if not files:
        raise CheckpointError(f"{folder} holds no model (no .safetensors file). Run the stage before this one first.")
    stored = {name: tensor for file in files for name, tensor in load_file(file).items()}
    own = model.state_dict()
    if leaves_vision:
        stored = {name: tensor for name, tensor in stored.items() if not name.startswith("image_encoder.")}
    fitting = {n: t for n, t in stored.items() if n in own and own[n].shape == t.shape}
    model.load_state_dict(fitting, strict=False)
    return sorted(set(own) - set(fitting))


def record_run(output: Path, config: RunConfig, records: dict[str, list[Record]], result: dict[str, Any]) -> None:
    """Configuration, seed, package versions and figures beside the weights; of simulated data its version and seed."""
    packages = ("torch", "transformers", "accelerate", "tokenizers", "safetensors", "numpy", "priorrg")
    versions = {name: importlib.metadata.version(name) for name in packages}
    run = {"config": asdict(config), "versions": versions, "records": records_digest(records), "result": result}
    simulation = Path(config.data.image_root) / "simulation.json"
    if simulation.is_file():
        run["simulation"] = json.loads(simulation.read_text(encoding="utf-8"))
    half = output / "run.json.tmp"
    half.write_text(json.dumps(run, indent=1), encoding="utf-8")
    half.replace(output / "run.json")


def merged_run(started_from: Path, name: str, config: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """run.json of weights that were taught something more, with what taught them under its name beside the rest."""
    file = started_from / "run.json"
    run = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return run | {name: {"config": config, "result": result}}
