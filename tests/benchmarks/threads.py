"""One thread of the model against two, on cores that are idle or busy: python -m tests.benchmarks.threads [rounds].

The embedded weights read a study, first while this program is alone with what else the machine does, then while as many
processes as there are cores keep them busy. Each round reads with both numbers, so that the ratio is one of the same
minutes; the machine's own load is said, since 'idle' is only as idle as that.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from priorrg.assets import EXAMPLES
from priorrg.reporting.reporter import Reporter, read_study
from priorrg.reporting.threads import cores_allowed
from priorrg.study import Study

THREADS = (1, 2)


def _spin() -> None:
    while True:
        pass


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """As many processes as named that do nothing but take a core each."""
    spinning = [multiprocessing.get_context("spawn").Process(target=_spin, daemon=True) for _ in range(processes)]
    for process in spinning:
        process.start()
    try:
        time.sleep(1)
        yield
    finally:
        for process in spinning:
            process.kill()


def seconds(reporter: Reporter, study: Study, threads: int) -> float:
    """Images, draft and report of a study that was never seen."""
    torch.set_num_threads(threads)
    reporter.forget(image.fingerprint for image in (study.current, study.prior) if image)
    began = time.perf_counter()
    reporter.report(study)
    return time.perf_counter() - began


def main(rounds: int) -> None:
    reporter, folder = Reporter.load(), EXAMPLES / "resolved-pneumothorax"
    study = read_study(folder / "current.png", folder / "prior.png", "Cough and fever.")
    for threads in THREADS:
        seconds(reporter, study, threads)  # warms up
    cores = cores_allowed()
    print(f"{cores} cores, load of the machine before: {os.getloadavg()[0]:.1f}")
    for name, count in (("alone", 0), ("cores kept busy", cores)):
        with busy(count):
            taken = [[seconds(reporter, study, threads) for threads in THREADS] for _ in range(rounds)]
        one, two = (statistics.median(each) for each in zip(*taken, strict=True))
        ratio = statistics.median(pair[1] / pair[0] for pair in taken)
        print(f"{name}: {one:.2f} s with one thread, {two:.2f} s with two: two take {ratio:.2f} of one")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
