"""The steps of reports: the GPT-2 decoder of a model, laid out for writing one token of some rows of texts at a time.

The same numbers as model.decoder gives up to the order of float32 sums, so the same words. Three things make it quick
on a CPU: matrices are packed once for oneDNN, whose kernel for few rows is several times as fast as the plain one; all
rows of a search read the keys and values of one memory, instead of a copy each that every reordering copies again; and
texts of different readers are rows of one step. Knows no search and no words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from transformers import GPT2LMHeadModel

from priorrg.model.precision import int8_linear
from priorrg.model.precisions import FLOAT32, INT8

Linear = Callable[[torch.Tensor], torch.Tensor]
Pack = Callable[[torch.Tensor, torch.Tensor | None], Linear]
# The number of a block and what its rows ask, (R, heads, D), with their own keys and values where they look back.
Attend = Callable[[int, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
Ask = Callable[[int, torch.Tensor], torch.Tensor]
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

    def __init__(self, block: nn.Module, packed: Pack):
        self.block = block
        parts: dict[str, Any] = {
            "attend": block.attn.c_attn,  # type: ignore[union-attr]
            "attended": block.attn.c_proj,  # type: ignore[union-attr]
            "ask": block.crossattention.q_attn,  # type: ignore[union-attr]
            "answered": block.crossattention.c_proj,  # type: ignore[union-attr]
            "widen": block.mlp.c_fc,  # type: ignore[union-attr]
            "narrow": block.mlp.c_proj,  # type: ignore[union-attr]
        }
        self.scale: float = block.attn.scaling  # type: ignore[union-attr, assignment]  # of both attentions
        self.linear = {name: packed(part.weight.T, part.bias) for name, part in parts.items()}


class ReportDecoder:
    """A decoder's weights as they are read from while writing. The decoder itself stays as it is.

    precision: of its matrices, INT8 or another one, which is float32; on a GPU always float32.
    """

    def __init__(self, decoder: GPT2LMHeadModel, precision: str = FLOAT32):
        packed = int8_linear if precision == INT8 and decoder.lm_head.weight.device.type == "cpu" else linear
        self.transformer = decoder.transformer
        self.blocks = [_Block(block, packed) for block in decoder.transformer.h]
        self.head = packed(decoder.lm_head.weight, None)
        self.heads = decoder.config.n_head

    def begin(self) -> Decoding:
        """Nothing is written yet."""
        return Decoding(self)

    def logits(self, ids: torch.Tensor, places: torch.Tensor, attend: Attend, ask: Ask) -> torch.Tensor:
        """ids, places: (R,), a token of each row and where in its text it stands. Returns (R, V), what follows it.

        attend: how rows look back at what they have read; ask: how they look at their memories.
        """
        states = self.transformer.wte(ids) + self.transformer.wpe.weight[places]  # (R, H)
        for number, packed in enumerate(self.blocks):
            block, apply = packed.block, packed.linear
            asked, key, value = apply["attend"](block.ln_1(states)).chunk(3, dim=-1)  # type: ignore[operator]
            seen = attend(number, self.split(asked), self.split(key), self.split(value))
            states = apply["attended"](seen.flatten(1)) + states
            asked = apply["ask"](block.ln_cross_attn(states))  # type: ignore[operator]
            states = states + apply["answered"](ask(number, self.split(asked)).flatten(1))
            widened = block.mlp.act(apply["widen"](block.ln_2(states)))  # type: ignore[operator, union-attr]
            states = states + apply["narrow"](widened)
        return self.head(self.transformer.ln_f(states))

    def attend(
        self, block: int, asked: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """asked: (B, heads, N, D); keys, values: (B, heads, M, D); mask: (B, 1, 1, M) bool, true where is looked at."""
        return nn.functional.scaled_dot_product_attention(
            asked, keys, values, attn_mask=mask, scale=self.blocks[block].scale
        )

    def split(self, tokens: torch.Tensor) -> torch.Tensor:
        """(R, H) -> (R, heads, D)"""
        return tokens.view(len(tokens), self.heads, -1)

    def remembered(self, memory: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Of each block, keys and values (heads, M, D) of a memory (1, M, H)."""
        for packed in self.blocks:
            read = packed.block.crossattention.c_attn(memory)[0].chunk(2, dim=-1)  # type: ignore[union-attr, operator]
            key, value = (part.unflatten(-1, (self.heads, -1)).transpose(0, 1) for part in read)
            yield key, value


