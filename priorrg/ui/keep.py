"""What a reader made outlives a reload, sleep and a broken line: the tab finds its session again.

The server keeps the session; a tab knows its own by a key in the browser's sessionStorage, which works for nobody but
the browser and login that the session belongs to. What is typed or edited is sent as it comes to be (assets/ui/keep.js,
POST /keep), so that the browser need not keep a word of it but while the line is down.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from priorrg import texts
from priorrg.ui.editing import edit, mark
from priorrg.ui.examples import Examples
from priorrg.ui.feedback import FeedbackForm
from priorrg.ui.longer import restore
from priorrg.ui.opening import Opening
from priorrg.ui.readings import Readings, readings_payload
from priorrg.ui.report_payload import report_payload, standing_report
from priorrg.ui.scripts import script
from priorrg.ui.server.visits import LARGEST_CALL, client_of, whole_body
from priorrg.ui.sessions import Form, Session, Sessions
from priorrg.ui.study_on_page import Changes, SessionOf, StudyOnPage

PATH = "/keep"


class Report(BaseModel):
    """Sentences and marks of the report on the page, as assets/ui/sentences.js keeps them."""

    key: str
    rows: list[dict[str, Any]]
    marks: dict[str, str]
    number: int


class Kept(BaseModel):
    """What the page sends. tab: the key of its session. report: None where nothing of it was changed."""

    model_config = ConfigDict(extra="forbid")

    tab: str = Field(max_length=100)
    form: Form
    report: Report | None = None


class Keep:
    """html: a sentence where something is wrong. tab, pending: what assets/ui/resume.js finds when the page comes."""

    def __init__(self) -> None:
        self.html = gr.HTML(
            {},
            html_template='<div class="said problem" role="status"></div>',
            js_on_load=script("keep.js"),
            elem_id="keep",
            elem_classes="hide-when-empty",
            texts=texts.keep.KEEP,
            path=PATH,
        )
        self.tab = gr.Textbox(visible=False)
        self.pending = gr.Textbox(visible=False)

    def wire(
        self,
        page: gr.Blocks,
        sessions: Sessions,
        session_of: SessionOf,
        study: StudyOnPage,
        feedback: FeedbackForm,
        method: gr.Radio,
        readings: Readings,
        examples: Examples,
        opening: Opening,
    ) -> None:
        def on_load(tab: str, pending: str, request: gr.Request) -> Changes:
            found = sessions.resume(request.session_hash or "", tab or "", client_of(request))
            kept = read(pending or "")
            session = session_of(request)
            if found is None:
                typed = [] if kept is None else [kept.form.unsent, kept.form.comment, kept.form.corrected]
                left = "\n\n".join(filter(None, typed))
                said = {feedback.unsent: gr.update(value=left, visible=True)} if left else {}
                anew = {self.html: page_key(session, texts.keep.ANEW if tab else "")}
                changes = examples.shown(examples.studies[0], study, session)
                report = opening.on(session)
                if report is not None:
                    said |= {study.report: report, feedback.corrected: report["report"]}
                return changes | said | anew
            if kept is not None:
                take(session, kept)
            if session.run is not None:
                session.run.told = opening.runs.told(session.run.study)  # the reader may have switched the language
            standing = as_it_stands(session, study, feedback, readings)
            return standing | {method: session.method or gr.skip(), self.html: page_key(session)}

        page.load(
            on_load,
            [self.tab, self.pending],
            [*study.parts, readings.html, method, self.html],
            js=f"async () => {{\n{script('resume.js')}\nreturn await resume();\n}}",
            api_visibility="private",
        )


def page_key(session: Session, said: str = "") -> dict[str, Any]:
    """For assets/ui/keep.js. key: of its report. isUnsent: whether something of it asks before it is lost."""
    made = bool(session.edits or session.marks or session.form.comment.strip())
    key = session.run.key if session.run else ""
    is_unsent = made and (not session.submissions or session.is_changing)
    return {"tab": session.tab, "said": said, "key": key, "isUnsent": is_unsent}


def as_it_stands(session: Session, study: StudyOnPage, feedback: FeedbackForm, readings: Readings) -> Changes:
    """The whole page of a session that was found again."""
    with session.lock:
        run, report, comparison, form = session.run, session.report, session.comparison, session.form
        if run is not None and report is None:
            run.stop.set()
            shown = None
            if restore(session, run):
                report = session.report
            else:
                session.begin(None)  # nobody heard the words that came meanwhile
                shown = report_payload(texts.keep.BROKEN_OFF, busy=False)
        if report is not None or run is None:
            shown = standing_report(session, session.overlays.get(session.method), session.method)
        session.measures.clear()  # their lines are gone from the films
        session.latest.clear()  # the page counts its messages anew
    changes = study.films(session)
    if shown is not None:
        changes[study.report] = shown
    if run is not None and report is not None and comparison is not None:
        payload = readings_payload(run.study, report, comparison)
        changes[readings.html] = payload | {"key": run.key, "status": "", "busy": False}
    changes |= feedback.emptied() | feedback.standing(session)
    return changes | {
        study.indication: form.indication,
        study.history: form.history,
        feedback.comment: form.comment,
        feedback.corrected: form.corrected,
        feedback.unsent: gr.update(value=form.unsent, visible=bool(form.unsent)),
        feedback.rating: form.rating or None,
    }


def read(text: str) -> Kept | None:
    """What a page sends; None for anything else."""
    try:
        return Kept.model_validate_json(text)
    except ValidationError:
        return None


def take(session: Session, kept: Kept) -> None:
    """Keep what was typed and edited."""
    with session.lock:
        session.form = kept.form
        report = kept.report
        if report is not None and session.run is not None and session.run.key == report.key:
            edit(session, report.key, report.rows, report.number)
            mark(session, report.marks, report.number)


def serve_keep(app: FastAPI, sessions: Sessions) -> None:
    """Add POST /keep: 404 where the session is gone, or is another browser's or login's."""

    @app.post(PATH, status_code=204)
    async def keep(request: Request) -> None:
        kept = read((await whole_body(request.receive, LARGEST_CALL)).decode("utf-8", "replace"))
        session = sessions.with_tab(kept.tab, client_of(request)) if kept else None
        if kept is None or session is None:
            raise HTTPException(404, texts.keep.KEEP["forgotten"])
        take(session, kept)
