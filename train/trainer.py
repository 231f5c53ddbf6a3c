"""What both stages share: a task that wraps model and auxiliary heads, and transformers' Trainer around it.

Trainer brings devices, mixed precision, accumulation, checkpoints and resuming; this file adds only
what the two stages need of it. What a stage computes stands in stage1.py and stage2.py, a whole run in run.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from transformers import Trainer
from transformers.trainer_utils import EvalLoopOutput

from priorrg.errors import DataError
from priorrg.model.memory import Memory
from priorrg.model.modeling import IGNORED_LABEL, PriorRGModel
from train.batches import Collator
from train.config import StageConfig
from train.heads import PLACES, Heads


class Task(nn.Module):
    """Model and heads as one module whose forward is the stage's loss, so that several devices train it alike."""

    accepts_loss_kwargs = False  # the loss is a mean: Trainer must divide it by its accumulation steps

    def __init__(self, model: PriorRGModel, auxiliary: float, latent_each: bool = False) -> None:
        super().__init__()
        self.model = model
        self.auxiliary = auxiliary
        if latent_each and model.config.num_latents < PLACES:
            raise DataError(f"latent_each needs a latent for each of {PLACES} places: num_latents must be as many.")
        self.heads = Heads(model.config.hidden_size, latent_each) if auxiliary else None

    def auxiliary_loss(
        self, memory: Memory, classes: Tensor | None, amounts: Tensor | None, asked: Tensor | None
    ) -> Tensor | float:
        """memory: built with its tokens where there are heads."""
        if self.heads is None or classes is None or amounts is None or asked is None:
            return 0.0
        return self.auxiliary * self.heads.loss(memory, classes, amounts, asked)


class StageTrainer(Trainer):
    """Trainer for a Task: its own learning rate for decoder and heads, checkpoints that hold tied weights once."""

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
                    # The heads begin anew in every stage, behind weights that may have begun long ago.
                    is_quick = name.startswith("heads.") or ".decoder." in f".{name}"
                    groups.setdefault((is_quick, decays), []).append(parameter)
            stage = self._stage
            self.optimizer = torch.optim.AdamW(
                [
                    {
                        "params": parameters,
                        "lr": stage.decoder_learning_rate if is_quick else stage.learning_rate,
                        "weight_decay": stage.weight_decay if decays else 0.0,
                    }
                    for (is_quick, decays), parameters in groups.items()
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
