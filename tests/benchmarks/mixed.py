"""Whether a report is the same beside others: python -m tests.benchmarks.mixed DATA [studies] [precision] [readers].

Reads so many test studies of a simulated data set with the embedded weights, one alone at a time and then those of so
many readers at once, as they come: greedy ones and searches of 3 beams, with and without prior and context as the data
have them. Says how many drafts and reports have other ids or words, of how many.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from priorrg.model.precisions import FLOAT32
from priorrg.reporting.events import read_to_end
from priorrg.reporting.reporter import Reporter, read_study
from priorrg.study import Study
from train.batches import examples_of
from train.data import read_annotation


def studies(data: Path, count: int) -> list[Study]:
    found = examples_of(read_annotation(data / "annotation.json")["test"])[:count]
    return [
        read_study(
            data / one.current,
            data / one.prior if one.prior else None,
            one.context.indication,
            one.context.history,
            one.view,
        )
        for one in found
    ]


def read(reporter: Reporter, numbered: tuple[int, Study]) -> tuple[str, tuple[int, ...]]:
    number, study = numbered
    events = reporter.stream(study, num_beams=3 if number % 3 == 0 else 1, with_words=False)
    draft, done = read_to_end(events)
    reporter.forget(image.fingerprint for image in (study.current, study.prior) if image)
    return draft, done.tokens


def main(data: Path, count: int, precision: str, readers: int) -> None:
    reporter, asked = Reporter.load(precision=precision), list(enumerate(studies(data, count)))
    began = time.perf_counter()
    alone: Sequence[tuple[str, tuple[int, ...]]] = [read(reporter, one) for one in asked]
    between = time.perf_counter()
    with ThreadPoolExecutor(readers) as pool:
        together = list(pool.map(lambda one: read(reporter, one), asked))
    ratio = (between - began) / (time.perf_counter() - between)
    drafts = sum(one[0] != other[0] for one, other in zip(alone, together, strict=True))
    reports = sum(one[1] != other[1] for one, other in zip(alone, together, strict=True))
    print(f"{precision}, {len(asked)} studies, {readers} at once: {drafts} other drafts, {reports} other reports;")
    print(f"{ratio:.2f} times the studies a second that are read one at a time")


if __name__ == "__main__":
    given = [*sys.argv[1:], *("", "500", FLOAT32, "16")[len(sys.argv) - 1 :]]
    main(Path(given[0]), int(given[1]), given[2], int(given[3]))
