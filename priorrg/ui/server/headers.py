"""Headers of every answer: what the browser may load and from where, who may show the page, what it may pass on."""

from __future__ import annotations

import gzip
import re
import secrets
from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio runs the scripts of its parts through `new Function`, and Svelte writes styles into the page; scripts that
# stand in the page itself need the nonce of this answer.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'{nonce}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {ancestors}"
)
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
KEPT = ("/assets/", "/static/")  # Gradio's own files, whose names change with their content
SCRIPT = re.compile(rb"<script(?=[\s>])")


class HeadersMiddleware:
    """Adds them. embed: sites whose pages may show this one in a frame; none: nobody's."""

    def __init__(self, app: ASGIApp, embed: Sequence[str]) -> None:
        self.app = app
        self.ancestors = " ".join(embed) or "'none'"
        self.is_embedded = bool(embed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        page: list[bytes] | None = None
        start: Message = {}
        takes_gzip = b"gzip" in dict(scope["headers"]).get(b"accept-encoding", b"")
        if scope["path"] == "/":  # it must come as text for its nonces
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]}

        async def with_headers(message: Message) -> None:
            nonlocal page, start
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message["headers"]))
                self._add(headers, scope["path"], "")
                start = {**message, "headers": headers.raw}
                if headers.get("content-type", "").startswith("text/html") and scope["method"] == "GET":
                    page = []
                else:
                    await send(start)
            elif page is None:
                await send(message)
            else:
                page.append(message.get("body", b""))
                if not message.get("more_body"):
                    await self._send_page(start, b"".join(page), scope["path"], takes_gzip, send)

        await self.app(scope, receive, with_headers)

    async def _send_page(self, start: Message, body: bytes, path: str, takes_gzip: bool, send: Send) -> None:
        nonce = secrets.token_urlsafe(16)
        headers = MutableHeaders(raw=start["headers"])
        if "content-encoding" not in headers:
            body = SCRIPT.sub(b'<script nonce="' + nonce.encode() + b'"', body)
            self._add(headers, path, f" 'nonce-{nonce}'")
            if takes_gzip:
                body = gzip.compress(body, 4)
                headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(body))
        await send({**start, "headers": headers.raw})
        await send({"type": "http.response.body", "body": body})

    def _add(self, headers: MutableHeaders, path: str, nonce: str) -> None:
        for name, value in ALWAYS.items():
            headers[name] = value
        headers["Content-Security-Policy"] = POLICY.format(nonce=nonce, ancestors=self.ancestors)
        if not self.is_embedded:
            headers["X-Frame-Options"] = "DENY"
        if not path.startswith(KEPT):
            headers["Cache-Control"] = "no-store"
