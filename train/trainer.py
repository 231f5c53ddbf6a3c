"""What both stages share: a task that wraps model and auxiliary heads, and transformers' Trainer around it.

Trainer brings devices, mixed precision, accumulation, checkpoints and resuming; this file adds only
what the two stages need of it. What a stage computes stands in stage1.py and stage2.py.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, load_model, save_model
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import EvalLoopOutput

from priorrg.errors import CheckpointError, DataError
from priorrg.model.modeling import IGNORED_LABEL, PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from train.config import RunConfig, StageConfig
from train.data import CHANGE_CLASSES, Collator, LostImages, Record, StudyDataset, image_paths, readable
from train.features import FeatureCache
from train.processes import bfloat16_is_fast, processes
from train.simulate.truth import FINDING_KEYS

_COMPLETE = "complete"  # the file that says that all processes have written their part of a checkpoint


class ChangeHeads(nn.Module):
    """Auxiliary heads of our own training: what each finding place holds, how much now and before.

    Reads the spatiotemporal latents (B, K, H). The paper has no such heads; the weight is a setting of the stage.
    """

    def __init__(self, hidden: int, queries: int = 8) -> None:
        super().__init__()
        self.attend = nn.Linear(hidden, queries)
        self.read = nn.Sequential(
            nn.LayerNorm(queries * hidden), nn.Linear(queries * hidden, 2 * hidden), nn.GELU(), nn.Dropout(0.1)
        )
        self.classes = nn.Linear(2 * hidden, len(FINDING_KEYS) * CHANGE_CLASSES)
        self.amounts = nn.Linear(2 * hidden, len(FINDING_KEYS) * 2)

    def loss(self, latents: Tensor, classes: Tensor, amounts: Tensor) -> Tensor:
        """classes: (B, F) int64; amounts: (B, F, 2) float, now and before."""
        weights = self.attend(latents).softmax(dim=1)
        pooled = self.read(torch.einsum("bkq,bkh->bqh", weights, latents).flatten(1))
        logits = self.classes(pooled).float().view(-1, CHANGE_CLASSES)
        # Most places hold nothing: without a weight the heads would settle on that.
        weight = torch.full((CHANGE_CLASSES,), 3.0, device=logits.device)
        weight[0] = 1.0
        said = F.cross_entropy(logits, classes.flatten(), weight=weight)
        guessed = self.amounts(pooled).float().view_as(amounts)
        return said + 2 * ((guessed - amounts) ** 2 * (0.25 + 6 * (amounts > 0))).mean()


class Task(nn.Module):
    """Model and heads as one module whose forward is the stage's loss, so that several devices train it alike."""

    accepts_loss_kwargs = False  # the loss is a mean: Trainer must divide it by its accumulation steps

    def __init__(self, model: PriorRGModel, auxiliary: float) -> None:
        super().__init__()
        self.model = model
        self.auxiliary = auxiliary
        self.heads = ChangeHeads(model.config.hidden_size) if auxiliary else None

    def auxiliary_loss(self, latents: Tensor, classes: Tensor | None, amounts: Tensor | None) -> Tensor | float:
        if self.heads is None or classes is None or amounts is None:
            return 0.0
        return self.auxiliary * self.heads.loss(latents, classes, amounts)


