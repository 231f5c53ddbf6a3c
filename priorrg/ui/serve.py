"""The web application round the page: health, headers, and the launch settings that are safe for a clinical demo."""

from __future__ import annotations

import gradio as gr
import gradio.themes as themes
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from gradio.state_holder import SessionState
from starlette.routing import Mount

from priorrg import texts
from priorrg.assets import PAGE_FILES as ASSETS
from priorrg.feedback.store import FeedbackStore
from priorrg.reporting.reporter import Reporter
from priorrg.settings import Settings
from priorrg.ui import uploads
from priorrg.ui.about import serve_card
from priorrg.ui.actions import Actions
from priorrg.ui.login import Logins
from priorrg.ui.page import CHOOSE_THEME, build_page
from priorrg.ui.pixels import serve_pixels
from priorrg.ui.server.listeners import Listeners, ListenersMiddleware
from priorrg.ui.sessions import Sessions

OTHER_THREADS = 40  # Gradio's own number
MOST_EVENTS = 500  # in Gradio's queue, uploads among them: against a flood; readings wait in ours (queue.py)


def build_app(settings: Settings, reporter: Reporter, logins: Logins | None, feedback: FeedbackStore) -> FastAPI:
    """The page at /, its health at /healthz. logins: None lets everybody in.

    Another route of ours goes before the page is mounted and takes `dependencies=[Depends(login_needed)]`.
    """
    uploads.keep_apart()
    sessions = Sessions(reporter.forget, settings.session_minutes * 60)
    sessions.watch()
    # Gradio keeps the last value of every box of every tab for deep links, long after the tab is closed.
    SessionState._update_value_in_config = lambda self, key, value: None  # type: ignore[method-assign]
    actions = Actions(reporter, feedback, settings.queue_size)
    listeners = Listeners()
    page = build_page(actions, sessions, listeners, settings.session_minutes)
    # Whoever waits for his turn holds a thread; the pixels have others.
    page.max_threads = settings.queue_size + OTHER_THREADS
    page.queue(max_size=MOST_EVENTS)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    # Gradio answers any site with its credentials allowed; ours answers the sites that are named.
    app.add_middleware(
        CORSMiddleware, allow_origins=settings.origins, allow_methods=["GET", "POST"], allow_headers=["*"]
    )

    app.add_middleware(ListenersMiddleware, listeners=listeners)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok", "weights": reporter.card.name}

    serve_pixels(app, sessions, actions.encode_ahead)
    serve_card(app, reporter)
    served = gr.mount_gradio_app(
        app,
        page,
        path="/",
        auth=logins.check if logins else None,
        auth_message=texts.report.DISCLAIMER,
        root_path=settings.root_path or None,
        css_paths=[ASSETS / f"{part}.css" for part in ("style", "viewer", "notes", "report", "exports")],
        # The darker blue: white on the usual one has a contrast of 2.8, below the 4.5 of WCAG AA.
        js=CHOOSE_THEME,
        theme=themes.Base(primary_hue="sky", neutral_hue="slate", font=["system-ui", "sans-serif"]).set(
            button_primary_background_fill="*primary_700",
            button_primary_background_fill_hover="*primary_800",
            button_primary_background_fill_dark="*primary_700",
            button_primary_background_fill_hover_dark="*primary_800",
            body_text_color_subdued="*neutral_600",
            body_text_color_subdued_dark="*neutral_300",
            input_placeholder_color="*neutral_600",
            input_placeholder_color_dark="*neutral_300",
        ),
        max_file_size=f"{settings.max_upload_mb}mb",
        run_history=False,  # its default writes indication and history into the browser's storage
        enable_monitoring=False,
        show_error=False,
        footer_links=[],
        pwa=False,
        mcp_server=False,
        ssr_mode=False,
    )
    # Gradio checks that an input file is an upload only in an app that it launched itself; a mounted one would hand any
    # file of this machine to whoever names its path.
    page.has_launched = True
    app.state.page = next(route.app for route in app.routes if isinstance(route, Mount))
    return served
