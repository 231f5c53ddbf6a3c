"""The pages of feedback sessions put into an app: beside the Gradio page, or alone, where no model is loaded at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from priorrg.imaging.decoders import decoders
from priorrg.settings import Settings
from priorrg.ui.server.bounds import PaceMiddleware
from priorrg.ui.server.cookies import Cookies
from priorrg.ui.server.gate import GateMiddleware
from priorrg.ui.server.headers import HeadersMiddleware
from priorrg.ui.server.network import HostsMiddleware, ProxiesMiddleware
from priorrg.ui.server.refusals import FailuresMiddleware
from priorrg.ui.session.organising import serve_organising
from priorrg.ui.session.rooms import Rooms
from priorrg.ui.session.routes import serve_reading

if TYPE_CHECKING:
    from priorrg.ui.session.live import Live


def serve_sessions(app: FastAPI, settings: Settings, cookies: Cookies, live: Live | None = None) -> None:
    """Add the pages of all sessions of the folder in the settings. live: None where there is no model to write."""
    rooms = Rooms(settings.session_folder, settings.session_database, cookies)
    serve_reading(app, rooms, live)
    serve_organising(app, rooms)


def build_sessions_app(settings: Settings, live: Live | None = None) -> FastAPI:
    """An app of the sessions alone, guarded as the whole one is (priorrg/ui/serve.py). live: as of serve_sessions."""
    decoders().warm()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    cookies = Cookies(settings.port, settings.root_path, bool(settings.embed))
    stack: list[tuple[Any, dict[str, Any]]] = [
        (ProxiesMiddleware, {"proxies": settings.proxies}),
        (HeadersMiddleware, {"embed": settings.embed}),
        (FailuresMiddleware, {}),
        (PaceMiddleware, {}),
        (HostsMiddleware, {"hosts": settings.hosts, "origins": (), "bound": settings.host}),
        (GateMiddleware, {"logins": None, "cookies": cookies, "ended": lambda owner: None}),
    ]
    for middleware, options in reversed(stack):
        app.add_middleware(middleware, **options)

    @app.get("/healthz")
    def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok")

    serve_sessions(app, settings, cookies, live)
    return app
