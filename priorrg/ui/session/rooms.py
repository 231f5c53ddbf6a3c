"""The sessions of a folder, and who may enter which: readers by their personal links, the organiser by one secret."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
import time
from dataclasses import replace
from pathlib import Path

from starlette.types import Scope

from priorrg.errors import SessionError
from priorrg.sessions.session import Session, session_files
from priorrg.ui.server.attempts import Attempts
from priorrg.ui.server.cookies import Cookies

SECRET_FILE = "organiser.txt"
SECRET_BYTES = 16
ORGANISES_FOR_S = 12 * 3600


class Rooms:
    """database: URL of where the answers are kept; empty: each session in its own folder.

    A folder that is not there holds no session, and nobody organises it.
    """

    def __init__(self, folder: Path, database: str, cookies: Cookies):
        self.folder, self.database = folder, database
        # Servers of one database know the same readers, whatever their ports: behind a proxy they have one address.
        self.cookies = replace(cookies, port=0) if database else cookies
        self.attempts = Attempts()
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()
        _ = self.secret  # so that the organiser finds it from the start

    def session(self, name: str) -> Session | None:
        """The session of that name; None where there is none, or its protocol cannot be read."""
        file = next((file for file in session_files(self.folder) if file.stem == name), None)
        if file is None:
            return None
        with self._lock:
            if name not in self._sessions:
                try:
                    self._sessions[name] = Session.at(file, self.database)
                except SessionError:
                    return None
            return self._sessions[name]

    def sessions(self) -> list[Session]:
        found = [self.session(file.stem) for file in session_files(self.folder)]
        return [session for session in found if session is not None]

    # Readers

    def cookie(self, name: str) -> str:
        """What the cookie of a personal link to this session is called."""
        return f"{self.cookies.name('read')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"

    def reader(self, session: Session, scope: Scope) -> str | None:
        """Who reads: by the cookie of a personal link, or by a login that is called as one of the readers."""
        for token in self.cookies.given(scope, "read"):
            if reader := session.store.reader_by_token(token):
                return reader
        user = scope.get("user") or ""
        is_reader = user in session.protocol.readers and user not in session.store.withdrawn()
        return user if is_reader else None

    # The organiser

    @property
    def secret(self) -> str:
        """As it stands in the folder's file, which is made where there is none; empty without a folder."""
        file = self.folder / SECRET_FILE
        if not self.folder.is_dir():
            return ""
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return file.read_text(encoding="utf-8").strip()
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            written.write(secrets.token_urlsafe(SECRET_BYTES) + "\n")
        return file.read_text(encoding="utf-8").strip()

    def is_secret(self, said: str) -> bool:
        secret = self.secret
        return bool(secret) and hmac.compare_digest(secret.encode(), said.strip().encode())

    def pass_now(self) -> str:
        """A cookie's value for whoever gave the secret: until when, signed; every server of the folder takes it."""
        until = str(int(time.time()) + ORGANISES_FOR_S)
        return f"{until}.{self._signed(until)}"

    def organises(self, scope: Scope) -> bool:
        for value in self.cookies.given(scope, "organise") if self.secret else ():
            until, _, signature = value.partition(".")
            if until.isdigit() and int(until) > time.time() and hmac.compare_digest(self._signed(until), signature):
                return True
        return False

    def _signed(self, text: str) -> str:
        return hmac.new(self.secret.encode(), f"organise {text}".encode(), hashlib.sha256).hexdigest()
