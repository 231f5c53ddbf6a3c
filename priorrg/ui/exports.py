"""Taking the report away: copy button and downloads, under the report.

A file is written when it is asked for and handed to this one page as a value, from memory. Gradio's own downloads would
lie on the server's disk, at an address that any other session could ask for.
"""

from __future__ import annotations

import base64
import datetime
import secrets
from collections.abc import Iterator
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.errors import ExportError, PriorRGError, StudyError
from priorrg.export.contents import ReportExport
from priorrg.export.forms import FORMS, check_form
from priorrg.export.text import clipboard_text
from priorrg.reporting.reporter import WeightsCard
from priorrg.ui.scripts import script
from priorrg.ui.sessions import Session
from priorrg.ui.study_on_page import Changes, SessionOf

TEMPLATE = '<div class="exports"></div>'
COPY = "copy"
NOTHING: dict[str, Any] = {"action": ""}
MOST_AT_ONCE = 2  # a PDF keeps a processor busy for a second or two


class Exports:
    """The row of buttons."""

    def __init__(self) -> None:
        self.html = gr.HTML(
            NOTHING,
            html_template=TEMPLATE,
            js_on_load=script("exports.js"),
            elem_id="exports",
            texts=texts.exports.EXPORTS,
        )

    def wire(self, card: WeightsCard, method: gr.Radio, session_of: SessionOf) -> None:
        """method: which overlays go into the PDF, where they were computed."""

        def on_taken(method: str, event: gr.EventData, request: gr.Request) -> Iterator[Changes]:
            try:
                yield {self.html: take_away(session_of(request), card, str(event._data.get("form")), method)}
            except PriorRGError as error:
                yield {self.html: failed(str(error))}
            except Exception:
                yield {self.html: failed(texts.exports.EXPORT_FAILED)}
                raise  # for the log: it is our mistake, not the reader's

        self.html.taken(  # type: ignore[attr-defined]
            on_taken,
            method,
            [self.html],
            concurrency_id="exports",
            concurrency_limit=MOST_AT_ONCE,
            trigger_mode="multiple",
            api_visibility="private",
            show_progress="hidden",
        ).then(
            lambda: NOTHING,  # what was handed over need not stay in the page's memory
            None,
            self.html,
            queue=False,
            api_visibility="private",
            show_progress="hidden",
        )


def failed(said: str) -> dict[str, Any]:
    return {"action": "failed", "id": secrets.token_hex(4), "said": said}


def take_away(session: Session, card: WeightsCard, form: str, method: str) -> dict[str, Any]:
    """What the page copies (form `copy`) or saves as a file (a key of FORMS), with the sentence that says so.

    Raises StudyError where there is no finished report, ExportError where it cannot take this form.
    """
    export = report_export(session, card, method)
    answer_id = secrets.token_hex(4)  # the page acts on every new one, also where all else is the same
    if form == COPY:
        with texts.speaking(texts.ENGLISH):  # what is taken away is in the language of the report
            text = clipboard_text(export)
        return {"action": COPY, "id": answer_id, "text": text, "said": texts.exports.EXPORT_COPIED}
    if form not in FORMS:
        raise ExportError(texts.exports.EXPORT_UNKNOWN)
    wanted = FORMS[form]
    check_form(wanted, export.study)
    with texts.speaking(texts.ENGLISH):
        data = wanted.write(export)
    name = export.file_name(wanted.suffix)
    return {
        "action": "save",
        "id": answer_id,
        "name": name,
        "type": wanted.media_type,
        "data": base64.b64encode(data).decode(),
        "said": texts.exports.EXPORT_SAVED.format(name=name),
    }


def report_export(session: Session, card: WeightsCard, method: str) -> ReportExport:
    """The session's report as it stands now, edited or not. Raises StudyError where there is none."""
    with session.lock:
        run, report, draft, edited = session.run, session.report, session.draft, session.edited_text
        known = dict(session.overlays)
        measures = session.measured()
    if run is None or report is None:
        raise StudyError(texts.exports.EXPORT_NO_REPORT)
    if not (report.text if edited is None else edited).strip():
        raise StudyError(texts.exports.EXPORT_EMPTY)
    # The overlays that the reader chose, else those that are there: a download waits for no model.
    method = method if method in known else next(iter(known), method)
    return ReportExport(
        study=run.study,
        draft=draft,
        report=report.text,
        sentences=report.sentences,
        card=card,
        written_at=datetime.datetime.now().astimezone(),
        edited=edited,
        overlays=tuple(known.get(method, ())),
        method=method,
        measures=measures,
        is_cut=report.is_cut,
    )
