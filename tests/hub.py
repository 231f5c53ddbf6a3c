"""A stand-in of the hub at its HTTP boundary: what the hub client asks for, answered by a local server.

Large files are answered as the hub does, by a redirect to another place. It can be told to cut connections, to ask for
terms, and to move on to another commit.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = 100_000  # bytes from which on a file is kept by its sha256


@dataclass
class Hub:
    """files: repository -> its files by name. cut_after: bytes after which a download's connection ends."""

    address: str = ""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    cards: dict[str, dict] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    cut_after: int = 0
    made: list[dict] = field(default_factory=list)  # repositories that were asked for
    served: dict[str, int] = field(default_factory=dict)  # bytes of each file

    def commit(self, repository: str) -> str:
        return self.commits.setdefault(repository, hashlib.sha1(repository.encode()).hexdigest())

    def info(self, repository: str) -> dict:
        siblings = []
        for name, content in self.files[repository].items():
            one = {"rfilename": name, "size": len(content), "blobId": hashlib.sha1(content).hexdigest()}
            if len(content) >= LARGE:
                digest = hashlib.sha256(content).hexdigest()
                one["lfs"] = {"size": len(content), "sha256": digest, "pointerSize": 134}
            siblings.append(one)
        card = self.cards.get(repository, {})
        return {"id": repository, "sha": self.commit(repository), "cardData": card, "siblings": siblings}


@contextmanager
def hub() -> Iterator[Hub]:
    standing = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args) -> None:
            pass

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path).strip("/")
            if path.startswith("api/models/"):
                return self.api(path.removeprefix("api/models/"))
            is_kept_elsewhere = path.startswith("kept/")
            repository, _, rest = path.removeprefix("kept/").partition("/resolve/")
            revision, _, name = rest.partition("/")
            if repository in standing.gated:
                return self.refuse(403, "GatedRepo")
            content = standing.files.get(repository, {}).get(name)
            if content is None or revision not in (standing.commit(repository), "main"):
                return self.refuse(404, "EntryNotFound")
            if len(content) >= LARGE and not is_kept_elsewhere:
                self.send_response(302)
                self.send_header("Location", f"{standing.address}/kept/{path}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
            return self.file(repository, name, content)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path.endswith("/repos/create"):
                asked = json.loads(body)
                standing.made.append(asked)
                name = f"{asked.get('organization') or 'me'}/{asked['name']}"
                standing.files.setdefault(name, {})
                return self.answer(json.dumps({"url": f"{standing.address}/{name}", "id": "1", "name": name}).encode())
            if self.path.endswith("/validate-yaml"):  # the card's first lines
                return self.answer(b'{"errors": [], "warnings": []}')
            if "/preupload/" in self.path:
                names = [one["path"] for one in json.loads(body)["files"]]
                files = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]
                return self.answer(json.dumps({"files": files}).encode())
            repository = self.path.removeprefix("/api/models/").partition("/commit/")[0]
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    standing.files[repository][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            commit = {"commitUrl": f"{standing.address}/{repository}/commit/1", "commitOid": "1" * 40, "hookOutput": ""}
            return self.answer(json.dumps(commit).encode())

        def api(self, path: str) -> None:
            repository, _, revision = path.partition("/revision/")
            if repository not in standing.files:
                return self.refuse(404, "RepoNotFound")
            if revision not in ("", "main", standing.commit(repository)):
                return self.refuse(404, "RevisionNotFound")
            return self.answer(json.dumps(standing.info(repository)).encode())

        def file(self, repository: str, name: str, content: bytes) -> None:
            begin, end = 0, len(content)
            asked = self.headers.get("Range")
            if asked:
                first, _, last = asked.removeprefix("bytes=").partition("-")
                begin, end = int(first), int(last) + 1 if last else end
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(end - begin))
            self.end_headers()
            part = content[begin:end]
            if standing.cut_after and len(part) > standing.cut_after:
                part = part[: standing.cut_after]
                self.close_connection = True
            standing.served[name] = standing.served.get(name, 0) + len(part)
            self.wfile.write(part)

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    standing.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield standing
    finally:
        server.shutdown()
        server.server_close()
