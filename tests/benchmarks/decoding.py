"""Our decoding against transformers' over the same model:

    python -m tests.benchmarks.decoding [rounds] [studies] [data]

At the paper's scale with random weights, greedily and with 3 beams: the median ratio of the times of the two in one
run, which is what a loaded machine can tell, and whether the ids are the same; and the same of our decoder in 8 bits
beside ours. With a number of studies also whether the embedded weights write the same ids for so many memories, drawn,
or those of the test studies of a simulated data set, whose folder is given.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers.modeling_outputs import BaseModelOutput

from priorrg.model.configuration import PriorRGConfig
from priorrg.model.decoding import ReportDecoder
from priorrg.model.modeling import PriorRGModel
from priorrg.model.precisions import INT8
from priorrg.model.processing import PriorRGProcessor
from priorrg.reporting.reporter import Reporter, read_study
from priorrg.reporting.together import Together
from priorrg.reporting.writing import BeamSearch, Writer, Writing
from train.batches import examples_of
from train.data import read_annotation

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
    return Writer(model, Together(ReportDecoder(model.decoder), cpu), processor, cpu)


def in_8_bits(writer: Writer, rounds: int) -> None:
    """The time of 3 beams with the matrices in 8 bits beside that with float32."""
    decoder = ReportDecoder(writer.model.decoder, INT8)
    low = Writer(writer.model, Together(decoder, writer.device), writer.processor, writer.device)
    ratios = []
    for seed in range(rounds + 1):
        memory = torch.randn(1, 384, 768, generator=torch.Generator().manual_seed(seed))
        began = time.perf_counter()
        ours(writer, memory, 3)
        between = time.perf_counter()
        ours(low, memory, 3)
        ratios.append((time.perf_counter() - between) / (between - began))
    print(f"3 beams in 8 bits: {statistics.median(ratios[1:]):.2f} of our time in float32")


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


def memories(reporter: Reporter, studies: int, data: Path | None) -> Iterator[torch.Tensor]:
    """(1, 3K, H) of so many studies: drawn, or those of the first test studies of a data set."""
    config = reporter.config
    if data is None:
        for seed in range(studies):
            drawn = torch.Generator().manual_seed(seed)
            yield torch.randn(1, 3 * config.num_latents, config.hidden_size, generator=drawn)
        return
    for example in examples_of(read_annotation(data / "annotation.json")["test"][:studies]):
        prior = data / example.prior if example.prior else None
        context = example.context
        study = read_study(data / example.current, prior, context.indication, context.history, example.view)
        yield reporter.memory(study).full
        reporter.forget(image.fingerprint for image in (study.current, study.prior) if image)


def main(rounds: int, studies: int, data: Path | None) -> None:
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
    in_8_bits(writer, rounds)
    differing, embedded = 0, reporter._writer
    for memory in memories(reporter, studies, data):
        differing += ours(embedded, memory, 3) != theirs(embedded, memory, 3)
    if studies:
        print(f"embedded weights, 3 beams: {differing} of {studies} memories with other ids")


if __name__ == "__main__":
    given = [*sys.argv[1:], *("5", "0", "")[len(sys.argv) - 1 :]]
    main(int(given[0]), int(given[1]), Path(given[2]) if given[2] else None)
