"""Answers to a private data set on the hub: what keeps them where the disk does not stay, as on Spaces.

Answers are on this machine's disk first, always; the hub gets a copy of all events, one file for each store, written
anew each time. Before every upload the data set is looked at: one that is not private gets nothing.
"""

from __future__ import annotations

import io
import json
import logging
import threading
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import (
    HFValidationError,
    HTTPError,  # type: ignore[attr-defined]  # of the HTTP library that the hub's client uses
)

from priorrg.errors import SessionError
from priorrg.sessions.export import kept_events
from priorrg.sessions.session import Session, session_files

EVERY_S, LONGEST_WAIT_S = 300.0, 3600.0
log = logging.getLogger("priorrg.sessions")


def push(session: Session, repository: str, api: HfApi | None = None) -> int:
    """Send all events to a data set, made private where it is not there yet; returns how many.

    After a withdrawal the data set's history is squashed, so that what was removed is in no older version either.
    Raises SessionError where the data set is public, or the hub cannot be reached or refuses.
    """
    api = api or HfApi()
    events = kept_events(session)
    text = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events)
    # A store that was lost with its disk and made anew has another salt, and so writes beside what it sent before.
    name = f"{session.name}/events-{session.store.digest('file on the hub')[:12]}.jsonl"
    try:
        api.create_repo(repository, repo_type="dataset", private=True, exist_ok=True)
        if api.repo_info(repository, repo_type="dataset").private is not True:
            raise SessionError(
                f"The data set {repository} is public: nothing was sent. Make it private in its settings on the hub, "
                "or name another one."
            )
        api.upload_file(
            path_or_fileobj=io.BytesIO(text.encode()),
            path_in_repo=name,
            repo_id=repository,
            repo_type="dataset",
            commit_message=f"{len(events)} events of {session.name}",
        )
        if _is_withdrawn_since(session):
            api.super_squash_history(repository, repo_type="dataset")
    except (HTTPError, HFValidationError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SessionError(
            f"The answers of {session.name} could not be sent to {repository} ({reason}). They are kept here; look at "
            "the name, at HF_TOKEN and at the line, and send them again."
        ) from error
    session.store.record("pushed", {"events": len(events), "repository": repository})
    return len(events)


def _is_withdrawn_since(session: Session) -> bool:
    """Whether a reader withdrew after the last time that something was sent."""
    kinds = [kept.event.kind for kept in session.store.events("") if kept.event.kind in ("withdrawn", "pushed")]
    return "pushed" in kinds and kinds[-1] == "withdrawn"


def is_due(session: Session) -> bool:
    """Whether anything was kept since the last time that something was sent."""
    events = session.store.events()
    pushed = [kept.number for kept in events if kept.event.kind == "pushed"]
    return bool(events) and events[-1].number > max(pushed, default=-1)


class Sender:
    """Sends the sessions of a folder in a thread of its own, as often as something new was kept; a hub that cannot be
    reached is asked again, after longer and longer waits."""

    def __init__(self, folder: Path, database: str, repository: str, api: HfApi | None = None):
        self.folder, self.database, self.repository, self.api = folder, database, repository, api
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, name="sessions to the hub", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def send_once(self) -> bool:
        """Whether everything that was due went out. What did not is told in the log, and stays due."""
        went = True
        for file in session_files(self.folder):
            try:
                session = Session.at(file, self.database)
                if is_due(session):
                    push(session, self.repository, self.api)
            except SessionError as error:
                log.warning("%s", error)
                went = False
        return went

    def _run(self) -> None:
        wait = EVERY_S
        while not self.stop.wait(wait):
            wait = EVERY_S if self.send_once() else min(2 * wait, LONGEST_WAIT_S)
