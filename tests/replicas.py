"""Two servers behind nginx as docs/serving.md configures it, with one database of sessions:

    python -m tests.replicas

Needs nginx and PostgreSQL, as Debian has them. Eight programs each read a study with a film that they uploaded. A
reader of a feedback session judges a case through one server; the other one must give back each answer, and takes the
next. Then one of the servers is stopped, and the reader goes on, new programs read, and those of before. Says how many
were answered (those of the server that is gone are not, until they begin anew), and how often nginx sent which of its
cookies to which server while both were up (- before a program had one).
"""

from __future__ import annotations

import datetime
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from gradio_client import Client, handle_file

from priorrg.assets import EXAMPLES
from priorrg.sessions.events import Event
from priorrg.sessions.rehearse import HABITS, copied, performance
from priorrg.sessions.session import Session
from tests.databases import postgresql
from tests.rehearsals import made
from tests.serving import ROOT, Served, free_port, served

PROGRAMS = 8
CASES = 3  # of the feedback session: one through each server, and one when a server is gone
READER = "careful"
SENT = ("client_id", "kind", "assignment", "said_utc", "payload")


def documented() -> str:
    """The configuration in docs/serving.md."""
    found = re.search(r"```nginx\n(.*?)```", (ROOT / "docs" / "serving.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found, "docs/serving.md holds a block for nginx"
    return found[1]


@contextmanager
def proxied(folder: Path, ports: tuple[int, int]) -> Iterator[tuple[str, Path]]:
    """Address of nginx before servers at these ports, and its log: cookie and server of each request."""
    port, log = free_port(), folder / "access.log"
    blocks = documented()
    for said, real in (("7861", ports[0]), ("7862", ports[1]), ("listen 80;", f"listen 127.0.0.1:{port};")):
        assert said in blocks
        blocks = blocks.replace(said, str(real))
    temporary = "".join(
        f"{one}_temp_path {folder}/{one};" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ {temporary} log_format routes '$cookie_route $upstream_addr'; access_log {log} routes;\n{blocks}}}\n",
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [shutil.which("nginx") or "/usr/sbin/nginx", "-p", folder, "-c", configuration, "-g", "daemon off;"]
    )
    try:
        yield f"http://127.0.0.1:{port}", log
    finally:
        process.terminate()
        process.wait(30)


def read(clients: list[Client]) -> list[str]:
    film = next(iter(sorted(EXAMPLES.rglob("*current*"))))
    return [one.predict(current=handle_file(film), api_name="/report")["refined_report"] for one in clients]


class Reader:
    """A reader of a feedback session, with a browser that the proxy sends where its cookie says."""

    def __init__(self, address: str, session: Session):
        self.events, self.of = performance(session, READER, HABITS[READER]), f"/session/{session.name}"
        self.http = httpx.Client(base_url=address, headers={"Origin": address}, timeout=120)
        self._post("enter", {"key": session.store.make_link(READER)})

    def _post(self, path: str, body: dict) -> httpx.Response:
        return self.http.post(f"{self.of}/{path}", json=body).raise_for_status()

    def goes_to(self, server: str) -> None:
        self.http.cookies.delete("route")
        self.http.cookies.set("route", server)

    def judges(self) -> tuple[int, list[str]]:
        """The next case, to its end; its number, and the ids of what was judged of it."""
        part: list[Event] = []
        for event in self.events:
            part.append(event)
            if event.kind == "submitted":
                break
        said = [{name: getattr(event, name) for name in SENT} for event in part]
        now = datetime.datetime.now(datetime.UTC).isoformat()
        kept = self._post("api/events", {"sent_utc": now, "events": said}).json()["kept"]
        assert kept == [event.client_id for event in part], "each is answered for"
        assert part[-1].assignment is not None
        return part[-1].assignment, [event.client_id for event in part if event.assignment is not None]

    def sees(self, case: int, judged: list[str]) -> bool:
        """Whether a server shows all that was judged of a case."""
        found = self.http.get(f"{self.of}/api/cases/{case}").raise_for_status().json()
        return [event["client_id"] for event in found["events"]] == judged


def goes_on(client: Client) -> bool:
    try:
        return bool(read([client]))
    except (Exception, CancelledError) as error:  # whatever a program is told whose server is gone
        print(f"a program of before: {type(error).__name__}")
        return False


def main() -> None:
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)  # nginx's workers are another user
        database = held.enter_context(postgresql())
        servers: list[tuple[Served, ExitStack]] = []
        (folder / "cases").mkdir()
        session = copied(made(folder / "cases", CASES), folder / "sessions", database)
        for name in "ab":
            (folder / name).mkdir()
            own = held.enter_context(ExitStack())
            where = {"PRIORRG_SESSION_FOLDER": str(folder / "sessions"), "PRIORRG_SESSION_DATABASE": database}
            servers.append((own.enter_context(served(folder / name, cwd=ROOT, **where)), own))
        address, log = held.enter_context(proxied(folder, (servers[0][0].port, servers[1][0].port)))
        clients = [Client(address, verbose=False) for _ in range(PROGRAMS)]
        reports = read(clients)
        print(f"{len(reports)} of {PROGRAMS} read, {len(set(reports))} different report(s)")
        reader = Reader(address, session)
        judged: list[tuple[int, list[str]]] = []
        seen = 0
        for here, there in ("ab", "ba"):
            reader.goes_to(here)
            judged.append(reader.judges())
            reader.goes_to(there)
            seen += reader.sees(*judged[-1])
        print(f"a feedback session: {len(judged)} cases judged, each through one server; {seen} seen through the other")
        for route, count in sorted(Counter(log.read_text(encoding="utf-8").splitlines()).items()):
            print(f"{count} requests: {route}")
        servers[0][1].close()
        reader.goes_to("a")
        seen = sum(reader.sees(*case) for case in (*judged, reader.judges()))
        print(f"one server stopped: its reader sees {seen} of {len(judged) + 1} cases, one of them judged just now;")
        fresh = read([Client(address, verbose=False) for _ in range(PROGRAMS)])
        print(f"{len(fresh)} new programs read,")
        print(f"and {sum(map(goes_on, clients))} of {PROGRAMS} that were there before")


if __name__ == "__main__":
    main()
