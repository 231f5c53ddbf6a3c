"""Writing one text from one memory, greedily or by beam search, with the probability of each token.

Both say step by step what they go on with; the steps are taken together with those of other texts (together.py), so
that whoever reads may stop and show between any two tokens. Knows the decoder, no study and no page: what is written
about, and what a reader is told meanwhile, is in reporter.py.
"""

import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from priorrg.reporting.together import Next, Said, Together


@dataclass(frozen=True)
class Writer:
    """What a text is written with. lock: for calls of the model itself; steps taken together need none."""

    model: PriorRGModel
    together: Together
    processor: PriorRGProcessor
    lock: Any  # threading.RLock is a function, no type
    device: torch.device


class Writing:
    """Greedy writing from one memory (1, M, H), token by token, the same ids as transformers' greedy generate.

    tokens: ids so far, without the start token, with the end token if it came. probabilities: of each of them, given
    those before. settled: how many of the tokens cannot change any more. begun: ids that stand already; what is written
    goes on from them, for as many tokens as a whole text may have and as the position table has places.
    """

    def __init__(self, writer: Writer, memory: torch.Tensor, stop: threading.Event, begun: Sequence[int] = ()):
        self.writer = writer
        self.memory = memory
        self.stop = stop
        self.begun = tuple(begun)
        config = writer.model.config
        places = config.decoder_config.max_position_embeddings
        # The published limit counts the start token, and so does the table.
        self.most = min(len(self.begun) + config.max_report_tokens, places) - 1
        self.tokens: list[int] = []
        self.probabilities: list[float] = []
        self.settled = 0
        self._news = threading.Event()
        self._is_told_each_step = True
        self._has_ended = self._is_left = False
        self._error: BaseException | None = None

    @property
    def text(self) -> str:
        return self.writer.processor.decode(self.tokens)

    @property
    def settled_text(self) -> str:
        """The whole words that cannot change any more: what stands before the last space of what is settled."""
        settled = self.settled  # before the tokens, which may have changed behind it when they are looked at
        return self.writer.processor.decode(self.tokens[:settled]).rpartition(" ")[0]

    @property
    def begun_text(self) -> str:
        """What is begun, as it was shown already."""
        return self.writer.processor.decode(list(self.begun))

    def words(self) -> Iterator[str]:
        """The text so far, each time another word is whole. Ends at the end token, the length limit, or stop."""
        shown = self.begun_text
        for _ in self.steps():
            whole = self.settled_text
            if len(whole) > len(shown) and not self.stop.is_set():
                shown = whole
                yield shown
        if len(self.text) > len(shown):
            yield self.text

    def steps(self) -> Iterator[int]:
        """How many tokens there are, after each; after several where whoever reads was slower than they came."""
        self.writer.together.join(self)
        try:
            while not self._wait():
                yield len(self.tokens)
        finally:
            self._is_left = True  # whoever reads went away

    def finish(self) -> tuple[str, ...]:
        """Write it to its end; its words meanwhile are none."""
        self._is_told_each_step = False
        for _ in self.steps():
            pass
        return ()

    def _wait(self) -> bool:
        """For the next step; whether it was the last one."""
        self._news.wait()
        self._news.clear()
        if self._error is not None:
            raise self._error
        return self._has_ended

    # What Together asks and tells, in its thread

    def is_wanted(self) -> bool:
        return not self._is_left and not self.stop.is_set()

    def stepped(self) -> None:
        if self._is_told_each_step:
            self._news.set()

    def ended(self, error: BaseException | None) -> None:
        self._error, self._has_ended = error, True
        self._news.set()

    def _read_begun(self, rows: int) -> Generator[Next, Said, int]:
        """All rows read what is begun but for its last token, which is given back."""
        previous = self.writer.model.config.decoder_start_token_id
        for token in self.begun:
            said = yield Next([previous] * rows, range(rows))
            self.tokens.append(token)
            self.probabilities.append(float(said.logits[0].softmax(dim=-1)[token]))
            previous = token
        self.settled = len(self.tokens)
        return previous

    def search(self) -> Generator[Next, Said, None]:
        config = self.writer.model.config
        previous = yield from self._read_begun(1)
        for _ in range(len(self.begun), self.most):
            said = yield Next([previous], [0])
            previous = said.best[0]
            self.tokens.append(previous)
            self.probabilities.append(said.probabilities[0])
            self.settled = len(self.tokens)
            if previous == config.eos_token_id:
                return


