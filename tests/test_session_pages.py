"""What the addresses of a feedback session give, and to whom: links, events kept once, blinding, the organiser."""

import asyncio
import datetime
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.responses import PlainTextResponse

from priorrg import texts
from priorrg.sessions.prepare import PreparedReport
from priorrg.settings import Settings
from priorrg.ui.login import Hashed, Logins
from priorrg.ui.server.cookies import Cookies
from priorrg.ui.server.gate import GateMiddleware
from priorrg.ui.session import reading
from priorrg.ui.session.rooms import Rooms
from priorrg.ui.session.routes import link
from tests.session_rooms import make_session, sessions_served


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rooms")


@pytest.fixture(scope="module")
def sessions(folder, make_radiograph):
    """Four of them by name."""
    extras = {"small": "", "other": "", "own": "own_findings_first: true\n", "closing": ""}
    return {name: make_session(folder, make_radiograph, name, extra=extra) for name, extra in extras.items()}


@pytest.fixture(scope="module")
def session(sessions):
    return sessions["small"]


@pytest.fixture(scope="module")
def address(folder, sessions):
    with sessions_served(folder) as running:
        yield running


@pytest.fixture
def enter(sessions, address):
    """A function (session's name, reader) -> a client that came by a new link, with consent given."""
    clients = []

    def come(name="small", reader="R1", consents=True):
        client = httpx.Client(base_url=f"{address}/session/{name}", timeout=60)
        clients.append(client)
        token = sessions[name].store.make_link(reader)
        assert client.post("/enter", json={"key": token}).status_code == 204
        if consents:
            assert send(client, event("consented", None)).status_code == 200
        return client

    yield come
    for client in clients:
        client.close()


def event(kind: str, assignment: int | None = 2, **payload: Any):
    return {"client_id": secrets.token_hex(16), "kind": kind, "assignment": assignment, "payload": payload}


def send(client, *events):
    now = datetime.datetime.now(datetime.UTC).isoformat()
    return client.post("/api/events", json={"sent_utc": now, "events": list(events)})


def judged(place=0, verdict="right", **more):
    return event("sentence", report=0, place=place, verdict=verdict, **more)


def test_an_event_that_is_sent_twice_is_acknowledged_twice_and_kept_once(session, enter):
    client, one, two = enter(), judged(0), judged(1, "struck", category="wrong_location", significance="minor")
    assert send(client, one).json() == {"kept": [one["client_id"]]}
    assert send(client, one, two).json() == {"kept": [one["client_id"], two["client_id"]]}
    assert send(client, two).status_code == 200
    ids = [kept.event.client_id for kept in session.store.events("R1")]
    assert ids.count(one["client_id"]) == ids.count(two["client_id"]) == 1
    kept = next(kept.event for kept in session.store.events("R1") if kept.event.client_id == two["client_id"])
    assert (kept.case, kept.arm, kept.assignment, kept.payload["category"]) == ("one", "human", 2, "wrong_location")
    assert abs(kept.settings["behind_s"]) < 60, "the browser's clock is compared with the server's"


def test_another_machine_finds_what_was_judged(enter):
    first = enter("small", "R2")
    send(first, event("opened"), judged(0), judged(1, "edited", text="No pneumothorax now."), event("opened", 3))
    send(first, event("skipped", 3, reason="know_case"))
    second = enter("small", "R2", consents=False)
    state, case = second.get("/api/state").json(), second.get("/api/cases/2").json()
    assert state["consented"] and [slot["status"] for slot in state["slots"]] == ["new", "open", "skipped"]
    assert [one["kind"] for one in case["events"]] == ["opened", "sentence", "sentence"]
    assert case["events"][-1]["payload"]["text"] == "No pneumothorax now."


def test_whoever_has_no_link_of_this_session_gets_nothing(session, address, enter):
    case = enter().get("/api/cases/2").json()
    film = f"/pixels/current/{case['films']['current']['key']}"
    strangers = httpx.Client(base_url=f"{address}/session/small"), enter("other", "R1")
    strangers[1].base_url = f"{address}/session/small"
    revoked = enter("small", "R2")
    session.store.revoke_links("R2")
    for client in (*strangers, revoked):
        for path in ("/api/state", "/api/cases/2", "/api/answers/1", film):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["detail"]) == (403, texts.sessions.NO_SUCH_LINK), path
        assert send(client, judged()).status_code == 403
        assert "effusion" not in client.get("").text, "the page itself holds nothing of the session"
    strangers[0].close()


def test_wrong_links_back_off_and_keep_no_right_one_waiting(address, enter):
    with httpx.Client(base_url=f"{address}/session/other") as client:
        said = [client.post("/enter", json={"key": secrets.token_urlsafe(16)}).status_code for _ in range(8)]
    assert said[0] == 403 and said[-1] == 429
    enter("other", "R1")  # from the same address, at once


