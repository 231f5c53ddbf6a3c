"""What happens when a reader does something on the page. Plain functions over a session; the layout is in page.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from priorrg.errors import ImageError, StudyError
from priorrg.explain.overlays import explain
from priorrg.feedback.store import Feedback, FeedbackStore, SentenceMark
from priorrg.imaging.open import read_radiograph
from priorrg.model.configuration import COARSE_FROM_MEMORY
from priorrg.reading import (
    DraftDone,
    DraftWord,
    Event,
    Progress,
    Reader,
    ReportDone,
    ReportWord,
    Stopped,
)
from priorrg.report import DISCLAIMER
from priorrg.study import ClinicalContext, Radiograph, Study, check_context
from priorrg.ui.payload import report_payload
from priorrg.ui.sessions import Run, Session

EXAMPLES = Path(__file__).parent.parent.parent / "assets" / "examples"
READY = "Ready. Press Generate."
FAILED = "The reading failed. Your images and texts are still here: press Generate again."
LOST_UPLOAD = "The upload did not arrive whole. Upload the file once more."


@dataclass(frozen=True)
class Example:
    """A simulated study that ships with the app and was in no training."""

    title: str
    indication: str
    history: str
    current: Path
    prior: Path | None


def examples() -> list[Example]:
    found = []
    for file in sorted(EXAMPLES.glob("*/study.json")):
        study = json.loads(file.read_text())
        names = study["files"]
        prior = file.parent / names["prior"] if names.get("prior") else None
        found.append(
            Example(study["title"], study["indication"], study["history"], file.parent / names["current"], prior)
        )
    return found


class Actions:
    """The reader's actions on a session, over one Reader and one store."""

    def __init__(self, reader: Reader, store: FeedbackStore):
        self.reader = reader
        self.store = store

    def take_upload(self, session: Session, side: str, path: str | Path) -> None:
        """Read an upload into the session's `current` or `prior` and delete the file, whatever comes of it.

        Raises ImageError; then the session keeps the image that it had.
        """
        session.put(side, _read_and_delete(path))

    def take_example(self, session: Session, example: Example) -> None:
        session.put("current", read_radiograph(example.current))
        session.put("prior", read_radiograph(example.prior) if example.prior else None)

    def remove(self, session: Session, side: str) -> None:
        session.put(side, None)

    def press(self, session: Session, indication: str, history: str, view: str, prior_view: str) -> None:
        """Generate was pressed: the study is what stands on the page now, however long its turn takes to come.

        Raises StudyError where there is no current image or the context is too long; then all stays as it was.
        """
        with session.lock:  # an upload that ends just now comes before or after, never between
            session.begin(Run(self.study(session, indication, history, view, prior_view)))

    def waiting(self) -> dict[str, Any]:
        """The page between the press and its turn: nothing of the report before stays beside the new study."""
        return report_payload("Waiting for its turn", busy=True, draft_note=self.draft_note())

    def study(self, session: Session, indication: str, history: str, view: str, prior_view: str) -> Study:
        """The study on the page. Raises StudyError where there is no current image or the context is too long."""
        with session.lock:
            current, prior = session.current, session.prior
        if current is None:
            raise StudyError(
                "There is no current image. Upload one on the left, or load an example study. "
                "(A session that was idle for long is forgotten.)"
            )
        current = replace(current, view_position=view)
        prior = None if prior is None else replace(prior, view_position=prior_view)
        return Study(current, prior, check_context(ClinicalContext(indication or "", history or "")))

    def stop(self, session: Session) -> dict[str, Any] | None:
        """Stop the run on the page; the page's report where it still waits for its turn and will not say so itself."""
        with session.lock:
            run = session.run
            if run is None:
                return None
            run.stop.set()
            return None if run.has_begun else report_payload("Stopped before its turn came.", busy=False)

    def generate(self, session: Session, method: str) -> Iterator[dict[str, Any]]:
        """Report payloads of the session's run, one for each thing that happened, until report and overlays stand.

        Ends without another word when the page has gone on to another image, another run or its end.
        """
        with session.lock:
            run = session.run
            if run is None or run.has_begun:
                return
            if run.stop.is_set():
                return
            run.has_begun = True
        note = self.reader.context_note(run.study.context)
        shown = report_payload("Starting", busy=True, draft_note=self.draft_note(), context_note=note)
        draft = ""
        try:
            yield shown
            for event in self.reader.read(run.study, run.stop):
                if session.run is not run:
                    return
                shown = self._shown(shown, event)
                if isinstance(event, DraftDone):
                    draft = event.text
                if not isinstance(event, ReportDone):
                    yield shown
                elif session.finish(run, draft, event):
                    yield shown | {"status": "Tracing each sentence to the images", "busy": True}
                    finished = self.finished(session, method)
                    if finished is not None:
                        yield finished
        except Exception:
            yield shown | {"status": FAILED, "busy": False}
            raise  # for the log: it is our mistake or the machine's, not the reader's
        finally:
            run.stop.set()  # the tab went away in the middle: what runs for it ends
            if session.has_ended:  # and features that were just then computed for it go too
                self.reader.forget([r.fingerprint for r in (run.study.current, run.study.prior) if r])

    def _shown(self, shown: dict[str, Any], event: Event) -> dict[str, Any]:
        if isinstance(event, Progress):
            return shown | {"status": event.message}
        if isinstance(event, DraftWord | DraftDone):
            text = event.text if isinstance(event, DraftDone) else event.text_so_far
            return shown | {"draft": text, "status": "Writing the coarse draft"}
        if isinstance(event, ReportWord):
            return shown | {"report": event.text_so_far, "status": "Refining the report"}
        if isinstance(event, Stopped):
            status = "Stopped. What was written until then stands below; it is not a whole report."
            return shown | {"draft": event.draft, "report": event.report, "status": status, "busy": False}
        return shown | {"report": event.text}

    def finished(self, session: Session, method: str) -> dict[str, Any] | None:
        """The finished report with one overlay a sentence; overlays are computed once a method.

        None where there is no report, or no longer one when the overlays are ready.
        """
        with session.lock:
            run, report, draft, known = session.run, session.report, session.draft, session.overlays
        if run is None or report is None:
            return None
        if method not in known:
            overlays = explain(self.reader, run.study, report.tokens, report.sentences, method)
            with session.lock:
                if session.report is not report:
                    return None
                known[method] = overlays
        return report_payload(
            "Finished. Not a medical device: check every sentence against the images.",
            busy=False,
            draft=draft,
            report=report.text,
            sentences=tuple(sentence.text for sentence in report.sentences),
            overlays=known[method],
            method=method,
            draft_note=self.draft_note(),
            context_note=self.reader.context_note(run.study.context),
            submissions=session.submissions,
        )

    def draft_note(self) -> str:
        """What the coarse draft is with these weights."""
        if self.reader.config.coarse_draft == COARSE_FROM_MEMORY:
            return (
                "The draft is written from the context and the comparison of current and prior image; the refined "
                "report also from fine detail of the current image. Struck out: taken back in the refined report; "
                "underlined there: added."
            )
        return (
            "These weights were never taught a coarse memory: the draft is a greedy reading of the whole memory, "
            "the refined report its beam search. Struck out: taken back in the refined report; underlined there: added."
        )

    def mark(self, session: Session, marks: dict[str, str]) -> None:
        """Sentences marked as wrong, {number: reason}; they replace the marks before."""
        if session.report is None:
            return
        sentences = session.report.sentences
        session.marks = {
            int(number): SentenceMark(sentences[int(number)].text, int(number), reason)
            for number, reason in marks.items()
            if str(number).isdigit() and int(number) < len(sentences)
        }

    def send_feedback(self, session: Session, rating: int | None, comment: str, corrected: str) -> str:
        """Keep the feedback; returns the sentence that says so. Raises StudyError, FeedbackError."""
        with session.lock:
            run, report, draft, marks = session.run, session.report, session.draft, dict(session.marks)
        if run is None or report is None:
            raise StudyError(
                "There is no finished report to give feedback on: none was written yet, or its images were changed "
                "since. What you wrote is still here."
            )
        if rating is None:
            raise StudyError("Choose a rating from 1 to 5 before sending. Everything else you wrote is still here.")
        study, config = run.study, self.reader.config
        corrected = (corrected or "").strip()
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
        return f"Thank you. Your feedback is kept as number {number}; you can send another for the same report."

    def unsent(self, session: Session, comment: str, corrected: str) -> str:
        """What a reader wrote about the report before and did not send; empty where there is nothing."""
        corrected = (corrected or "").strip()
        changed = corrected if corrected != session.offered.strip() else ""
        return "\n\n".join(part for part in (changed, (comment or "").strip()) if part)

    def whole_report(
        self, current: str | None, prior: str | None, indication: str, history: str, view: str, prior_view: str
    ) -> dict[str, Any]:
        """One call for programs: files in, draft and report out, nothing kept."""
        session = Session()
        # One file may be named twice; both are read before either is deleted.
        paths = {side: path for side, path in (("current", current), ("prior", prior)) if path}
        try:
            for name in filter(None, (view, prior_view)):
                self.reader.processor.check_view(name)
            for side, path in paths.items():
                session.put(side, read_radiograph(path))
            view = view or (session.current.view_position if session.current else "")
            prior_known = session.prior.view_position if session.prior else ""
            study = self.study(session, indication, history, view, prior_view or prior_known)
            reading = self.reader.report(study)
        except OSError:
            raise ImageError(LOST_UPLOAD) from None
        finally:
            for path in paths.values():
                Path(path).unlink(missing_ok=True)
            self.reader.forget(sorted(session.fingerprints))
        return {
            "coarse_draft": reading.draft,
            "refined_report": reading.report,
            "context_note": self.reader.context_note(study.context),
            "weights": self.reader.card.name,
            "note": DISCLAIMER,
        }


def _read_and_delete(path: str | Path) -> Radiograph:
    file = Path(path)
    try:
        return read_radiograph(file)
    except OSError:  # its own sentence would carry the file's name into the log
        raise ImageError(LOST_UPLOAD) from None
    finally:
        file.unlink(missing_ok=True)
