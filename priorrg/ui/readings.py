"""What the prior knowledge changed: the study of a finished report, read again with something of it withheld.

Images are not encoded again: all readings share what the vision encoder saw when the report was written.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.errors import BusyError
from priorrg.report.facts import Fact, read_report
from priorrg.report.sentences import split_sentences
from priorrg.reporting.events import ReportDone
from priorrg.study import ClinicalContext, Study
from priorrg.ui.report_payload import changes_payload, told_of, undiffed
from priorrg.ui.runs import Runs
from priorrg.ui.scripts import script
from priorrg.ui.sessions import Comparison, Session
from priorrg.ui.study_on_page import Changes, SessionOf

WITHHELD = ("prior", "context", "both")
# The part of the page before anybody asked for it.
NOTHING: dict[str, Any] = {"key": "", "status": "", "busy": False, "columns": []}


class Readings:
    """The button that asks for the four readings, and where they stand."""

    def __init__(self) -> None:
        self.ask = gr.Button(texts.readings.COMPARE, elem_id="compare")
        self.html = gr.HTML(
            NOTHING,
            html_template='<div class="readings"></div>',
            js_on_load=script("readings.js", "gaps.js"),
            elem_id="readings",
            texts=texts.readings.READINGS | {"leftOut": texts.report.LEFT_OUT},
        )

    def wire(self, runs: Runs, session_of: SessionOf) -> None:
        def on_ask(request: gr.Request) -> Iterator[Changes]:
            for payload in compare(runs, session_of(request)):
                yield {self.html: undiffed(payload, "columns")}

        self.ask.click(
            on_ask,
            None,
            [self.html],
            concurrency_id="readings",
            concurrency_limit=None,
            api_visibility="private",
            show_progress="hidden",
        )


def without(study: Study, what: str) -> Study:
    """The study as if nobody had known `prior`, `context` or `both`."""
    if what != "context":
        study = replace(study, prior=None)
    if what != "prior":
        study = replace(study, context=ClinicalContext())
    return study


def is_there(study: Study, what: str) -> bool:
    """Whether the study has anything of what would be withheld."""
    has_context = bool(study.context.indication.strip() or study.context.history.strip())
    return {"prior": study.has_prior, "context": has_context, "both": study.has_prior or has_context}[what]


def compare(runs: Runs, session: Session) -> Iterator[dict[str, Any]]:
    """Payloads of the four reports side by side, until all stand; ends when the page has gone on to something else.

    Stop ends it too, and what was read until then stays.
    """
    try:
        runs.queue.check(session.client)
    except BusyError as error:
        yield _refused(session, str(error))
        return
    with session.lock:  # never across a yield: what comes next may run in another thread
        run, report = session.run, session.report
        comparison = Comparison(session.readings)
        if run is not None and report is not None:
            if session.comparison is not None:
                session.comparison.stop.set()
            session.comparison = comparison
    if run is None or report is None:
        yield NOTHING | {"status": texts.readings.READINGS_NONE}
        return
    asked = [what for what in WITHHELD if is_there(run.study, what) and what not in comparison.readings]

    def shown(status: str, busy: bool = True) -> dict[str, Any]:
        payload = readings_payload(run.study, report, comparison)
        return payload | {"key": run.key, "status": status, "busy": busy}

    with ExitStack() as held:
        try:
            place = held.enter_context(runs.queue.place(session.client))
        except BusyError as error:
            comparison.stop.set()
            yield shown(str(error), busy=False)
            return
        yield shown(texts.report.STARTING)
        for before in place.wait(comparison.stop):
            yield shown(texts.page.ONE_BEFORE if before == 1 else texts.page.SEVERAL_BEFORE.format(count=before))
        began = time.monotonic()
        try:
            for what in asked:
                if comparison.stop.is_set() or session.comparison is not comparison:
                    break
                yield shown(texts.readings.READINGS_BUSY[what])
                study = without(run.study, what)
                for event in runs.reporter.stream(study, comparison.stop, with_draft=False):
                    if isinstance(event, ReportDone):
                        comparison.readings[what] = event
        except Exception:
            comparison.stop.set()
            yield shown(texts.readings.READINGS_FAILED, busy=False)
            raise  # for the log
        finally:
            was_stopped = comparison.stop.is_set()
            comparison.stop.set()
            if session.has_ended:
                runs.reporter.forget([image.fingerprint for image in (run.study.current, run.study.prior) if image])
        if session.comparison is not comparison:
            return
        done = texts.readings.READINGS_DONE.format(seconds=f"{time.monotonic() - began:.1f}")
        yield shown(texts.readings.READINGS_STOPPED if was_stopped else done, busy=False)


def _refused(session: Session, reason: str) -> dict[str, Any]:
    """The part of the page as it stands, with the reason why the study is not read again now."""
    with session.lock:
        run, report, before = session.run, session.report, session.comparison
        if run is None or report is None or before is None:
            return NOTHING | {"status": reason}
        payload = readings_payload(run.study, report, before)
        return payload | {"key": run.key, "status": reason, "busy": not before.stop.is_set()}


def readings_payload(study: Study, report: ReportDone, comparison: Comparison) -> dict[str, Any]:
    """Columns for assets/ui/readings.js: the report itself, then each reading with its differences to it."""
    columns = [_column(texts.readings.READINGS_WITH, report.text)]
    for what in WITHHELD:
        title, done = texts.readings.READINGS_WITHOUT[what], comparison.readings.get(what)
        if not is_there(study, what):
            columns.append(_column(title, note=texts.readings.READINGS_NOTHING[what]))
        elif done is None:
            note = texts.readings.READINGS["stopped" if comparison.stop.is_set() else "waiting"]
            columns.append(_column(title, note=note))
        elif not done.text.strip():
            columns.append(_column(title, note=texts.report.EMPTY_READING))
        else:
            columns.append(_column(title, done.text, report.text))
    return {"columns": columns}


def _column(title: str, text: str = "", full: str | None = None, note: str = "") -> dict[str, Any]:
    """One reading; full: the report that it is compared with."""
    return {
        "title": title,
        "text": text,
        "sentences": [sentence.text for sentence in split_sentences(text)],
        "changes": [] if full is None else changes_payload(full, text),
        "differs": None if full is None else different_facts(full, text),
        "note": note,
    }


def different_facts(full: str, other: str) -> list[dict[str, str]]:
    """What the readings say differently of one finding (`changed`), what the full report alone says (`gone`), and what
    the other one alone says (`said`), in words."""
    before, after = facts_by_place(full), facts_by_place(other)
    found = []
    for place, fact in before.items():
        now = after.get(place)
        if now is None:
            found.append({"kind": "gone", "fact": f"{_name(fact)}: {_state(fact)}"})
        elif now != fact:
            words = texts.readings.READINGS_CHANGED.format(
                finding=_name(fact), before=_state(fact), after=_state(now, is_compared=not fact.change)
            )
            found.append({"kind": "changed", "fact": words})
    found += [
        {"kind": "said", "fact": f"{_name(fact)}: {_state(fact)}"}
        for place, fact in after.items()
        if place not in before
    ]
    return found


def facts_by_place(text: str) -> dict[tuple[str, str], Fact]:
    """Finding and side -> what is said of it; of what is said twice the first counts."""
    found: dict[tuple[str, str], Fact] = {}
    for facts in read_report([sentence.text for sentence in split_sentences(text)]):
        for fact in facts:
            found.setdefault((fact.finding, fact.side), fact)
    return found


def _name(fact: Fact) -> str:
    """'pleural effusion, left'"""
    words = (texts.report.REPORT_FINDINGS[fact.finding], texts.report.REPORT_SIDES[fact.side])
    return ", ".join(word for word in words if word)


def _state(fact: Fact, is_compared: bool = True) -> str:
    """'present, mild, larger'. is_compared: False where it is worth saying that nothing is said of a change."""
    presence = told_of(fact)
    if fact.change and fact.change != fact.presence:
        return f"{presence}, {texts.report.REPORT_CHANGES[fact.change]}"
    if not fact.change and not is_compared:
        return texts.readings.READINGS_NO_COMPARISON.format(presence=presence)
    return presence
