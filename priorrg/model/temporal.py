"""Temporal fusion: what the current image shows, asked of the prior one.

Three blocks of cross-attention and feed-forward; keys and values are the prior features, unchanged in every block.
"""

import torch
from torch import nn

from priorrg.model.attention import attend, split_heads


class PriorAttention(nn.Module):
    """Cross-attention from the current to the prior image, pre-normed, with its residual."""

    def __init__(self, hidden_size: int, heads: int, head_size: int):
        super().__init__()
        self.heads = heads
        self.norm_current = nn.LayerNorm(hidden_size)
        self.norm_prior = nn.LayerNorm(hidden_size)  # one norm for keys and values (published)
        self.to_queries = nn.Linear(hidden_size, heads * head_size)
        self.to_keys = nn.Linear(hidden_size, heads * head_size)
        self.to_values = nn.Linear(hidden_size, heads * head_size)
        self.to_output = nn.Linear(heads * head_size, hidden_size)

    def forward(
        self, current: torch.Tensor, prior: torch.Tensor, with_weights: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        normed_prior = self.norm_prior(prior)
        attended, weights = attend(
            split_heads(self.to_queries(self.norm_current(current)), self.heads),
            split_heads(self.to_keys(normed_prior), self.heads),
            split_heads(self.to_values(normed_prior), self.heads),
            with_weights=with_weights,
        )
        return current + self.to_output(attended), weights


class FusionBlock(nn.Module):
    def __init__(self, hidden_size: int, heads: int, head_size: int):
        super().__init__()
        self.attention = PriorAttention(hidden_size, heads, head_size)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(hidden_size),
            nn.Linear(hidden_size, hidden_size),
            nn.GELU(),
            nn.Linear(hidden_size, hidden_size),
        )

    def forward(
        self, current: torch.Tensor, prior: torch.Tensor, with_weights: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        current, weights = self.attention(current, prior, with_weights)
        return current + self.feed_forward(current), weights


class TemporalFusion(nn.Module):
    def __init__(self, hidden_size: int, heads: int, head_size: int, num_blocks: int):
        super().__init__()
        self.blocks = nn.ModuleList([FusionBlock(hidden_size, heads, head_size) for _ in range(num_blocks)])
        self.norm = nn.LayerNorm(hidden_size)

    def forward(
        self, current: torch.Tensor, prior: torch.Tensor, with_weights: bool = False
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """current, prior: (B, P, H). Returns (B, P, H), and if asked for each block's weights (B, heads, P, P)."""
        all_weights = []
        for block in self.blocks:
            current, weights = block(current, prior, with_weights)
            if weights is not None:
                all_weights.append(weights)
        return self.norm(current), tuple(all_weights)
