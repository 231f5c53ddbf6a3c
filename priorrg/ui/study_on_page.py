"""The study as it stands on the page, across its parts: what shows it, and what becomes of that when images change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.study import UNKNOWN_VIEW, ClinicalContext
from priorrg.ui.notes_payload import notes_payload
from priorrg.ui.report_payload import report_payload
from priorrg.ui.sessions import Session
from priorrg.ui.viewer_payload import viewer_payload

SIDES = ("current", "prior")
SessionOf = Callable[[gr.Request], Session]  # whose page a request comes from
Changes = dict[Any, Any]  # what a handler gives: component -> its new value; what is not named stays


@dataclass(frozen=True)
class StudyOnPage:
    """views: side -> its box of the view position. example_contexts: with what texts an example may stand there."""

    viewer: gr.HTML
    notes: gr.HTML
    report: gr.HTML
    problem: gr.HTML
    views: dict[str, gr.Dropdown]
    indication: gr.Textbox
    history: gr.Textbox
    known_views: frozenset[str]
    example_contexts: tuple[ClinicalContext, ...]

    @property
    def parts(self) -> list[Any]:
        """All that `shown` and `emptied` may change."""
        images = [self.viewer, self.notes, self.report, self.problem, *self.views.values()]
        return [*images, self.indication, self.history]

    def shown(self, session: Session, changed: tuple[str, ...] = SIDES) -> Changes:
        """The page after new images at `changed`; the other view position stays as the reader set it."""
        status = texts.report.READY if session.current else texts.report.NO_CURRENT
        changes: Changes = {
            self.viewer: viewer_payload(session),
            self.notes: notes_payload(session),
            self.report: report_payload(status, busy=False),
            self.problem: "",
        }
        for side in changed:
            radiograph = getattr(session, side)
            view = radiograph.view_position if radiograph else UNKNOWN_VIEW
            changes[self.views[side]] = view if view in self.known_views else UNKNOWN_VIEW
        return changes

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
