"""Whose a request is."""

from __future__ import annotations

from typing import Any

from priorrg.ui.queue import Client


def client_of(request: Any) -> Client:
    """Who made this request (gr.Request), as the queue knows clients."""
    if request is None:
        return Client()
    host = request.client.host if request.client else ""
    return Client(request.username or host, request.session_hash or "")
