"""The web application round the page, put together: what guards it (server/), its own routes, Gradio's page."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import gradio.themes as themes
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from gradio.state_holder import SessionState
from starlette.routing import Mount

from priorrg.export import forms
from priorrg.feedback.store import FeedbackStore
from priorrg.imaging.decoders import decoders
from priorrg.reporting import kept
from priorrg.reporting.reporter import Reporter
from priorrg.settings import Settings
from priorrg.ui.about import serve_card
from priorrg.ui.alignments import serve_alignments
from priorrg.ui.keep import serve_keep
from priorrg.ui.languages import LanguageMiddleware, build_each
from priorrg.ui.login import Logins
from priorrg.ui.page import build_page
from priorrg.ui.pixels import serve_pixels
from priorrg.ui.runs import Runs
from priorrg.ui.scripts import STYLES, page_script
from priorrg.ui.server import metrics
from priorrg.ui.server.bounds import PaceMiddleware, UploadsMiddleware
from priorrg.ui.server.cookies import Cookies
from priorrg.ui.server.gate import GateMiddleware
from priorrg.ui.server.headers import HeadersMiddleware
from priorrg.ui.server.health import Readiness, serve_health
from priorrg.ui.server.listeners import Listeners, ListenersMiddleware, heartbeat_key
from priorrg.ui.server.network import HostsMiddleware, ProxiesMiddleware
from priorrg.ui.server.operator import serve_operator
from priorrg.ui.server.refusals import FailuresMiddleware
from priorrg.ui.server.visits import VisitsMiddleware
from priorrg.ui.session.live import Live
from priorrg.ui.session.serve import serve_sessions
from priorrg.ui.sessions import Sessions
from priorrg.ui.uploads import UploadFolder, keep_apart

FILES_AT_ONCE = 10  # of the largest that one upload may bring, of a folder
OTHER_THREADS = 40  # Gradio's own number
MOST_EVENTS = 500  # in Gradio's queue, uploads among them: against a flood; readings wait in ours (queue.py)


def build_app(
    settings: Settings, reporter: Reporter, logins: Logins | None, feedback: FeedbackStore, folder: Path
) -> FastAPI:
    """The page at /, its health at /healthz and /readyz. logins: None lets everybody in. folder: of the uploads.

    Another route of ours goes before the page is mounted, and into the list in server/gate.py.
    """
    keep_apart()
    decoders().warm()
    forms.warm_up()
    uploads = UploadFolder(folder)
    uploads.watch()
    listeners = Listeners()
    sessions = Sessions(
        reporter.forget,
        settings.session_minutes * 60,
        settings.away_minutes * 60,
        most=settings.sessions,
        is_present=lambda key: listeners.is_open(heartbeat_key(key)),
    )
    sessions.watch()
    # Gradio keeps the last value of every box of every tab for deep links, long after the tab is closed.
    SessionState._update_value_in_config = lambda self, key, value: None  # type: ignore[method-assign]
    runs = Runs(reporter, settings.queue_size, settings.at_once or reporter.at_once)
    page = build_each(lambda: build_page(runs, feedback, sessions, listeners, settings))
    # Whoever waits for his turn holds a thread; the pixels have others.
    page.max_threads = settings.queue_size + runs.queue.at_once + OTHER_THREADS
    page.queue(max_size=MOST_EVENTS, api_open=False)
    listeners.watch(page._queue)
    uploads.follow(page)
    page.state_session_capacity = 2 * settings.sessions
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    cookies = Cookies(settings.port, settings.root_path, bool(settings.embed or settings.origins))
    _guard(app, settings, cookies, logins, sessions, listeners, uploads, page)
    readiness = Readiness(folder, feedback)
    readiness.watch()
    serve_health(app, reporter, readiness)
    metrics.watch(metrics.WAITING, lambda: runs.queue.waiting)
    for limit in ("time", "memory", "crash"):
        metrics.watch(metrics.DECODER_KILLS.labels(limit), lambda limit=limit: decoders().ended[limit])
    metrics.watch(metrics.DECODING, lambda: decoders().busy + decoders().waiting)
    metrics.watch(metrics.SESSIONS, lambda: len(sessions))
    metrics.watch(metrics.UPLOAD_BYTES, uploads.size)
    serve_pixels(app, sessions, runs.encode_ahead)
    serve_alignments(app, sessions)
    serve_card(app, reporter)
    app.state.operator = serve_operator(app, reporter.card.name, bool(settings.weights))
    serve_keep(app, sessions)
    serve_sessions(app, settings, cookies, Live(partial(_reporter, reporter), runs.queue))
    served = gr.mount_gradio_app(
        app,
        page,
        path="/",
        auth_dependency=(lambda request: request.scope.get("user")) if logins else None,  # the gate knows
        root_path=settings.root_path or None,
        css_paths=STYLES,
        js=page_script(),
        # The darker blue: white on the usual one has a contrast of 2.8, below the 4.5 of WCAG AA.
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


def _reporter(own: Reporter, weights: str) -> Reporter:
    """As an arm of a feedback session names it: the app's own, where it has these weights.

    Others read with as many bits as the app's own: arms that are compared differ in nothing but their weights.
    """
    source = kept.resolve(weights or kept.EMBEDDED)
    return own if str(own.source) == source else Reporter.load(source, precision=own.precision)


def _guard(
    app: FastAPI,
    settings: Settings,
    cookies: Cookies,
    logins: Logins | None,
    sessions: Sessions,
    listeners: Listeners,
    uploads: UploadFolder,
    page: gr.Blocks,
) -> None:
    """What a request passes before it reaches the page, from the outside in."""

    def handler(number: Any, name: str) -> Any:
        if isinstance(number, int):
            return page.fns.get(number)
        return next((fn for fn in page.fns.values() if fn.api_name == name), None)

    megabyte = 1_000_000
    quota = settings.upload_quota_mb * megabyte
    stack: list[tuple[Any, dict[str, Any]]] = [
        (ProxiesMiddleware, {"proxies": settings.proxies}),
        (HeadersMiddleware, {"embed": settings.embed}),
        (LanguageMiddleware, {}),
        (FailuresMiddleware, {}),
        (PaceMiddleware, {}),
        (HostsMiddleware, {"hosts": settings.hosts, "origins": settings.origins, "bound": settings.host}),
        # Gradio answers any site with its credentials allowed; ours answers the sites that are named.
        (
            CORSMiddleware,
            {
                "allow_origins": settings.origins,
                "allow_credentials": True,
                "allow_methods": ["GET", "POST"],
                "allow_headers": ["content-type"],
            },
        ),
        (GateMiddleware, {"logins": logins, "cookies": cookies, "ended": sessions.end_of}),
        (
            VisitsMiddleware,
            {
                "cookies": cookies,
                "listeners": listeners,
                "queue": lambda: page._queue,
                "handler": handler,
                "discard": uploads.discard,
            },
        ),
        (ListenersMiddleware, {"listeners": listeners}),
        (
            UploadsMiddleware,
            {
                "most_bytes": quota,
                "most_at_once": min(quota, FILES_AT_ONCE * settings.max_upload_mb * megabyte),
                "on_disk": uploads.size,
            },
        ),
    ]
    for middleware, options in reversed(stack):
        app.add_middleware(middleware, **options)
