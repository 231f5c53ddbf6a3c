"""The cookies that this server gives: HttpOnly, Secure behind TLS, one of each name, no further than they must go."""

from __future__ import annotations

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.types import Scope


@dataclass(frozen=True)
class Cookies:
    """How cookies are given here.

    port: stands in their names, for a browser sends them to every port of a host; 0 where several servers share them.
    root_path: the setting. goes_abroad: whether a page of another site shows this one or calls it, so that they must be
    sent from there too.
    """

    port: int
    root_path: str = ""
    goes_abroad: bool = False

    def name(self, what: str) -> str:
        return f"priorrg-{what}-{self.port}"

    def given(self, scope: Scope, what: str) -> list[str]:
        """Values of the cookies of this name, and of this name with a dash and more, that the browser sends."""
        found: list[str] = []
        name = self.name(what)
        for header, value in scope["headers"]:
            if header == b"cookie":
                try:
                    jar = SimpleCookie(value.decode("latin-1"))
                except CookieError:
                    continue
                found += [one.value for key, one in jar.items() if key == name or key.startswith(name + "-")]
        return found

    def header(self, scope: Scope, name: str, value: str, is_gone: bool = False) -> tuple[bytes, bytes]:
        """The Set-Cookie header. Lives as long as the browser is open; is_gone: takes the cookie away."""
        path = urlsplit(self.root_path).path or "/"
        parts = [f"{name}={value}", f"Path={path}", "HttpOnly"]
        if is_gone:
            parts.append("Max-Age=0")
        if scope["scheme"] == "https":
            # Partitioned: within a frame of that one site, which browsers allow that block other foreign cookies.
            parts += ["Secure", *(["SameSite=None", "Partitioned"] if self.goes_abroad else ["SameSite=Lax"])]
        else:
            parts.append("SameSite=Lax")
        return b"set-cookie", "; ".join(parts).encode()
