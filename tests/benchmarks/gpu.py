"""What a GPU makes of a study, of many, and of each way to take the steps of a report:

    python -m tests.benchmarks.gpu [rounds] [studies] [paper | WEIGHTS] [float32 | bfloat16]

Without arguments a GPU is measured with 7 rounds and 128 studies at the paper's scale, whose weights are random and
never end a report before its 100 tokens; a CPU shows with the embedded weights that all of it runs. WEIGHTS: whatever
the app takes (`embedded`, `published`, a folder). Prints the device;
milliseconds from a study to its refined report, images encoded and not; studies read a second; and the ways of taking
steps beside each other: graphs, the same steps without them, steps of any shape, and transformers' generate.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import numpy as np
import torch

from priorrg.model.configuration import PriorRGConfig
from priorrg.model.decoding import ReportDecoder
from priorrg.model.fixed_steps import FixedDecoder, captured, uncaptured
from priorrg.model.modeling import PriorRGModel
from priorrg.model.precisions import BFLOAT16, FLOAT32
from priorrg.model.processing import RAD_DINO_MEAN, RAD_DINO_STD, PriorRGProcessor, make_image_processor
from priorrg.reporting.events import ReportDone, read_to_end
from priorrg.reporting.kept import EMBEDDED
from priorrg.reporting.reporter import Reporter
from priorrg.reporting.together import Decoder, Together
from priorrg.reporting.writing import Writer
from priorrg.study import ClinicalContext, Radiograph, Study
from tests.benchmarks.decoding import ours, theirs

PAPER = "paper"
EDGE = 1024  # pixels of a film
numbers = count()


def reporter_of(weights: str, precision: str) -> Reporter:
    """Of these weights, or of random ones of the paper's size with the tokenizer of the embedded ones."""
    if weights != PAPER:
        return Reporter.load(weights, precision=precision)
    tokenizer = Reporter.load().processor.tokenizer
    config = PriorRGConfig(weights_name="random weights of the paper's scale")
    torch.manual_seed(0)
    model = PriorRGModel(config)
    for block in model.decoder.transformer.h:
        torch.nn.init.normal_(block.crossattention.q_attn.weight, std=0.3)  # type: ignore[union-attr, arg-type]
    images = make_image_processor(config.vision_config.image_size, 3, RAD_DINO_MEAN, RAD_DINO_STD)
    return Reporter(model, PriorRGProcessor(tokenizer, images, config), precision=precision)


def study() -> Study:
    """One that nobody has read yet, with a prior."""
    generator = np.random.default_rng(next(numbers))
    films = [generator.integers(0, 4096, (EDGE, EDGE), dtype=np.uint16) for _ in range(2)]
    current, prior = (Radiograph(film, (2048.0, 4096.0), "PA", source="PNG", bits=12) for film in films)
    return Study(current, prior, ClinicalContext("Fever and cough, evaluate for pneumonia.", "Heart failure."))


def seconds(reporter: Reporter, work: Callable[[], object]) -> float:
    def wait() -> None:
        if reporter.device.type == "cuda":
            torch.cuda.synchronize()

    wait()
    began = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - began


def milliseconds(reporter: Reporter, rounds: int, work: Callable[[Study], object], is_encoded: bool) -> str:
    """The median of so many studies, each another one, after one that is not counted."""
    times = []
    for _ in range(rounds + 1):
        one = study()
        for radiograph in (one.current, one.prior) if is_encoded else ():
            assert radiograph is not None
            reporter.prepare(radiograph)
        times.append(1000 * seconds(reporter, lambda one=one: work(one)))
    return f"{statistics.median(times[1:]):.0f} ms ({min(times[1:]):.0f} to {max(times[1:]):.0f})"


