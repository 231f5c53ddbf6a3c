"""The steps of reports as a GPU takes them: of fixed shape, in buffers that stay where they are, each one CUDA graph.

A step of a few rows is hundreds of small kernels, which cost a GPU less than starting them costs Python. A graph starts
all of them at once, but repeats them to the letter: the same shapes at the same addresses. So texts are rows of buffers
that are as long as a text may become, how many rows a step has is rounded up, and what differs from step to step (the
tokens, where they stand, how long memories are) is written into a tensor first. The rows beyond those that are written
compute what nobody reads. Who joins, leaves, or goes on from another row, is moved between two steps.

Nothing here needs a GPU but `captured`: without it the same step runs operator by operator, on any device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from transformers import GPT2LMHeadModel

from priorrg.model.decoding import ReportDecoder

Step = Callable[[], torch.Tensor]
ALIGNED = 8  # positions are a multiple of it, as the kernels of attention like their masks


def uncaptured(step: Step) -> Step:
    """The step as it is."""
    return step


def captured(step: Step) -> Step:
    """The same step as a CUDA graph, whose result holds until it is taken again."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step()  # loads kernels and makes room for products, which must not happen while it is captured
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    # thread_local: images are encoded in other threads, which may ask the driver for memory meanwhile.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        logits = step()

    def again() -> torch.Tensor:
        graph.replay()
        return logits

    return again


class FixedDecoder(ReportDecoder):
    """A decoder's weights, and room for the texts that are usually written at once. One Decoding at a time uses it.

    rows, positions, memory: of all texts, of a text, tokens of a memory; more of either is found room for when it
    comes, in buffers that are given up when nothing is written any more. capture: captured or uncaptured. float32.
    """

    def __init__(
        self,
        decoder: GPT2LMHeadModel,
        rows: int,
        positions: int,
        memory: int,
        capture: Callable[[Step], Step] = uncaptured,
    ):
        super().__init__(decoder)
        self.capture = capture
        self.room = _Room(self, rows, positions, memory)

    def begin(self) -> FixedDecoding:  # type: ignore[override]  # takes the same steps
        """Nothing is written yet."""
        return FixedDecoding(self)

    @torch.no_grad()
    def warm_up(self) -> None:
        """Take, and capture, a step of each number of rows there is, before anything is written."""
        for power in range(self.room.rows.bit_length()):
            self.room.step(1 << power)


