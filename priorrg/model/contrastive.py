"""The loss of stage 1: images and reports of one study are drawn together. Tensors only."""

import torch
from torch import nn


def contrastive_loss(
    visual: torch.Tensor, report: torch.Tensor, logit_scale: torch.Tensor, same_study: torch.Tensor
) -> torch.Tensor:
    """Mean of the image-to-text and text-to-image cross-entropies.

    visual, report: (B, H), not normalised. logit_scale: the learned logarithm. same_study: (B, B), true where two
    rows belong to one study; its rows, divided by their sums, are the targets.

    In float32, also under autocast: the scale would multiply the rounding of the similarities.
    """
    visual = nn.functional.normalize(visual.float(), dim=-1)
    report = nn.functional.normalize(report.float(), dim=-1)
    with torch.autocast(visual.device.type, enabled=False):
        logits = logit_scale.float().exp() * visual @ report.T
    targets = same_study.to(logits.dtype)
    targets = targets / targets.sum(dim=1, keepdim=True)
    return (nn.functional.cross_entropy(logits, targets) + nn.functional.cross_entropy(logits.T, targets)) / 2


def same_study_matrix(study_numbers: torch.Tensor) -> torch.Tensor:
    """(B,) -> (B, B) bool: which rows belong to one study."""
    return study_numbers[:, None] == study_numbers[None, :]
