"""Taking the report away: copy button and downloads, under the report.

A file is written when it is asked for and handed to this one page as a value, from memory. Gradio's own downloads would
lie on the server's disk, at an address that any other session could ask for.
"""

from __future__ import annotations

import base64
import datetime
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.errors import ExportError, PriorRGError, StudyError
from priorrg.export.contents import ReportExport
from priorrg.export.forms import FORMS
from priorrg.export.text import clipboard_text
from priorrg.reporting.reporter import WeightsCard
from priorrg.ui.sessions import Session

TEMPLATE = '<div class="exports"></div>'
COPY = "copy"
NOTHING: dict[str, Any] = {"action": ""}
MOST_AT_ONCE = 2  # a PDF keeps a processor busy for a second or two


def build_exports(assets: Path) -> gr.HTML:
    """The row of buttons. assets: the folder of its script."""
    return gr.HTML(
        NOTHING,
        html_template=TEMPLATE,
        js_on_load=(assets / "exports.js").read_text(encoding="utf-8"),
        elem_id="exports",
        texts=texts.page.EXPORTS,
    )


def wire_exports(
    card: WeightsCard, session_of: Callable[[gr.Request], Session], exports: gr.HTML, method: gr.Radio
) -> None:
    """Its listeners. method: which overlays go into the PDF, where they were computed."""

    def on_taken(method: str, event: gr.EventData, request: gr.Request) -> Iterator[dict[str, Any]]:
        try:
            yield take_away(session_of(request), card, str(event._data.get("form")), method)
        except PriorRGError as error:
            yield failed(str(error))
        except Exception:
            yield failed(texts.page.EXPORT_FAILED)
            raise  # for the log: it is our mistake, not the reader's

    exports.taken(  # type: ignore[attr-defined]
        on_taken,
        method,
        exports,
        concurrency_id="exports",
        concurrency_limit=MOST_AT_ONCE,
        trigger_mode="multiple",
        api_visibility="private",
        show_progress="hidden",
    ).then(
        lambda: NOTHING,  # what was handed over need not stay in the page's memory
        None,
        exports,
        queue=False,
        api_visibility="private",
        show_progress="hidden",
    )


def failed(said: str) -> dict[str, Any]:
    return {"action": "failed", "turn": secrets.token_hex(4), "said": said}


def take_away(session: Session, card: WeightsCard, form: str, method: str) -> dict[str, Any]:
    """What the page copies (form `copy`) or saves as a file (a key of FORMS), with the sentence that says so.

    Raises StudyError where there is no finished report, ExportError where it cannot take this form.
    """
    export = report_export(session, card, method)
    turn = secrets.token_hex(4)  # the page acts on every new one, also where all else is the same
    if form == COPY:
        return {"action": COPY, "turn": turn, "text": clipboard_text(export), "said": texts.page.EXPORT_COPIED}
    if form not in FORMS:
        raise ExportError(texts.page.EXPORT_UNKNOWN)
    wanted = FORMS[form]
    name = export.file_name(wanted.suffix)
    return {
        "action": "save",
        "turn": turn,
        "name": name,
        "type": wanted.media_type,
        "data": base64.b64encode(wanted.write(export)).decode(),
        "said": texts.page.EXPORT_SAVED.format(name=name),
    }


def report_export(session: Session, card: WeightsCard, method: str) -> ReportExport:
    """The session's report as it stands now, edited or not. Raises StudyError where there is none."""
    with session.lock:
        run, report, draft, edited = session.run, session.report, session.draft, session.edited_text
        known = dict(session.overlays)
    if run is None or report is None:
        raise StudyError(texts.page.EXPORT_NO_REPORT)
    if not (report.text if edited is None else edited).strip():
        raise StudyError(texts.page.EXPORT_EMPTY)
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
    )
