"""Whose a request is: every browser and program has a cookie that it cannot read, and its sessions are its alone.

Gradio knows a page by a hash that the page makes up and sends in addresses. Here that hash is mixed with the cookie and
the login before Gradio sees it: whoever knows the hash and not the cookie opens a session of his own, an empty one.
Nothing is kept for that, so nobody can fill the memory with it.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from priorrg import texts
from priorrg.ui.queue import Client
from priorrg.ui.server.cookies import Cookies
from priorrg.ui.server.listeners import API, Listeners
from priorrg.ui.server.refusals import Refused

SECRET = secrets.token_bytes(32)  # of this process: after a restart every browser gets another cookie
LONGEST_HASH = 100
LARGEST_CALL = 1_000_000  # bytes of a call's JSON
LONGEST_TEXT, MOST_PARTS = 200_000, 5_000  # characters of a text in it; values in all
OWNER_DIGITS = 24
BODY_KEYS = ("data", "event_data", "fn_index", "trigger_id")  # of a call that a page or a program makes


def _signed(text: str) -> str:
    return hmac.new(SECRET, text.encode(), sha256).hexdigest()


@dataclass(frozen=True)
class Visitor:
    """Who made a request. token: of the cookie. user: who logged in, or nobody. address: of the network.

    has_page: whether the page was loaded with this cookie; a program's was not.
    """

    token: str
    user: str
    address: str
    has_page: bool

    @property
    def owner(self) -> str:
        return _signed(f"owner {self.token} {self.user}")[:OWNER_DIGITS]

    @property
    def client(self) -> Client:
        return Client(f"login {self.user}" if self.user else f"address {self.address}", self.owner)

    def session(self, said: str) -> str:
        """What Gradio calls the session that this visitor calls `said`."""
        return f"{self.owner}-{_signed(f'session {self.token} {self.user} {said}')[:32]}"

    def owns(self, session: str) -> bool:
        """Whether this, as Gradio calls it, is a session of this visitor."""
        return hmac.compare_digest(session.partition("-")[0].encode(), self.owner.encode())


def new_token(kind: str) -> str:
    """A cookie that only this process can have made. kind: `page` or `program`."""
    text = f"{kind}.{time.time_ns():x}.{secrets.token_urlsafe(24)}"
    return f"{text}.{_signed(f'token {text}')[:32]}"


def found_visitor(scope: Scope, cookies: Cookies) -> tuple[Visitor, bool]:
    """Who makes this request, and whether he is new: then his cookie is still to be given.

    Two pages that are opened at once may get a cookie each; from then on the older one counts for both.
    """
    tokens = []
    for token in cookies.given(scope, "visit"):
        text, _, signature = token.rpartition(".")
        if len(token) < 200 and hmac.compare_digest(signature.encode(), _signed(f"token {text}")[:32].encode()):
            kind, made, _ = text.split(".", 2)
            tokens.append((kind != "page", made, token))
    token = min(tokens)[2] if tokens else new_token("program")
    address = scope["client"][0] if scope.get("client") else ""
    return Visitor(token, scope.get("user") or "", address, token.startswith("page.")), not tokens


def client_of(request: Any) -> Client:
    """Who made this request (gr.Request), as the queue knows clients."""
    visitor = visitor_of(request)
    return visitor.client if visitor else Client()


def visitor_of(request: Any) -> Visitor | None:
    """Who made this request, gr.Request or Starlette's; None outside of a request."""
    request = getattr(request, "request", None) or request
    return None if request is None else request.scope.get("visitor")


