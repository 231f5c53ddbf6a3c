"""Reading at the paper's scale, with random weights: python -m tests.benchmarks.paper [readings] [tokens] [studies].

Writes such weights (1.3 GB, for as long as it runs) and loads them as the app does. Then so many readings of a series
of films, each with the film before as its prior, 3 beams and reports of so many tokens (random weights never end one):
what the process held at its peak, and at the end its own memory beside what is only a map of the file of weights, which
the system takes back where it needs room. Last, medians over so many studies: how long the first coarse word takes from
Generate on with nothing computed ahead, with the images encoded, and with the pair fused as well.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from priorrg.assets import EMBEDDED_WEIGHTS
from priorrg.model.configuration import VOCABULARY, PriorRGConfig
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor, make_image_processor, make_tokenizer
from priorrg.reporting.events import DraftWord
from priorrg.reporting.heap import give_back_large_blocks
from priorrg.reporting.reporter import Reporter
from priorrg.reporting.threads import use_threads
from priorrg.study import ClinicalContext, Radiograph, Study

CONTEXT = ClinicalContext("Cough and fever for a week, question of pneumonia.", "Heart failure, smoker.")
FIELDS = {"VmHWM": "peak", "RssAnon": "its own", "RssFile": "maps of files"}


def write_weights(folder: Path, tokens: int) -> None:
    """Of the published sizes; of the tokenizer all but its number of tokens is the embedded one's."""
    torch.manual_seed(0)
    tokenizer = make_tokenizer(EMBEDDED_WEIGHTS / "tokenizer.json")
    tokenizer.add_tokens([f"<{number}>" for number in range(VOCABULARY - len(tokenizer))])
    numbers = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config = PriorRGConfig(max_report_tokens=tokens, **numbers)
    PriorRGModel(config).save_pretrained(folder)
    PriorRGProcessor(tokenizer, make_image_processor(518, 3, 0.5, 0.25), config).save_pretrained(folder)


def film(seed: int) -> Radiograph:
    pixels = np.random.default_rng(seed).integers(0, 4096, (64, 64), dtype=np.uint16).repeat(16, 0).repeat(16, 1)
    return Radiograph(pixels, window=(2048.0, 4096.0), view_position="PA", source="PNG", bits=12)


def read(reporter: Reporter, study: Study) -> float:
    """Seconds from Generate to the first coarse word; the study is read to its end."""
    began, first = time.perf_counter(), 0.0
    for event in reporter.stream(study):
        if not first and isinstance(event, DraftWord):
            first = time.perf_counter() - began
    return first


def held() -> str:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    sizes = {line.partition(":")[0]: int(line.split()[1]) / 2**20 for line in lines if line.endswith("kB")}
    return ", ".join(f"{what} {sizes[name]:.2f} GiB" for name, what in FIELDS.items())


def first_words(reporter: Reporter, study: Study) -> dict[str, float]:
    films = [one for one in (study.current, study.prior) if one]
    found = {}
    for what in ("nothing ahead", "images encoded", "and the pair fused"):
        if what == "nothing ahead":
            reporter.forget(one.fingerprint for one in films)
        elif what == "images encoded":
            reporter.memories.forget({one.fingerprint for one in films})
        found[what] = read(reporter, study)
    return found


def main(readings: int, tokens: int, studies: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        writing = multiprocessing.get_context("spawn").Process(target=write_weights, args=(Path(folder), tokens))
        writing.start()  # a process of its own, whose memory is not counted
        writing.join()
        give_back_large_blocks()
        use_threads(0)
        reporter = Reporter.load(folder)
        print(f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}; loaded: {held()}", flush=True)
        before = film(0)
        for number in range(1, readings + 1):
            current = film(number)
            read(reporter, Study(current, before, CONTEXT))
            before = current
            if number in (1, readings) or number % 10 == 0:
                print(f"{number} readings: {held()}", flush=True)
        times = [first_words(reporter, Study(film(number), film(number + 1), CONTEXT)) for number in range(studies)]
        for what in times[0] if times else ():
            median = statistics.median(one[what] for one in times)
            ratio = statistics.median(one[what] / one["images encoded"] for one in times)
            print(f"first coarse word, {what}: {median:.2f} s, {ratio:.2f} of that with the images encoded")
        print(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    main(*given, *(50, 20, 5)[len(given) :])
