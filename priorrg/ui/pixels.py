"""How pixels get from a session to the viewer: as unsigned 16-bit numbers, so that window and level act on all of them.

A first look comes at once, of a large film in means of its pixels; all pixels follow when somebody looks that closely.
Nothing is drawn here and nothing kept: each answer is made from the session's radiograph, and when the session ends
there is none left to give. Window and level are the browser's (assets/ui/pixels.js).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from fastapi import FastAPI, HTTPException, Request, Response
from starlette.background import BackgroundTask

from priorrg import texts
from priorrg.study import Radiograph
from priorrg.ui.server.visits import client_of

if TYPE_CHECKING:  # what it does not hold for a feedback session's server, which loads no model
    from priorrg.ui.sessions import Session, Sessions

LONGEST_EDGE = 1280  # pixels of a first look: about as many as a pane has on the screen
TOKEN_HEADER = "X-PriorRG-Session"  # a header, for addresses stand in the logs of proxies
GZIP = 31  # zlib's name for a gzip container around its largest window


@dataclass(frozen=True)
class Picture:
    """The first look at a radiograph: its size, and how many of the file's pixels are one of its own, each way."""

    width: int
    height: int
    step: int


def picture_of(radiograph: Radiograph) -> Picture:
    rows, columns = radiograph.pixels.shape
    step = -(-max(rows, columns) // LONGEST_EDGE)
    step = max(1, min(step, rows, columns))
    return Picture(columns // step, rows // step, step)


def first_look(radiograph: Radiograph) -> np.ndarray:
    """(height, width) uint16 of its `Picture`: the radiograph's own pixels, or means of step x step of them.

    The last rows and columns that fill no whole step are left out.
    """
    picture = picture_of(radiograph)
    step, height, width = picture.step, picture.height, picture.width
    if step == 1:
        return radiograph.tones
    whole = radiograph.tones[: height * step, : width * step]
    sums = np.zeros((height, width), dtype=np.uint32)
    for row in range(step):
        for column in range(step):
            sums += whole[row::step, column::step]
    return ((sums + step * step // 2) // (step * step)).astype(np.uint16)


def plain(pixels: np.ndarray) -> bytes:
    """Row by row, little-endian."""
    return pixels.astype("<u2", copy=False).tobytes()


def packed(pixels: np.ndarray) -> bytes:
    """For a slow line: gzip of first the low, then the high bytes of each pixel's difference to its left neighbour.

    Differences are small, so their high bytes are nearly all alike. The first pixel of a row differs from 0;
    differences wrap at 65536.
    """
    steps = pixels.astype("<u2")
    steps[:, 1:] -= pixels[:, :-1]
    low_and_high = steps.view(np.uint8).reshape(-1, 2).T
    packer = zlib.compressobj(1, zlib.DEFLATED, GZIP, 9, zlib.Z_RLE)
    return packer.compress(np.ascontiguousarray(low_and_high).tobytes()) + packer.flush()


def serve_pixels(app: FastAPI, sessions: Sessions, when_sent: Callable[[Session], None]) -> None:
    """Add GET /pixels/{side}/{key}: an image of the session whose token the header names, 404 when there is none.

    side: `current` or `prior`. key: as in the payload, so that a slow answer can be no other image than was asked for.
    Gives the first look, with `?whole=1` all pixels. `?pack=1` asks for `packed`, with the content encoding gzip,
    instead of `plain`. when_sent: called with the session after each answer, outside of the event loop.
    """

    @app.get("/pixels/{side}/{key}")
    def pixels(side: str, key: str, request: Request, whole: bool = False, pack: bool = False) -> Response:
        session = sessions.with_token(request.headers.get(TOKEN_HEADER, ""))
        if session is not None and session.client != client_of(request):
            session = None
        radiograph = getattr(session, side, None) if session and side in ("current", "prior") else None
        if session is None or radiograph is None or image_key(radiograph) != key:
            raise HTTPException(404, texts.viewer.NO_SUCH_IMAGE)
        headers = {"Cache-Control": "no-store"}  # the browser keeps no copy on its disk
        if pack:
            headers["Content-Encoding"] = "gzip"
        body = (packed if pack else plain)(radiograph.tones if whole else first_look(radiograph))
        after = BackgroundTask(when_sent, session)
        return Response(body, media_type="application/octet-stream", headers=headers, background=after)


def image_key(radiograph: Radiograph) -> str:
    """Names an image within a session."""
    return radiograph.fingerprint[:12]
