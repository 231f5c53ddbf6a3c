"""The switch beside the report's title: the report's study, read with something else given than it was.

Without the prior, without the context, with another patient's prior. They are read as soon as a report stands, from
features that are there already, in the time that nobody else asks for; what was not read by then is read when it is
asked for, in its turn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.errors import BusyError
from priorrg.explain.overlays import GRADIENT, Overlay, explain
from priorrg.reporting.events import Progress, ReportDone, ReportWord
from priorrg.study import Study
from priorrg.ui.examples import stranger_to
from priorrg.ui.readings import is_there, without
from priorrg.ui.report import Report
from priorrg.ui.runs import Runs
from priorrg.ui.scripts import script
from priorrg.ui.sessions import Others, Run, Session
from priorrg.ui.study_on_page import Changes, SessionOf
from priorrg.ui.switch_payload import other_payload

STRANGER = "stranger"
KINDS = ("prior", "context", STRANGER)
NOTHING: dict[str, Any] = {"key": "", "status": "", "busy": False, "readings": "{}"}
PATIENCE_S = 5.0  # how long a free model is waited for; later the readings are read when they are asked for


class Switch:
    """Carries the readings to assets/ui/others.js, which shows them in the report's column; nothing is seen of it."""

    def __init__(self) -> None:
        self.html = gr.HTML(
            NOTHING,
            html_template="<div></div>",
            js_on_load=script("switch.js"),
            elem_id="switch",
            elem_classes="unseen",
        )

    def wire(self, runs: Runs, report: Report, session_of: SessionOf) -> None:
        def on_given(event: gr.EventData, request: gr.Request) -> Iterator[Changes | Any]:
            said = event._data
            for payload in read_others(runs, session_of(request), str(said.get("key")), str(said.get("what") or "")):
                yield {self.html: payload}
            yield gr.skip()  # Gradio sends the last thing yielded once more at the end

        report.html.given(  # type: ignore[attr-defined]
            on_given,
            None,
            [self.html],
            trigger_mode="multiple",
            concurrency_id="readings",
            concurrency_limit=None,
            api_visibility="private",
            show_progress="hidden",
        )


def study_for(what: str, study: Study) -> Study | None:
    """The study with something else given; None where there is nothing to withhold, or nobody else's film."""
    if what != STRANGER:
        return without(study, what) if is_there(study, what) else None
    stranger = stranger_to(study)
    return None if stranger is None else replace(study, prior=stranger)


def on_this_page(what: str, overlays: list[Overlay]) -> list[Overlay]:
    """What of a reading's overlays has its place on the page's films: the stranger's is not among them."""
    return [replace(one, prior=None) for one in overlays] if what == STRANGER else overlays


def read_others(runs: Runs, session: Session, key: str, asked: str = "") -> Iterator[dict[str, Any]]:
    """Payloads of the readings of the report `key`, as each is there; asked: which the reader waits for, if any.

    Ends where the page has gone on to something else. Where they are being read already, that goes on, and takes the
    wish over.
    """
    asked = asked if asked in KINDS else ""
    with session.lock:  # never across a yield: what comes next may run in another thread
        run, report = session.run, session.report
        if run is None or report is None or run.key != key:
            return
        if session.others is not None and not session.others.stop.is_set():
            session.others.asked = asked or session.others.asked
            return
        others = session.others = Others(asked)
    reading = _OtherReadings(runs, session, run, report)
    try:
        while others is not None:
            yield from reading.read(others)
            with session.lock:
                gave_way = session.others is others and others.stop.is_set() and not others.is_over
                if session.others is others:
                    session.others = Others(others.asked) if gave_way and others.asked else None
                    others = session.others
                else:
                    others = None
    except Exception:
        yield reading.shown(texts.readings.READINGS_FAILED)
        raise  # for the log
    finally:
        with session.lock:
            if session.others is others:
                session.others = None
        if session.has_ended:  # and features that were just then computed for it go too
            runs.reporter.forget([image.fingerprint for image in (run.study.current, run.study.prior) if image])


