"""What the page opens on: a finished reading of the first example, so that the idea is seen before anything is pressed.

It is read by the weights that the server has loaded, once, and given to every page that opens: nothing of it can be
older than they are. Only by weights that learned from simulated films: of others the example shows nothing.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from priorrg import texts
from priorrg.explain.knowledge import Knowledge, knowledge_of
from priorrg.explain.overlays import Overlay, explain, methods_of
from priorrg.reporting.events import ReportDone, read_to_end
from priorrg.study import Study
from priorrg.ui.examples import Example
from priorrg.ui.readings import different_facts
from priorrg.ui.report_payload import standing_report
from priorrg.ui.runs import Runs
from priorrg.ui.sessions import Run, Session
from priorrg.ui.switch import KINDS, on_this_page, study_for
from priorrg.ui.switch_payload import difference_line

SIMULATED = "simulated"  # PriorRGConfig.weights_kind
WITHHELD = ("context", "prior")
MOST_NAMED = 2  # facts in a caption


@dataclass(frozen=True)
class OpeningReading:
    """readings, traced: as those of Session."""

    study: Study
    draft: str
    report: ReportDone
    method: str
    overlays: list[Overlay]
    knowledge: list[Knowledge]
    readings: dict[str, ReportDone]
    traced: dict[tuple[str, str], list[Overlay]]

    def captions(self) -> list[dict[str, str]]:
        """What to see, one an input that changed a fact, in the language that is spoken."""
        others = {what: self.readings[what].text for what in WITHHELD if what in self.readings} | {"draft": self.draft}
        return [
            {
                "about": texts.readings.OPENING[what],
                "said": difference_line(what, self.report.text, text, MOST_NAMED),
                "act": what,
            }
            for what, text in others.items()
            if different_facts(self.report.text, text)
        ]


class Opening:
    """The reading of one example, made when the first page opens."""

    def __init__(self, runs: Runs, example: Example) -> None:
        self.runs, self.example = runs, example
        self.is_wanted = runs.reporter.card.kind == SIMULATED
        self._reading: OpeningReading | None = None
        self._lock = threading.Lock()

    def on(self, session: Session) -> dict[str, Any] | None:
        """Give the session, on whose page the example stands, its finished report; None where there is none.

        The payload is that of the report, with the captions.
        """
        if not self.is_wanted:
            return None
        with self._lock:  # the second page waits for the first one's
            if self._reading is None:
                self._reading = self._read()
        reading = self._reading
        run = Run(reading.study, self.runs.told(reading.study), has_begun=True)
        run.stop.set()  # it has been read
        with session.lock:
            session.begin(run)
            session.take_report(run, reading.draft, reading.report)
            session.method, session.overlays = reading.method, {reading.method: reading.overlays}
            session.knowledge, session.offered = reading.knowledge, reading.report.text
            session.readings, session.traced = dict(reading.readings), dict(reading.traced)
            shown = standing_report(session, reading.overlays, reading.method)
        return None if shown is None else shown | {"captions": reading.captions()}

    def _read(self) -> OpeningReading:
        reporter = self.runs.reporter
        study = Study(*self.example.radiographs(), self.example.context)
        draft, report = read_to_end(reporter.stream(study))
        method = methods_of(reporter.config)[0]
        readings, traced = {}, {}
        for what in KINDS:
            other = study_for(what, study)
            if other is None:
                continue
            _, done = read_to_end(reporter.stream(other, with_draft=False))
            readings[what] = done
            overlays = explain(reporter, other, done.tokens, done.sentences, method)
            traced[what, method] = on_this_page(what, overlays)
        return OpeningReading(
            study,
            draft,
            report,
            method,
            explain(reporter, study, report.tokens, report.sentences, method),
            knowledge_of(reporter, study, report.tokens, report.sentences),
            readings,
            traced,
        )
