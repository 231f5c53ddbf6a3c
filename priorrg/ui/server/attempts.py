"""How long somebody waits who guesses: after some failed logins every further one doubles the wait."""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

KEPT = 10_000  # names and addresses; the oldest goes first, so that a flood of names fills no memory
FORGOTTEN_AFTER_S = 3600
LONGEST_WAIT_S = 900


@dataclass
class Failures:
    count: int
    last: float
    until: float


class Attempts:
    """Failed logins by name at an address, by address, and by name. Names are kept as keyed digests only."""

    # Free failures, and the longest wait: a name that strangers guess at must not stay closed to its owner for long.
    LIMITS = (("name at address", 5, LONGEST_WAIT_S), ("address", 20, LONGEST_WAIT_S), ("name", 100, 30))

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._failures: OrderedDict[str, Failures] = OrderedDict()

    def wait_s(self, name: str, address: str) -> int:
        """Seconds until this may be tried again, 0 for now."""
        now = time.monotonic()
        found = [self._failures.get(key) for key, _, _ in self._keys(name, address)]
        return max((int(one.until - now) + 1 for one in found if one is not None and one.until > now), default=0)

    def failed(self, name: str, address: str) -> None:
        now = time.monotonic()
        for key, free, longest_s in self._keys(name, address):
            before = self._failures.pop(key, None)
            count = 1 + (before.count if before is not None and now - before.last < FORGOTTEN_AFTER_S else 0)
            wait_s = 0 if count < free else min(longest_s, 2.0 ** min(count - free, 20))
            self._failures[key] = Failures(count, now, now + wait_s)
        while len(self._failures) > KEPT:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """What failed before at this address was a slip of the pen."""
        self._failures.pop(self._keys(name, address)[0][0], None)

    def _keys(self, name: str, address: str) -> list[tuple[str, int, int]]:
        said = {"name at address": f"{address}\n{name}", "address": address, "name": name}
        return [
            (hmac.new(self._secret, f"{kind}\n{said[kind]}".encode("utf-8", "replace"), sha256).hexdigest(), free, most)
            for kind, free, most in self.LIMITS
        ]