class _OtherReadings:
    """The readings of one report, read one after the other."""

    def __init__(self, runs: Runs, session: Session, run: Run, report: ReportDone) -> None:
        self.runs, self.session, self.run, self.report = runs, session, run, report
        found = {what: study_for(what, run.study) for what in KINDS}
        self.studies = {what: study for what, study in found.items() if study is not None}
        self._payloads: dict[str, dict[str, Any]] = {}

    def shown(self, status: str = "", what: str = "") -> dict[str, Any]:
        """what: the reading that the reader waits for, and status says how far it is."""
        return {"key": self.run.key, "status": status, "busy": bool(what), "readings": json.dumps(self._readings())}

    def _readings(self) -> dict[str, dict[str, Any]]:
        with self.session.lock:
            method, read, traced = self.session.method, dict(self.session.readings), dict(self.session.traced)
        for what in KINDS:
            overlays = traced.get((what, method))
            known = self._payloads.get(what)
            if what not in self.studies:
                self._payloads[what] = {"note": texts.readings.SWITCH_NOTHING[what]}
            elif what in read and (known is None or (overlays is not None and known["method"] != method)):
                self._payloads[what] = other_payload(
                    what,
                    self.report,
                    read[what],
                    overlays,
                    method if overlays is not None else "",
                    is_elsewhere=bool(self.run.told.get("film_note")),
                )
        return self._payloads

    def _next(self, others: Others) -> str:
        """What is read next: what the reader waits for first; empty where nothing is left, and `others` are done."""
        with self.session.lock:
            if self.session.others is not others or others.stop.is_set():
                return ""
            asked, read = others.asked, self.session.readings
            has_overlays = (asked, self.session.method) in self.session.traced
            if asked in self.studies and not (asked in read and has_overlays):
                return asked
            others.asked = ""
            for what in self.studies:
                if what not in read:
                    return what
            self.session.others = None
            return ""

    def read(self, others: Others) -> Iterator[dict[str, Any]]:
        queue, client = self.runs.queue, self.session.client
        yield self.shown()
        while what := self._next(others):
            with ExitStack() as held:
                if others.asked == what:
                    try:
                        place = held.enter_context(queue.place(client))
                    except BusyError as error:
                        others.end()
                        yield self.shown(str(error))
                        return
                    for before in place.wait(others.stop):
                        waits = texts.page.ONE_BEFORE if before == 1 else texts.page.SEVERAL_BEFORE.format(count=before)
                        yield self.shown(waits, what)
                elif not held.enter_context(queue.spare(others.stop, PATIENCE_S)):
                    with self.session.lock:
                        if not others.asked:
                            others.end()
                    continue
                yield from self._read(what, others)
            yield self.shown()

    def _read(self, what: str, others: Others) -> Iterator[dict[str, Any]]:
        study, session = self.studies[what], self.session
        if what not in session.readings:
            if others.asked == what:
                yield self.shown(texts.readings.SWITCH_BUSY[what], what)
            for event in self.runs.reporter.stream(study, others.stop, with_draft=False):
                if isinstance(event, ReportDone):
                    with session.lock:
                        if session.report is self.report:
                            session.readings[what] = event
                elif isinstance(event, Progress | ReportWord) and others.asked == what:
                    yield self.shown(f"{texts.readings.SWITCH_BUSY[what]}: {_told(event)}", what)
        done, method = session.readings.get(what), session.method
        if done is None or (what, method) in session.traced or (method == GRADIENT and others.asked != what):
            return
        overlays = explain(self.runs.reporter, study, done.tokens, done.sentences, method, stop=others.stop)
        with session.lock:
            if session.report is self.report and not others.stop.is_set():
                session.traced[what, method] = on_this_page(what, overlays)


def _told(event: Progress | ReportWord) -> str:
    return event.message if isinstance(event, Progress) else texts.reading.REFINING
