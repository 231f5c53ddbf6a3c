"""How long and how much one client may take: of a request on its way in, of an answer on its way out, of the disk."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from priorrg import texts
from priorrg.ui.server.listeners import API
from priorrg.ui.server.refusals import Refused

HEAD_S = 15  # from the first byte of a request to the end of its head
SILENCE_S = 30  # between two parts of a body; and until a client takes a part of an answer
PART = 256 * 1024  # bytes of an answer that a client must take within SILENCE_S
SLOWEST = 20_000  # bytes a second of a body, on average after the first SILENCE_S
UPLOAD = f"{API}/upload"

# Files that the upload of this request has begun, see uploads.keep_apart.
begun_files: contextvars.ContextVar[list[Path] | None] = contextvars.ContextVar("begun_files", default=None)


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP, which waits for ever for the head of a request: here it waits HEAD_S."""

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head = self.loop.call_later(HEAD_S, self._give_up)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        is_answered = self.cycle is None or self.cycle.response_complete
        if not is_answered:
            self._stop_waiting()
        elif self._head is None:  # another request has begun to come
            self._head = self.loop.call_later(HEAD_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _stop_waiting(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _give_up(self) -> None:
        self._head = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


class PaceMiddleware:
    """Ends a request whose body comes too slowly, and one whose answer nobody takes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began, arrived, is_whole = time.monotonic(), 0, False

        async def paced_receive() -> Message:
            nonlocal arrived, is_whole
            if is_whole:
                return await receive()  # only waits until the client goes
            try:
                message = await asyncio.wait_for(receive(), SILENCE_S)
            except TimeoutError:
                raise Refused(408, "slow", texts.server.TOO_SLOW) from None
            arrived += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if not is_whole and time.monotonic() - began > SILENCE_S + arrived / SLOWEST:
                raise Refused(408, "slow", texts.server.TOO_SLOW)
            return message

        async def paced_send(message: Message) -> None:
            body, is_last = memoryview(message.get("body", b"")), not message.get("more_body", False)
            if len(body) <= PART:
                return await taken(message)
            for start in range(0, len(body), PART):  # a film over a slow line takes longer than one wait
                more = not is_last or start + PART < len(body)
                await taken({**message, "body": bytes(body[start : start + PART]), "more_body": more})

        async def taken(message: Message) -> None:
            try:
                await asyncio.wait_for(send(message), SILENCE_S)
            except TimeoutError:
                raise ConnectionAbortedError("nobody takes the answer") from None

        await self.app(scope, paced_receive, paced_send)


class UploadsMiddleware:
    """Keeps all uploads together within a part of the disk, and takes away what an upload leaves that fails.

    most_bytes: of all; most_at_once: of one request. on_disk: bytes that lie there now.
    """

    def __init__(self, app: ASGIApp, most_bytes: int, most_at_once: int, on_disk: Callable[[], int]) -> None:
        self.app = app
        self.most_bytes = most_bytes
        self.most_at_once = most_at_once
        self.on_disk = on_disk
        self.coming = 0  # bytes that are on their way in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != UPLOAD:
            return await self.app(scope, receive, send)
        length = dict(scope["headers"]).get(b"content-length", b"")
        stated = int(length) if length.isdigit() else 0
        if stated > self.most_at_once:
            raise self._too_large()
        lying = await asyncio.to_thread(self.on_disk)
        arrived = 0

        def check(more: int) -> None:
            if lying + self.coming + more > self.most_bytes:
                said = texts.server.UPLOADS_FULL.format(megabytes=self.most_bytes // 1_000_000)
                raise Refused(507, "upload quota", said, wait_s=120)

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            more = len(message.get("body", b""))
            arrived += more
            self.coming += more
            if arrived > self.most_at_once:
                raise self._too_large()
            check(0)
            return message

        check(stated)
        files: list[Path] = []
        begun_files.set(files)
        try:
            await self.app(scope, counted, send)
        except BaseException:
            for file in files:  # Gradio forgets what arrived in part
                file.unlink(missing_ok=True)
            raise
        finally:
            self.coming -= arrived

    def _too_large(self) -> Refused:
        return Refused(
            413, "upload size", texts.server.UPLOAD_TOO_LARGE.format(megabytes=self.most_at_once // 1_000_000)
        )
