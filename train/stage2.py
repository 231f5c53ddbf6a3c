"""Stage 2: the decoder learns to write from the memory, coarse and whole (paper, stage 2).

Two deviations. One gives the coarse draft: a share of the steps decodes from context and spatiotemporal latents alone
(published: 0). The other holds the projection heads' BatchNorm to the statistics of stage 1, where there was one: the
image's head serves the current image, the prior and the fused layers, three kinds of features whose running mean is
none of theirs, so that a model trained on each batch's own statistics meets others when it reads.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from priorrg.model.modeling import IGNORED_LABEL, PriorRGModel
from train.config import RunConfig
from train.data import Record
from train.run import run_stage
from train.trainer import Task


class Stage2Task(Task):
    """Forward: cross-entropy of the report, from the whole memory or, in training now and then, the coarse one."""

    def __init__(
        self,
        model: PriorRGModel,
        auxiliary: float,
        coarse_share: float,
        holds_statistics: bool,
        latent_each: bool = False,
    ) -> None:
        """holds_statistics: of the projection heads' BatchNorm, as they came from stage 1."""
        super().__init__(model, auxiliary, latent_each)
        self.coarse_share = coarse_share
        self.held = [
            module
            for head in (model.image_projection, model.text_projection)
            for module in head.modules()
            if holds_statistics and isinstance(module, nn.BatchNorm1d)
        ]
        # Frozen in stage 2 (docs/architecture.md, Stage 2).
        for parameter in (model.vp_pos_embed, model.temp_pos_embed, model.logit_scale):
            parameter.requires_grad_(False)

    def train(self, mode: bool = True) -> Stage2Task:
        super().train(mode)
        for module in self.held:
            module.eval()
        return self

    def forward(
        self,
        decoder_input_ids: Tensor,
        labels: Tensor,
        change_classes: Tensor | None = None,
        amounts: Tensor | None = None,
        asked: Tensor | None = None,
        label_weights: Tensor | None = None,
        more_context_ids: Tensor | None = None,
        more_context_mask: Tensor | None = None,
        more_asked: Tensor | None = None,
        **study: Any,
    ) -> Tensor:
        """label_weights: (B, T), as labels; in training the cross-entropy is their weighted mean.

        more_context_ids, more_context_mask: (M, T) further contexts, and what they ask, for the heads alone.
        """
        coarse = self.training and float(torch.rand(())) < self.coarse_share
        level = "coarse" if coarse else "full"
        has_heads = self.heads is not None and self.training
        memory = self.model.encode_study(**study, memory_level=level, output_tokens=has_heads)
        said = self.model(memory=memory, decoder_input_ids=decoder_input_ids, labels=labels, memory_level=level)
        if not self.training:
            return said.loss
        loss = said.loss if label_weights is None else _weighted(said.logits, labels, label_weights)
        loss = loss + self.auxiliary_loss(memory, change_classes, amounts, asked)
        if self.heads is not None and more_context_ids is not None and more_asked is not None:
            context = self.model.encode_context(more_context_ids, more_context_mask)
            mask = more_context_mask if self.model.config.mask_context_padding else None
            latents, _ = self.model.perceiver(context, None, mask)
            loss = loss + self.auxiliary * self.heads.asked.loss(latents, more_asked)
        return loss


def _weighted(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """logits (B, T, V), labels and weights (B, T): the weighted mean of the tokens' cross-entropies."""
    losses = F.cross_entropy(
        logits.float().flatten(0, 1), labels.flatten(), reduction="none", ignore_index=IGNORED_LABEL
    )
    weights = (weights * (labels != IGNORED_LABEL)).flatten()
    return (losses * weights).sum() / weights.sum()


def train_stage2(
    model: PriorRGModel, config: RunConfig, processor: Any, records: dict[str, list[Record]], resume: bool
) -> dict[str, Any]:
    stage = config.stage2
    holds = bool(stage.hold_statistics and stage.start_from)  # without a stage 1 there is nothing to hold
    task = Stage2Task(model, stage.auxiliary, stage.coarse_share, holds, stage.latent_each)
    result = run_stage(task, stage, config, processor, records, is_stage1=False, resume=resume)
    model.requires_grad_(True)
    return result
