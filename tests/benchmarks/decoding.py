"""Our decoding against transformers' over the same model: python -m tests.benchmarks.decoding [rounds] [studies].

At the paper's scale with random weights, greedily and with 3 beams: the median ratio of the times of the two in one
run, which is what a loaded machine can tell, and whether the ids are the same. With a number of studies also whether
the embedded weights write the same ids for so many memories.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time

import torch
from transformers.modeling_outputs import BaseModelOutput

from priorrg.model.configuration import PriorRGConfig
from priorrg.model.decoding import ReportDecoder
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from priorrg.reporting.reporter import Reporter
from priorrg.reporting.together import Together
from priorrg.reporting.writing import BeamSearch, Writer, Writing

TOKENS = 40  # of a report here; random weights never end one
SMALL = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1}


def paper_scale(reporter: Reporter) -> Writer:
    """A decoder of the paper's size, behind encoders that are not called."""
    vision = SMALL | {"image_size": 28, "patch_size": 14}
    config = PriorRGConfig(vision_config=vision, text_config=SMALL | {"vocab_size": 50264}, max_report_tokens=TOKENS)
    torch.manual_seed(0)
    model = PriorRGModel(config).eval().requires_grad_(False)
    for block in model.decoder.transformer.h:
        block.crossattention.q_attn.weight.normal_(std=0.3)  # type: ignore[union-attr]  # texts that depend on the memory
    processor: PriorRGProcessor = reporter.processor
    cpu = torch.device("cpu")
    return Writer(model, Together(ReportDecoder(model.decoder), cpu), processor, threading.RLock(), cpu)


def ours(writer: Writer, memory: torch.Tensor, num_beams: int) -> list[int]:
    stop = threading.Event()
    writing = Writing(writer, memory, stop) if num_beams == 1 else BeamSearch(writer, memory, stop, num_beams)
    for _ in writing.steps():
        pass
    return writing.tokens


def theirs(writer: Writer, memory: torch.Tensor, num_beams: int) -> list[int]:
    ids = writer.model.generate(  # type: ignore[misc]
        encoder_outputs=BaseModelOutput(last_hidden_state=memory),  # type: ignore[arg-type]
        num_beams=num_beams,
        max_length=writer.model.config.max_report_tokens,
    )
    return ids[0, 1:].tolist()


def main(rounds: int, studies: int) -> None:
    reporter = Reporter.load()
    writer = paper_scale(reporter)
    print(f"{torch.get_num_threads()} threads, decoder of the paper's scale, {TOKENS} tokens, {rounds} rounds")
    for num_beams in (1, 3):
        ratios, same = [], True
        for seed in range(rounds + 1):
            memory = torch.randn(1, 384, 768, generator=torch.Generator().manual_seed(seed))
            began = time.perf_counter()
            their_ids = theirs(writer, memory, num_beams)
            between = time.perf_counter()
            our_ids = ours(writer, memory, num_beams)
            same = same and our_ids == their_ids
            if seed:  # the first one warms up
                ratios.append((time.perf_counter() - between) / (between - began))
        median = statistics.median(ratios)
        print(f"{num_beams} beams: {median:.2f} of transformers' time ({min(ratios):.2f} to {max(ratios):.2f})", end="")
        print(", the same ids" if same else ", OTHER IDS")
    differing, config, embedded = 0, reporter.config, reporter._writer
    for seed in range(studies):
        memory = torch.randn(
            1, 3 * config.num_latents, config.hidden_size, generator=torch.Generator().manual_seed(seed)
        )
        differing += ours(embedded, memory, 3) != theirs(embedded, memory, 3)
    if studies:
        print(f"embedded weights, 3 beams: {differing} of {studies} memories with other ids")


if __name__ == "__main__":
    main(*(int(number) for number in [*sys.argv[1:], "5", "0"][:2]))
