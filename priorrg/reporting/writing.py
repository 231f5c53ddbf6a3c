"""Writing one text from one memory, token by token or by beam search, with the probability of each token.

Knows the decoder, no study and no page: what is written about, and what a reader is told meanwhile, is in reporter.py.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList
from transformers.cache_utils import Cache
from transformers.modeling_outputs import BaseModelOutput

from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor


@dataclass(frozen=True)
class Writer:
    """What a text is written with. Every call of the model is made under `lock`."""

    model: PriorRGModel
    processor: PriorRGProcessor
    lock: Any  # threading.RLock is a function, no type
    device: torch.device


class Writing:
    """Greedy writing from one memory (1, M, H), token by token, the same ids as transformers' greedy generate.

    tokens: ids so far, without the start token, with the end token if it came. probabilities: of each of them, given
    those before.
    """

    def __init__(self, writer: Writer, memory: torch.Tensor, stop: threading.Event):
        self.writer = writer
        self.memory = memory
        self.stop = stop
        self.tokens: list[int] = []
        self.probabilities: list[float] = []

    @property
    def text(self) -> str:
        return self.writer.processor.decode(self.tokens)

    def words(self) -> Iterator[str]:
        """The text so far, each time another word is whole. Ends at the end token, the length limit, or stop."""
        shown = ""
        for _ in self._write():
            whole = self.text.rpartition(" ")[0]  # what stands before the last space cannot change any more
            if len(whole) > len(shown):
                shown = whole
                yield shown
        if len(self.text) > len(shown):
            yield self.text

    def _write(self) -> Iterator[int]:
        model = self.writer.model
        config = model.config
        previous = config.decoder_start_token_id
        past: Cache | None = None
        for _ in range(config.max_report_tokens - 1):  # the published limit counts the start token
            if self.stop.is_set():
                return
            with self.writer.lock, torch.no_grad():
                outputs = model(
                    memory=self.memory,
                    decoder_input_ids=torch.tensor([[previous]], device=self.writer.device),
                    past_key_values=past,
                    use_cache=True,
                )
            past = outputs.past_key_values
            probabilities = outputs.logits[0, -1].float().softmax(dim=-1)
            previous = int(outputs.logits[0, -1].argmax())
            self.tokens.append(previous)
            self.probabilities.append(float(probabilities[previous]))
            if previous == config.eos_token_id:
                return
            yield previous


class BeamSearch(Writing):
    """Beam search from one memory, in a thread of its own; says how far it is, then the whole text."""

    def __init__(self, writer: Writer, memory: torch.Tensor, stop: threading.Event, num_beams: int):
        super().__init__(writer, memory, stop)
        self.num_beams = num_beams

    def lengths(self) -> Generator[int, None, None]:
        """Tokens so far, once a step. Whoever stops listening ends the search too."""
        steps: queue.SimpleQueue[int | None] = queue.SimpleQueue()  # None at the end
        abandoned = threading.Event()
        failures: list[BaseException] = []

        def search() -> None:
            try:
                self._search(lambda length: steps.put(length), abandoned)
            except BaseException as error:  # handed to the listener, who raises it
                failures.append(error)
            finally:
                steps.put(None)

        thread = threading.Thread(target=search, name="beam search", daemon=True)
        thread.start()
        try:
            while (length := steps.get()) is not None:
                yield length
        finally:
            abandoned.set()
            thread.join()
        if failures:
            raise failures[0]

    def _search(self, on_step: Callable[[int], None], abandoned: threading.Event) -> None:
        stop = self.stop

        class Watch(StoppingCriteria):
            def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs) -> torch.Tensor:
                on_step(input_ids.shape[1])
                ended = stop.is_set() or abandoned.is_set()
                return torch.full((len(input_ids),), ended, dtype=torch.bool, device=input_ids.device)

        model = self.writer.model
        with self.writer.lock, torch.no_grad():
            ids = model.generate(  # type: ignore[misc]
                encoder_outputs=BaseModelOutput(last_hidden_state=self.memory),  # type: ignore[arg-type]
                num_beams=self.num_beams,
                max_length=model.config.max_report_tokens,
                stopping_criteria=StoppingCriteriaList([Watch()]),
            )
        assert isinstance(ids, torch.Tensor)
        self.tokens = ids[0, 1:].tolist()
        if not (stop.is_set() or abandoned.is_set()):  # a search keeps only scores of whole beams: read it once more
            self.probabilities = token_probabilities(self.writer, self.memory, self.tokens)


def token_probabilities(writer: Writer, memory: torch.Tensor, tokens: list[int]) -> list[float]:
    """Of each token its probability given those before it, from one pass over a text that stands. memory: (1, M, H)."""
    ids = torch.tensor([[writer.model.config.decoder_start_token_id, *tokens[:-1]]], device=writer.device)
    with writer.lock, torch.no_grad():
        logits = writer.model(memory=memory, decoder_input_ids=ids).logits[0].float()  # (T, V)
    chosen = torch.tensor(tokens, device=writer.device)
    return logits.softmax(dim=-1).gather(1, chosen[:, None])[:, 0].tolist()