class Decoding:
    """What the rows of some texts have read so far. Texts join and leave between any two steps.

    Each text reads a memory of its own, which its rows (the versions of a search) share, and stands at a length of its
    own. A row's numbers are those that it has alone, up to the order of float32 sums: what belongs to other texts, or
    is not written yet, is masked where they stand side by side. Products of 8 bits
    have no such order, and each row a scale of its own; what they are given differs by that order all the same, and
    rounding may make more of it.
    """

    def __init__(self, decoder: ReportDecoder):
        self.decoder = decoder
        self.rows: list[int] = []  # of each text
        self.lengths: list[int] = []  # of each text: tokens that its rows have read
        self.most: list[int] = []  # of each text: tokens that its rows may have
        self.memories: list[int] = []  # of each text: tokens of its memory
        # Of each block, keys and values: (capacity in rows, heads, T, D), (capacity in texts, heads, M, D).
        self.past: list[list[torch.Tensor]] = [[] for _ in decoder.blocks]
        self.memory: list[list[torch.Tensor]] = [[] for _ in decoder.blocks]

    def join(self, memory: torch.Tensor, rows: int, most: int) -> None:
        """Another text, the last one. memory: (1, M, H), which all its rows read. most: tokens that a row may have, the
        start token included."""
        text, first, length = len(self.rows), sum(self.rows), memory.shape[1]
        width = memory.shape[-1] // self.decoder.heads
        for read, past, remembered in zip(self.decoder.remembered(memory), self.past, self.memory, strict=True):
            if not past:
                past += [memory.new_zeros(0, self.decoder.heads, most, width) for _ in "kv"]
                remembered += [memory.new_zeros(0, self.decoder.heads, length, width) for _ in "kv"]
            for part in range(2):
                past[part] = _roomy(past[part], first + rows, most)
                remembered[part] = _roomy(remembered[part], text + 1, length)
                remembered[part][text, :, :length] = read[part]
        self.rows.append(rows)
        self.lengths.append(0)
        self.most.append(most)
        self.memories.append(length)

    def allow(self, text: int, most: int) -> None:
        """The rows of this text may have so many tokens from now on, at least as many as before."""
        if most != self.most[text]:
            self.most[text] = most
            for past in self.past:
                past[:] = [_roomy(part, sum(self.rows), most) for part in past]

    def leave(self, text: int) -> None:
        """The text of this number is done; those behind it move up by one."""
        begin, end = sum(self.rows[:text]), sum(self.rows)
        gone, longest = self.rows[text], max(self.lengths)
        for past, remembered in zip(self.past, self.memory, strict=True):
            for part in past:
                part[begin : end - gone, :, :longest] = part[begin + gone : end, :, :longest].clone()
            for part in remembered:
                part[text : len(self.rows) - 1] = part[text + 1 : len(self.rows)].clone()
        for numbers in (self.rows, self.lengths, self.most, self.memories):
            del numbers[text]
        if not self.rows:  # a crowd's room is not kept
            self.past, self.memory = [[] for _ in self.past], [[] for _ in self.memory]
            return
        for past in self.past:  # nor that of a text which was much longer than those that are left
            for number, part in enumerate(past):
                if part.shape[2] > max(self.most):
                    past[number] = part[:, :, : max(self.most)].clone()

    def step(self, ids: torch.Tensor) -> torch.Tensor:
        """ids: (R,), the next token of each row, text after text. Returns the logits (R, V) of what follows."""
        count, longest = len(ids), max(self.lengths) + 1
        places = [length for length, rows in zip(self.lengths, self.rows, strict=True) for _ in range(rows)]
        place = torch.tensor(places, device=ids.device)
        every = torch.arange(count, device=ids.device)
        mask = None if len(set(places)) == 1 else _up_to([at + 1 for at in places], longest, ids.device)
        asks = _Asks(self.rows, self.memories, ids.device)

        def attend(block: int, asked: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            keys, values = self.past[block]
            keys[every, :, place], values[every, :, place] = key, value
            kept = keys[:count, :, :longest], values[:count, :, :longest]
            return self.decoder.attend(block, asked[:, :, None], *kept, mask)

        def ask(block: int, asked: torch.Tensor) -> torch.Tensor:
            keys, values = (part[: len(self.rows), :, : asks.longest] for part in self.memory[block])
            seen = self.decoder.attend(block, asks.side_by_side(asked), keys, values, asks.mask)
            return asks.below_each_other(seen)

        self.lengths = [length + 1 for length in self.lengths]
        return self.decoder.logits(ids, place, attend, ask)

    def follow(self, text: int, rows: Sequence[int]) -> None:
        """Each row of a text goes on from what the row of this number, of the same text, has read."""
        if list(rows) == list(range(len(rows))):
            return
        first, length = sum(self.rows[:text]), self.lengths[text]
        chosen = torch.tensor(rows, device=self.past[0][0].device) + first
        for past in self.past:
            for part in past:
                part[first : first + len(rows), :, :length] = part[chosen, :, :length]


class _Asks:
    """How rows of texts are laid out to ask the memories: where one row's tokens would stand.

    mask: (texts, 1, 1, M), None where no memory is shorter than another. longest: M.
    """

    def __init__(self, rows: Sequence[int], memories: Sequence[int], device: torch.device):
        self.texts, self.most, self.longest = len(rows), max(rows), max(memories)
        self.mask = None if len(set(memories)) == 1 else _up_to(memories, self.longest, device)
        self.places = None  # of each row, where texts have different numbers of them
        if len(set(rows)) > 1:
            places = [text * self.most + row for text, count in enumerate(rows) for row in range(count)]
            self.places = torch.tensor(places, device=device)

    def side_by_side(self, rows: torch.Tensor) -> torch.Tensor:
        """(R, heads, D) -> (texts, heads, most rows of a text, D)"""
        if self.places is not None:
            padded = rows.new_zeros(self.texts * self.most, *rows.shape[1:])
            rows = padded.index_copy(0, self.places, rows)
        return rows.unflatten(0, (self.texts, self.most)).transpose(1, 2)

    def below_each_other(self, rows: torch.Tensor) -> torch.Tensor:
        """The way back: (texts, heads, most rows of a text, D) -> (R, heads, D)"""
        rows = rows.transpose(1, 2).flatten(0, 1)
        return rows if self.places is None else rows[self.places]


def _up_to(lengths: Sequence[int], longest: int, device: torch.device) -> torch.Tensor:
    """(N, 1, 1, longest) bool: true for the first so many of each."""
    ends = torch.tensor(lengths, device=device)
    return (torch.arange(longest, device=device) < ends[:, None])[:, None, None]


def _roomy(kept: torch.Tensor, count: int, length: int) -> torch.Tensor:
    """kept (capacity, heads, N, D), or a copy of it that holds `count` of at least `length` tokens."""
    capacity, heads, tokens, width = kept.shape
    if count <= capacity and length <= tokens:
        return kept
    # Zeros: what is masked is multiplied by 0, and what lies in fresh memory may be no number.
    rows = max(count, 2 * capacity) if count > capacity else capacity
    larger = kept.new_zeros(rows, heads, max(length, tokens), width)
    larger[:capacity, :, :tokens] = kept
    return larger
