"""One attention for temporal fusion and perceiver: fast without weights, exact with them."""

import torch
from torch import nn


def split_heads(tokens: torch.Tensor, heads: int) -> torch.Tensor:
    """(B, N, heads * head size) -> (B, heads, N, head size)."""
    return tokens.unflatten(-1, (heads, -1)).transpose(1, 2)


def attend(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    mask: torch.Tensor | None = None,
    with_weights: bool = False,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Scaled dot-product attention.

    queries: (B, heads, N, D); keys, values: (B, heads, M, D); mask: (B, M) bool, True = attend, or None.
    Returns (B, N, heads * D), and the weights (B, heads, N, M) when with_weights, else None.
    """
    allowed = None if mask is None else mask[:, None, None, :].bool()
    weights = None
    if with_weights:
        scores = queries @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5
        if allowed is not None:
            scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
        weights = scores.softmax(dim=-1, dtype=torch.float32).to(values.dtype)
        attended = weights @ values
    else:
        attended = nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=allowed)
    return attended.transpose(1, 2).flatten(2), weights
