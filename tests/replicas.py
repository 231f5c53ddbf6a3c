"""Two servers behind nginx as docs/serving.md configures it, with one database of sessions:

    python -m tests.replicas

Needs nginx and PostgreSQL, as Debian has them. Eight programs each read a study with a film that they uploaded; then
one of the servers is stopped, and new ones read, and those of before. Says how many were answered (those of the server
that is gone are not, until they begin anew), and how often nginx sent which of its cookies to which server while both
were up (- before a program had one).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gradio_client import Client, handle_file

from priorrg.assets import EXAMPLES
from tests.databases import postgresql
from tests.serving import ROOT, Served, free_port, served

PROGRAMS = 8


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
        for name in "ab":
            (folder / name).mkdir()
            own = held.enter_context(ExitStack())
            servers.append((own.enter_context(served(folder / name, PRIORRG_SESSION_DATABASE=database)), own))
        address, log = held.enter_context(proxied(folder, (servers[0][0].port, servers[1][0].port)))
        clients = [Client(address, verbose=False) for _ in range(PROGRAMS)]
        reports = read(clients)
        print(f"{len(reports)} of {PROGRAMS} read, {len(set(reports))} different report(s)")
        for route, count in sorted(Counter(log.read_text(encoding="utf-8").splitlines()).items()):
            print(f"{count} requests: {route}")
        servers[0][1].close()
        fresh = read([Client(address, verbose=False) for _ in range(PROGRAMS)])
        print(f"one server stopped: {len(fresh)} new programs read,")
        print(f"and {sum(map(goes_on, clients))} of {PROGRAMS} that were there before")


if __name__ == "__main__":
    main()
