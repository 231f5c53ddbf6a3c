"""The Gradio page: which parts there are, where they stand, and what of each other they are given.

A part is a class in a module of its own: making it lays it out where it is made, `wire` sets its listeners. What a
listener gives is a dictionary {component: new value}; all else stays. No tensor is touched here.
"""

from __future__ import annotations

import gradio as gr

from priorrg import texts
from priorrg.errors import BusyError
from priorrg.feedback.store import FeedbackStore
from priorrg.settings import Settings
from priorrg.ui.about import About
from priorrg.ui.actions import Actions
from priorrg.ui.api import build_api
from priorrg.ui.context import Context
from priorrg.ui.correction import wire_correction
from priorrg.ui.examples import Examples
from priorrg.ui.exports import Exports
from priorrg.ui.feedback import FeedbackForm
from priorrg.ui.head import Head
from priorrg.ui.keep import Keep, page_key
from priorrg.ui.keys import Keys
from priorrg.ui.languages import Page
from priorrg.ui.measures import wire_measures
from priorrg.ui.method import Method
from priorrg.ui.notes import Notes
from priorrg.ui.opening import Opening
from priorrg.ui.readings import Readings
from priorrg.ui.report import Report
from priorrg.ui.runs import Runs
from priorrg.ui.server.listeners import Listeners
from priorrg.ui.server.visits import client_of
from priorrg.ui.sessions import Session, Sessions
from priorrg.ui.several import SeveralFiles
from priorrg.ui.slots import Slots, views_offered
from priorrg.ui.study_on_page import Changes, StudyOnPage
from priorrg.ui.switch import Switch
from priorrg.ui.viewer import Viewer


def build_page(runs: Runs, store: FeedbackStore, sessions: Sessions, listeners: Listeners, settings: Settings) -> Page:
    """The whole page."""
    reporter = runs.reporter
    with Page(
        title=texts.page.PAGE["tab"],
        analytics_enabled=False,
        fill_width=True,
    ) as page:
        views = views_offered(reporter.config.view_positions)
        Keys()
        head, keep = Head(reporter.card, has_login=bool(settings.auth)), Keep()
        with gr.Row(elem_id="room"):
            with gr.Column(scale=3, min_width=320, elem_id="images"):
                viewer, notes, slots = Viewer(views), Notes(), Slots()
                method, several, examples = Method(reporter.config), SeveralFiles(), Examples()
            with gr.Column(scale=2, min_width=320, elem_id="study"):
                context, actions, report = Context(), Actions(), Report(settings.hold_draft)
                exports, feedback = Exports(), FeedbackForm()
        readings, switch = Readings(), Switch()
        About(reporter, settings.session_minutes, settings.away_minutes)

        def session_of(request: gr.Request) -> Session:
            try:
                return sessions.of(request.session_hash or "", client_of(request))
            except BusyError as error:
                raise gr.Error(str(error), print_exception=False) from None

        def end_session(request: gr.Request) -> Changes:
            sessions.end(request.session_hash or "")
            return {keep.html: page_key(session_of(request))}

        study = StudyOnPage(
            viewer=viewer.html,
            notes=notes.html,
            report=report.html,
            problem=head.problem,
            said_at_generate=actions.said,
            form=feedback,
            indication=context.indication,
            history=context.history,
            views_offered=tuple(views),
            example_contexts=tuple(example.context for example in examples.studies),
        )
        examples.wire(study, session_of)
        opening = Opening(runs, examples.studies[0])
        keep.wire(page, sessions, session_of, study, feedback, method.choice, readings, examples, opening)
        slots.wire(study, session_of, runs.encode_ahead)
        several.wire(study, session_of)
        notes.wire(study, session_of)
        for part in (viewer.html, notes.html):
            wire_correction(part, study, session_of)
        wire_measures(viewer.html, session_of)
        context.wire(reporter)
        method.wire(runs, study, session_of)
        actions.wire(runs, study, method.choice, feedback, session_of, end_session, keep.html, head.end)
        report.wire(runs, method.choice, feedback, session_of)
        exports.wire(reporter.card, method.choice, session_of)
        feedback.wire(store, reporter.config, report.html, session_of)
        readings.wire(runs, session_of)
        switch.wire(runs, report, session_of)

        def on_unload(request: gr.Request) -> None:
            sessions.leave(request.session_hash or "")

        page.unload(on_unload)
        build_api(reporter, runs.queue, listeners)
    return page
