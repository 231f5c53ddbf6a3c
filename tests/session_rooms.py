"""A folder of feedback sessions with small real files, and the app that serves them, for the tests of their pages."""

import csv
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from PIL import Image

from priorrg.sessions.session import Session
from priorrg.settings import Settings
from priorrg.ui.server.bounds import PatientProtocol
from priorrg.ui.session.live import Live
from priorrg.ui.session.serve import build_sessions_app

PROTOCOL = """\
title: A small study
kind: {kind}
instructions: |
  Read **every case** with its prior. <script>alert(1)</script>
consent: I take part of my own will.
cases: cases.csv
readers: 2
arms:
  - {arm}
practice: [practice]
order: {{cases: fixed}}
"""
REPORTS = {
    "practice": "Clear lungs. No effusion.",
    "one": "Small left effusion. No pneumothorax. The heart is normal.",
    "two": "Clear lungs. Since ___ the tube ends in the trachea.",
}


HUMAN = "{name: human, report: reference}"


def make_session(folder: Path, make_radiograph, name="small", kind="score", extra="", arm=HUMAN) -> Session:
    """A session of two cases and one for practice, opened. extra: more lines of the protocol."""
    if not (folder / "cases.csv").exists():
        with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["case", "current", "prior", "indication", "history", "reference", "planted_report"])
            for seed, (case, report) in enumerate(REPORTS.items(), start=1):
                for side, number in (("current", seed), ("prior", seed + 10)):
                    Image.fromarray(make_radiograph(number).display()).save(folder / f"{case}-{side}.png")
                films = f"{case}-current.png", f"{case}-prior.png"
                rows.writerow([case, *films, "Cough.", "", report, report.replace("left", "right")])
    (folder / f"{name}.yaml").write_text(PROTOCOL.format(kind=kind, arm=arm) + extra, encoding="utf-8")
    session = Session.at(folder / f"{name}.yaml")
    session.store.record("protocol", {"text": session.protocol_text})
    session.store.record("session_opened")
    return session


@contextmanager
def sessions_served(folder: Path, live: Live | None = None):
    """Serve all sessions of a folder from a thread of this process; gives the address."""
    app = build_sessions_app(Settings(session_folder=folder), live)  # type: ignore[call-arg]
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, http=PatientProtocol, ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not come up"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
