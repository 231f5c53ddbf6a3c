"""From the press of Generate to the report with its overlays, as payloads for the report's column. No Gradio here.

A press makes the session's `Run`; the run waits for its turn, is read, and its overlays are traced.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from priorrg import texts
from priorrg.errors import BusyError, StudyError
from priorrg.explain.knowledge import knowledge_of
from priorrg.explain.overlays import GROUNDING, explain, explain_phrases, methods_of
from priorrg.model.configuration import COARSE_FROM_MEMORY
from priorrg.report.sentences import split_sentences
from priorrg.reporting.events import DraftDone, DraftWord, Event, Progress, ReportDone, ReportWord, Stopped
from priorrg.reporting.reporter import Reporter
from priorrg.study import UNKNOWN_VIEW, ClinicalContext, Study, check_context
from priorrg.ui.longer import carry_over, restore, standing, stands_as_before
from priorrg.ui.queue import ReadingQueue
from priorrg.ui.report_payload import changes_payload, report_payload, standing_report
from priorrg.ui.sessions import Run, Session

MOST_TYPED = 20  # sentences of the reader's own that are traced at once


class Runs:
    """The runs of all sessions, over one Reporter and one queue. most_waiting, at_once: see ReadingQueue."""

    def __init__(self, reporter: Reporter, most_waiting: int = 20, at_once: int = 1):
        self.reporter = reporter
        self.queue = ReadingQueue(most_waiting, at_once)

    def encode_ahead(self, session: Session) -> None:
        """Have the images on the page encoded in the background, while the reader types, and fused; never waits.

        Called when the page has fetched an image, and when the reader chose a view position: what the reader sees first
        goes before what the model sees. What is known costs nothing.
        """
        with session.lock:
            current, prior, views = session.current, session.prior, dict(session.views)
        for radiograph in (current, prior):
            if radiograph is not None:
                self.reporter.encode_ahead(radiograph, lambda shown=radiograph: session.shows(shown))
        if current is not None:
            current = replace(current, view_position=views.get("current", current.view_position))
            prior = prior and replace(prior, view_position=views.get("prior", prior.view_position))
            study = Study(current, prior)
            self.reporter.fuse_ahead(study, lambda: session.shows_pair(study.current, study.prior))

    def press(self, session: Session, indication: str, history: str, view: str, prior_view: str) -> None:
        """Generate was pressed: the study is what stands on the page now, however long its turn takes to come.

        Raises StudyError where there is no current image or the context is too long, BusyError where too many wait
        already; then all stays as it was.
        """
        self.queue.check(session.client)
        with session.lock:  # an upload that ends just now comes before or after, never between
            study = study_of(session, indication, history, view, prior_view)
            run = Run(study, self.told(study))
            session.mirrored = session.edited_text or ""  # feedback.left_unsent has handed it to the page by now
            session.begin(run)
            session.unsent.clear()

    def press_longer(self, session: Session, key: str) -> bool:
        """`Write on` was pressed under the report of that key; False where there is nothing to write on.

        Raises BusyError where too many wait already; then all stays as it was.
        """
        self.queue.check(session.client)
        with session.lock:
            run, before = session.run, standing(session, key)
            if run is None or before is None:
                return False
            session.mirrored = session.edited_text or ""  # carried over: nothing of it is left unsent
            session.begin(Run(run.study, run.told, before))
            return True

    def told(self, study: Study) -> dict[str, Any]:
        """What stands round its report: of context and view positions what the model was given, and what it was not."""
        received = self.reporter.received_context(study.context)
        views = {"view": study.current.view_position, "prior_view": study.prior.view_position if study.prior else ""}
        words = {name: texts.notes.FACTS["missing"] if view == UNKNOWN_VIEW else view for name, view in views.items()}
        said = texts.report.RECEIVED_PRIOR if study.has_prior else texts.report.RECEIVED_ALONE
        films = [radiograph for radiograph in (study.current, study.prior) if radiograph is not None]
        is_real = self.reporter.card.kind == "simulated" and not all(film.is_simulated for film in films)
        return {
            "film_note": texts.report.REAL_FILM if is_real else "",
            "draft_note": self._draft_note(),
            "context_note": received.note,
            "received": f"{received.text}\n{said.format(**words)}",
        }

    def _draft_note(self) -> str:
        """What the coarse draft is with these weights."""
        from_memory = self.reporter.config.coarse_draft == COARSE_FROM_MEMORY
        return texts.report.DRAFT_FROM_MEMORY if from_memory else texts.report.DRAFT_FROM_WHOLE

    def waiting(self, session: Session) -> dict[str, Any]:
        """The page between the press and its turn: nothing of the report before stays beside the new study."""
        return self._waiting(self.queue.before(session.client))

    def _waiting(self, before: int, run: Run | None = None) -> dict[str, Any]:
        said = texts.page.ONE_BEFORE if before == 1 else texts.page.SEVERAL_BEFORE.format(count=before)
        said = said if before else texts.page.WAITING_FOR_TURN
        stood = {} if run is None else _stood(run)
        key = "" if run is None else run.key
        return report_payload(said, busy=True, step="waiting", key=key, draft_note=self._draft_note(), **stood)

    def generate(self, session: Session, method: str) -> Iterator[dict[str, Any]]:
        """Payloads of the session's run, one for each thing that happens, until report and overlays stand.

        Ends without another word when the page has gone on to another image, another run or its end.
        """
        with session.lock:
            run = session.run
            if run is None or run.is_waiting or run.has_begun:
                return
            run.is_waiting = True
        try:
            with self.queue.place(session.client) as place:
                for before in place.wait(run.stop):
                    yield self._waiting(before, run)
                with session.lock:
                    if run.stop.is_set() or session.run is not run or run.has_begun:
                        return
                    run.has_begun, session.method = True, method
                yield from self._read(session, run)
        except BusyError as error:  # others pressed at the same moment
            yield self.stood_before(session, run, str(error)) or report_payload(str(error), busy=False)

    def _read(self, session: Session, run: Run) -> Iterator[dict[str, Any]]:
        before = run.before
        stood = _stood(run)
        payload = report_payload(texts.report.STARTING, busy=True, step="images", key=run.key, **stood, **run.told)
        draft = before.draft if before else ""
        begun = before.report.tokens if before else ()
        try:
            yield payload
            for event in self.reporter.stream(run.study, run.stop, with_draft=before is None, begun=begun):
                if session.run is not run:
                    return
                if isinstance(event, Stopped) and (again := self.stood_before(session, run)) is not None:
                    yield again
                    return
                payload = after(payload, event)
                if isinstance(event, DraftDone):
                    draft = event.text
                if not isinstance(event, ReportDone):
                    yield payload
                elif session.take_report(run, draft, event):
                    if before is not None:
                        carry_over(session, before, event)
                    yield payload
                    # The reader may have chosen another method meanwhile, or have pressed Stop.
                    traced = None if run.stop.is_set() else self.trace(session, session.method)
                    traced = traced or untraced(session, run)
                    if traced is not None:
                        yield traced
        except Exception:
            again = self.stood_before(session, run) if session.report is None else None
            stands = standing_report(session) if session.run is run else None  # a report without overlays is a report
            if again is not None:
                yield again
            elif stands is not None:
                yield stands | {"status": texts.report.OVERLAYS_FAILED}
            else:
                yield payload | {"status": texts.report.FAILED, "busy": False}
            raise  # for the log: it is our mistake or the machine's, not the reader's
        finally:
            run.stop.set()  # the tab went away in the middle: what runs for it ends
            if session.has_ended:  # and features that were just then computed for it go too
                self.reporter.forget([r.fingerprint for r in (run.study.current, run.study.prior) if r])

    def trace(self, session: Session, method: str) -> dict[str, Any] | None:
        """The report with one overlay a sentence; overlays are computed once a method.

        None where there is no report, or no longer one when the overlays are ready, or where they were stopped. The
        method is also that of a report which is still being written.
        """
        stop = threading.Event()
        with session.lock:
            session.method = method
            run, report, known = session.run, session.report, session.overlays
            if session.tracing is not None:
                session.tracing.set()  # of another method, which nobody wants to see any more
            session.tracing = None if report is None or method in known else stop
        if run is None or report is None:
            return None
        if method not in known:
            try:
                overlays = explain(self.reporter, run.study, report.tokens, report.sentences, method, stop=stop)
                spoke = session.knowledge
                if not spoke and not stop.is_set():
                    spoke = knowledge_of(self.reporter, run.study, report.tokens, report.sentences)
            finally:
                with session.lock:
                    session.tracing = None if session.tracing is stop else session.tracing
            with session.lock:
                if session.report is not report or stop.is_set():
                    return None
                known[method], session.knowledge = overlays, spoke
        with session.lock:
            return standing_report(session, known[method], method) if session.report is report else None

    def trace_typed(self, session: Session) -> dict[str, Any] | None:
        """The report with an overlay for each sentence that the reader typed or edited since the last time.

        None where there is no new one, and where these weights cannot say where other words than theirs point.
        """
        with session.lock:
            run, report = session.run, session.report
            if run is None or report is None or GROUNDING not in methods_of(self.reporter.config):
                return None
            known = {sentence.text for sentence in report.sentences} | session.typed.keys()
            own = [edit.text for edit in session.edits if not edit.is_removed and edit.text.strip()]
            new = [text for text in dict.fromkeys(own) if text not in known][:MOST_TYPED]
        if not new:
            return None
        overlays = explain_phrases(self.reporter, run.study, new, GROUNDING)
        with session.lock:
            if session.has_ended:  # meanwhile; the features that were just then computed for it go too
                self.reporter.forget([r.fingerprint for r in (run.study.current, run.study.prior) if r])
            if session.report is not report:
                return None
            session.typed |= dict(zip(new, overlays, strict=True))
            return standing_report(session)

    def stop(self, session: Session) -> dict[str, Any] | None:
        """Stop the run on the page; the page's report where it still waits for its turn and will not say so itself."""
        with session.lock:
            run = session.run
            if session.comparison is not None:
                session.comparison.stop.set()
            if session.others is not None:
                session.others.end()
            if run is None:
                return None
            run.stop.set()
            if session.tracing is not None:
                session.tracing.set()
            if session.report is not None:  # only the overlays were missing
                return untraced(session, run)
            if run.has_begun:
                return None
            return self.stood_before(session, run) or report_payload(texts.report.STOPPED_BEFORE, busy=False)

    def stood_before(self, session: Session, run: Run, said: str = "") -> dict[str, Any] | None:
        """The page's report after `run` came to nothing: that which it should have written on, if any."""
        with session.lock:
            if not restore(session, run):
                return None
            overlays = session.overlays.get(session.method)
            return stands_as_before(standing_report(session, overlays, session.method), said)


