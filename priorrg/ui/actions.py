"""What happens when a reader does something on the page. Plain functions over a session; the layout is in page.py."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from priorrg import texts
from priorrg.errors import BusyError, StudyError
from priorrg.explain.overlays import Overlay, explain
from priorrg.export.contents import remarks_before
from priorrg.feedback.store import REASONS, Feedback, FeedbackStore, SentenceMark
from priorrg.imaging.open import read_trusted
from priorrg.imaging.pairs import Remark
from priorrg.model.configuration import COARSE_FROM_MEMORY
from priorrg.plain_text import plain_text
from priorrg.report.sentences import EditedSentence, edited_text
from priorrg.reporting.reporter import (
    DraftDone,
    DraftWord,
    Event,
    Progress,
    ReportDone,
    Reporter,
    ReportWord,
    Stopped,
)
from priorrg.study import UNKNOWN_VIEW, ClinicalContext, Study, check_context
from priorrg.ui.examples import Example
from priorrg.ui.queue import ReadingQueue
from priorrg.ui.report_payload import changes_payload, report_payload
from priorrg.ui.sessions import Run, Session
from priorrg.ui.uploads import read_and_delete

MOST_UNSENT = 50  # edits of reports that are gone
MOST_SENTENCES, MOST_CHARACTERS = 200, 2000  # of an edited report and of one sentence of it


class Actions:
    """The reader's actions on a session, over one Reporter and one store."""

    def __init__(self, reporter: Reporter, store: FeedbackStore, most_waiting: int = 20):
        """most_waiting: readings that may wait for the one that is read."""
        self.reporter = reporter
        self.store = store
        self.queue = ReadingQueue(most_waiting)

    def take_upload(self, session: Session, side: str, path: str | Path) -> ClinicalContext | None:
        """Read an upload into the session's `current` or `prior` and delete the file, whatever comes of it.

        Gives the context of the example study that gave way to it, None where there was none. Raises ImageError; then
        the session keeps the images that it had.
        """
        radiograph = read_and_delete(path, session.client)
        with session.lock:
            example = session.leave_example()
            session.put(side, radiograph)
            if example is not None:
                session.arrival = (Remark("example gone"),)
        return example

    def take_example(self, session: Session, example: Example) -> None:
        current, prior = read_trusted(example.current), read_trusted(example.prior) if example.prior else None
        with session.lock:  # an upload that ends just now comes before or after, never between
            session.put("current", current)
            session.put("prior", prior)
            session.example = ClinicalContext(example.indication, example.history)

    def encode_ahead(self, session: Session) -> None:
        """Have the images on the page encoded in the background, while the reader types; never waits.

        Called when the page has fetched an image: what the reader sees first goes before what the model sees. An image
        that is known costs nothing.
        """
        for radiograph in (session.current, session.prior):
            if radiograph is not None:
                self.reporter.encode_ahead(radiograph, lambda shown=radiograph: session.shows(shown))

    def remove(self, session: Session, side: str) -> None:
        session.put(side, None)

    def press(self, session: Session, indication: str, history: str, view: str, prior_view: str) -> None:
        """Generate was pressed: the study is what stands on the page now, however long its turn takes to come.

        Raises StudyError where there is no current image or the context is too long, BusyError where too many wait
        already; then all stays as it was.
        """
        self.queue.check(session.client)
        with session.lock:  # an upload that ends just now comes before or after, never between
            run = Run(self.study(session, indication, history, view, prior_view))
            session.mirrored = session.edited_text or ""  # `unsent` has handed it to the page by now
            session.begin(run)
            session.unsent.clear()

    def waiting(self, session: Session) -> dict[str, Any]:
        """The page between the press and its turn: nothing of the report before stays beside the new study."""
        return self._waiting(self.queue.before(session.client))

    def _waiting(self, before: int, key: str = "") -> dict[str, Any]:
        said = texts.page.ONE_BEFORE if before == 1 else texts.page.SEVERAL_BEFORE.format(count=before)
        said = said if before else texts.page.WAITING_FOR_TURN
        return report_payload(said, busy=True, step="waiting", key=key, draft_note=self.draft_note())

    def study(self, session: Session, indication: str, history: str, view: str, prior_view: str) -> Study:
        """The study on the page. Raises StudyError where there is no current image or the context is too long."""
        with session.lock:
            current, prior = session.current, session.prior
        if current is None:
            raise StudyError(texts.page.NO_CURRENT_IMAGE)
        current = replace(current, view_position=view)
        prior = None if prior is None else replace(prior, view_position=prior_view)
        return Study(current, prior, check_context(ClinicalContext(indication or "", history or "")))

    def stop(self, session: Session) -> dict[str, Any] | None:
        """Stop the run on the page; the page's report where it still waits for its turn and will not say so itself."""
        with session.lock:
            run, comparison = session.run, session.comparison
            if comparison is not None:
                comparison.stop.set()
            if run is None:
                return None
            run.stop.set()
            if session.tracing is not None:
                session.tracing.set()
            if session.report is not None:  # only the overlays were missing
                return self._without_overlays(session, run)
            return None if run.has_begun else report_payload(texts.report.STOPPED_BEFORE, busy=False)

    def generate(self, session: Session, method: str) -> Iterator[dict[str, Any]]:
        """Report payloads of the session's run, one for each thing that happened, until report and overlays stand.

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
                    yield self._waiting(before, run.key)
                with session.lock:
                    if run.stop.is_set() or session.run is not run or run.has_begun:
                        return
                    run.has_begun, session.method = True, method
                yield from self._generate(session, run)
        except BusyError as error:  # others pressed at the same moment
            yield report_payload(str(error), busy=False)

    def _generate(self, session: Session, run: Run) -> Iterator[dict[str, Any]]:
        shown = report_payload(
            texts.report.STARTING,
            busy=True,
            step="images",
            key=run.key,
            draft_note=self.draft_note(),
            **self._given(run.study),
        )
        draft = ""
        try:
            yield shown
            for event in self.reporter.stream(run.study, run.stop):
                if session.run is not run:
                    return
                shown = _shown(shown, event)
                if isinstance(event, DraftDone):
                    draft = event.text
                if not isinstance(event, ReportDone):
                    yield shown
                elif session.finish(run, draft, event):
                    yield shown
                    # The reader may have chosen another method meanwhile, or have pressed Stop.
                    finished = None if run.stop.is_set() else self.finished(session, session.method)
                    finished = finished or self._without_overlays(session, run)
                    if finished is not None:
                        yield finished
        except Exception:
            stands = self.shown(session) if session.run is run else None  # a report without overlays is a report
            if stands is not None:
                yield stands | {"status": texts.report.OVERLAYS_FAILED}
            else:
                yield shown | {"status": texts.report.FAILED, "busy": False}
            raise  # for the log: it is our mistake or the machine's, not the reader's
        finally:
            run.stop.set()  # the tab went away in the middle: what runs for it ends
            if session.has_ended:  # and features that were just then computed for it go too
                self.reporter.forget([r.fingerprint for r in (run.study.current, run.study.prior) if r])

    def shown(self, session: Session) -> dict[str, Any] | None:
        """The finished report, with whatever overlays the page has; None where there is none."""
        with session.lock:
            run, report = session.run, session.report
            return None if run is None or report is None else self._finished(session, run)

    def _without_overlays(self, session: Session, run: Run) -> dict[str, Any] | None:
        """The report of a run whose overlays do not come, with what overlays there are; None where it has gone."""
        with session.lock:
            if session.run is not run or session.report is None:
                return None
            is_missing = run.stop.is_set() and session.method not in session.overlays
            return self._finished(session, run) | ({"status": texts.report.TRACING_STOPPED} if is_missing else {})

    def finished(self, session: Session, method: str) -> dict[str, Any] | None:
        """The finished report with one overlay a sentence; overlays are computed once a method.

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
            finally:
                with session.lock:
                    session.tracing = None if session.tracing is stop else session.tracing
            with session.lock:
                if session.report is not report or stop.is_set():
                    return None
                known[method] = overlays
        with session.lock:
            return self._finished(session, run, known[method], method) if session.report is report else None

    def _finished(
        self, session: Session, run: Run, overlays: list[Overlay] | None = None, method: str = ""
    ) -> dict[str, Any]:
        return report_payload(
            texts.report.FINISHED if session.report and session.report.text.strip() else texts.report.EMPTY,
            busy=False,
            key=run.key,
            draft=session.draft,
            done=session.report,
            overlays=overlays,
            method=method,
            draft_note=self.draft_note(),
            **self._given(run.study),
            export_note=" ".join(remarks_before(run.study)),
            submissions=session.submissions,
            edits=session.edits,
        )

    def edit(
        self, session: Session, key: str, rows: list[dict[str, Any]], turn: int | None = None
    ) -> dict[str, Any] | None:
        """The reader has changed sentences; rows: all of them, as report.js keeps them. Gives the page's report anew.

        turn: counts up on the page; what comes after a higher one is outdated and changes nothing.
        None where that report is no longer the session's; what was written in it is then kept as unsent.
        """
        edits = tuple(
            EditedSentence(
                plain_text(str(row.get("text", ""))[:MOST_CHARACTERS]),
                row["source"] if isinstance(row.get("source"), int) else None,
                bool(row.get("removed")),
            )
            for row in rows[:MOST_SENTENCES]
        )
        with session.lock:
            run, report = session.run, session.report
            if run is None or report is None or run.key != key:
                left = edited_text((), edits)
                if left and left not in session.unsent:
                    session.unsent.append(left)
                    del session.unsent[:-MOST_UNSENT]
                return None
            if session.is_news("edits", turn):
                session.edits = edits
            return self._finished(session, run)

    def correction(self, session: Session, corrected: str) -> str | None:
        """What the box of the corrected report becomes after an edit; None where the reader wrote into it himself."""
        with session.lock:
            if session.report is None or corrected.strip() not in (session.offered.strip(), session.mirrored.strip()):
                return None
            session.mirrored = session.edited_text or session.report.text
            return session.mirrored

    def draft_note(self) -> str:
        """What the coarse draft is with these weights."""
        from_memory = self.reporter.config.coarse_draft == COARSE_FROM_MEMORY
        return texts.report.DRAFT_FROM_MEMORY if from_memory else texts.report.DRAFT_FROM_WHOLE

    def _given(self, study: Study) -> dict[str, Any]:
        """What of context and view positions the model was given, and a sentence on what it was not."""
        received = self.reporter.received_context(study.context)
        views = {"view": study.current.view_position, "prior_view": study.prior.view_position if study.prior else ""}
        words = {name: texts.notes.FACTS["missing"] if view == UNKNOWN_VIEW else view for name, view in views.items()}
        told = texts.report.RECEIVED_PRIOR if study.has_prior else texts.report.RECEIVED_ALONE
        return {"context_note": received.note, "received": f"{received.text}\n{told.format(**words)}"}

    def mark(self, session: Session, marks: dict[str, str], turn: int | None = None) -> None:
        """Sentences marked as wrong, {number: reason}; they replace the marks before. turn: see `edit`."""
        if session.report is None or not session.is_news("marks", turn):
            return
        sentences = session.report.sentences
        session.marks = {
            int(number): SentenceMark(sentences[int(number)].text, int(number), reason)
            for number, reason in marks.items()
            if str(number).isdigit() and int(number) < len(sentences) and reason in REASONS
        }

    def send_feedback(self, session: Session, rating: int | None, comment: str, corrected: str) -> str:
        """Keep the feedback; returns the sentence that says so. Raises StudyError, FeedbackError."""
        with session.lock:
            run, report, draft, marks = session.run, session.report, session.draft, dict(session.marks)
        if run is None or report is None:
            raise StudyError(texts.feedback.FEEDBACK["no report"])
        if rating is None:
            raise StudyError(texts.feedback.FEEDBACK["no rating"])
        study, config = run.study, self.reporter.config
        corrected = plain_text(corrected or "").strip()
        number = self.store.add(
            Feedback(
                rating=int(rating),
                coarse_draft=draft,
                refined_report=report.text,
                corrected_report="" if corrected == report.text.strip() else corrected,
                comment=comment or "",
                marks=tuple(marks[key] for key in sorted(marks)),
                indication=study.context.indication,
                history=study.context.history,
                has_prior=study.has_prior,
                view_position=study.current.view_position,
                prior_view_position=study.prior.view_position if study.prior else "",
                current_fingerprint=study.current.fingerprint,
                prior_fingerprint=study.prior.fingerprint if study.prior else "",
                weights_name=config.weights_name,
                weights_kind=config.weights_kind,
                settings={"num_beams": config.num_beams, "max_report_tokens": config.max_report_tokens},
            )
        )
        with session.lock:
            session.marks, session.submissions = {}, session.submissions + 1
        return texts.feedback.FEEDBACK["thanks"].format(number=number)

    def unsent(self, session: Session, comment: str, corrected: str) -> str:
        """What a reader wrote about the report before and did not send; empty where there is nothing."""
        corrected = plain_text(corrected or "").strip()
        edited = session.edited_text or ""
        own = [
            *session.unsent,
            corrected if corrected != session.offered.strip() else "",
            edited if edited not in (corrected, session.offered.strip()) else "",
            plain_text(comment or "").strip(),
        ]
        return "\n\n".join(part for part in own if part)


def _shown(shown: dict[str, Any], event: Event) -> dict[str, Any]:
    """The page's report after one more event of its reading."""
    if isinstance(event, Progress):
        return shown | {"status": event.message, "step": event.step}
    if isinstance(event, DraftWord | DraftDone):
        text = event.text if isinstance(event, DraftDone) else event.text_so_far
        return shown | {"draft": text, "status": texts.reading.DRAFTING, "step": "drafting"}
    if isinstance(event, ReportWord):
        changes = changes_payload(shown["draft"], event.text_so_far, is_whole=False)
        return shown | {
            "report": event.text_so_far,
            "changes": changes,
            "status": texts.reading.REFINING,
            "step": "refining",
        }
    if isinstance(event, Stopped):
        return shown | {
            "draft": event.draft,
            "report": event.report,
            "changes": changes_payload(event.draft, event.report, is_whole=False),
            "status": texts.report.STOPPED,
            "step": "",
            "busy": False,
        }
    return shown | {
        "report": event.text,
        "changes": changes_payload(shown["draft"], event.text),
        "status": texts.report.TRACING,
        "step": "tracing",
    }
