"""Where the prior lies on the current image, for the viewer's wipe and flicker (assets/ui/align.js)."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException, Request

from priorrg import texts
from priorrg.imaging.alignment import Alignment, align
from priorrg.ui.pixels import TOKEN_HEADER, image_key
from priorrg.ui.server.visits import client_of
from priorrg.ui.sessions import Sessions


def serve_alignments(app: FastAPI, sessions: Sessions) -> None:
    """Add GET /alignment/{current}/{prior}: of the images of those keys in the session whose token the header names."""

    @app.get("/alignment/{current}/{prior}")
    def alignment(current: str, prior: str, request: Request) -> dict[str, Any]:
        session = sessions.with_token(request.headers.get(TOKEN_HEADER, ""))
        if session is None or session.client != client_of(request):
            raise HTTPException(404, texts.viewer.NO_SUCH_IMAGE)
        with session.lock:
            images = session.current, session.prior
        keys = tuple(image_key(image) if image is not None else "" for image in images)
        if images[0] is None or images[1] is None or keys != (current, prior):
            raise HTTPException(404, texts.viewer.NO_SUCH_IMAGE)
        return alignment_payload(align(images[0], images[1]))


def alignment_payload(found: Alignment) -> dict[str, Any]:
    """Its four numbers, its quality, and both in a sentence."""
    moved = texts.viewer.MOVED.format(degrees=f"{found.degrees:.1f}", scale=f"{found.scale:.2f}")
    said = texts.viewer.ALIGNED[found.quality].format(correlation=f"{found.correlation:.2f}", moved=moved)
    numbers = {name: getattr(found, name) for name in ("along", "across", "right", "down")}
    return numbers | {"quality": found.quality, "said": said}
