"""How pixels get from a session to the viewer: as unsigned 16-bit numbers, so that window and level act on all of them.

Nothing is drawn here and nothing kept: each answer is made from the session's radiograph, and when the session ends
there is none left to give. Window and level are the browser's (assets/ui/pixels.js).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from PIL import Image

from priorrg.study import Radiograph
from priorrg.ui.login import login_needed
from priorrg.ui.sessions import Sessions

LONGEST_EDGE = 2048  # pixels sent to the page; the model always gets the full image
TOKEN_HEADER = "X-PriorRG-Session"  # a header, for addresses stand in the logs of proxies
GZIP = 31  # zlib's name for a gzip container around its largest window


@dataclass(frozen=True)
class Picture:
    """The size at which a radiograph is sent: its own, or reduced to LONGEST_EDGE."""

    width: int
    height: int


def picture_of(radiograph: Radiograph) -> Picture:
    rows, columns = radiograph.pixels.shape
    reduction = min(1.0, LONGEST_EDGE / max(rows, columns))
    return Picture(max(1, round(columns * reduction)), max(1, round(rows * reduction)))


def sent_pixels(radiograph: Radiograph) -> np.ndarray:
    """(rows, columns) uint16: the radiograph's own pixels, or means of them where it is larger than LONGEST_EDGE."""
    picture = picture_of(radiograph)
    if (picture.height, picture.width) == radiograph.pixels.shape:
        return radiograph.pixels
    # In floats: Pillow's own 16-bit resizing takes longer.
    whole = Image.fromarray(radiograph.pixels.astype(np.float32))
    reduced = whole.resize((picture.width, picture.height), Image.Resampling.BILINEAR)
    return np.clip(np.rint(np.asarray(reduced)), 0, 65535).astype(np.uint16)


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


def serve_pixels(app: FastAPI, sessions: Sessions) -> None:
    """Add GET /pixels/{side}/{key}: an image of the session whose token the header names, 404 when there is none.

    side: `current` or `prior`. key: as in the payload, so that a slow answer can be no other image than was asked for.
    `?pack=1` asks for `packed`, with the content encoding gzip, instead of `plain`.
    """

    @app.get("/pixels/{side}/{key}", dependencies=[Depends(login_needed)])
    def pixels(side: str, key: str, request: Request, pack: bool = False) -> Response:
        session = sessions.with_token(request.headers.get(TOKEN_HEADER, ""))
        radiograph = getattr(session, side, None) if session and side in ("current", "prior") else None
        if radiograph is None or image_key(radiograph) != key:
            raise HTTPException(404, "There is no such image: it was replaced, or its session has ended.")
        headers = {"Cache-Control": "no-store"}  # the browser keeps no copy on its disk
        if pack:
            headers["Content-Encoding"] = "gzip"
        body = (packed if pack else plain)(sent_pixels(radiograph))
        return Response(body, media_type="application/octet-stream", headers=headers)


def image_key(radiograph: Radiograph) -> str:
    """Names an image within a session."""
    return radiograph.fingerprint[:12]
