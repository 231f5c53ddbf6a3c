"""Stage 1: contrastive pre-training. Context guides what current and prior show towards the report (paper, stage 1).

Beside the paper's loss our own training may add the simulator's change heads. The configuration weighs both losses.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed
from torch import Tensor

from priorrg.model.contrastive import contrastive_loss, same_study_matrix
from priorrg.model.modeling import PriorRGModel
from train.config import RunConfig
from train.data import Record
from train.run import run_stage
from train.trainer import Task


class Stage1Task(Task):
    """Forward: the contrastive loss of a batch, negatives gathered over all processes."""

    def __init__(
        self, model: PriorRGModel, auxiliary: float, latent_each: bool = False, contrastive: float = 1.0
    ) -> None:
        """auxiliary, contrastive: weights of the two losses."""
        super().__init__(model, auxiliary, latent_each)
        self.contrastive = contrastive
        # Stage 1 neither decodes nor reads the layers; unused parameters would stall several devices.
        for part in (model.decoder, model.layer_fusion, model.layer_norm_fusion):
            part.requires_grad_(False)

    def forward(
        self,
        report_input_ids: Tensor,
        report_attention_mask: Tensor,
        study_numbers: Tensor,
        change_classes: Tensor | None = None,
        amounts: Tensor | None = None,
        asked: Tensor | None = None,
        **study: Any,
    ) -> Tensor:
        visual, report, memory = self.model.align(
            report_input_ids=report_input_ids,
            report_attention_mask=report_attention_mask,
            output_tokens=self.heads is not None,
            **study,
        )
        same_study = same_study_matrix(gather(study_numbers))
        loss = contrastive_loss(gather(visual), gather(report), self.model.logit_scale, same_study)
        return self.contrastive * loss + self.auxiliary_loss(memory, change_classes, amounts, asked)


def gather(rows: Tensor) -> Tensor:
    """Rows of all processes, in rank order, with gradients for the own ones; unchanged with one process.

    Each process has gradients for its own rows only and the whole gradient is their sum, but gradients of processes get
    averaged: those of the rows are therefore multiplied by the number of processes.
    """
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return rows
    count = torch.distributed.get_world_size()
    parts = [torch.empty_like(rows) for _ in range(count)]
    torch.distributed.all_gather(parts, rows.contiguous())
    if rows.requires_grad:  # all_gather cuts the graph
        parts[torch.distributed.get_rank()] = rows + (count - 1) * (rows - rows.detach())
    return torch.cat(parts)


def train_stage1(
    model: PriorRGModel, config: RunConfig, processor: Any, records: dict[str, list[Record]], resume: bool
) -> dict[str, Any]:
    stage = config.stage1
    task = Stage1Task(model, stage.auxiliary, stage.latent_each, stage.contrastive)
    result = run_stage(task, stage, config, processor, records, is_stage1=True, resume=resume)
    model.requires_grad_(True)
    return result
