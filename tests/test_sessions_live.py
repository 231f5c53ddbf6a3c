"""Live sessions: a report that was not generated beforehand is written when a reader opens the case, and then kept."""

import time

import httpx
import pytest
from playwright.sync_api import expect

from priorrg import texts
from priorrg.errors import CheckpointError
from priorrg.reporting.reporter import Reporter
from priorrg.reporting.stopping import Stop
from priorrg.sessions.commands import COMMANDS
from priorrg.sessions.prepare import to_prepare
from priorrg.ui.queue import Client, ReadingQueue
from priorrg.ui.session.live import Live
from priorrg.ui.session.routes import link
from tests.session_rooms import make_session, sessions_served
from tests.test_session_pages import event, send

WITHIN_S = 120


@pytest.fixture(scope="module")
def reporter(small_weights):
    return Reporter.load(small_weights)


@pytest.fixture
def make_live(tmp_path, make_radiograph):
    """A function that makes a live session of one arm by a model."""

    def make(kind="score", extra=""):
        return make_session(
            tmp_path, make_radiograph, "live", kind, f"live: true\n{extra}", "{name: model, report: refined}"
        )

    return make


def entered(session, address, reader="R1"):
    client = httpx.Client(base_url=f"{address}/session/{session.name}", timeout=WITHIN_S)
    assert client.post("/enter", json={"key": session.store.make_link(reader)}).status_code == 204
    assert send(client, event("consented", None)).status_code == 200
    return client


def came(client, number=2):
    """The case once its report is there."""
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        found = client.get(f"/api/cases/{number}").json()
        if not found["is_coming"]:
            return found
        assert found["reports"] == [] and found["films"]["current"]["key"]
        time.sleep(0.05)
    raise AssertionError("the report did not come")


def test_a_report_is_written_once_and_everybody_reads_the_same(make_live, tmp_path, reporter):
    session, queue, asked = make_live(), ReadingQueue(4), []

    def load(weights):
        asked.append(weights)
        return reporter

    with sessions_served(tmp_path, Live(load, queue)) as address:
        first = entered(session, address)
        with queue.place(Client("somebody", "who reads")) as place:  # the model is his: nothing is written meanwhile
            assert list(place.wait(Stop())) == []
            assert first.get("/api/cases/2").json()["is_coming"] and first.get("/api/cases/2").json()["is_coming"]
        shown = came(first)
        assert shown["reports"][0]["sentences"]
        (file,) = session.folder.rglob("reports/**/*.json")
        written = file.read_bytes()
        second = entered(session, address, "R2")
        assert second.get("/api/cases/2").json()["reports"] == shown["reports"], "at once, and the same"
        came(second, 3)
        assert file.read_bytes() == written and asked == [""] and len(to_prepare(session)) == 1, "practice is left"
        assert not list(session.folder.rglob("*.begun"))


def test_what_cannot_be_written_is_told_and_tried_again(make_live, tmp_path, reporter):
    session, answers = make_live(), [CheckpointError("The weights are damaged."), reporter]

    def load(_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with sessions_served(tmp_path, Live(load, ReadingQueue(4))) as address:
        reader = entered(session, address)
        until = time.monotonic() + WITHIN_S
        while (answer := reader.get("/api/cases/2")).status_code == 200:
            assert answer.json()["is_coming"] and time.monotonic() < until
            time.sleep(0.05)
        assert [answer.status_code, answer.json()["detail"]] == [
            409,
            texts.session_page.NOT_WRITTEN.format(reason="The weights are damaged."),
        ]
        assert came(reader)["reports"][0]["sentences"]


def test_a_server_without_a_model_says_so(make_live, tmp_path):
    session = make_live()
    with sessions_served(tmp_path) as address:
        assert entered(session, address).get("/api/cases/2").json()["detail"] == texts.session_page.NO_MODEL


def test_a_live_session_opens_without_generating(make_live, tmp_path, capsys, monkeypatch):
    from priorrg.__main__ import main

    session = make_live()
    session.store.record("session_closed")
    monkeypatch.setattr(Reporter, "load", lambda *_: pytest.fail("nothing is generated before"))
    assert "open" in COMMANDS and main(["session", "open", "live", "--folder", str(tmp_path)]) == 0
    assert "3 reports are written when their case is opened" in capsys.readouterr().out and session.store.is_open()


@pytest.mark.parametrize("kind", ["score", "own findings first"])
def test_the_reader_looks_at_the_films_until_the_report_comes_by_itself(make_live, tmp_path, reporter, browser, kind):
    asks = kind != "score"
    session, queue = make_live(extra="own_findings_first: true\n" if asks else ""), ReadingQueue(4)
    with sessions_served(tmp_path, Live(lambda _: reporter, queue)) as address:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        with queue.place(Client("somebody", "who reads")) as place:
            assert list(place.wait(Stop())) == []
            page.goto(link(address, session.name, session.store.make_link("R1")))
            page.check(".consent input", timeout=60_000)
            page.click(".welcome .main-button")
            page.wait_for_selector(".viewer[data-current-drawn]:not([data-current-drawn=''])", timeout=60_000)
            if asks:
                page.fill("[data-key=own]", "Nothing that I see.")
                page.click("[data-key=own-show]")
            expect(page.locator(".coming")).to_have_text(texts.session_page.READING["coming"], timeout=60_000)
            assert page.locator(".report-card .sentence").count() == 0 and page.is_disabled("[data-key='foot:submit']")
        page.wait_for_selector(".report-card .sentence", timeout=WITHIN_S * 1000)
        expect(page.locator(".coming")).to_have_count(0)
        page.keyboard.press("a")
        expect(page.locator("#saved")).to_have_attribute("data-state", "saved", timeout=60_000)
        kinds = [one.event.kind for one in session.store.events("R1") if one.event.assignment == 1]
        assert kinds.index("opened") < kinds.index("shown") < kinds.index("sentence")
        context.close()
