"""The study as it stands on the page, across its parts: what shows it, and what becomes of that when images change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from priorrg import texts
from priorrg.study import UNKNOWN_VIEW, ClinicalContext
from priorrg.ui.editing import left_unsent, put_aside
from priorrg.ui.notes_payload import notes_payload
from priorrg.ui.report_payload import report_payload
from priorrg.ui.sessions import Session
from priorrg.ui.viewer_payload import viewer_payload

if TYPE_CHECKING:
    from priorrg.ui.feedback import FeedbackForm

SIDES = ("current", "prior")
SessionOf = Callable[[gr.Request], Session]  # whose page a request comes from
Changes = dict[Any, Any]  # what a handler gives: component -> its new value; what is not named stays


@dataclass(frozen=True)
class StudyOnPage:
    """views_offered: of which a reader may choose. example_contexts: with what texts an example may stand there.
    said_at_generate: beside that button, why it was refused and what the report no longer stands for."""

    viewer: gr.HTML
    notes: gr.HTML
    report: gr.HTML
    problem: gr.HTML
    said_at_generate: gr.HTML
    form: FeedbackForm
    indication: gr.Textbox
    history: gr.Textbox
    views_offered: tuple[str, ...]
    example_contexts: tuple[ClinicalContext, ...]

    @property
    def parts(self) -> list[Any]:
        """All that `shown` and `emptied` may change."""
        images = [self.viewer, self.notes, self.report, self.problem, self.said_at_generate]
        return [*images, self.indication, self.history, *self.form.parts]

    def shown(self, session: Session) -> Changes:
        """The page after other images came, or went; no correction of the report before stays beside them."""
        form = session.form
        left = put_aside(session, form.unsent, left_unsent(session, form.comment, form.corrected))
        return self.films(session) | self.form.emptied(left)

    def films(self, session: Session) -> Changes:
        """Viewer and notes with the images of the session, and no report."""
        status = texts.report.READY if session.current else texts.report.NO_CURRENT
        views = {side: self.view_of(session, side) for side in SIDES}
        return {
            self.viewer: viewer_payload(session) | {"views": views},
            self.notes: notes_payload(session),
            self.report: report_payload(status, busy=False),
            self.problem: "",
            self.said_at_generate: "",
        }

    def view_of(self, session: Session, side: str) -> str:
        """The view position of an image as the reader set it, else as its file has it, where these weights know it."""
        radiograph = getattr(session, side)
        view = session.views.get(side) or (radiograph.view_position if radiograph else UNKNOWN_VIEW)
        return view if view in self.views_offered else UNKNOWN_VIEW

    def outdated(self, session: Session, indication: str, history: str) -> dict[str, str]:
        """What was changed since the report on the page, or the one that is being written, was asked for."""
        with session.lock:
            read = session.run.study if session.run else None
            views = {side: self.view_of(session, side) for side in SIDES}
        if read is None:
            return {}
        context = ClinicalContext(indication or "", history or "")
        changed = [name for name in ("indication", "history") if getattr(context, name) != getattr(read.context, name)]
        if views["current"] != read.current.view_position or (
            read.prior and views["prior"] != read.prior.view_position
        ):
            changed.append("view")
        if not changed:
            return {}
        if len(changed) == 1:
            return {"said": texts.page.OUTDATED[changed[0]], "kind": "outdated"}
        *others, last = (texts.page.OUTDATED_PARTS[name] for name in changed)
        what = f"{', '.join(others)}{texts.reading.AND}{last}"
        return {"said": texts.page.OUTDATED["several"].format(what=what), "kind": "outdated"}

    def emptied(self, example: ClinicalContext | None, is_first: bool, indication: str, history: str) -> Changes:
        """Indication and history after an example gave way: its texts go too, those of the reader stay.

        is_first: whether the session held no image before. Then it may be that of a page whose own was forgotten
        after long idleness, with an example still on the screen.
        """
        indication, history = (indication or "").strip(), (history or "").strip()
        if example is None and is_first:
            example = next((one for one in self.example_contexts if one == ClinicalContext(indication, history)), None)
        if example is None:
            return {}
        said = ((self.indication, indication, example.indication), (self.history, history, example.history))
        return {box: "" for box, now, its in said if now == its.strip()}