def test_a_page_of_another_site_cannot_judge(enter):
    client = enter()
    client.headers["Origin"] = "https://elsewhere.example"
    assert send(client, judged()).status_code == 403


def test_the_page_is_guarded_as_the_app_is(address):
    answer = httpx.get(f"{address}/session/small")
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy and "'nonce-" in policy and answer.headers["cache-control"] == "no-store"
    assert httpx.get(f"{address}/session/small/api/else").status_code == 404
    assert httpx.get(f"{address}/session/small", headers={"Host": "evil.example"}).status_code == 421


def test_the_key_of_a_link_becomes_a_cookie_that_no_script_reads(session, address):
    token = session.store.make_link("R1")
    assert link(address, "small", token) == f"{address}/session/small#key={token}"
    answer = httpx.post(f"{address}/session/small/enter", json={"key": token})
    assert "HttpOnly" in answer.headers["set-cookie"] and "SameSite=Lax" in answer.headers["set-cookie"]
    assert len(token) >= 22, "128 bits"


def test_no_case_is_given_before_consent(enter):
    client = enter("other", "R2", consents=False)
    assert client.get("/api/cases/2").json()["detail"] == texts.session_page.CONSENT_FIRST
    assert client.get("/api/cases/99").status_code == 404
    assert "<script>" not in client.get("/api/state").json()["instructions"]
    assert "<strong>every case</strong>" in client.get("/api/state").json()["instructions"]


def test_the_report_stays_on_the_server_until_the_readers_own_findings_are_kept(enter):
    client = enter("own")
    before = client.get("/api/cases/2")
    assert before.json()["is_withheld"] and before.json()["reports"] == [] and "effusion" not in before.text
    send(client, event("own_findings", text="Something on the left."))
    after = client.get("/api/cases/2").json()
    assert after["reports"][0]["sentences"][0]["text"] == "Small left effusion."


def test_pixels_are_those_of_the_file_and_their_name_says_nothing_of_it(session, enter, make_radiograph):
    client = enter()
    film = client.get("/api/cases/2").json()["films"]["current"]
    answer = client.get(f"/pixels/current/{film['key']}")
    expected = make_radiograph(2).display()
    assert len(answer.content) == 2 * film["picture"]["width"] * film["picture"]["height"] == 2 * expected.size
    assert np.frombuffer(answer.content, "<u2").reshape(expected.shape).tolist() == expected.tolist()
    assert film["key"] == session.store.digest("current of one")[:16]
    assert client.get(f"/pixels/prior/{film['key']}").status_code == 404


@pytest.mark.parametrize("shown", [(), ("draft", "tags", "overlays", "weights")])
def test_of_an_arm_is_sent_what_it_shows_and_nothing_else(session, enter, monkeypatch, shown):
    """All of it betrays an arm."""
    grid = np.eye(4, dtype=np.float32)
    written = PreparedReport(
        "Left effusion is larger. Clear right lung.",
        ("Left effusion is larger.", "Clear right lung."),
        draft="The draft's words.",
        overlays=((grid, None), (grid, grid)),
        weights="named weights",
    )
    client, arm = enter(), session.protocol.arms[0]
    told = replace_arm(arm, report="refined", show=shown)
    monkeypatch.setattr(reading, "is_prepared", lambda *_: True)
    monkeypatch.setattr(reading, "prepared", lambda *_: written)
    monkeypatch.setattr(type(session.protocol), "arm", lambda self, name: told)
    (report,) = client.get("/api/cases/2").json()["reports"]
    assert (report["draft"], report["weights"]) == (("The draft's words.", "named weights") if shown else ("", ""))
    first = report["sentences"][0]
    assert set(first) == ({"text", "tags", "overlay"} if shown else {"text"}) and report["has_overlays"] == bool(shown)


def replace_arm(arm, **changes):
    return arm.model_copy(update=changes)


def test_a_practice_case_tells_its_answer_after_it_was_submitted_and_no_other_does(enter):
    client = enter("other", "R1")
    assert client.get("/api/answers/1").status_code == 404
    send(client, event("opened", 1), event("submitted", 1), event("opened", 2), event("submitted", 2))
    assert client.get("/api/answers/1").json()["reference"] == "Clear lungs. No effusion."
    assert client.get("/api/answers/2").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        event("sentence", report=0, place=0, verdict="excellent"),
        event("session_closed"),
        event("sentence", 77, report=0, place=0, verdict="right"),
        {"kind": "opened"},
    ],
)
def test_an_event_that_is_none_is_refused(enter, session, wrong):
    client = enter()
    before = len(session.store.events("R1"))
    assert send(client, wrong).status_code in (400, 403)
    assert len(session.store.events("R1")) == before


