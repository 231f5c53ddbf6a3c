"""The one perceiver: a fixed number of latents that read a sequence of any length.

PriorRG calls it three times, each call from the latents that the one before returned.
"""

from dataclasses import dataclass

import torch
from torch import nn

from priorrg.model.attention import attend, split_heads


@dataclass(frozen=True)
class PerceiverWeights:
    """Attention of one call, layer by layer: cross (B, heads, K, N) to the data, own (B, heads, K, K) to latents."""

    cross: tuple[torch.Tensor, ...]
    own: tuple[torch.Tensor, ...]


class LatentAttention(nn.Module):
    """Attention of the latents to data (with_data) or to themselves, pre-normed, with its residual."""

    def __init__(self, hidden_size: int, heads: int, head_size: int, with_data: bool):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(hidden_size)
        self.norm_data = nn.LayerNorm(hidden_size) if with_data else None
        self.to_queries = nn.Linear(hidden_size, heads * head_size, bias=False)
        self.to_keys_values = nn.Linear(hidden_size, 2 * heads * head_size, bias=False)  # keys first
        self.to_output = nn.Linear(heads * head_size, hidden_size)

    def forward(
        self, latents: torch.Tensor, data: torch.Tensor | None, mask: torch.Tensor | None, with_weights: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        normed = self.norm(latents)
        source = normed if data is None or self.norm_data is None else self.norm_data(data)
        keys, values = self.to_keys_values(source).chunk(2, dim=-1)
        attended, weights = attend(
            split_heads(self.to_queries(normed), self.heads),
            split_heads(keys, self.heads),
            split_heads(values, self.heads),
            mask,
            with_weights,
        )
        return latents + self.to_output(attended), weights


class GatedFeedForward(nn.Module):
    """LayerNorm, then the first half of a wide layer times GELU of its second half, with its residual."""

    def __init__(self, hidden_size: int, mult: int):
        super().__init__()
        self.norm = nn.LayerNorm(hidden_size)
        self.widen = nn.Linear(hidden_size, 2 * mult * hidden_size)
        self.narrow = nn.Linear(mult * hidden_size, hidden_size)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        values, gates = self.widen(self.norm(latents)).chunk(2, dim=-1)
        return latents + self.narrow(values * nn.functional.gelu(gates))


class PerceiverLayer(nn.Module):
    def __init__(self, hidden_size: int, heads: int, head_size: int, mult: int):
        super().__init__()
        self.cross_attention = LatentAttention(hidden_size, heads, head_size, with_data=True)
        self.cross_feed_forward = GatedFeedForward(hidden_size, mult)
        self.self_attention = LatentAttention(hidden_size, heads, head_size, with_data=False)
        self.self_feed_forward = GatedFeedForward(hidden_size, mult)

    def forward(
        self, latents: torch.Tensor, data: torch.Tensor, mask: torch.Tensor | None, with_weights: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        latents, cross = self.cross_attention(latents, data, mask, with_weights)
        latents = self.cross_feed_forward(latents)
        latents, own = self.self_attention(latents, None, None, with_weights)
        return self.self_feed_forward(latents), cross, own


class Perceiver(nn.Module):
    def __init__(self, hidden_size: int, num_latents: int, depth: int, heads: int, head_size: int, mult: int):
        super().__init__()
        self.latents = nn.Parameter(torch.randn(num_latents, hidden_size))
        self.layers = nn.ModuleList([PerceiverLayer(hidden_size, heads, head_size, mult) for _ in range(depth)])

    def forward(
        self,
        data: torch.Tensor,
        latents: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        with_weights: bool = False,
    ) -> tuple[torch.Tensor, PerceiverWeights | None]:
        """data: (B, N, H); latents: (B, K, H), or None for the learned ones; mask: (B, N), 0 = not seen.

        Latents keep their own type: under autocast to bfloat16 they sum up what every layer adds in float32.

        Returns latents (B, K, H), and the attention weights when asked for.
        """
        read = self.latents.expand(data.shape[0], -1, -1) if latents is None else latents
        cross_weights, own_weights = [], []
        for layer in self.layers:
            read, cross, own = layer(read, data, mask, with_weights)
            cross_weights.append(cross)
            own_weights.append(own)
        return read, PerceiverWeights(tuple(cross_weights), tuple(own_weights)) if with_weights else None
