"""Who may log in: a file with one `name:password` or `name:hash` a line. Passwords are never printed, logged or kept.

Gradio shows the login page, keeps the cookie and asks `Logins.check`; it has no limit on tries itself.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fastapi import HTTPException, Request

from priorrg import texts
from priorrg.settings import SettingsError

MARK = "scrypt$"  # a password that begins so must be kept as a hash
# N, r, p of scrypt's author for logins (Percival 2009): 16 MB, about a tenth of a second on a slow core.
COST = (2**14, 8, 1)
MOST_MEMORY = 64 * 2**20  # bytes; refuses a hash whose cost would take the server's memory at every try


@dataclass(frozen=True)
class Hashed:
    """A password that cannot be read back: scrypt (RFC 7914) of it with a salt of its own."""

    cost: tuple[int, int, int]
    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, password: str) -> Hashed:
        salt = secrets.token_bytes(16)
        return cls(COST, salt, _scrypt(password, salt, COST))

    @classmethod
    def parse(cls, text: str) -> Hashed:
        """Raises ValueError for what __str__ did not write."""
        mark, n, r, p, salt, digest = text.split("$")
        cost = int(n), int(r), int(p)
        found = cls(cost, base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True))
        if (
            mark + "$" != MARK
            or len(found.digest) != 32
            or not 1 <= cost[2] <= 16
            or 128 * cost[0] * cost[1] > MOST_MEMORY
        ):
            raise ValueError("not a hash of ours")
        return found

    def __str__(self) -> str:
        salt, digest = (base64.b64encode(part).decode() for part in (self.salt, self.digest))
        return MARK + "$".join([*map(str, self.cost), salt, digest])

    def matches(self, password: str) -> bool:
        return hmac.compare_digest(self.digest, _scrypt(password, self.salt, self.cost))


def _scrypt(password: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    n, r, p = cost
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=2 * MOST_MEMORY, dklen=32)


def line_of(name: str, password: str) -> str:
    """A line for the file, from which the password cannot be read back. Raises SettingsError."""
    name, password = name.strip(), password.strip()
    if not name or ":" in name or name.startswith("#"):
        raise SettingsError("A name has at least one character, none of them a colon, and does not begin with #.")
    if not password:
        raise SettingsError("The password is empty.")
    return f"{name}:{Hashed.of(password)}"


class Logins:
    """The people of one file."""

    def __init__(self, people: dict[str, Hashed]):
        self._people = people
        self._nobody = Hashed.of(secrets.token_urlsafe())
        # One at a time: whoever guesses gets a few tries a second, and the page of the others does not stand still.
        self._checking = ThreadPoolExecutor(1, thread_name_prefix="login")

    @classmethod
    def read(cls, path: str | Path) -> Logins:
        """Raises SettingsError with the line's number, never with what stands on it."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise SettingsError(
                f"The file of who may log in, {path}, cannot be read: {reason}. "
                "Expected is a text file with one name:password or name:hash a line."
            ) from None
        people: dict[str, Hashed] = {}
        for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            name, colon, password = line.partition(":")
            name, password, where = name.strip(), password.strip(), f"Line {number} of {path}"
            if not (name and colon and password):
                raise SettingsError(f"{where} is not name:password or name:hash.")
            if name in people:
                raise SettingsError(f"{where} names somebody for the second time.")
            if not password.startswith(MARK):
                people[name] = Hashed.of(password)
                continue
            try:
                people[name] = Hashed.parse(password)
            except (ValueError, binascii.Error):
                raise SettingsError(
                    f"{where} holds a hash that cannot be used. Make one with `python -m priorrg hash-password`."
                ) from None
        if not people:
            raise SettingsError(
                f"{path} names nobody who may log in. Expected is one name:password or name:hash a line."
            )
        return cls(people)

    def __len__(self) -> int:
        return len(self._people)

    async def check(self, name: str, password: str) -> bool:
        """Whether this is one of the people. A name that nobody has takes as long as a wrong password."""
        hashed = self._people.get(name, self._nobody)
        return await asyncio.get_running_loop().run_in_executor(self._checking, hashed.matches, password)


def login_needed(request: Request) -> None:
    """FastAPI dependency of every route of ours but /healthz: 401 for whoever has not logged in on the page.

    Lets everybody through where the app asks for no login. Gradio's own routes see to themselves.
    """
    page = request.app.state.page  # Gradio's application, see serve.py
    if page.auth is None:
        return
    cookies = (request.cookies.get(f"access-token{kind}-{page.cookie_id}") for kind in ("", "-unsecure"))
    if not any(cookie in page.tokens for cookie in cookies if cookie):
        raise HTTPException(401, texts.page.LOG_IN_FIRST)