@pytest.mark.parametrize(("path", "status"), [("/session/small", 200), ("/organise", 200), ("/config", 401)])
def test_a_login_of_the_app_stands_before_all_but_the_sessions_which_have_keys_of_their_own(path, status):
    logins = Logins({"somebody": Hashed.of("secret")})
    gate = GateMiddleware(PlainTextResponse("inside"), logins, Cookies(7860), lambda owner: None)

    async def asked():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://near") as client:
            return (await client.get(path)).status_code

    with ThreadPoolExecutor(1) as thread:  # in this one a browser's loop may run since another test
        assert thread.submit(asyncio.run, asked()).result() == status


# The organiser


@pytest.fixture(scope="module")
def organiser(folder, address):
    with httpx.Client(base_url=f"{address}/organise", timeout=60) as client:
        assert (
            client.post("/enter", json={"secret": (folder / "organiser.txt").read_text(encoding="utf-8")}).status_code
            == 204
        )
        yield client


def of(organiser, name):
    return next(one for one in organiser.get("/api/sessions").json()["sessions"] if one["name"] == name)


def test_the_organisers_page_tells_nothing_without_the_secret_and_guesses_back_off(address, enter, organiser):
    with httpx.Client(base_url=f"{address}/organise", cookies=enter().cookies) as client:
        client.cookies.set("priorrg-organise-7860", f"9999999999.{'0' * 64}")
        assert client.get("/api/sessions").status_code == 401, "a reader's link and a made-up pass open nothing"
        assert client.post("/api/acts", json={"session": "small", "act": "close"}).status_code == 401
        said = [client.post("/enter", json={"secret": "guess"}).status_code for _ in range(8)]
        assert said[0] == 403 and said[-1] == 429


def test_a_closed_session_takes_and_shows_nothing_until_it_is_reopened(enter, organiser):
    reader = enter("closing")
    film = reader.get("/api/cases/2").json()["films"]["current"]["key"]
    assert organiser.post("/api/acts", json={"session": "closing", "act": "close"}).status_code == 204
    assert send(reader, judged()).json()["detail"] == texts.sessions.SESSION_CLOSED
    assert [reader.get(path).status_code for path in ("/api/cases/2", f"/pixels/current/{film}")] == [403, 403]
    assert organiser.post("/api/acts", json={"session": "closing", "act": "close"}).status_code == 403
    assert organiser.post("/api/acts", json={"session": "closing", "act": "reopen"}).status_code == 204
    assert send(reader, judged()).status_code == 200
    assert [one["act"] for one in of(organiser, "closing")["record"]][-2:] == ["Closed", "Reopened"]


def test_the_organiser_sees_progress_and_agreement_and_arms_only_after_unblinding(enter, organiser):
    answers = {"R1": ("as_is", "4"), "R2": ("as_is", "2")}
    for reader, (acceptability, usefulness) in answers.items():
        client = enter("closing", reader)
        send(
            client,
            event("opened"),
            event("time", phase="read", active_s=20.0, hidden_s=100.0),
            event("answer", question="acceptability", value=acceptability),
            event("answer", question="usefulness", value=usefulness),
            event("submitted"),
        )
    shown = of(organiser, "closing")
    line = shown["readers"][0]
    assert (line["done"], line["seconds"], line["link"]) == ("1 / 2", 20.0, "open")
    found = {one["question"]: (one["same"], one["pairs"]) for one in shown["agreement"]}
    assert found == {"Would you sign this report?": (1, 1), "How useful is it?": (0, 1)}
    assert shown["by_arm"] == [] and "human" not in organiser.get("/api/sessions").text
    assert organiser.post("/api/acts", json={"session": "closing", "act": "unblind"}).status_code == 403
    typed = {"session": "closing", "act": "unblind", "typed": "closing"}
    assert organiser.post("/api/acts", json=typed).status_code == 204
    shown = of(organiser, "closing")
    assert {one["arm"] for one in shown["by_arm"]} == {"human"} and shown["unblinded"]


def test_a_password_in_the_databases_address_is_not_printed():
    lines = Settings(session_database="postgresql://keeper:hidden@db.example/reads").lines()  # type: ignore[call-arg]
    assert "session_database: postgresql://keeper:***@db.example/reads" in lines


def test_servers_of_one_database_know_each_others_readers(tmp_path, make_radiograph):
    """Behind a proxy they have one address and ports of their own, and a reader may be sent from one to the other."""
    session = make_session(tmp_path, make_radiograph)
    shared = f"sqlite:///{tmp_path / 'small' / 'answers.sqlite3'}"
    token = session.store.make_link("R1")

    def knows(databases: tuple[str, str]) -> bool:
        first, second = (Rooms(tmp_path, one, Cookies(port)) for one, port in zip(databases, (7861, 7862), strict=True))
        headers = [(b"cookie", f"{first.cookie(session.name)}={token}".encode())]
        return second.reader(session, {"type": "http", "headers": headers}) == "R1"

    assert knows((shared, shared))
    assert not knows(("", "")), "of servers with folders of their own each has cookies of its own"
