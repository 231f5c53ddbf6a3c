"""One stage as a run: its data, its settings for transformers' Trainer, the training, and what it leaves at the end."""

from __future__ import annotations

import importlib.util
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainingArguments

from priorrg.errors import DataError
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from train.batches import Collator, LostImages, StudyDataset
from train.checkpoints import Checkpoints, check_same_run, last_checkpoint, record_run
from train.config import RunConfig, StageConfig
from train.data import Record, image_paths, readable
from train.features import FeatureCache
from train.processes import bfloat16_is_fast, processes
from train.trainer import StageTrainer, Task


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

    Raises DataError where stage 1 has not even one whole batch to train or to validate on, and where a run would go on
    otherwise than it began.
    """
    output = Path(stage.output)
    output.mkdir(parents=True, exist_ok=True)
    if not resume and processes().is_main_process:  # or a later --resume would go on from another run
        shutil.rmtree(output / "checkpoints", ignore_errors=True)
    checkpoint = last_checkpoint(output / "checkpoints") if resume else None
    if checkpoint:
        check_same_run(output, config, "stage1" if is_stage1 else "stage2", records)
    task.model.freeze_vision()
    _freeze(task.model, stage.frozen)
    data = _stage_data(task, stage, config, processor, records, is_stage1)
    trainer = StageTrainer(
        task,
        _arguments(stage, config, is_stage1),
        data_collator=data.collator,
        train_dataset=data.train,
        eval_dataset=data.val,
        callbacks=[EpochText(data.train), Checkpoints()],
        stage=stage,
        validation_collator=data.validation_collator,
    )
    if trainer.is_world_process_zero():
        record_run(output, config, records, {"finished": False})  # a run that dies has still said what it was
    began = time.time()
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
        "processes": trainer.args.world_size,
        "examples_per_epoch": len(data.train),
        "studies_left_out": data.left_out,
        "images_lost": len(data.lost),  # of this process, while it ran
    }
    if trainer.is_world_process_zero():
        task.model.save_pretrained(output)
        processor.save_pretrained(output)
        record_run(output, config, records, result)
    return result


def _freeze(model: PriorRGModel, names: Sequence[str]) -> None:
    parts = dict(model.named_children())
    for name in names:
        if name not in parts:
            raise DataError(f"The model has no part {name} to leave as it is. Its parts are {', '.join(parts)}.")
        parts[name].requires_grad_(False)


@dataclass(frozen=True)
class _StageData:
    """What a stage trains and validates on. left_out: studies by split, for an image that could not be read."""

    train: StudyDataset
    val: StudyDataset
    collator: Collator
    validation_collator: Collator
    lost: LostImages
    left_out: dict[str, int]


def _stage_data(
    task: Task,
    stage: StageConfig,
    config: RunConfig,
    processor: PriorRGProcessor,
    records: dict[str, list[Record]],
    is_stage1: bool,
) -> _StageData:
    root, most = Path(config.data.image_root), config.data.max_unreadable
    cache = None
    if config.data.cache:
        cache = FeatureCache.open(
            Path(config.data.cache),
            task.model,
            processor,
            root,
            image_paths([*records["train"], *records["val"]]),
            most,
            with_layers=not is_stage1 and config.data.cache_layers,
            workers=stage.workers,
        )
    kept = {split: readable(records[split], cache, root, most, split) for split in ("train", "val")}
    train = StudyDataset(
        kept["train"],
        resample=config.data.resample_text,
        four_views=config.data.four_views,
        more_contexts=0 if is_stage1 else stage.more_contexts,
        strange_share=stage.strange_share,
        seed=config.seed,
    )
    val = StudyDataset(kept["val"])
    whole_batch = stage.batch_size * processes().num_processes
    if is_stage1 and min(len(train), len(val)) < whole_batch:  # its loss compares within a batch: the rest is dropped
        raise DataError(
            f"A batch of all processes holds {whole_batch} studies, but there are {len(train)} to train and {len(val)} "
            "to validate. Choose a smaller stage1.batch_size."
        )
    lost = LostImages(image_paths([*kept["train"], *kept["val"]]), most)
    collator, validation_collator = (
        Collator(
            processor,
            root,
            cache,
            layers=not is_stage1,
            stage1=is_stage1,
            auxiliary=task.heads is not None,
            word_weight=stage.word_weight,
            context_length=processor.config.stage1_tokens if is_stage1 else None,  # published: both to 100
            lost=lost,
            shrinks=shrinks,
        )
        for shrinks in (False, not is_stage1)  # stage 1 compares equal batches also where it validates
    )
    left_out = {split: len(records[split]) - len(those) for split, those in kept.items()}
    return _StageData(train, val, collator, validation_collator, lost, left_out)


def _arguments(stage: StageConfig, config: RunConfig, is_stage1: bool) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(Path(stage.output) / "checkpoints"),
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


class EpochText(TrainerCallback):
    """Tells the data set which epoch it is, so that its text is written anew. The sampler hears of it from Trainer."""

    def __init__(self, dataset: StudyDataset) -> None:
        self._dataset = dataset

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._dataset.epoch = int((state.epoch or 0) + 1e-3)


def _reporters() -> str:
    return "tensorboard" if importlib.util.find_spec("tensorboard") else "none"
