"""The Gradio page: layout and wiring. What an action does is in actions.py; no tensor is touched here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.assets import PAGE_FILES as ASSETS
from priorrg.errors import BusyError, PriorRGError
from priorrg.feedback.store import LONGEST_COMMENT, LONGEST_REPORT
from priorrg.study import UNKNOWN_VIEW, ClinicalContext
from priorrg.ui.about import build_about
from priorrg.ui.actions import Actions
from priorrg.ui.api import build_api
from priorrg.ui.context import build_context
from priorrg.ui.context import wire as wire_context
from priorrg.ui.examples import examples
from priorrg.ui.exports import build_exports, wire_exports
from priorrg.ui.notes import build_notes, build_set_upload, notes_payload
from priorrg.ui.notes import wire as wire_awareness
from priorrg.ui.report import build_readings, build_report
from priorrg.ui.report import wire as wire_report
from priorrg.ui.report_payload import report_payload, undiffed
from priorrg.ui.server.listeners import Listeners
from priorrg.ui.server.visits import client_of
from priorrg.ui.sessions import Session, Sessions
from priorrg.ui.viewer import build_viewer, viewer_payload

PROBLEM = '<div class="problem" role="alert"></div>'
# Text goes into the page by textContent: a template of Gradio would run code out of a file's or a reader's words.
SHOW_PROBLEM = (
    'const box = element.querySelector(".problem"); const show = () => { box.textContent = props.value || ""; };'
    ' watch("value", show); show();'
)
SHOW_NOTICE = (
    'const bar = element.querySelector(".notice-bar");'
    ' for (const name of ["notice", "weights"])'
    ' bar.append(Object.assign(document.createElement("div"), { textContent: props.value[name] }));'
)
LONGEST_UNSENT = 100_000  # characters that a reader wrote and did not send
# A reading room is dark; whoever prefers the light page chooses it once a browser. `?__theme=` goes before.
THEME_KEY = "priorrg-theme"
CHOOSE_THEME = f"""() => {{
    let chosen = null;
    try {{ chosen = localStorage.getItem("{THEME_KEY}"); }} catch (error) {{ /* storage is closed to this page */ }}
    const asked = new URLSearchParams(location.search).get("__theme") || chosen;
    document.body.classList.toggle("dark", asked !== "light");
}}"""
CHANGE_THEME = f"""() => {{
    const isDark = document.body.classList.toggle("dark");
    try {{ localStorage.setItem("{THEME_KEY}", isDark ? "dark" : "light"); }} catch (error) {{ /* not remembered */ }}
}}"""

LOG_OUT = """async () => {
    const root = (window.gradio_config && window.gradio_config.root) || "";
    await fetch(`${root}/logout`, { method: "POST" });
    location.reload();
}"""


def build_page(
    actions: Actions, sessions: Sessions, listeners: Listeners, session_minutes: int, has_login: bool = False
) -> gr.Blocks:
    """The whole page. session_minutes: after so long without a word of it a session is forgotten.

    has_login: whether readers log in, and so can log out.
    """
    card = actions.reporter.card
    views = [(texts.page.PAGE["not stated"], UNKNOWN_VIEW)] + [
        (name, name) for name in actions.reporter.config.view_positions if name != UNKNOWN_VIEW
    ]
    studies = examples()
    example_contexts = [ClinicalContext(study.indication, study.history) for study in studies]

    def session_of(request: gr.Request) -> Session:
        try:
            return sessions.of(request.session_hash or "", client_of(request))
        except BusyError as error:
            raise gr.Error(str(error), print_exception=False) from None

    with gr.Blocks(
        title=texts.page.PAGE["tab"],
        analytics_enabled=False,
        fill_width=True,
    ) as page:
        with gr.Row(elem_id="room"):
            with gr.Column(scale=2, min_width=320, elem_id="images"):
                viewer = build_viewer(ASSETS)
                notes = build_notes(ASSETS)
                method = gr.Radio(
                    [(words, name) for name, words in texts.page.METHODS.items()],
                    value="attention",
                    label=texts.page.PAGE["method"],
                    elem_id="method",
                )
                with gr.Row(elem_id="uploads"):
                    slots, view_boxes = {}, {}
                    for side in ("current", "prior"):
                        with gr.Column(min_width=150):
                            slots[side] = gr.File(
                                label=texts.page.PAGE["upload"].format(side=texts.page.PAGE[side]),
                                height=72,
                                elem_id=f"upload-{side}",
                            )
                            with gr.Row():
                                view_boxes[side] = gr.Dropdown(
                                    views,
                                    value=UNKNOWN_VIEW,
                                    label=texts.page.PAGE["view"].format(side=texts.page.PAGE[side]),
                                    min_width=110,
                                    elem_id=f"view-{side}",
                                )
                                remove = gr.Button(
                                    texts.page.PAGE[f"remove {side}"],
                                    size="sm",
                                    min_width=90,
                                    elem_id=f"remove-{side}",
                                )
                                slots[f"remove {side}"] = remove
            with gr.Column(scale=1, min_width=320, elem_id="study"):
                with gr.Row(elem_id="head"):
                    gr.Markdown(f"# {texts.page.PAGE['title']}", elem_id="title")
                    theme = gr.Button(texts.page.PAGE["theme"], size="sm", min_width=100, scale=0, elem_id="theme")
                    logout = gr.Button(
                        texts.page.PAGE["log out"],
                        size="sm",
                        min_width=80,
                        scale=0,
                        elem_id="logout",
                        visible=has_login,
                    )
                gr.HTML(
                    {
                        "notice": texts.report.DISCLAIMER,
                        "weights": texts.page.PAGE["weights"].format(name=card.name, note=card.note),
                    },
                    html_template='<div class="notice-bar"></div>',
                    js_on_load=SHOW_NOTICE,
                    elem_id="notice",
                )
                problem = gr.HTML(
                    "",
                    html_template=PROBLEM,
                    js_on_load=SHOW_PROBLEM,
                    elem_id="problem",
                    elem_classes="hide-when-empty",
                )
                with gr.Row(elem_id="examples"):
                    example_buttons = [gr.Button(study.title, size="sm", min_width=90) for study in studies]
                gr.Markdown(texts.page.PAGE["examples"], elem_classes="small", elem_id="examples-note")
                awareness = build_set_upload(notes)
                context = build_context(ASSETS)
                indication, history = context.indication, context.history
                with gr.Row(elem_id="actions"):
                    generate = gr.Button(
                        texts.page.PAGE["generate"], variant="primary", min_width=110, scale=2, elem_id="generate"
                    )
                    stop = gr.Button(texts.page.PAGE["stop"], min_width=70, elem_id="stop")
                    end = gr.Button(texts.page.PAGE["end"], min_width=110, scale=1, elem_id="end")
                report = build_report(ASSETS)
                exports = build_exports(ASSETS)
                with gr.Accordion(texts.feedback.FEEDBACK["title"], open=True, elem_id="feedback"):
                    gr.Markdown(texts.feedback.FEEDBACK["how"])
                    rating = gr.Radio(
                        [(words, number) for number, words in texts.feedback.RATINGS.items()],
                        label=texts.feedback.FEEDBACK["rating"],
                        elem_id="rating",
                    )
                    corrected = gr.Textbox(
                        label=texts.feedback.FEEDBACK["corrected"],
                        lines=3,
                        max_length=LONGEST_REPORT,
                        elem_id="corrected",
                    )
                    comment = gr.Textbox(
                        label=texts.feedback.FEEDBACK["comment"], lines=2, max_length=LONGEST_COMMENT, elem_id="comment"
                    )
                    unsent = gr.Textbox(label=texts.feedback.FEEDBACK["unsent"], visible=False, elem_id="unsent")
                    send = gr.Button(texts.feedback.FEEDBACK["send"], elem_id="send")
                    thanks = gr.HTML(
                        "",
                        html_template='<div class="thanks problem-free"></div>',
                        js_on_load=SHOW_PROBLEM.replace(".problem", ".thanks"),
                        elem_id="thanks",
                    )
        compare, readings = build_readings(ASSETS)
        with gr.Accordion(texts.page.PAGE["about"], open=True, elem_id="weights"):
            build_about(ASSETS, actions.reporter, session_minutes)
        theme.click(None, None, None, js=CHANGE_THEME, api_visibility="private")
        logout.click(None, None, None, js=LOG_OUT, api_visibility="private")

        shown_study = [viewer, report, view_boxes["current"], view_boxes["prior"], problem, notes]
        known_views = {value for _, value in views}

        def study_shown(session: Session, changed: tuple[str, ...] = ("current", "prior")) -> list[Any]:
            """The page after new images at `changed`; the other view position stays as the reader set it."""
            boxes: list[Any] = [gr.skip(), gr.skip()]
            for place, side in enumerate(("current", "prior")):
                if side in changed:
                    radiograph = getattr(session, side)
                    view = radiograph.view_position if radiograph else UNKNOWN_VIEW
                    boxes[place] = view if view in known_views else UNKNOWN_VIEW
            status = texts.report.READY if session.current else texts.report.NO_CURRENT
            return [viewer_payload(session), report_payload(status, busy=False), *boxes, "", notes_payload(session)]

        def emptied(example: ClinicalContext | None, is_first: bool, indication: str, history: str) -> list[Any]:
            """Indication and history after an example gave way: its texts go too, those of the reader stay.

            is_first: whether the session held no image before. Then it may be that of a page whose own was forgotten
            after long idleness, with an example still on the screen.
            """
            if example is None and is_first:
                shown = ClinicalContext((indication or "").strip(), (history or "").strip())
                example = next((one for one in example_contexts if one == shown), None)
            if example is None:
                return [gr.skip(), gr.skip()]
            pairs = ((indication, example.indication), (history, example.history))
            return ["" if (said or "").strip() == its.strip() else gr.skip() for said, its in pairs]

        def load_example(number: int, session: Session) -> list[Any]:
            actions.take_example(session, studies[number])
            return [*study_shown(session), studies[number].indication, studies[number].history]

        def on_load(request: gr.Request) -> list[Any]:
            return load_example(0, session_of(request))

        page.load(on_load, None, [*shown_study, indication, history], api_visibility="private")
        for number, button in enumerate(example_buttons):

            def on_example(request: gr.Request, number: int = number) -> list[Any]:
                return load_example(number, session_of(request))

            button.click(on_example, None, [*shown_study, indication, history], api_visibility="private")

        for side in ("current", "prior"):

            def on_upload(path: str, indication: str, history: str, request: gr.Request, side: str = side) -> list[Any]:
                session = session_of(request)
                is_first = session.is_empty
                try:
                    example = actions.take_upload(session, side, path)
                except PriorRGError as error:
                    kept = getattr(session, side) is not None
                    refused = texts.page.PAGE["refused"].format(side=texts.page.PAGE[side], reason=error)
                    message = refused + (texts.page.PAGE["kept"] if kept else "")
                    return [*[gr.skip()] * 4, message, *[gr.skip()] * 3, None]
                changed = (side,) if example is None else ("current", "prior")
                return [*study_shown(session, changed), *emptied(example, is_first, indication, history), None]

            def on_remove(request: gr.Request, side: str = side) -> list[Any]:
                session = session_of(request)
                actions.remove(session, side)
                return study_shown(session, (side,))

            slots[side].upload(
                on_upload,
                [slots[side], indication, history],
                [*shown_study, indication, history, slots[side]],
                api_visibility="private",
            )
            slots[f"remove {side}"].click(on_remove, None, shown_study, api_visibility="private")
        wire_awareness(
            awareness, session_of, view_boxes, shown_study, study_shown, [indication, history], emptied, problem
        )

        def on_press(
            indication: str,
            history: str,
            view: str,
            prior_view: str,
            comment: str,
            corrected: str,
            unsent: str,
            request: gr.Request,
        ) -> list[Any]:
            session = session_of(request)
            left = actions.unsent(session, comment, corrected)
            try:
                actions.press(session, indication, history, view, prior_view)
            except PriorRGError as error:
                return [str(error), *[gr.skip()] * 6]
            session.offered = ""
            left = "\n\n".join(part for part in (unsent, left) if part)[-LONGEST_UNSENT:]
            kept = gr.update(value=left, visible=True) if left else gr.skip()
            return ["", "", None, "", "", kept, actions.waiting(session)]

        def on_generate(method: str, request: gr.Request) -> Iterator[Any]:
            session = session_of(request)
            for payload in actions.generate(session, method):
                yield undiffed(payload, "changes")
            # Gradio sends the last thing yielded once more at the end, and by then the page may show another study.
            yield gr.skip()

        def on_written(corrected: str, request: gr.Request) -> Any:
            """The correction starts from the report, unless somebody has written one meanwhile."""
            session = session_of(request)
            if session.report is None or (corrected or "").strip():
                return gr.skip()
            session.offered = session.report.text
            return session.edited_text or session.report.text

        # The press is taken at once, whoever's turn it is; the reading waits for its own.
        generate.click(
            on_press,
            [indication, history, view_boxes["current"], view_boxes["prior"], comment, corrected, unsent],
            [problem, thanks, rating, comment, corrected, unsent, report],
            queue=False,
            api_visibility="private",
        ).then(
            on_generate,
            [method],
            report,
            trigger_mode="multiple",  # "once" would drop this press where the reading before it still runs
            concurrency_id="readings",  # whose turn it is, and how many are before it, is ours to say
            concurrency_limit=None,
            api_visibility="private",
            show_progress="hidden",
        ).then(on_written, corrected, corrected, queue=False, api_visibility="private", show_progress="hidden")
        wire_context(context, actions.reporter)
        wire_exports(card, session_of, exports, method)
        wire_report(actions, session_of, report, corrected, unsent, compare, readings)

        def on_stop(request: gr.Request) -> Any:
            return actions.stop(session_of(request)) or gr.skip()

        stop.click(on_stop, None, report, queue=False, api_visibility="private", show_progress="hidden")

        def on_method(method: str, request: gr.Request) -> Any:
            session = session_of(request)
            return actions.finished(session, method) or gr.skip()

        method.change(
            on_method, method, report, concurrency_id="model", api_visibility="private", show_progress="hidden"
        )

        def on_marked(request: gr.Request, event: gr.EventData) -> None:
            actions.mark(session_of(request), event._data.get("marks") or {}, int(event._data.get("turn") or 0))

        report.marked(on_marked, None, None, queue=False, trigger_mode="multiple", api_visibility="private")  # type: ignore[attr-defined]

        def on_send(rating: int | None, comment: str, corrected: str, request: gr.Request) -> list[Any]:
            session = session_of(request)
            try:
                said = actions.send_feedback(session, rating, comment, corrected)
            except PriorRGError as error:
                return [str(error), "", gr.skip(), gr.skip(), gr.skip()]
            session.offered = corrected
            return ["", said, None, "", actions.shown(session) or gr.skip()]

        send.click(
            on_send,
            [rating, comment, corrected],
            [problem, thanks, rating, comment, report],
            queue=False,  # kept at once, under the report that stands there now
            api_visibility="private",
            show_progress="hidden",
        )

        def on_end(request: gr.Request) -> list[Any]:
            sessions.end(request.session_hash or "")
            said = texts.page.PAGE["ended"]
            return [*study_shown(Session()), "", "", "", "", gr.update(value="", visible=False), None, said]

        end.click(
            on_end,
            None,
            [*shown_study, indication, history, corrected, comment, unsent, rating, thanks],
            api_visibility="private",
        )

        def on_unload(request: gr.Request) -> None:
            sessions.leave(request.session_hash or "")

        page.unload(on_unload)

        build_api(actions.reporter, actions.queue, listeners)
    return page
