"""The form of feedback on a report. What becomes of its texts when the report goes is in editing.py.

What was sent is kept for good: who changes it adds a submission that says which one it stands in the place of.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.errors import PriorRGError, StudyError
from priorrg.feedback.store import LONGEST_COMMENT, LONGEST_REPORT, Feedback, FeedbackStore
from priorrg.model.configuration import PriorRGConfig
from priorrg.plain_text import plain_text
from priorrg.ui.report_payload import standing_report
from priorrg.ui.scripts import script
from priorrg.ui.sessions import Session
from priorrg.ui.study_on_page import Changes, SessionOf

TEMPLATE = '<div class="feedback-said"><div class="said" role="status"></div></div>'


class FeedbackForm:
    """unsent: what was written about a report that is gone; only seen where there is such a thing.

    said: beside the button, what became of sending; while something is kept and not being changed, it stands in the
    place of the form (assets/ui/feedback.js).
    """

    def __init__(self) -> None:
        words = texts.feedback.FEEDBACK
        ratings = [(said, number) for number, said in texts.feedback.RATINGS.items()]
        with gr.Accordion(words["title"], open=True, elem_id="feedback"):
            gr.Markdown(words["how"], elem_id="feedback-how")
            self.rating = gr.Radio(ratings, label=words["rating"], elem_id="rating")
            self.corrected = gr.Textbox(
                label=words["corrected"], lines=3, max_length=LONGEST_REPORT, elem_id="corrected"
            )
            self.comment = gr.Textbox(label=words["comment"], lines=2, max_length=LONGEST_COMMENT, elem_id="comment")
            self.unsent = gr.Textbox(label=words["unsent"], visible=False, elem_id="unsent")
            with gr.Row(elem_id="sending"):
                self.send = gr.Button(words["send"], min_width=170, scale=0, elem_id="send")
                self.said = gr.HTML(
                    {},
                    html_template=TEMPLATE,
                    js_on_load=script("feedback.js"),
                    elem_id="feedback-said",
                    texts={"change": words["change"]},
                )

    @property
    def parts(self) -> list[Any]:
        """All that `emptied` changes."""
        return [self.rating, self.corrected, self.comment, self.unsent, self.send, self.said]

    def emptied(self, unsent: str = "") -> Changes:
        """The form beside a new report. unsent: what the reader wrote about those before."""
        return {
            self.rating: None,
            self.corrected: "",
            self.comment: "",
            self.unsent: gr.update(value=unsent, visible=bool(unsent)),
            self.send: texts.feedback.FEEDBACK["send"],
            self.said: {},
        }

    def standing(self, session: Session) -> Changes:
        """Whether the form is open, what Send says, and what stands beside it."""
        words = texts.feedback.FEEDBACK
        if session.sent is None:
            return {self.send: words["send"], self.said: {}}
        if session.is_changing:
            said = {"said": words["changing"].format(number=session.sent)}
            return {self.send: words["send change"], self.said: said}
        return {self.said: {"said": words["kept"].format(number=session.sent), "isKept": True}}

    def wire(self, store: FeedbackStore, config: PriorRGConfig, report: gr.HTML, session_of: SessionOf) -> None:
        """config: of the weights whose reports are shown."""

        def on_send(rating: int | None, comment: str, corrected: str, request: gr.Request) -> Changes:
            session = session_of(request)
            try:
                said = send_feedback(store, config, session, rating, comment, corrected)
            except PriorRGError as error:
                return {self.said: {"said": str(error), "isProblem": True}}
            return {self.said: {"said": said, "isKept": True}, report: standing_report(session) or gr.skip()}

        self.send.click(
            on_send,
            [self.rating, self.comment, self.corrected],
            [self.said, report],
            queue=False,  # kept at once, under the report that stands there now
            api_visibility="private",
            show_progress="hidden",
        )

        def on_change(request: gr.Request) -> Changes:
            session = session_of(request)
            session.is_changing = session.sent is not None
            return self.standing(session)

        self.said.change_asked(  # type: ignore[attr-defined]
            on_change, None, [self.send, self.said], queue=False, api_visibility="private", show_progress="hidden"
        )


def send_feedback(
    store: FeedbackStore, config: PriorRGConfig, session: Session, rating: int | None, comment: str, corrected: str
) -> str:
    """Keep the feedback; returns the sentence that says so. Raises StudyError, FeedbackError."""
    with session.lock:
        run, report, draft, marks = session.run, session.report, session.draft, dict(session.marks)
        revises = session.sent
    if run is None or report is None:
        raise StudyError(texts.feedback.FEEDBACK["no report"])
    if rating is None:
        raise StudyError(texts.feedback.FEEDBACK["no rating"])
    study = run.study
    corrected = plain_text(corrected or "").strip()
    kept = Feedback(
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
        revises=revises,
    )
    number = store.add(kept)
    with session.lock:
        if session.run is run:
            session.submissions += 1
            session.sent, session.is_changing = number, False
            session.offered, session.commented = corrected, kept.comment
    said = texts.feedback.FEEDBACK["thanks"].format(number=number, what=sent_words(kept))
    return said if revises is None else f"{said} {texts.feedback.FEEDBACK['revised'].format(number=revises)}"


def sent_words(feedback: Feedback) -> str:
    """What a submission holds, in words: 'rating 3 of 5, 1 sentence marked, the report corrected'."""
    words = texts.feedback.SENT
    parts = [words["rating"].format(rating=feedback.rating)]
    if feedback.marks:
        parts.append(texts.counted(texts.feedback.SENT_MARKS, len(feedback.marks)))
    parts += [words["corrected"]] if feedback.corrected_report else []
    parts += [words["comment"]] if feedback.comment.strip() else []
    return ", ".join(parts)
