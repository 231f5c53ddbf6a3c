"""Writing one text from one memory, greedily or by beam search, with the probability of each token.

Both say step by step what they go on with; the steps are taken together with those of other texts (together.py), so
that whoever reads may stop and show between any two tokens. Knows the decoder, no study and no page: what is written
about, and what a reader is told meanwhile, is in reporter.py.
"""

import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import torch

from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from priorrg.reporting.together import Next, Said, Together


@dataclass(frozen=True)
class Writer:
    """What a text is written with."""

    model: PriorRGModel
    together: Together
    processor: PriorRGProcessor
    device: torch.device


class Writing:
    """Greedy writing from one memory (1, M, H), token by token, the same ids as transformers' greedy generate.

    tokens: ids so far, without the start token, with the end token if it came. probabilities: of each of them, given
    those before. settled: how many of the tokens cannot change any more. begun: ids that stand already; what is written
    goes on from them, for as many tokens as a whole text may have and as the position table has places. to_the_end: a
    text that ended at this limit is written on at once, as if it was begun anew with what stands, as often as there is
    room.
    """

    def __init__(
        self,
        writer: Writer,
        memory: torch.Tensor,
        stop: threading.Event,
        begun: Sequence[int] = (),
        to_the_end: bool = False,
    ):
        self.writer = writer
        self.memory = memory
        self.stop = stop
        self.begun = tuple(begun)
        self.to_the_end = to_the_end
        self.most = self._limit(len(self.begun))
        self.tokens: list[int] = []
        self.probabilities: list[float] = []
        self.settled = 0
        self._news = threading.Event()
        self._is_told_each_step = True
        self._has_ended = self._is_left = False
        self._reader = threading.current_thread()  # who waited for it last
        self._error: BaseException | None = None

    def _limit(self, standing: int) -> int:
        """How many tokens a text may have that goes on from so many."""
        config = self.writer.model.config
        # The published limit counts the start token, and so does the table.
        return min(standing + config.max_report_tokens, config.decoder_config.max_position_embeddings) - 1

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
        self._reader = threading.current_thread()
        self._news.wait()
        self._news.clear()
        if self._error is not None:
            raise self._error
        return self._has_ended

    # What Together asks and tells, in its thread

    @property
    def _is_unread(self) -> bool:
        """Whether the interpreter ends, which waits for what is written, and the thread that read this has ended."""
        return not threading.main_thread().is_alive() and not self._reader.is_alive()

    def is_wanted(self) -> bool:
        return not self._is_left and not self.stop.is_set() and not self._is_unread

    def stepped(self) -> None:
        if self._is_told_each_step:
            self._news.set()

    def ended(self, error: BaseException | None) -> None:
        if error is None and self._is_unread:  # or who comes now would take it for the whole text
            error = RuntimeError("Nobody read on when the interpreter ended.")
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

    def _may_go_on(self) -> bool:
        """Raises the limit of a text that reached it, where it is to be written to its end and there is room."""
        longer = self._limit(len(self.tokens)) if self.to_the_end else self.most
        may, self.most = longer > self.most, max(longer, self.most)
        return may

    def search(self) -> Generator[Next, Said, None]:
        config = self.writer.model.config
        previous = yield from self._read_begun(1)
        while len(self.tokens) < self.most or self._may_go_on():
            said = yield Next([previous], [0])
            previous = said.best[0]
            self.tokens.append(previous)
            self.probabilities.append(said.probabilities[0])
            self.settled = len(self.tokens)
            if previous == config.eos_token_id:
                return


@dataclass(frozen=True)
class _Version:
    """A beginning, or a whole text. score: the sum of its tokens' log-probabilities; of a whole one their mean. row:
    which one read all but its last token."""

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    score: float
    row: int


class BeamSearch(Writing):
    """Beam search from one memory, the same ids as transformers' with length penalty 1 and without early stopping.

    tokens: of the version that would be taken if it ended now. settled: the beginning in which all versions agree that
    can still be taken, which are those that are written on and the best whole one. All begin with what is begun.
    """

    def __init__(
        self,
        writer: Writer,
        memory: torch.Tensor,
        stop: threading.Event,
        num_beams: int,
        begun: Sequence[int] = (),
        to_the_end: bool = False,
    ):
        super().__init__(writer, memory, stop, begun, to_the_end)
        self.num_beams = num_beams

    def search(self) -> Generator[Next, Said, None]:
        previous, row = (yield from self._read_begun(self.num_beams)), 0
        while row is not None:
            row = yield from self._to_the_limit(previous, row)
            previous = self.tokens[-1] if self.tokens else previous
            if not self._may_go_on():
                return

    def _to_the_limit(self, previous: int, row: int) -> Generator[Next, Said, int | None]:
        """Search on from what stands, whose last token is still to be read by that row; which row read all but the last
        token of what is taken, None where that ended by itself."""
        config, count, begun = self.writer.model.config, self.num_beams, tuple(self.tokens)
        most = 2 * count  # twice as many as are written on: as many could end with this token
        following = Next([previous] * count, [row] * count, most)
        logs = tuple(torch.tensor(self.probabilities).log().tolist())
        # All alike: only one may go on.
        running = [_Version(begun, logs, sum(logs), row)] + [_Version(begun, logs, -1e9, row)] * (count - 1)
        whole: list[_Version] = []
        for length in range(len(begun) + 1, self.most + 1):
            said = yield following
            log_probabilities, tokens = said.likeliest  # (count, most): no other token of a row can be among the best
            sums = log_probabilities + torch.tensor([[one.score] for one in running])
            scores, places = sums.flatten().topk(most)
            means = (scores / length).tolist()
            is_last = length == self.most
            possible: list[_Version] = []
            for rank, (score, place) in enumerate(zip(scores.tolist(), places.tolist(), strict=True)):
                row, column = divmod(place, tokens.shape[1])
                token = int(tokens[row, column])
                one = _Version(
                    (*running[row].tokens, token),
                    (*running[row].log_probabilities, float(log_probabilities[row, column])),
                    score,
                    row,
                )
                if token != config.eos_token_id and not is_last:
                    possible.append(one)
                elif rank < count:
                    whole.append(_Version(one.tokens, one.log_probabilities, means[rank], row))
            whole = sorted(whole, key=lambda one: one.score, reverse=True)[:count]
            running = possible[:count]
            self._take(whole[:1] or running[:1], [*whole[:1], *running])
            if not running or (len(whole) == count and not _may_win(running[0], length, whole[-1])):
                break
            following = Next([one.tokens[-1] for one in running], [one.row for one in running], most)
        self.settled = len(self.tokens)
        return None if not whole or whole[0].tokens[-1] == config.eos_token_id else whole[0].row

    def _take(self, best: list[_Version], possible: list[_Version]) -> None:
        self.tokens = list(best[0].tokens)
        self.probabilities = torch.tensor(best[0].log_probabilities).exp().tolist()
        first, last = min(one.tokens for one in possible), max(one.tokens for one in possible)
        agreed = next((at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), None)
        self.settled = min(len(first), len(last)) if agreed is None else agreed


def _may_win(best: _Version, length: int, worst: _Version) -> bool:
    """Whether the best beginning is better, by the mean that it has so far, than the worst of the whole versions."""
    return float(torch.tensor(best.score) / length) > worst.score