class _Room:
    """Buffers that stay where they are, and the steps that read and write them there, by their number of rows."""

    def __init__(self, decoder: FixedDecoder, rows: int, positions: int, memory: int):
        self.decoder = decoder
        self.rows = 1 << (rows - 1).bit_length()
        self.positions, self.memory_tokens = (-(-length // ALIGNED) * ALIGNED for length in (positions, memory))
        like, heads = decoder.transformer.wpe.weight, decoder.heads
        shape = (len(decoder.blocks), 2, self.rows, heads)  # keys, values
        # Zeros: what is masked is multiplied by 0, and what lies in fresh memory may be no number.
        self.past = like.new_zeros(*shape, self.positions, like.shape[1] // heads)
        self.memory = like.new_zeros(*shape, self.memory_tokens, like.shape[1] // heads)
        # Of each row its token, where that stands, and how long its memory is: of an idle row 1, to have a softmax.
        self.told = torch.zeros(3, self.rows, dtype=torch.long, device=like.device)
        self.told[2] = 1
        self._steps: dict[int, Step] = {}

    def fits(self, rows: int, positions: int, memory: int) -> bool:
        return rows <= self.rows and positions <= self.positions and memory <= self.memory_tokens

    def larger(self, rows: int, positions: int, memory: int) -> _Room:
        """A copy with room for so much at least, twice as long where a text became longer, as it may again."""
        length = self.positions if positions <= self.positions else max(positions, 2 * self.positions)
        room = _Room(self.decoder, max(rows, self.rows), length, max(memory, self.memory_tokens))
        room.past[:, :, : self.rows, :, : self.positions] = self.past
        room.memory[:, :, : self.rows, :, : self.memory_tokens] = self.memory
        room.told[:, : self.rows] = self.told
        return room

    def step(self, count: int) -> torch.Tensor:
        """Take a step of so many rows, as they are told. Returns the logits (count, V)."""
        rows = 1 << (count - 1).bit_length()
        if rows not in self._steps:
            tensors = self.past[:, :, :rows], self.memory[:, :, :rows], self.told[:, :rows]
            # Not a method: graphs and buffers are gone as soon as their room is, not when cycles are collected.
            self._steps[rows] = self.decoder.capture(partial(_step, self.decoder, *tensors))
        return self._steps[rows]()[:count]


def _step(decoder: ReportDecoder, past: torch.Tensor, memory: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
    """past: (blocks, 2, R, heads, N, D); memory: (blocks, 2, R, heads, M, D); told: (3, R). Returns the logits (R, V).

    Nothing but what the tensors hold may decide anything here.
    """
    ids, places, lengths = told
    every = torch.arange(told.shape[1], device=told.device)
    seen = (torch.arange(past.shape[4], device=told.device) <= places[:, None])[:, None, None]
    remembered = (torch.arange(memory.shape[4], device=told.device) < lengths[:, None])[:, None, None]

    def attend(block: int, asked: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        keys, values = past[block]
        keys[every, :, places], values[every, :, places] = key, value
        return decoder.attend(block, asked[:, :, None], keys, values, seen)

    def ask(block: int, asked: torch.Tensor) -> torch.Tensor:
        keys, values = memory[block]
        return decoder.attend(block, asked[:, :, None], keys, values, remembered)

    return decoder.logits(ids, places, attend, ask)


class FixedDecoding:
    """What the rows of some texts have read so far, as model/decoding.py's Decoding; only where it lies differs.

    Each row has a copy of its text's memory, which a GPU has room for.
    """

    def __init__(self, decoder: FixedDecoder):
        self.decoder, self.room = decoder, decoder.room
        self.rows: list[int] = []  # of each text
        self.lengths: list[int] = []  # of each text: tokens that its rows have read
        self.memories: list[int] = []  # of each text: tokens of its memory
        self.from_rows: list[int] = []  # of each row: which one it goes on from, at the next step

    def join(self, memory: torch.Tensor, rows: int, most: int) -> None:
        """Another text, the last one. memory: (1, M, H), which all its rows read. most: tokens that a row may have, the
        start token included."""
        first, length = sum(self.rows), memory.shape[1]
        self._make_room(first + rows, most, length)
        for block, read in enumerate(self.decoder.remembered(memory)):
            for part in range(2):
                self.room.memory[block, part, first : first + rows, :, :length] = read[part]
        self.rows.append(rows)
        self.lengths.append(0)
        self.memories.append(length)
        self.from_rows += range(first, first + rows)

    def allow(self, text: int, most: int) -> None:
        """The rows of this text may have so many tokens from now on, at least as many as before."""
        self._make_room(sum(self.rows), most, self.memories[text])

    def _make_room(self, *needed: int) -> None:
        if not self.room.fits(*needed):
            self.room = self.room.larger(*needed)

    def leave(self, text: int) -> None:
        """The text of this number is done; those behind it move up by one."""
        first, end = sum(self.rows[:text]), sum(self.rows)
        behind, longest = first + self.rows[text], max(self.lengths)
        self._move()
        for kept, length in ((self.room.past, longest), (self.room.memory, max(self.memories))):
            kept[:, :, first : first + end - behind, :, :length] = kept[:, :, behind:end, :, :length].clone()
        del self.from_rows[end - (behind - first) :]
        for numbers in (self.rows, self.lengths, self.memories):
            del numbers[text]
        if not self.rows:
            self.room = self.decoder.room

    def follow(self, text: int, rows: Sequence[int]) -> None:
        """Each row of a text goes on from what the row of this number, of the same text, has read."""
        first = sum(self.rows[:text])
        self.from_rows[first : first + len(rows)] = [first + row for row in rows]

    def _move(self) -> None:
        """Let the rows follow, those of all texts at once."""
        moved = [(row, of) for row, of in enumerate(self.from_rows) if row != of]
        if moved:
            rows, of = torch.tensor(moved, device=self.room.told.device).T
            past = self.room.past[:, :, :, :, : max(self.lengths)]
            past[:, :, rows] = past[:, :, of]
            self.from_rows = list(range(len(self.from_rows)))

    def step(self, ids: torch.Tensor) -> torch.Tensor:
        """ids: (R,), the next token of each row, text after text. Returns the logits (R, V) of what follows."""
        self._move()
        texts = zip(self.lengths, self.memories, self.rows, strict=True)
        told = [(length, memory) for length, memory, rows in texts for _ in range(rows)]
        self.room.told[0, : len(ids)] = ids
        self.room.told[1:, : len(ids)] = torch.tensor(told, device=ids.device).T
        self.lengths = [length + 1 for length in self.lengths]
        return self.room.step(len(ids)).clone()  # the next step writes over it