def one_study(reporter: Reporter, rounds: int) -> None:
    def refined(one: Study) -> None:
        read_to_end(reporter.stream(one, with_draft=False))

    print(f"images encoded, to the refined report: {milliseconds(reporter, rounds, refined, True)}")
    print(f"images encoded, draft and report: {milliseconds(reporter, rounds, reporter.report, True)}")
    print(f"from the images, draft and report: {milliseconds(reporter, rounds, reporter.report, False)}")


def many_studies(reporter: Reporter, total: int) -> None:
    studies = [study() for _ in range(total)]

    def read(one: Study) -> None:
        done = [event for event in reporter.stream(one, with_words=False) if isinstance(event, ReportDone)]
        assert done
        reporter.forget(image.fingerprint for image in (one.current, one.prior) if image)

    with ThreadPoolExecutor(reporter.at_once) as pool:
        taken = seconds(reporter, lambda: list(pool.map(read, studies)))
    print(f"{total} studies, {reporter.at_once} at once, draft and report: {total / taken:.1f} a second")


def ways(reporter: Reporter) -> dict[str, Decoder]:
    """Each way to take the steps of a report; the first is what the others are compared with."""
    decoder, config = reporter.model.decoder, reporter.config
    room = (reporter.at_once * config.num_beams, config.max_report_tokens, 3 * config.num_latents)
    found: dict[str, Decoder] = {}
    if reporter.device.type == "cuda":
        found["graphs"] = FixedDecoder(decoder, *room, captured)
    found["steps of fixed shape"] = FixedDecoder(decoder, *room, uncaptured)
    found["steps of any shape"] = ReportDecoder(decoder)
    return found


def each_way(reporter: Reporter, rounds: int) -> None:
    """A whole report from its memory, all ways taking turns."""
    model, device = reporter.model, reporter.device
    writers = {
        name: Writer(model, Together(decoder, device), reporter.processor, device)
        for name, decoder in ways(reporter).items()
    }
    config = reporter.config
    for beams in (1, 3):
        took: dict[str, list[float]] = {name: [] for name in (*writers, "transformers' generate")}
        others = dict.fromkeys(took, 0)
        for seed in range(rounds + 1):
            drawn = torch.Generator().manual_seed(seed)
            memory = torch.randn(1, 3 * config.num_latents, config.hidden_size, generator=drawn).to(device)
            written: list[Sequence[int]] = []
            for name in took:
                write, writer = (ours, writers[name]) if name in writers else (theirs, next(iter(writers.values())))
                took[name].append(
                    seconds(reporter, lambda: written.append(write(writer, memory, beams)))  # noqa: B023 (at once)
                )
                others[name] += written[-1] != written[0]
        first = statistics.median(next(iter(took.values()))[1:])
        for name, times in took.items():
            median = statistics.median(times[1:])
            print(
                f"{beams} beams, {name}: {1000 * median:.0f} ms, {median / first:.2f} of the first way's, "
                f"{others[name]} of {rounds + 1} texts with other ids than its"
            )


def main(rounds: int, studies: int, weights: str, precision: str) -> None:
    reporter = reporter_of(weights, precision)
    gpu = reporter.device.type == "cuda"
    device = torch.cuda.get_device_name() if gpu else f"CPU, {torch.get_num_threads()} threads"
    print(f"{device}; torch {torch.__version__}; {reporter.card.name}, {reporter.config.num_beams} beams")
    print(f"warming up: {seconds(reporter, reporter.warm_up):.1f} s")
    one_study(reporter, rounds)
    many_studies(reporter, studies)
    each_way(reporter, rounds)


if __name__ == "__main__":
    has_gpu = torch.cuda.is_available()
    usual = ("7", "128", PAPER, FLOAT32) if has_gpu else ("1", "4", EMBEDDED, FLOAT32)
    given = [*sys.argv[1:], *usual[len(sys.argv) - 1 :]]
    if given[3] not in (FLOAT32, BFLOAT16):
        sys.exit(__doc__)
    main(int(given[0]), int(given[1]), given[2], given[3])