class StageTrainer(Trainer):
    """Trainer for a Task: its own learning rate for the decoder, checkpoints that hold tied weights once."""

    def __init__(self, *args: Any, stage: StageConfig, validation_collator: Collator, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stage = stage
        self._validation_collator = validation_collator

    def create_optimizer(self, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        if self.optimizer is None:
            groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
            assert self.model is not None
            for name, parameter in self.model.named_parameters():
                if parameter.requires_grad:
                    decays = parameter.ndim > 1 and "embed" not in name and "latents" not in name
                    groups.setdefault((".decoder." in f".{name}", decays), []).append(parameter)
            stage = self._stage
            self.optimizer = torch.optim.AdamW(
                [
                    {
                        "params": parameters,
                        "lr": stage.decoder_learning_rate if is_decoder else stage.learning_rate,
                        "weight_decay": stage.weight_decay if decays else 0.0,
                    }
                    for (is_decoder, decays), parameters in groups.items()
                ]
            )
        return self.optimizer

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, **_: Any) -> Any:
        loss = model(**inputs)
        return (loss, {"loss": loss}) if return_outputs else loss

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader:
        """This process's share of the validation examples, each in one process only.

        Trainer's own loader repeats examples until every process has whole batches. Stage 1 needs equal batches, for
        its loss compares over processes: there the examples that fill no batch of all processes are left out.
        """
        if not hasattr(self, "_validation"):
            dataset: Any = self.eval_dataset if eval_dataset is None else eval_dataset
            arguments, count = self.args, self.args.world_size
            equal = arguments.dataloader_drop_last
            last = len(dataset) // count * count if equal else len(dataset)
            self._validation = DataLoader(
                Subset(dataset, range(arguments.process_index, last, count)),
                arguments.per_device_eval_batch_size,
                collate_fn=self._validation_collator,
                drop_last=equal,
                num_workers=arguments.dataloader_num_workers,
            )
        return self._validation

    def evaluation_loop(
        self,
        dataloader: DataLoader,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """The mean over all target tokens of all processes (stage 1: over its rows), however they fell into batches.

        Trainer's own loop weighs a batch's mean loss by its examples, and so depends on how these were dealt out.
        """
        model = self.model
        assert isinstance(model, nn.Module)
        model.eval()
        self.callback_handler.eval_dataloader = dataloader  # type: ignore[assignment]
        total = torch.zeros(3, dtype=torch.float64)  # weighed losses, their weights, examples
        for batch in dataloader:
            inputs = self._prepare_inputs(batch)
            with torch.no_grad(), self.compute_loss_context_manager():
                loss = model(**inputs)
            rows = len(inputs["view_ids"])
            weight = int((inputs["labels"] != IGNORED_LABEL).sum()) if "labels" in inputs else rows
            total += torch.tensor([loss.item() * weight, weight, rows], dtype=torch.float64)
            self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
        if self.args.world_size > 1:
            total = self.accelerator.reduce(total.to(self.args.device), "sum")
        assert isinstance(total, Tensor)
        losses, weights, examples = total.tolist()
        metrics = {f"{metric_key_prefix}_loss": losses / weights}
        return EvalLoopOutput(predictions=np.empty(0), label_ids=None, metrics=metrics, num_samples=int(examples))

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if not self.args.should_save:  # Trainer calls this in every process: the last to write left its BatchNorm there
            return
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        assert isinstance(self.model, nn.Module)
        save_model(self.model, str(folder / "task.safetensors"))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        model = model or self.model
        assert isinstance(model, nn.Module)
        load_model(model, str(Path(resume_from_checkpoint) / "task.safetensors"), strict=False)

    def _load_best_model(self) -> None:
        assert isinstance(self.model, nn.Module) and self.state.best_model_checkpoint
        load_model(self.model, str(Path(self.state.best_model_checkpoint) / "task.safetensors"), strict=False)


class _EpochText(TrainerCallback):
    """Tells the data set which epoch it is, so that its text is written anew, and the sampler, so that its order is.

    Trainer tells the sampler too, but not through the wrappers that several processes and a resumed epoch put round it:
    the rest of that epoch would come in the order of the first.
    """

    def __init__(self, dataset: StudyDataset) -> None:
        self._dataset = dataset

    def on_epoch_begin(self, args: Any, state: Any, control: Any, train_dataloader: Any = None, **_: Any) -> None:
        self._dataset.epoch = int((state.epoch or 0) + 1e-3)
        inner = train_dataloader
        while inner is not None:
            inner = getattr(inner, "batch_sampler", None) or getattr(inner, "sampler", None)
            if inner is not None and hasattr(inner, "set_epoch"):
                inner.set_epoch(self._dataset.epoch)


class _Checkpoints(TrainerCallback):
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


def run_stage(
    task: Task,
    stage: StageConfig,
    config: RunConfig,
    processor: PriorRGProcessor,
    records: dict[str, list[Record]],
    *,
    is_stage1: bool,
    resume: bool,
) -> dict[str, Any]:
    """Train a task and save its model, run.json and checkpoints to the stage's output; returns figures.

    Raises DataError where stage 1 has not even one whole batch to train or to validate on.
    """
    output = Path(stage.output)
    output.mkdir(parents=True, exist_ok=True)
    if not resume and processes().is_main_process:  # or a later --resume would go on from another run
        shutil.rmtree(output / "checkpoints", ignore_errors=True)
    model = task.model
    model.freeze_vision()
    root = Path(config.data.image_root)
    cache = None
    if config.data.cache:
        paths = image_paths([*records["train"], *records["val"]])
        cache = FeatureCache.open(
            Path(config.data.cache),
            model,
            processor,
            root,
            paths,
            config.data.max_unreadable,
            with_layers=not is_stage1 and config.data.cache_layers,
            workers=stage.workers,
        )
    simulated = config.data.resample_text
    stated = {split: len(records[split]) for split in ("train", "val")}
    records = {split: readable(records[split], cache, root, config.data.max_unreadable, split) for split in stated}
    train = StudyDataset(records["train"], resample=simulated, four_views=config.data.four_views, seed=config.seed)
    val = StudyDataset(records["val"])
    whole_batch = stage.batch_size * processes().num_processes
    if is_stage1 and min(len(train), len(val)) < whole_batch:  # its loss compares within a batch: the rest is dropped
        raise DataError(
            f"A batch of all processes holds {whole_batch} studies, but there are {len(train)} to train and {len(val)} "
            "to validate. Choose a smaller stage1.batch_size."
        )

    lost = LostImages(image_paths([*records["train"], *records["val"]]), config.data.max_unreadable)
    collator, validation_collator = (
        Collator(
            processor,
            root,
            cache,
            layers=not is_stage1,
            stage1=is_stage1,
            auxiliary=task.heads is not None,
            context_length=model.config.max_report_tokens if is_stage1 else None,  # published: both to 100 in stage 1
            lost=lost,
            shrinks=shrinks,
        )
        for shrinks in (False, not is_stage1)  # stage 1 compares equal batches also where it validates
    )
    arguments = TrainingArguments(
        output_dir=str(output / "checkpoints"),
        num_train_epochs=stage.epochs,
        per_device_train_batch_size=stage.batch_size,
        per_device_eval_batch_size=stage.batch_size,
        gradient_accumulation_steps=stage.gradient_accumulation,
        learning_rate=stage.learning_rate,
        lr_scheduler_type=stage.schedule,
        lr_scheduler_kwargs=stage.schedule_settings,
        warmup_steps=stage.warmup_steps,
        max_grad_norm=1.0,
        logging_steps=50,
        eval_strategy="epoch",
        save_strategy="epoch" if not stage.save_steps else "steps",
        save_steps=stage.save_steps or 500,
        save_total_limit=2,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        load_best_model_at_end=stage.keep_best,
        ddp_find_unused_parameters=True,  # a step may hold no prior, or decode from the coarse memory alone
        bf16=stage.mixed_precision and bfloat16_is_fast("cuda" if torch.cuda.is_available() else "cpu"),
        use_cpu=not torch.cuda.is_available(),
        remove_unused_columns=False,
        dataloader_num_workers=stage.workers,  # not persistent: they would draw one seed a run, a resumed run another
        dataloader_drop_last=is_stage1,
        label_names=[],
        report_to=_reporters(),
        seed=config.seed,
    )
    trainer = StageTrainer(
        task,
        arguments,
        data_collator=collator,
        train_dataset=train,
        eval_dataset=val,
        callbacks=[_EpochText(train), _Checkpoints()],
        stage=stage,
        validation_collator=validation_collator,
    )
    if trainer.is_world_process_zero():
        record_run(output, config, {"finished": False})  # a run that dies has still said what it was
    began = time.time()
    checkpoint = last_checkpoint(output / "checkpoints") if resume else None
    trained = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    figures = trainer.evaluate()
    history = [line for line in trainer.state.log_history if "eval_loss" in line]
    result = {
        "finished": True,
        "validation_loss": figures["eval_loss"],
        "training_loss": trained.training_loss,
        "validation_losses": [line["eval_loss"] for line in history],
        "minutes": (time.time() - began) / 60,
        "steps": trainer.state.global_step,
        "processes": arguments.world_size,
        "examples_per_epoch": len(train),
        "studies_left_out": {split: count - len(records[split]) for split, count in stated.items()},
        "images_lost": len(lost),  # of this process, while it ran
    }
    if trainer.is_world_process_zero():
        model.save_pretrained(output)
        processor.save_pretrained(output)
        record_run(output, config, result)
    return result


def record_run(output: Path, config: RunConfig, result: dict[str, Any]) -> None:
    """Configuration, seed, package versions and figures beside the weights; of simulated data its version and seed."""
    packages = ("torch", "transformers", "accelerate", "tokenizers", "safetensors", "numpy", "priorrg")
    versions = {name: importlib.metadata.version(name) for name in packages}
    run = {"config": asdict(config), "versions": versions, "result": result}
    simulation = Path(config.data.image_root) / "simulation.json"
    if simulation.is_file():
        run["simulation"] = json.loads(simulation.read_text())
    (output / "run.json").write_text(json.dumps(run, indent=1))


def _reporters() -> str:
    return "tensorboard" if importlib.util.find_spec("tensorboard") else "none"