@dataclass(frozen=True)
class _Version:
    """A beginning, or a whole text. score: the sum of its tokens' log-probabilities; of a whole one their mean."""

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    score: float


class BeamSearch(Writing):
    """Beam search from one memory, the same ids as transformers' with length penalty 1 and without early stopping.

    tokens: of the version that would be taken if it ended now. settled: the beginning in which all versions agree that
    can still be taken, which are those that are written on and the best whole one. All begin with what is begun.
    """

    def __init__(
        self, writer: Writer, memory: torch.Tensor, stop: threading.Event, num_beams: int, begun: Sequence[int] = ()
    ):
        super().__init__(writer, memory, stop, begun)
        self.num_beams = num_beams

    def search(self) -> Generator[Next, Said, None]:
        config, count = self.writer.model.config, self.num_beams
        previous = yield from self._read_begun(count)
        following = Next([previous] * count, range(count))
        logs = tuple(torch.tensor(self.probabilities).log().tolist())
        # All alike: only one may go on.
        running = [_Version(self.begun, logs, sum(logs))] + [_Version(self.begun, logs, -1e9)] * (count - 1)
        whole: list[_Version] = []
        for length in range(len(self.begun) + 1, self.most + 1):
            said = yield following
            log_probabilities = said.logits.log_softmax(dim=-1)  # (count, V)
            sums = log_probabilities + torch.tensor([[one.score] for one in running], device=self.writer.device)
            # Twice as many as are written on: as many could end with this token.
            scores, places = sums.flatten().topk(2 * count)
            means = (scores / length).tolist()
            is_last = length == self.most
            possible: list[tuple[int, _Version]] = []
            for rank, (score, place) in enumerate(zip(scores.tolist(), places.tolist(), strict=True)):
                row, token = divmod(place, sums.shape[1])
                one = _Version(
                    (*running[row].tokens, token),
                    (*running[row].log_probabilities, float(log_probabilities[row, token])),
                    score,
                )
                if token != config.eos_token_id and not is_last:
                    possible.append((row, one))
                elif rank < count:
                    whole.append(_Version(one.tokens, one.log_probabilities, means[rank]))
            whole = sorted(whole, key=lambda one: one.score, reverse=True)[:count]
            rows, running = [row for row, _ in possible[:count]], [one for _, one in possible[:count]]
            self._take(whole[:1] or running[:1], [*whole[:1], *running])
            if not running or (len(whole) == count and not _may_win(running[0], length, whole[-1])):
                self.settled = len(self.tokens)
                return
            following = Next([one.tokens[-1] for one in running], rows)

    def _take(self, best: list[_Version], possible: list[_Version]) -> None:
        self.tokens = list(best[0].tokens)
        self.probabilities = torch.tensor(best[0].log_probabilities).exp().tolist()
        first, last = min(one.tokens for one in possible), max(one.tokens for one in possible)
        agreed = next((at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), None)
        self.settled = min(len(first), len(last)) if agreed is None else agreed


def _may_win(best: _Version, length: int, worst: _Version) -> bool:
    """Whether the best beginning is better, by the mean that it has so far, than the worst of the whole versions."""
    return float(torch.tensor(best.score) / length) > worst.score


def token_probabilities(writer: Writer, memory: torch.Tensor, tokens: list[int]) -> list[float]:
    """Of each token its probability given those before it, from one pass over a text that stands. memory: (1, M, H)."""
    ids = torch.tensor([[writer.model.config.decoder_start_token_id, *tokens[:-1]]], device=writer.device)
    with writer.lock, torch.no_grad():
        logits = writer.model(memory=memory, decoder_input_ids=ids).logits[0].float()  # (T, V)
    chosen = torch.tensor(tokens, device=writer.device)
    return logits.softmax(dim=-1).gather(1, chosen[:, None])[:, 0].tolist()
