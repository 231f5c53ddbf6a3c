"""The steps of a report: the GPT-2 decoder of a model, laid out for writing one token of a few rows at a time.

The same numbers as model.decoder gives up to the order of float32 sums, so the same words. Two things make it quick on
a CPU: matrices are packed once for oneDNN, whose kernel for few rows is several times as fast as the plain one; and all
rows of a search read the keys and values of one memory, instead of a copy each that every reordering copies again.
Knows no search and no text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from transformers import GPT2LMHeadModel

Linear = Callable[[torch.Tensor], torch.Tensor]
ROWS = 3  # how many rows a packed matrix expects (published: 3 beams); others work as well


def can_pack() -> bool:
    """Whether torch has the operators of oneDNN, which may go; without them all is right, and slow."""
    operators = getattr(torch.ops, "mkldnn", None)
    return torch.backends.mkldnn.is_available() and all(
        hasattr(operators, name) for name in ("_reorder_linear_weight", "_linear_pointwise")
    )


def linear(weight: torch.Tensor, bias: torch.Tensor | None) -> Linear:
    """x (..., in) -> (..., out), as nn.functional.linear with weight (out, in) and bias (out,)."""
    if weight.device.type != "cpu" or weight.dtype != torch.float32 or not can_pack():
        return lambda rows: nn.functional.linear(rows, weight, bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), ROWS)
    return lambda rows: torch.ops.mkldnn._linear_pointwise(rows, packed, bias, "none", [], "")


class _Block:
    """One block's matrices; GPT-2 keeps them as (in, out)."""

    def __init__(self, block: nn.Module):
        self.block = block
        parts: dict[str, Any] = {
            "attend": block.attn.c_attn,  # type: ignore[union-attr]
            "attended": block.attn.c_proj,  # type: ignore[union-attr]
            "ask": block.crossattention.q_attn,  # type: ignore[union-attr]
            "answered": block.crossattention.c_proj,  # type: ignore[union-attr]
            "widen": block.mlp.c_fc,  # type: ignore[union-attr]
            "narrow": block.mlp.c_proj,  # type: ignore[union-attr]
        }
        self.linear = {name: linear(part.weight.T, part.bias) for name, part in parts.items()}


class ReportDecoder:
    """A decoder's weights as they are read from while writing. The decoder itself stays as it is."""

    def __init__(self, decoder: GPT2LMHeadModel):
        self.transformer = decoder.transformer
        self.blocks = [_Block(block) for block in decoder.transformer.h]
        self.head = linear(decoder.lm_head.weight, None)
        self.heads = decoder.config.n_head

    def begin(self, memory: torch.Tensor, rows: int, most: int) -> Decoding:
        """memory: (1, M, H), which all rows read. most: tokens that a row may have, the start token included."""
        return Decoding(self, memory, rows, most)


class Decoding:
    """What a number of rows has read so far."""

    def __init__(self, decoder: ReportDecoder, memory: torch.Tensor, rows: int, most: int):
        self.decoder = decoder
        self.length = 0
        width = memory.shape[-1]
        shape = (rows, decoder.heads, most, width // decoder.heads)
        self.past = [(memory.new_zeros(shape), memory.new_zeros(shape)) for _ in decoder.blocks]  # keys, values
        self.memory = []
        for block in decoder.blocks:
            keys, values = block.block.crossattention.c_attn(memory).chunk(2, dim=-1)  # type: ignore[union-attr]
            self.memory.append((self._split(keys), self._split(values)))

    def _split(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, N, H) -> (B, heads, N, D)"""
        return tokens.unflatten(-1, (self.decoder.heads, -1)).transpose(1, 2)

    def step(self, ids: torch.Tensor) -> torch.Tensor:
        """ids: (rows,), the next token of each. Returns the logits (rows, V) of what follows."""
        transformer, place = self.decoder.transformer, self.length
        states = transformer.wte(ids) + transformer.wpe.weight[place]  # (rows, H)
        for packed, (keys, values), (memory_keys, memory_values) in zip(
            self.decoder.blocks, self.past, self.memory, strict=True
        ):
            block, apply = packed.block, packed.linear
            asked, key, value = apply["attend"](block.ln_1(states)).chunk(3, dim=-1)  # type: ignore[operator]
            keys[:, :, place], values[:, :, place] = self._row(key), self._row(value)
            seen = nn.functional.scaled_dot_product_attention(
                self._row(asked)[:, :, None],
                keys[:, :, : place + 1],
                values[:, :, : place + 1],
                scale=block.attn.scaling,  # type: ignore[union-attr]
            )
            states = apply["attended"](seen.flatten(1)) + states
            asked = apply["ask"](block.ln_cross_attn(states))  # type: ignore[operator]
            seen = nn.functional.scaled_dot_product_attention(  # rows stand where one row's tokens would
                self._row(asked).transpose(0, 1)[None],
                memory_keys,
                memory_values,
                scale=block.crossattention.scaling,  # type: ignore[union-attr]
            )
            states = states + apply["answered"](seen[0].transpose(0, 1).flatten(1))
            widened = block.mlp.act(apply["widen"](block.ln_2(states)))  # type: ignore[operator, union-attr]
            states = states + apply["narrow"](widened)
        self.length += 1
        return self.decoder.head(transformer.ln_f(states))

    def _row(self, tokens: torch.Tensor) -> torch.Tensor:
        """(rows, H) -> (rows, heads, D)"""
        return tokens.unflatten(-1, (self.decoder.heads, -1))

    def follow(self, rows: Sequence[int]) -> None:
        """Each row goes on from what the row of this number has read."""
        if list(rows) == list(range(len(rows))):
            return
        chosen = torch.tensor(rows, device=self.past[0][0].device)
        for keys, values in self.past:
            keys[:, :, : self.length] = keys[chosen, :, : self.length]
            values[:, :, : self.length] = values[chosen, :, : self.length]
