"""How long a reading takes on the embedded weights: python -m tests.benchmarks.reading [rounds].

Medians over the example studies, image features computed anew each time unless stated. Ratios are to the whole greedy
reading of the same run, so that machines can be compared; seconds are this machine's.
"""

from __future__ import annotations

import statistics
import sys
import time

import torch

from priorrg.explain.overlays import METHODS, explain
from priorrg.imaging.open import read_radiograph
from priorrg.reporting.events import DraftWord, ReportDone
from priorrg.reporting.reporter import Reporter
from priorrg.study import Study
from priorrg.ui.examples import examples
from priorrg.ui.readings import WITHHELD, is_there, without


def main(rounds: int) -> None:
    reporter = Reporter.load()
    times: dict[str, list[float]] = {}

    def note(name: str, began: float) -> None:
        times.setdefault(name, []).append(time.perf_counter() - began)

    studies = []
    for example in examples():
        began = time.perf_counter()
        current = read_radiograph(example.current)
        prior = read_radiograph(example.prior) if example.prior else None
        note("reading the files", began)
        studies.append(Study(current, prior, example.context))
    reporter.report(studies[0])  # warm up
    for study in studies * rounds:
        reporter.forget(r.fingerprint for r in (study.current, study.prior) if r)
        began, drafted, done = time.perf_counter(), False, None
        for event in reporter.stream(study):
            if isinstance(event, DraftWord) and not drafted:
                note("first coarse word", began)
                drafted = True
            if isinstance(event, ReportDone):
                done = event
        note("refined report", began)
        assert done is not None
        for what in ("images encoded", "and the pair fused"):  # while the reader typed
            if what == "images encoded":
                reporter.memories.forget({one.fingerprint for one in (study.current, study.prior) if one})
            began = time.perf_counter()
            for event in reporter.stream(study):
                if isinstance(event, DraftWord):
                    break
            note(f"first coarse word, {what}", began)
        began = time.perf_counter()
        reporter.report(study)
        note("the same again, images remembered", began)
        began = time.perf_counter()
        reporter.report(study, num_beams=3)
        note("the same with 3 beams", began)
        began = time.perf_counter()
        for what in (what for what in WITHHELD if is_there(study, what)):
            for _ in reporter.stream(without(study, what), with_draft=False):
                pass
        note("read again without prior, context, both", began)
        for method in METHODS:
            began = time.perf_counter()
            explain(reporter, study, done.tokens, done.sentences, method)
            note(f"overlays by {method}", began)
    whole = statistics.median(times["refined report"])
    print(f"{torch.get_num_threads()} threads, {reporter.device}, {len(studies)} studies x {rounds} rounds, medians")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:36} {median:7.3f} s   ratio {median / whole:5.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
