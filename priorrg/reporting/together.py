"""The texts that are being written, all of them: one thread takes a step of the decoder for all at once.

A text joins at the next step and leaves when it is done, stopped, or when whoever reads it went away; who writes what,
and why, is in writing.py. The thread is there only while something is written, so a fork of the process has its own.
The interpreter's end waits for it: no daemon, for torch ends the process with an abort where it meets that end.
It reads the decoder's weights alone and changes nothing of the model: explanations may run beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch


@dataclass(frozen=True)
class Next:
    """What a text goes on with. tokens: one of each of its rows; rows: which row each of them goes on from. likeliest:
    how many of the likeliest tokens of each row it asks for."""

    tokens: Sequence[int]
    rows: Sequence[int]
    likeliest: int = 0


@dataclass(frozen=True)
class Said:
    """What the decoder says of a text's rows. logits: (rows, V) float32. best: the likeliest token of each row, and
    probabilities how likely it is. likeliest: where they were asked for, log-probabilities and tokens, (rows, N) each,
    the likeliest first. All but the logits are computed for all texts at once, and on the CPU."""

    logits: torch.Tensor
    best: Sequence[int]
    probabilities: Sequence[float]
    likeliest: tuple[torch.Tensor, torch.Tensor]


class Text(Protocol):
    """What is written together with others."""

    memory: torch.Tensor  # (1, M, H)
    most: int  # tokens that it may have, without the start token; may grow

    def search(self) -> Generator[Next, Said, None]:
        """The next tokens, given what is said of those before; the number of rows stays that of the first ones."""
        ...

    def is_wanted(self) -> bool:
        """False where it was stopped or nobody reads it any more: it is given no further step."""
        ...

    def stepped(self) -> None:
        """Another step was taken."""
        ...

    def ended(self, error: BaseException | None) -> None:
        """It gets no further step."""
        ...


class Decoding(Protocol):
    """What the rows of some texts have read so far: model/decoding.py says what is asked of it."""

    def join(self, memory: torch.Tensor, rows: int, most: int) -> None: ...

    def allow(self, text: int, most: int) -> None: ...

    def leave(self, text: int) -> None: ...

    def follow(self, text: int, rows: Sequence[int]) -> None: ...

    def step(self, ids: torch.Tensor) -> torch.Tensor: ...


class Decoder(Protocol):
    """How steps are taken: model/decoding.py, or model/fixed_steps.py."""

    def begin(self) -> Decoding: ...


@dataclass
class _Writing:
    text: Text
    search: Generator[Next, Said, None]
    next: Next


class Together:
    """Writes every text that joins, those of all readers in common steps."""

    def __init__(self, decoder: Decoder, device: torch.device):
        self._decoder, self._device = decoder, device
        self._lock = threading.Lock()
        self._joining: list[Text] = []
        self._is_running = False

    def join(self, text: Text) -> None:
        """Write a text from the next step on; returns at once."""
        with self._lock:
            if not self._is_running:
                # Where a daemon asks, it would be one too unless told. Raises where there is no room.
                threading.Thread(target=self._run, name="writing", daemon=False).start()
                self._is_running = True
            self._joining.append(text)

    def _run(self) -> None:
        writings: list[_Writing] = []
        decoding = self._decoder.begin()
        with torch.no_grad():
            while True:
                with self._lock:
                    joining, self._joining = self._joining, []
                    if not joining and not writings:
                        self._is_running = False
                        return
                try:
                    for text in joining:
                        self._begin(text, decoding, writings)
                    self._step(decoding, writings)
                except BaseException as error:  # of the decoder, which all share; each reader raises it
                    for writing in writings:
                        writing.text.ended(error)
                    writings, decoding = [], self._decoder.begin()

    def _begin(self, text: Text, decoding: Decoding, writings: list[_Writing]) -> None:
        search = text.search()
        try:
            first = next(search)
            decoding.join(text.memory, len(first.tokens), text.most + 1)
        except BaseException as error:
            text.ended(None if isinstance(error, StopIteration) else error)
            return
        writings.append(_Writing(text, search, first))

    def _step(self, decoding: Decoding, writings: list[_Writing]) -> None:
        for number in reversed(range(len(writings))):
            if not writings[number].text.is_wanted():
                self._end(number, None, decoding, writings)
        if not writings:
            return
        for number, writing in enumerate(writings):
            decoding.follow(number, writing.next.rows)
            decoding.allow(number, writing.text.most + 1)
        tokens = [token for writing in writings for token in writing.next.tokens]
        logits = decoding.step(torch.tensor(tokens, device=self._device)).float()
        best = logits.argmax(dim=-1)
        probabilities = logits.softmax(dim=-1).gather(1, best[:, None])[:, 0].tolist()
        chosen, first = best.tolist(), 0
        likeliest = _likeliest(logits, writings)
        ended: list[tuple[int, BaseException | None]] = []
        for number, writing in enumerate(writings):
            of = slice(first, first + len(writing.next.tokens))
            first = of.stop
            try:
                said = Said(logits[of], chosen[of], probabilities[of], likeliest[number])
                writing.next = writing.search.send(said)
                writing.text.stepped()
            except StopIteration:
                ended.append((number, None))
            except BaseException as error:  # of this text alone
                ended.append((number, error))
        for number, error in reversed(ended):
            self._end(number, error, decoding, writings)

    def _end(self, number: int, error: BaseException | None, decoding: Decoding, writings: list[_Writing]) -> None:
        decoding.leave(number)
        writings.pop(number).text.ended(error)


def _likeliest(logits: torch.Tensor, writings: list[_Writing]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """What each text asked for of the logits of all, (R, V)."""
    counts = [len(writing.next.tokens) if writing.next.likeliest else 0 for writing in writings]
    if not any(counts):
        return [(logits[:0], logits[:0])] * len(writings)
    asking = [writing.next.likeliest > 0 for writing in writings for _ in writing.next.tokens]
    rows = logits if all(asking) else logits[torch.tensor(asking, device=logits.device)]
    most = min(max(writing.next.likeliest for writing in writings), logits.shape[1])
    found = [part.cpu().split(counts) for part in rows.log_softmax(dim=-1).topk(most)]
    asked = [writing.next.likeliest for writing in writings]
    return [(logs[:, :of], tokens[:, :of]) for of, logs, tokens in zip(asked, *found, strict=True)]
