"""The gate: which addresses there are at all, and that with a login none but health and the login answers without it.

Gradio has many more routes than this page needs: some run code of visitors, some fetch other sites, some tell tokens.
What is not listed here is not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from priorrg import texts
from priorrg.ui.login import Logins, login_page
from priorrg.ui.server.cookies import Cookies
from priorrg.ui.server.refusals import Refused
from priorrg.ui.server.visits import found_visitor, whole_body

OPEN = ("/healthz", "/readyz")
LOGIN, LOGOUT = "/login", "/logout"
READS = re.compile(
    r"/|/healthz|/readyz|/card|/(?:pixels|alignment)/[^/]+/[^/]+|/config|/favicon\.ico|/manifest\.json|/robots\.txt|/theme\.css"
    r"|/(?:assets|static)/.+"
    r"|/operator/[^/]+|/session/[^/]+(?:/api/(?:state|cases/\d+|answers/\d+)|/pixels/[^/]+/[^/]+)?|/organise(?:/api/sessions)?"
    r"|/gradio_api/(?:info|theme\.css|app_id|startup-events|queue/data|upload_progress|heartbeat/[^/]+|call/[^/]+/[^/]+)"
)
CHANGES = re.compile(
    r"/keep|/gradio_api/(?:queue/join|run/[^/]+|call/[^/]+|cancel|reset|upload)"
    r"|/operator/[^/]+/(?:look|fetch)|/session/[^/]+/(?:enter|api/events)|/organise/(?:enter|leave|api/acts)"
)
# These ask for a personal link, or the organiser's or the operator's secret, with or without a login.
OWN_KEYS = ("/session/", "/organise", "/operator/")
LONGEST_LOGIN = 10_000  # bytes of a login's form


class GateMiddleware:
    """Lets through what is listed, by whoever may.

    logins: None where the app asks for no login. ended: called with the owner (Visitor.owner) of what a login leaves.
    """

    def __init__(self, app: ASGIApp, logins: Logins | None, cookies: Cookies, ended: Callable[[str], None]) -> None:
        self.app = app
        self.logins = logins
        self.cookies = cookies
        self.ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # no websocket is spoken here
        path, method = scope["path"], scope["method"]
        if path in (LOGIN, LOGOUT) and self.logins is not None:
            response = await self._log_in_or_out(self.logins, scope, receive)
            return await response(scope, receive, send)
        if self.logins is not None and path not in OPEN:
            user = next(filter(None, map(self.logins.user, self.cookies.given(scope, "login"))), None)
            if user is None and not path.startswith(OWN_KEYS):
                return await self._log_in_first(scope)(scope, receive, send)
            scope = {**scope, "user": user or ""}
        allowed = READS if method in ("GET", "HEAD") else CHANGES if method == "POST" else None
        if method != "OPTIONS" and not (allowed and allowed.fullmatch(path)):
            raise Refused(404, "no route", texts.server.NOT_HERE)
        await self.app(scope, receive, send)

    def _log_in_first(self, scope: Scope) -> Response:
        if scope["path"] == "/" and scope["method"] == "GET":
            return HTMLResponse(login_page(), 401)
        # The shape that Gradio's clients know.
        return JSONResponse(
            {"detail": {"error": texts.page.LOG_IN_FIRST, "auth_message": texts.report.DISCLAIMER}}, 401
        )

    async def _log_in_or_out(self, logins: Logins, scope: Scope, receive: Receive) -> Response:
        is_person = b"text/html" in dict(scope["headers"]).get(b"accept", b"")
        to_page = RedirectResponse("./", 303) if is_person else JSONResponse({"success": True})
        if scope["path"] == LOGOUT:
            if scope["method"] != "POST":  # an address that somebody follows must not do it
                raise Refused(405, "logout", texts.server.LOG_OUT_BY_POST)
            for token in self.cookies.given(scope, "login"):
                user = logins.user(token)
                if user and logins.end(token):
                    self.ended(found_visitor({**scope, "user": user}, self.cookies)[0].owner)
            to_page.raw_headers.append(self.cookies.header(scope, self.cookies.name("login"), "", is_gone=True))
            return to_page
        if scope["method"] != "POST":
            return HTMLResponse(login_page())
        form = parse_qs((await whole_body(receive, LONGEST_LOGIN)).decode("utf-8", "replace"))
        name, password = (form.get(key, [""])[0] for key in ("username", "password"))
        address = scope["client"][0] if scope.get("client") else ""
        opened = await logins.open(name.strip(), password, address)
        if opened.token:
            to_page.raw_headers.append(self.cookies.header(scope, self.cookies.name("login"), opened.token))
            return to_page
        status = 429 if opened.wait_s else 401
        waits = {"Retry-After": str(opened.wait_s)} if opened.wait_s else {}
        if is_person:
            return HTMLResponse(login_page(opened.said), status, waits)
        return JSONResponse({"detail": opened.said}, status, waits)
