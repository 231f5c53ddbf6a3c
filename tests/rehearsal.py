"""The rehearsal over HTTP: five simulated readers at once, through two server processes behind one PostgreSQL.

    python -m tests.rehearsal sessions/demo.yaml              two servers, PostgreSQL started for it
    python -m tests.rehearsal sessions/demo.yaml --sqlite     one server, SQLite

The servers have the sessions' pages alone and load no model. Each reader sends every other part to the other server, as
if the first one had gone away in between.
"""

import argparse
import datetime
import http.cookiejar
import itertools
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from priorrg.sessions.events import Event
from priorrg.sessions.rehearse import HABITS, Comparison, compared, copied, read_all
from priorrg.sessions.session import Session
from priorrg.sessions.tables import tables
from tests.databases import postgresql
from tests.serving import free_port

SERVER = """
import sys
import uvicorn
from priorrg.settings import Settings
from priorrg.ui.session.serve import build_sessions_app

settings = Settings.read(sys.argv[1:])
uvicorn.run(build_sessions_app(settings), host="127.0.0.1", port=settings.port, log_level="error")
"""


@contextmanager
def server(folder: Path, database: str) -> Iterator[str]:
    port = free_port()
    flags = ["--port", str(port), "--session-folder", str(folder), "--session-database", database]
    process = subprocess.Popen([sys.executable, "-c", SERVER, *flags])
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/healthz").read()
                break
            except urllib.error.URLError:
                assert process.poll() is None, "the server ended before it answered"
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


class Browser:
    """What a reader's browser sends, and nothing else: the key once, then events with the cookie that came back."""

    def __init__(self, name: str, token: str, addresses: Sequence[str]):
        self.name, self.addresses = name, itertools.cycle(addresses)
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        for address in addresses:
            self._post(address, "enter", {"key": token})

    def _post(self, address: str, path: str, body: dict) -> bytes:
        headers = {"Content-Type": "application/json", "Origin": address}
        request = urllib.request.Request(f"{address}/session/{self.name}/{path}", json.dumps(body).encode(), headers)
        for wait_s in (1, 2, 5, 10, 0):
            try:
                return self.opener.open(request, timeout=120).read()
            except urllib.error.HTTPError as error:
                if error.code not in (429, 503) or not wait_s:
                    raise AssertionError(error.read().decode()) from error
                time.sleep(wait_s)
        raise AssertionError("the server stayed busy")

    def send(self, events: Sequence[Event]) -> None:
        names = ("client_id", "kind", "assignment", "said_utc", "payload")
        parcel = {
            "sent_utc": datetime.datetime.now(datetime.UTC).isoformat(),
            "events": [{name: getattr(event, name) for name in names} for event in events],
        }
        kept = json.loads(self._post(next(self.addresses), "api/events", parcel))["kept"]
        assert kept == [event.client_id for event in events]


def rehearsed(session: Session, folder: Path, database: str, servers: int) -> list[Comparison]:
    copy = copied(session, folder, database)
    with ExitStack() as stack:
        addresses = [stack.enter_context(server(folder, database)) for _ in range(servers)]
        browsers = {reader: Browser(copy.name, copy.store.make_link(reader), addresses) for reader in HABITS}
        read_all(copy, lambda reader, events: browsers[reader].send(events))
    return compared(copy, tables(copy))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal", description=__doc__)
    parser.add_argument("protocol", type=Path)
    parser.add_argument("--sqlite", action="store_true")
    options = parser.parse_args(arguments)
    with nullcontext("") if options.sqlite else postgresql() as url, tempfile.TemporaryDirectory() as scratch:
        session = Session.at(options.protocol)
        told = rehearsed(session, Path(scratch) / "rehearsal", url, 1 if options.sqlite else 2)
    for one in told:
        if not one.agrees:
            print(f"DIFFERS  {one.what}: planted {one.planted}, found {one.found}")
    print(f"{sum(one.agrees for one in told)} of {len(told)} planted habits came out as planted.")
    return 0 if all(one.agrees for one in told) else 1


if __name__ == "__main__":
    sys.exit(main())
