"""A request that is turned away, with the one sentence that says why; and what becomes of one that fails."""

from __future__ import annotations

import errno
import gc
import logging
import traceback

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from priorrg import texts
from priorrg.ui.server import metrics

log = logging.getLogger("priorrg.server")


class Refused(Exception):
    """Ends a request from anywhere inside of FailuresMiddleware.

    kind: for the count. sentence: for whoever asked. wait_s: when trying again makes sense.
    """

    def __init__(self, status: int, kind: str, sentence: str, wait_s: int = 0) -> None:
        super().__init__(kind)
        self.status, self.kind, self.sentence, self.wait_s = status, kind, sentence, wait_s


def answer(scope: Scope, status: int, sentence: str) -> Response:
    """The sentence as Gradio's page shows it: at uploads the text itself, else JSON."""
    if scope["path"].endswith("/upload") or b"text/html" in dict(scope["headers"]).get(b"accept", b""):
        return PlainTextResponse(sentence, status)
    return JSONResponse({"detail": sentence, "error": sentence}, status)


class FailuresMiddleware:
    """Turns Refused into its answer and every other exception into one sentence, and the log tells only its place.

    The frameworks inside answer 500 first and raise then; that answer is held back until it is known which it is.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        held: list[Message] = []
        has_begun = False

        async def careful(message: Message) -> None:
            nonlocal has_begun
            if held or (message["type"] == "http.response.start" and message["status"] == 500):
                held.append(message)
                return
            has_begun = True
            await send(message)

        try:
            await self.app(scope, receive, careful)
        except Exception as error:
            response = self._answer(scope, error)
            if not has_begun:
                await response(scope, receive, send)
            return
        for message in held:
            await send(message)

    def _answer(self, scope: Scope, error: Exception) -> Response:
        if isinstance(error, Refused):
            metrics.refused(error.kind)
            response = answer(scope, error.status, error.sentence)
            # What is left of its body is not worth reading.
            response.headers["Connection"] = "close"
            if error.wait_s:
                response.headers["Retry-After"] = str(error.wait_s)
            return response
        metrics.FAILURES.inc()
        log.error("a request failed", exc_info=error)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            _let_go_of_files(error)
            return answer(scope, 507, texts.server.DISK_FULL)
        return answer(scope, 500, texts.server.FAILED)


def _let_go_of_files(error: BaseException | None) -> None:
    """The half of a file that was written takes its room for as long as somebody holds it open: these frames, and the
    upload's parser, whose parts hold each other."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__
    gc.collect()
