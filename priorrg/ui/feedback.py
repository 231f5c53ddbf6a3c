"""The form of feedback on a report, and what becomes of its texts when the report goes."""

from __future__ import annotations

from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.errors import PriorRGError, StudyError
from priorrg.feedback.store import LONGEST_COMMENT, LONGEST_REPORT, Feedback, FeedbackStore
from priorrg.model.configuration import PriorRGConfig
from priorrg.plain_text import plain_text
from priorrg.ui.message import build_message
from priorrg.ui.report_payload import standing_report
from priorrg.ui.sessions import Session
from priorrg.ui.study_on_page import Changes, SessionOf, StudyOnPage


class FeedbackForm:
    """unsent: what was written about a report that is gone; only seen where there is such a thing."""

    def __init__(self) -> None:
        words = texts.feedback.FEEDBACK
        ratings = [(said, number) for number, said in texts.feedback.RATINGS.items()]
        with gr.Accordion(words["title"], open=True, elem_id="feedback"):
            gr.Markdown(words["how"])
            self.rating = gr.Radio(ratings, label=words["rating"], elem_id="rating")
            self.corrected = gr.Textbox(
                label=words["corrected"], lines=3, max_length=LONGEST_REPORT, elem_id="corrected"
            )
            self.comment = gr.Textbox(label=words["comment"], lines=2, max_length=LONGEST_COMMENT, elem_id="comment")
            self.unsent = gr.Textbox(label=words["unsent"], visible=False, elem_id="unsent")
            self.send = gr.Button(words["send"], elem_id="send")
            self.thanks = build_message("thanks", '<div class="said thanks problem-free"></div>')

    @property
    def parts(self) -> list[Any]:
        """All that `emptied` changes."""
        return [self.rating, self.corrected, self.comment, self.unsent, self.thanks]

    def emptied(self, unsent: str = "") -> Changes:
        """The form beside a new report. unsent: what the reader wrote about those before."""
        return {
            self.rating: None,
            self.corrected: "",
            self.comment: "",
            self.unsent: gr.update(value=unsent, visible=bool(unsent)),
            self.thanks: "",
        }

    def wire(self, store: FeedbackStore, config: PriorRGConfig, study: StudyOnPage, session_of: SessionOf) -> None:
        """config: of the weights whose reports are shown."""

        def on_send(rating: int | None, comment: str, corrected: str, request: gr.Request) -> Changes:
            session = session_of(request)
            try:
                said = send_feedback(store, config, session, rating, comment, corrected)
            except PriorRGError as error:
                return {study.problem: str(error), self.thanks: ""}
            session.offered = corrected
            changes = {study.problem: "", self.thanks: said, self.rating: None, self.comment: ""}
            return changes | {study.report: standing_report(session) or gr.skip()}

        self.send.click(
            on_send,
            [self.rating, self.comment, self.corrected],
            [study.problem, study.report, self.thanks, self.rating, self.comment],
            queue=False,  # kept at once, under the report that stands there now
            api_visibility="private",
            show_progress="hidden",
        )


def send_feedback(
    store: FeedbackStore, config: PriorRGConfig, session: Session, rating: int | None, comment: str, corrected: str
) -> str:
    """Keep the feedback; returns the sentence that says so. Raises StudyError, FeedbackError."""
    with session.lock:
        run, report, draft, marks = session.run, session.report, session.draft, dict(session.marks)
    if run is None or report is None:
        raise StudyError(texts.feedback.FEEDBACK["no report"])
    if rating is None:
        raise StudyError(texts.feedback.FEEDBACK["no rating"])
    study = run.study
    corrected = plain_text(corrected or "").strip()
    number = store.add(
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


def left_unsent(session: Session, comment: str, corrected: str) -> str:
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
