"""Who may log in: a file with one `name:password` or `name:hash` a line. Passwords are never printed, logged or kept.

The gate (priorrg/ui/server/gate.py) shows the login's page and keeps its cookie; here it is known who is who.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import html
import logging
import secrets
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from priorrg import texts
from priorrg.settings import SettingsError
from priorrg.ui.server import metrics
from priorrg.ui.server.attempts import Attempts

log = logging.getLogger("priorrg.login")

MARK = "scrypt$"  # a password that begins so must be kept as a hash
# N, r, p of scrypt's author for logins (Percival 2009): 16 MB, about a tenth of a second on a slow core.
COST = (2**14, 8, 1)
IDLE_S = 12 * 3600  # after so long without a request a login ends
MOST_LOGINS, MOST_OF_ONE = 1000, 20  # open at once: of all, and of one name
MOST_CHECKS = 20  # passwords that may wait to be checked; each takes a tenth of a second
LONGEST_PASSWORD = 1000
MOST_MEMORY = 64 * 2**20  # bytes; refuses a hash whose cost would take the server's memory at every try

LOGIN_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: #0b0f19; color: #f3f4f6;
        font: 16px/1.5 system-ui, sans-serif; }}
form {{ display: grid; gap: 12px; width: min(320px, 90vw); }}
h1 {{ font-size: 20px; margin: 0; }}
input, button {{ font: inherit; width: 100%; box-sizing: border-box; padding: 8px; border-radius: 6px;
                 border: 1px solid #64748b; background: #111827; color: inherit; }}
button {{ background: #0369a1; border-color: #0369a1; cursor: pointer; }}
[role=alert] {{ color: #fca5a5; min-height: 1.5em; }}
</style></head>
<body><main><form method="post" action="login">
<h1>{title}</h1><p>{note}</p>
<label>{name}<input name="username" autocomplete="username" required autofocus></label>
<label>{password}<input name="password" type="password" autocomplete="current-password" required></label>
<button>{press}</button><div role="alert">{said}</div>
</form></main></body></html>
"""


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
            or cost[0] < 2
            or cost[0] & (cost[0] - 1)  # scrypt takes powers of two alone, and says so only when somebody logs in
            or cost[1] < 1
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


@dataclass(frozen=True)
class Opened:
    """What came of a login: its token, or why there is none. wait_s: seconds until another try is looked at."""

    token: str = ""
    said: str = ""
    wait_s: int = 0


class Logins:
    """The people of one file, and those of them who are logged in."""

    def __init__(self, people: dict[str, Hashed]):
        self._people = people
        self._nobody = Hashed.of(secrets.token_urlsafe())
        # One at a time: whoever guesses gets a few tries a second, and the page of the others does not stand still.
        self._checking = ThreadPoolExecutor(1, thread_name_prefix="login")
        self._checks = 0
        self._attempts = Attempts()
        self._open: OrderedDict[str, tuple[str, float]] = OrderedDict()  # token -> name, when last seen

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

    async def open(self, name: str, password: str, address: str) -> Opened:
        """Log somebody in, or say why not. Called in the event loop alone, as are user and end."""
        if wait_s := self._attempts.wait_s(name, address):
            return Opened(said=texts.server.LOGIN_WAIT.format(seconds=wait_s), wait_s=wait_s)
        if self._checks >= MOST_CHECKS:
            return Opened(said=texts.server.LOGIN_BUSY, wait_s=5)
        self._checks += 1
        try:
            is_right = len(password) <= LONGEST_PASSWORD and await self.check(name, password)
        finally:
            self._checks -= 1
        if not is_right:
            self._attempts.failed(name, address)
            metrics.FAILED_LOGINS.inc()
            # What nobody is called may be a password in the wrong box.
            log.warning("a login failed: %s, from %s", name if name in self._people else "an unknown name", address)
            return Opened(said=texts.server.LOGIN_WRONG)
        self._attempts.succeeded(name, address)
        own = [token for token, (whose, _) in self._open.items() if whose == name]
        for token in own[: max(0, len(own) + 1 - MOST_OF_ONE)]:
            del self._open[token]
        while len(self._open) >= MOST_LOGINS:
            self._open.popitem(last=False)
        token = secrets.token_urlsafe(32)
        self._open[token] = name, time.monotonic()
        return Opened(token)

    def user(self, token: str) -> str | None:
        """Who logged in with this token; None where nobody did, or the login has ended."""
        name, seen = self._open.get(token, ("", 0.0))
        if not name:
            return None
        now = time.monotonic()
        if now - seen > IDLE_S:
            del self._open[token]
            return None
        self._open[token] = name, now
        self._open.move_to_end(token)
        return name

    def end(self, token: str) -> bool:
        """Log out; whether there was such a login."""
        return self._open.pop(token, None) is not None

    async def check(self, name: str, password: str) -> bool:
        """Whether this is one of the people. A name that nobody has takes as long as a wrong password."""
        hashed = self._people.get(name, self._nobody)
        return await asyncio.get_running_loop().run_in_executor(self._checking, hashed.matches, password)


def login_page(said: str = "") -> str:
    """The page on which somebody logs in, as HTML. said: why the last try failed."""
    words = {key: html.escape(word) for key, word in texts.server.LOGIN.items()}
    return LOGIN_PAGE.format(**words, note=html.escape(texts.report.DISCLAIMER), said=html.escape(said))
