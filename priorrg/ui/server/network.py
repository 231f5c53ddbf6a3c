"""From where a request comes and to whom it was addressed: trusted proxies, trusted hosts, origins."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from priorrg import texts
from priorrg.ui.server.refusals import Refused

FORWARDED = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"forwarded")
NEAR = ("localhost", "127.0.0.1", "::1")
READS_ONLY = ("GET", "HEAD", "OPTIONS")


def host_of(netloc: str) -> str:
    """The host of HOST or HOST:PORT, in small letters; empty where there is none."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


class ProxiesMiddleware:
    """Believes a trusted proxy on who asks, how and under which name; takes those headers away from everybody else.

    proxies: addresses, networks (10.0.0.0/8) or * for whoever connects.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        self.app = app
        self.trusts_all = "*" in proxies
        self.networks = [ipaddress.ip_network(one, strict=False) for one in proxies if one != "*"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        told = {name: value.decode("latin-1") for name, value in scope["headers"] if name in FORWARDED}
        headers = [(name, value) for name, value in scope["headers"] if name not in FORWARDED]
        scope = {**scope, "headers": headers}
        if scope["client"] and self._is_trusted(scope["client"][0]):
            # The nearest proxy wrote last: whoever stands before the first stranger from the right may say anything.
            for said in reversed(told.get(b"x-forwarded-for", "").split(",")):
                if (address := _address(said.strip())) is None:
                    break
                scope["client"] = (str(address), 0)
                # Whoever trusts all means the machines of its own network: what a stranger told them is no address.
                if not (address.is_private if self.trusts_all else self._is_trusted(str(address))):
                    break
            if (scheme := told.get(b"x-forwarded-proto", "").split(",")[-1].strip()) in ("http", "https"):
                scope["scheme"] = scheme
            if host := told.get(b"x-forwarded-host", "").split(",")[-1].strip():
                scope["headers"] = [pair for pair in headers if pair[0] != b"host"] + [
                    (b"host", host.encode("latin-1"))
                ]
        await self.app(scope, receive, send)

    def _is_trusted(self, address: str) -> bool:
        found = _address(address)
        return self.trusts_all or (found is not None and any(found in network for network in self.networks))


class HostsMiddleware:
    """Answers only under names that this server has, and changes nothing for a page of another site.

    hosts: further names; `*.example.org` is every name below. origins: other sites that may call. bound: the address
    that is served on. An address instead of a name is always right where all addresses are served: it cannot be made to
    point here by somebody else.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str], origins: Sequence[str], bound: str) -> None:
        self.app = app
        self.hosts = {host.lower() for host in hosts}
        self.own = {*NEAR, bound.lower(), socket.gethostname().lower()}
        self.takes_addresses = bound in ("0.0.0.0", "::")
        self.origins = set(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            host = headers.get(b"host", b"").decode("latin-1")
            if not self._is_ours(host_of(host)):
                raise Refused(421, "host", texts.server.UNKNOWN_HOST)
            if scope["method"] not in READS_ONLY and not self._may_change(headers, host):
                raise Refused(403, "origin", texts.server.FOREIGN_ORIGIN)
        await self.app(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        if host in self.own or host in self.hosts:
            return True
        if any(one.startswith("*.") and host.endswith(one[1:]) for one in self.hosts):
            return True
        return self.takes_addresses and _address(host) is not None

    def _may_change(self, headers: dict[bytes, bytes], host: str) -> bool:
        """Whether a request that changes something comes from our own page, a program, or a site that may call."""
        origin = headers.get(b"origin")
        if origin is None:
            return headers.get(b"sec-fetch-site", b"none") in (b"none", b"same-origin")
        said = origin.decode("latin-1")
        if said in self.origins:
            return True
        own = urlsplit(said).netloc
        # A proxy may hand on another host than the browser asked for; then the setting names that one.
        return bool(own) and (own == host or host_of(own) in self.hosts)
