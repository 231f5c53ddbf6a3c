"""Submissions of the app's feedback form, from before there were sessions, as events of a session. Nothing is lost.

The feedback file stays as it is; whoever imports it twice has each submission once.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from priorrg.errors import FeedbackError
from priorrg.feedback.store import FeedbackStore
from priorrg.sessions.events import Event
from priorrg.sessions.store import Store

KIND = "imported"


def import_feedback(file: str | Path, store: Store) -> tuple[int, int]:
    """Take over every submission; returns how many were new and how many there are. Raises FeedbackError, SessionError.

    Fingerprints of images are salted on the way: in the feedback file they are the same everywhere, here they are this
    session's own. Everything else is taken as it stands.
    """
    if not Path(file).is_file():
        raise FeedbackError(f"There is no feedback file {file}. Name the one the app wrote with --feedback.")
    rows = FeedbackStore.existing(file).rows()
    events = []
    for kept in rows:
        payload: dict[str, Any] = asdict(kept.feedback) | {"number": kept.number}
        settings = payload.pop("settings")
        payload["marks"] = [dict(mark) for mark in payload["marks"]]
        for side in ("current_fingerprint", "prior_fingerprint"):
            payload[side] = payload[side] and store.digest(payload[side])
        # The file's own number and moment name a submission: two files may be taken over into one session.
        client_id = store.digest(f"{kept.number} {kept.sent_utc} {payload['refined_report']}")
        events.append(Event(KIND, client_id, settings=settings, said_utc=kept.sent_utc, payload=payload, weights=""))
    return store.adopt(events), len(rows)
