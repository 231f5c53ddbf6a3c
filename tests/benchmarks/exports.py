"""How long it takes to write a report in each form: python -m tests.benchmarks.exports [rounds].

Medians, on the first example study as the embedded weights read it, with overlays, and the first time beside: it brings
the libraries, which the app loads after its start. Processor time is what it costs, however busy the machine is.
"""

from __future__ import annotations

import datetime
import statistics
import sys
import time

from priorrg.assets import EMBEDDED_WEIGHTS
from priorrg.explain.overlays import GROUNDING, explain
from priorrg.export.contents import ReportExport
from priorrg.export.forms import FORMS
from priorrg.reporting.events import ReportDone
from priorrg.reporting.reporter import Reporter
from priorrg.study import Study
from priorrg.ui.examples import examples


def main(rounds: int) -> None:
    reporter = Reporter.load(EMBEDDED_WEIGHTS)
    example = examples()[0]
    study = Study(*example.radiographs(), example.context)
    done = next(event for event in reporter.stream(study) if isinstance(event, ReportDone))
    export = ReportExport(
        study=study,
        draft="",
        report=done.text,
        sentences=done.sentences,
        card=reporter.card,
        written_at=datetime.datetime.now().astimezone(),
        overlays=tuple(explain(reporter, study, done.tokens, done.sentences, GROUNDING)),
        method=GROUNDING,
    )
    print(f"{'form':<8} {'first':>12} {'then':>12} {'waited':>10}   seconds of the processor, and by the clock")
    for name, form in FORMS.items():
        spent, waited = [], []
        for _ in range(rounds + 1):
            began, at = time.perf_counter(), time.process_time()
            form.write(export)
            spent.append(time.process_time() - at)
            waited.append(time.perf_counter() - began)
        print(
            f"{name:<8} {spent[0]:>12.2f} {statistics.median(spent[1:]):>12.2f} {statistics.median(waited[1:]):>10.2f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