class VisitsMiddleware:
    """Finds whose a request is, mixes that into the sessions that it names, and gives a cookie to who has none.

    queue: Gradio's queue, asked for when it is there. handler: Gradio's function of that number or name, None where
    there is none. discard: deletes an upload, asked for those that a call names which is refused before its handler,
    which else would do it.
    """

    def __init__(
        self,
        app: ASGIApp,
        cookies: Cookies,
        listeners: Listeners,
        queue: Callable[[], Any],
        handler: Callable[[Any, str], Any],
        discard: Callable[[str], None],
    ) -> None:
        self.app = app
        self.cookies = cookies
        self.listeners = listeners
        self.queue = queue
        self.handler = handler
        self.discard = discard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path, method = scope["path"], scope["method"]
        visitor, is_new = found_visitor(scope, self.cookies)
        scope = {**scope, "visitor": visitor}
        named: list[str] = []
        if path.startswith(API):
            try:
                scope, receive = await self._mixed(scope, receive, visitor, named)
            except Refused:
                self._discard(named)
                raise
        # A page has its cookie from the page itself, a program from its first answer.
        given = ""
        if path == "/" and method == "GET" and not visitor.has_page:
            given = new_token("page")
        elif is_new and (path == "/config" or method == "POST"):
            given = visitor.token

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                self._discard(named)
            if given and message["type"] == "http.response.start" and message["status"] < 400:
                name = f"{self.cookies.name('visit')}-{_signed(given)[:6]}"
                cookie = self.cookies.header(scope, name, given)
                message = {**message, "headers": [*message["headers"], cookie]}
            await send(message)

        try:
            await self.app(scope, receive, with_cookie)
        except Refused:
            self._discard(named)
            raise

    def _discard(self, named: list[str]) -> None:
        for path in named:
            self.discard(path)

    async def _mixed(self, scope: Scope, receive: Receive, visitor: Visitor, named: list[str]) -> tuple[Scope, Receive]:
        """The request with sessions as Gradio shall know them; `named` gets the files of a call. Raises Refused."""
        path = scope["path"].removeprefix(API)
        if scope["method"] == "POST" and path.startswith(("/queue/join", "/run/", "/call/", "/cancel")):
            body = _object(await whole_body(receive, LARGEST_CALL))
            named += named_files(body.get("data"))
            _check_texts(body)
            said = _called(body.get("session_hash") or ("" if path.startswith("/call/") else None))
            session = visitor.session(said or secrets.token_hex(16))
            if path == "/cancel":
                sent = self._cancelled(body, session)
            else:
                sent = {key: body[key] for key in BODY_KEYS if key in body} | {"session_hash": session}
                handler = self.handler(body.get("fn_index"), path.rpartition("/")[2])
                if handler is None:
                    raise Refused(404, "no handler", texts.server.NOT_HERE)
                if handler.api_visibility == "private" and not visitor.has_page:
                    raise Refused(403, "foreign page", texts.server.ONLY_FOR_THE_PAGE)
                count = len(handler.inputs)
                if handler.api_visibility == "public" and len(_listed(body.get("data"))) < count:
                    raise Refused(400, "arguments", texts.server.ARGUMENTS.format(count=count))
            return _with_body(scope, receive, json.dumps(sent).encode())
        if path.startswith("/heartbeat/"):
            mixed = f"{API}/heartbeat/{visitor.session(_called(path.removeprefix('/heartbeat/')))}"
            return {**scope, "path": mixed, "raw_path": mixed.encode()}, receive
        if path.startswith("/call/"):
            self._check_event(path.rpartition("/")[2], visitor)
        if path in ("/queue/data", "/upload", "/upload_progress"):
            pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            mixed = [
                (key, visitor.session(_called(value)) if key in ("session_hash", "upload_id") else value)
                for key, value in pairs
            ]
            return {**scope, "query_string": urlencode(mixed).encode()}, receive
        return scope, receive

    def _cancelled(self, body: dict[str, Any], session: str) -> dict[str, Any]:
        event = self.queue().event_ids_to_events.get(str(body.get("event_id")))
        if event is not None and event.session_hash != session:
            raise Refused(404, "foreign session", texts.server.NOT_HERE)
        self.listeners.stop(str(body.get("event_id")))
        return {"session_hash": session, "fn_index": body.get("fn_index"), "event_id": body.get("event_id")}

    def _check_event(self, event_id: str, visitor: Visitor) -> None:
        """Raises Refused where this visitor did not make the call of that name."""
        queue = self.queue()
        event = queue.event_ids_to_events.get(event_id)
        sessions = (
            [event.session_hash]
            if event
            else [session for session, events in list(queue.pending_event_ids_session.items()) if event_id in events]
        )
        if not any(visitor.owns(session) for session in sessions):
            raise Refused(404, "foreign session", texts.server.NOT_HERE)


def _called(said: Any) -> str:
    if not isinstance(said, str) or len(said) > LONGEST_HASH:
        raise Refused(400, "no session", texts.server.NO_SESSION)
    return said


async def whole_body(receive: Receive, most_bytes: int) -> bytes:
    """All of a request's body. Raises Refused where it is longer, or the client went in the middle."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400, "incomplete", texts.server.INCOMPLETE)
        parts.append(message.get("body", b""))
        if sum(map(len, parts)) > most_bytes:
            raise Refused(413, "call size", texts.server.TOO_LARGE.format(kilobytes=most_bytes // 1000))
        if not message.get("more_body"):
            return b"".join(parts)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):  # no UTF-8, no JSON, or lists in lists without end
        found = None
    if not isinstance(found, dict):
        raise Refused(400, "no JSON", texts.server.NO_JSON)
    return found


def _listed(data: Any) -> list[Any]:
    return data if isinstance(data, list) else []


def named_files(values: Any) -> list[str]:
    """Paths of the uploads that a call hands over, in whatever lists and objects they stand."""
    found: list[str] = []
    left = [values]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            found += [one["path"]] if isinstance(one.get("path"), str) else []
            left += one.values()
        elif isinstance(one, list):
            left += one
    return found


def _check_texts(call: dict[str, Any]) -> None:
    """Raises Refused for a call that is larger than any that the page or a program makes."""
    left: list[Any] = [call]
    parts = 0
    while left:
        one = left.pop()
        parts += 1
        if isinstance(one, str) and len(one) > LONGEST_TEXT:
            said = texts.server.TEXT_TOO_LONG.format(length=len(one), most=LONGEST_TEXT)
            raise Refused(413, "text length", said)
        if parts > MOST_PARTS:
            raise Refused(413, "call size", texts.server.TOO_MANY_PARTS.format(most=MOST_PARTS))
        if isinstance(one, dict):
            left += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            left += one


def _with_body(scope: Scope, receive: Receive, body: bytes) -> tuple[Scope, Receive]:
    """The request with another body."""
    headers = [pair for pair in scope["headers"] if pair[0] not in (b"content-length", b"transfer-encoding")]
    sent = False

    async def receive_it() -> Message:
        nonlocal sent
        if sent:
            return await receive()  # which tells when the client goes
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}, receive_it