def study_of(session: Session, indication: str, history: str, view: str, prior_view: str) -> Study:
    """The study on the page. Raises StudyError where there is no current image or the context is too long."""
    with session.lock:
        current, prior = session.current, session.prior
    if current is None:
        raise StudyError(texts.page.NO_CURRENT_IMAGE)
    current = replace(current, view_position=view)
    prior = None if prior is None else replace(prior, view_position=prior_view)
    return Study(current, prior, check_context(ClinicalContext(indication or "", history or "")))


def _stood(run: Run) -> dict[str, Any]:
    """Draft and report that a run writes on, for report_payload; nothing where it writes a new one."""
    if run.before is None:
        return {}
    return {"draft": run.before.draft, "report": run.before.report.text, "writes_on": True}


def untraced(session: Session, run: Run) -> dict[str, Any] | None:
    """The report of a run whose overlays do not come, with what overlays there are; None where it has gone."""
    with session.lock:
        payload = standing_report(session) if session.run is run else None
        if payload is None:
            return None
        is_missing = run.stop.is_set() and session.method not in session.overlays
        return payload | ({"status": texts.report.TRACING_STOPPED} if is_missing else {})


def after(payload: dict[str, Any], event: Event) -> dict[str, Any]:
    """The page's report after one more event of its reading."""
    if isinstance(event, Progress):
        return payload | {"status": event.message, "step": event.step}
    if isinstance(event, DraftWord | DraftDone):
        text = event.text if isinstance(event, DraftDone) else event.text_so_far
        lines = [sentence.text for sentence in split_sentences(text)]
        return payload | {"draft": text, "draftLines": lines, "status": texts.reading.DRAFTING, "step": "drafting"}
    if isinstance(event, ReportWord):
        changes = changes_payload(payload["draft"], event.text_so_far, is_whole=False)
        return payload | {
            "report": event.text_so_far,
            "changes": changes,
            "status": texts.reading.REFINING,
            "step": "refining",
        }
    if isinstance(event, Stopped):
        return payload | {
            "draft": event.draft,
            "draftLines": [sentence.text for sentence in split_sentences(event.draft)],
            "report": event.report,
            "changes": changes_payload(event.draft, event.report, is_whole=False),
            "status": texts.report.STOPPED,
            "step": "",
            "busy": False,
        }
    return payload | {
        "report": event.text,
        "changes": changes_payload(payload["draft"], event.text),
        "status": texts.report.TRACING,
        "step": "tracing",
    }
