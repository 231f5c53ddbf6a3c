"""What an attacker tries: two people with logins, raw HTTP, and a server that must give nothing away."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from priorrg import texts
from tests.browsing import EXAMPLE, opened, written
from tests.serving import served

LONG_ENOUGH_S = 60
MARK = "Zanzibar-marker-4711"


@pytest.fixture(scope="module")
def address(clinic):
    return clinic[0].address


def logged_in(address, name="anna", password="correct horse"):
    """A browser of this person: it has loaded the page."""
    client = httpx.Client(base_url=address, timeout=LONG_ENOUGH_S)
    assert client.post("/login", data={"username": name, "password": password}).status_code == 200
    assert client.get("/").status_code == 200
    return client


def numbers(client):
    """Number of a handler by the event of the page that it listens to, and by its name."""
    config = client.get("/config").json()
    return {
        **{dep["targets"][0][1]: dep["id"] for dep in config["dependencies"] if dep["targets"]},
        **{dep["api_name"]: dep["id"] for dep in config["dependencies"] if dep.get("api_name")},
    }


def inputs(client, number):
    """How many values the handler of that number takes."""
    return next(len(dep["inputs"]) for dep in client.get("/config").json()["dependencies"] if dep["id"] == number)


def join(client, number, session, data=(), **more):
    return client.post(
        "/gradio_api/queue/join", json={"data": list(data), "fn_index": number, "session_hash": session, **more}
    )


def heard(client, session):
    """All that the stream of this session says until it ends."""
    said = []
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                said.append(json.loads(line[5:]))
                if said[-1]["msg"] in ("close_stream", "unexpected_error"):
                    break
    return said


# A session is one browser's and one login's


def viewer_of(client, session):
    """What the viewer of a page with this session is told when the page loads."""
    load = numbers(client)["load"]
    assert join(client, load, session, [""] * inputs(client, load)).status_code == 200
    return next(
        one
        for message in heard(client, session)
        if message["msg"] == "process_completed"
        for one in message["output"]["data"]
        if isinstance(one, dict) and "token" in one
    )


def test_who_knows_a_sessions_hash_and_is_somebody_else_gets_a_session_of_his_own(address):
    anna, ben = logged_in(address), logged_in(address, "ben", "battery staple")
    session = uuid.uuid4().hex
    hers = viewer_of(anna, session)
    assert "session_not_found" in json.dumps(heard(ben, session)), "nothing is said to him"
    assert viewer_of(ben, session)["token"] != hers["token"]
    assert viewer_of(anna, session)["token"] == hers["token"]


def test_the_pixels_of_a_session_are_its_own_browsers_alone(address):
    anna, again = logged_in(address), logged_in(address)
    viewer = viewer_of(anna, uuid.uuid4().hex)
    path, header = f"/pixels/current/{viewer['current']['key']}", {"X-PriorRG-Session": viewer["token"]}
    assert anna.get(path, headers=header).status_code == 200
    assert again.get(path, headers=header).status_code == 404, "the same person in another browser"
    assert httpx.get(address + path, headers=header).status_code == 401
    fit = f"/alignment/{viewer['current']['key']}/{viewer['prior']['key']}"
    assert anna.get(fit, headers=header).json()["quality"] in ("good", "fair")
    assert again.get(fit, headers=header).status_code == 404
    assert anna.get(f"{fit}x", headers=header).status_code == 404, "of another pair"


def test_a_call_is_heard_and_cancelled_by_who_made_it_alone(address):
    anna, ben = logged_in(address), logged_in(address, "ben", "battery staple")
    body = {"data": [None, None, *[""] * (inputs(anna, numbers(anna)["report"]) - 2)]}
    event = anna.post("/gradio_api/call/report", json=body).json()["event_id"]
    assert ben.get(f"/gradio_api/call/report/{event}").status_code == 404
    session = uuid.uuid4().hex
    mine = join(anna, numbers(anna)["load"], session).json()["event_id"]
    taken = ben.post("/gradio_api/cancel", json={"session_hash": session, "fn_index": 0, "event_id": mine})
    assert taken.status_code in (404, 200) and heard(anna, session)[-1]["msg"] == "close_stream"
    assert "no current image" in anna.get(f"/gradio_api/call/report/{event}").text


def test_handlers_of_the_page_answer_to_the_page_alone(address):
    program = httpx.Client(base_url=address)
    program.post("/login", data={"username": "anna", "password": "correct horse"})
    number = numbers(program)["load"]
    answer = join(program, number, "made-up")
    assert answer.status_code == 403 and "Only the page itself" in answer.json()["detail"]


def test_the_cookies_are_closed_to_scripts_and_secure_behind_tls(address):
    form = {"username": "anna", "password": "correct horse"}
    near = httpx.post(f"{address}/login", data=form).headers.get_list("set-cookie")
    far = httpx.post(f"{address}/login", data=form, headers={"X-Forwarded-Proto": "https"}).headers.get_list(
        "set-cookie"
    )
    assert len(near) == len(far) == 1, "no twin"
    assert "HttpOnly" in near[0] and "SameSite=Lax" in near[0] and "Secure" not in near[0]
    assert "HttpOnly" in far[0] and "Secure" in far[0] and "SameSite=None" in far[0], "a partner's page may call"


# The gate


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/config",
        "/theme.css",
        "/assets/index.js",
        "/manifest.json",
        "/card",
        "/pixels/current/abc",
        "/alignment/abc/def",
        "/gradio_api/openapi.json",
        "/gradio_api/heartbeat/abc",
        "/gradio_api/startup-events",
        "/gradio_api/app_id",
        "/gradio_api/token",
        "/gradio_api/info",
        "/gradio_api/stream/abc/close",
        "/gradio_api/file=/etc/hostname",
        "/monitoring",
    ],
)
def test_without_a_login_nothing_answers_but_health_and_the_login(address, path):
    assert httpx.get(address + path).status_code == 401
    assert httpx.post(address + path).status_code == 401
    assert httpx.get(address + "/healthz").status_code == httpx.get(address + "/readyz").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/token"),
        ("GET", "/gradio_api/openapi.json"),
        ("GET", "/gradio_api/runs"),
        ("GET", "/gradio_api/proxy=https://example.org"),
        ("GET", "/gradio_api/file=/etc/hostname"),
        ("GET", "/gradio_api/vibe-code"),
        ("POST", "/gradio_api/vibe-edit"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/call/v2/report"),
        ("GET", "/monitoring"),
        ("GET", "/gradio_api/deep_link"),
        ("PUT", "/config"),
        ("DELETE", "/"),
    ],
)
def test_what_is_no_part_of_page_or_api_is_not_there(address, method, path):
    assert logged_in(address).request(method, path).status_code == 404


def test_logging_out_ends_the_login_and_only_a_press_does_it(address):
    anna = logged_in(address)
    assert anna.get("/logout").status_code == 405 and anna.get("/config").status_code == 200
    assert anna.post("/logout").status_code == 200 and anna.get("/config").status_code == 401


def test_a_reader_logs_out_on_the_page(address, browser):
    page = browser.new_page()
    page.goto(address)
    page.fill("input[name=username]", "anna")
    page.fill("input[type=password]", "correct horse")
    page.keyboard.press("Enter")
    page.click("#logout")
    page.wait_for_selector("input[type=password]")
    page.close()


def test_the_page_works_within_what_its_policy_allows(app, browser):
    page = browser.new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    page.goto(app.address)
    page.wait_for_selector("#viewer .viewer[data-current]:not([data-current=''])")
    written(page)
    page.click("#report .sentence >> nth=0")
    page.wait_for_selector("#viewer .viewer[data-overlay=shown]")
    page.close()
    assert refused == []


def test_who_guesses_waits_and_the_log_names_nobody_who_is_not_there(clinic):
    running, _ = clinic
    # Another address of this machine, so that the other tests may still log in.
    headers = {"X-Forwarded-For": "203.0.113.7"}

    def tried(name, password):
        return httpx.post(
            f"{running.address}/login", data={"username": name, "password": password}, headers=headers
        ).status_code

    assert [tried("ben", f"guess {number}") for number in range(5)] == [401] * 5
    assert tried("ben", "battery staple") == 429, "also for the right one, which a guesser may have found"
    assert tried(MARK, "my password in the wrong box") == 401
    said = running.log.read_text(encoding="utf-8")
    assert "a login failed: ben, from 203.0.113.7" in said and "an unknown name" in said
    assert MARK not in said and "guess" not in said and "wrong box" not in said


def test_another_site_changes_nothing_and_shows_the_page_nowhere(address):
    anna = logged_in(address)
    for headers, status in (
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": address}, 200),
        ({"Origin": "https://partner.example"}, 200),
        ({}, 200),
    ):
        assert join(anna, numbers(anna)["load"], "s", trigger_id=None).status_code == 200
        body = {"data": [], "fn_index": numbers(anna)["load"], "session_hash": "s"}
        assert anna.post("/gradio_api/queue/join", json=body, headers=headers).status_code == status, headers
    page = anna.get("/").headers
    assert "frame-ancestors 'none'" in page["content-security-policy"] and page["x-frame-options"] == "DENY"
    assert page["x-content-type-options"] == "nosniff" and page["referrer-policy"] == "same-origin"


def test_a_name_that_is_not_the_servers_is_refused(address):
    assert httpx.get(f"{address}/healthz", headers={"Host": "rebound.example"}).status_code == 421
    assert httpx.get(f"{address}/healthz", headers={"Host": "localhost:1"}).status_code == 200


# Bounds


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b'{"data": ["' + b"x" * 300_000 + b'"], "session_hash": "s"}', 413, "characters"),
        (b'{"data": [' + b"1," * 20_000 + b'1], "session_hash": "s"}', 413, "parts"),
        (b"x" * 1_100_000, 413, "1000 kB"),
        (b"[" * 100_000, 400, "no JSON"),
        (b"\xff\xfe", 400, "no JSON"),
        (b'{"data": [], "fn_index": 0}', 400, "session"),
        (b'{"data": [], "fn_index": 99999, "session_hash": "s"}', 404, "nothing here"),
        (b'{"data": [], "fn_index": {"a": 1}, "session_hash": "s"}', 404, "nothing here"),
        (b'{"data": [], "fn_index": 0, "session_hash": ["s"]}', 400, "session"),
    ],
)
def test_a_call_that_no_page_would_make_is_refused_with_a_sentence(address, body, status, said):
    answer = logged_in(address).post(
        "/gradio_api/queue/join", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == status and said in answer.json()["detail"]


def test_uploads_have_a_part_of_the_disk_and_leave_nothing_when_they_fail(clinic):
    running, _ = clinic
    anna = logged_in(running.address)
    answer = anna.post("/gradio_api/upload", files={"files": ("film.dcm", b"\0" * 4_000_000)})
    assert answer.status_code in (413, 507) and "MB" in answer.text
    two = [anna.post("/gradio_api/upload", files={"files": ("film.dcm", b"\0" * 1_800_000)}) for _ in range(2)]
    assert [one.status_code for one in two] == [200, 507]
    assert "The uploads of all readers take as much" in two[1].text
    (left,) = lying(running.uploads)
    left.unlink()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB, which takes the system's leave to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("a file system of its own cannot be mounted here (it needs root): a full disk was not tried")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_an_upload_that_fills_the_disk_is_told_in_a_sentence_and_leaves_nothing(small_disk, small_weights, tmp_path):
    with served(tmp_path, "--weights", str(small_weights), TMPDIR=str(small_disk)) as running:
        client = httpx.Client(base_url=running.address, timeout=LONG_ENOUGH_S)
        for _ in range(2):  # the second time it is no fuller than the first
            answer = client.post("/gradio_api/upload", files={"files": ("film.dcm", b"\0" * 4_000_000)})
            assert (answer.status_code, answer.text) == (507, texts.server.DISK_FULL)
            assert eventually(lambda: not lying(small_disk))
        assert client.post("/gradio_api/upload", files={"files": ("film.dcm", b"\0" * 1_000_000)}).status_code == 200
        assert len(lying(small_disk)) == 1
    assert "film.dcm" not in running.log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("/gradio_api/call/report", [], 400),  # values are missing
        ("/gradio_api/call/report", ["x" * 300_000], 413),
        ("/gradio_api/call/nothing", [], 404),
        ("/gradio_api/queue/join", [], 400),  # names no session
    ],
)
def test_the_files_of_a_call_that_is_refused_before_it_is_read_are_gone(clinic, path, more, status):
    running, _ = clinic
    anna = logged_in(running.address)
    (uploaded,) = anna.post("/gradio_api/upload", files={"files": ("film.dcm", b"\0" * 1000)}).json()
    others = running.uploads / "of nobody.dcm"
    others.write_bytes(b"not an upload")
    given = [{"path": one, "meta": {"_type": "gradio.FileData"}} for one in (uploaded, str(others))]
    assert Path(uploaded).is_file()
    assert anna.post(path, json={"data": given + more}).status_code == status
    assert not Path(uploaded).exists() and not Path(uploaded).parent.exists()
    assert others.is_file(), "only an upload can be taken away so"
    others.unlink()


@pytest.mark.parametrize(
    "prior",
    [
        {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}},
        {"path": "never/sent.dcm", "meta": {"_type": "gradio.FileData"}},
        {"path": "", "size": "large", "meta": {"_type": "gradio.FileData"}},
        {"url": "http://somewhere.example/film.dcm", "meta": {"_type": "gradio.FileData"}},
        "a text",
        17,
        "two",  # of which neither is one file
    ],
    ids=str,
)
def test_the_first_file_of_a_call_whose_second_is_no_upload_is_gone(clinic, prior):
    """Gradio takes the call and fails it on its way to the handler, which would have deleted the file."""
    running, _ = clinic
    anna = logged_in(running.address)
    sent = [("files", ("film.dcm", b"\0" * 1000))] * 3
    current, *others = (
        {"path": path, "meta": {"_type": "gradio.FileData"}}
        for path in anna.post("/gradio_api/upload", files=sent).json()
    )
    given = [current, others if prior == "two" else prior, *[""] * (inputs(anna, numbers(anna)["report"]) - 2)]
    answer = anna.post("/gradio_api/call/report", json={"data": given})
    assert answer.status_code == 200, answer.text
    events = anna.get(f"/gradio_api/call/report/{answer.json()['event_id']}").text
    assert "event: error" in events
    assert not Path(current["path"]).exists()
    for one in others:
        assert Path(one["path"]).exists() == (prior != "two")
        Path(one["path"]).unlink(missing_ok=True)


def test_half_of_an_upload_is_gone_with_its_sender(clinic):
    running, _ = clinic
    anna = logged_in(running.address)
    cookies = "; ".join(f"{name}={value}" for name, value in anna.cookies.items())
    head = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\nContent-Length: 1000000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        'Content-Disposition: form-data; name="files"; filename="film.dcm"\r\n\r\n'
    )

    with socket.create_connection(("127.0.0.1", running.port)) as line:
        line.sendall(head.encode() + b"\1" * 200_000)
        assert eventually(lambda: lying(running.uploads))
    assert eventually(lambda: not lying(running.uploads))


def lying(folder):
    """Uploads that hold anything. The server deletes them meanwhile, which is no error to os.walk."""
    found = []
    for path, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                found += [Path(path, name)] if Path(path, name).stat().st_size else []
    return found


def eventually(holds):
    for _ in range(LONG_ENOUGH_S * 10):
        if holds():
            return True
        time.sleep(0.1)
    return False


def test_a_head_that_never_ends_and_a_line_that_says_nothing_are_closed(clinic):
    running, _ = clinic
    lines = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(2)]
    lines[0].sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
    for line in lines:
        line.settimeout(LONG_ENOUGH_S)
        assert line.recv(1) == b"", "the server ends it"
        line.close()


# A client that goes away


def test_a_program_that_goes_away_gives_its_place_back(clinic):
    """Calls that wait behind each other; their sender vanishes, and those that he had in the queue go unread."""
    running, metrics = clinic
    anna = logged_in(running.address)
    paths = [
        anna.post("/gradio_api/upload", files={"files": ("a.dcm", (EXAMPLE / "current.dcm").read_bytes())}).json()[0]
        for _ in range(2)
    ]
    session, number = uuid.uuid4().hex, numbers(anna)["overlay"]
    texts = [""] * (inputs(anna, number) - 2)
    files = [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in paths]
    for file in files:
        join(anna, number, session, [file, None, *texts])
    with anna.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        begun = (line for line in stream.iter_lines() if "process_starts" in line)
        for _ in files:  # what leaves before its call has begun is swept by its age
            next(begun)
    assert eventually(lambda: "priorrg_waiting 0.0" in httpx.get(metrics).text)
    assert eventually(lambda: not lying(running.uploads))


# What the operator sees


@contextmanager
def locked(database):
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.close()


def test_a_locked_database_is_told_to_the_operator_and_its_end_too(clinic):
    running, metrics = clinic
    with locked(running.feedback):
        assert eventually(lambda: httpx.get(f"{running.address}/readyz").status_code == 503)
        assert httpx.get(f"{running.address}/readyz").json()["troubles"] == ["feedback database locked"]
        assert httpx.get(f"{running.address}/healthz").status_code == 200
        assert 'priorrg_not_ready{trouble="feedback database locked"} 1.0' in httpx.get(metrics).text
    assert eventually(lambda: httpx.get(f"{running.address}/readyz").status_code == 200)
    said = running.log.read_text(encoding="utf-8")
    assert "not ready: feedback database locked" in said and "feedback database locked is over" in said


def test_a_damaged_feedback_file_is_told(clinic):
    running, _ = clinic
    whole = running.feedback.read_bytes()
    log_of_changes = running.feedback.with_name(running.feedback.name + "-wal")
    try:
        running.feedback.write_bytes(b"no database " * 1000)
        log_of_changes.unlink(missing_ok=True)
        assert eventually(
            lambda: httpx.get(f"{running.address}/readyz").json()["troubles"] == ["feedback database damaged"]
        )
    finally:
        running.feedback.write_bytes(whole)
    assert eventually(lambda: httpx.get(f"{running.address}/readyz").status_code == 200)


def test_a_locked_database_loses_nothing_that_was_typed_and_holds_nobody_up(app, browser):
    page = opened(browser, app.address)
    written(page)
    page.click("#rating label >> nth=3")
    page.fill("#comment textarea", "Seen on the lateral.")
    with locked(app.feedback):
        page.click("#send button, button#send")
        began = time.monotonic()
        assert httpx.get(f"{app.address}/config").status_code == 200 and time.monotonic() - began < 20
        page.wait_for_function("document.querySelector('#feedback-said').textContent.includes('was not kept')")
        assert page.input_value("#comment textarea") == "Seen on the lateral."
    page.click("#send button, button#send")
    page.wait_for_function("document.querySelector('#feedback-said').textContent.includes('Thank you')")
    page.close()


def test_the_metrics_count_what_was_refused_and_hold_no_text(clinic):
    running, metrics = clinic
    httpx.post(f"{running.address}/login", data={"username": MARK, "password": MARK})
    said = httpx.get(metrics).text
    assert 'priorrg_refusals_total{kind="no route"}' in said and "priorrg_failed_logins_total" in said
    assert MARK not in said and "anna" not in said
    assert httpx.get(f"{running.address}/metrics").status_code == 401, "at its own address only"


def test_whatever_fails_the_log_holds_no_text(clinic):
    running, _ = clinic
    anna = logged_in(running.address)
    session = uuid.uuid4().hex
    wrong: list = [{MARK: MARK}, [MARK], MARK, 4.5, None, {"path": MARK}, {"path": f"/tmp/{MARK}", "meta": {}}]
    config = anna.get("/config").json()
    for dependency in config["dependencies"]:
        for value in wrong:
            data = [value] * len(dependency["inputs"])
            event = {"data": data, "fn_index": dependency["id"], "session_hash": session, "event_data": value}
            # Without the queue where the page calls so, else by it; nobody waits for the answers.
            path = "/gradio_api/run/predict" if dependency["queue"] is False else "/gradio_api/queue/join"
            anna.post(path, json=event)
            anna.post(path, json={**event, "trigger_id": MARK})
            anna.post(path, json={"data": {MARK: value}, "fn_index": MARK, "session_hash": session})
    for content in (f"--{MARK}\r\n{MARK}", f"--{MARK}\r\nContent-Disposition: form-data; name={MARK}\r\n\r\n{MARK}"):
        anna.post(
            "/gradio_api/upload",
            content=content.encode(),
            headers={"Content-Type": f"multipart/form-data; boundary={MARK}"},
        )
    anna.post("/gradio_api/upload", files={"files": (f"../../{MARK}\0.dcm", b"x")})
    anna.get(f"/gradio_api/call/{MARK}/{MARK}", params={MARK: MARK})
    anna.get("/gradio_api/upload_progress", params={"upload_id": MARK})
    with socket.create_connection(("127.0.0.1", running.port)) as line:
        line.sendall(f"{MARK} {MARK}\r\n{MARK}: \x01\r\n\r\n".encode())
        line.recv(100)
    threading.Event().wait(2)  # what still runs may still fail
    said = running.log.read_text(encoding="utf-8")
    assert "Error at " in said, "there were failures, and they are told"
    assert MARK not in said and "Traceback" not in said


def test_the_operators_page_opens_for_whoever_sees_the_terminal_and_for_nobody_else(clinic):
    """Neither a login nor being near opens it: its address holds a secret that is printed at the start."""
    running, _ = clinic
    said = re.search(r"http://localhost:\d+(/operator/(\S+))", running.log.read_text(encoding="utf-8"))
    assert said is not None and len(said[2]) >= 32
    nobody, anna = httpx.Client(base_url=running.address), logged_in(running.address)
    assert nobody.get(said[1]).status_code == 200 and "published weights" in nobody.get(said[1]).text
    for client in (nobody, anna):
        for path in ("/operator/", "/operator/guess", f"{said[1]}/other", "/operator/guess/fetch"):
            assert client.get(path).status_code == client.post(path).status_code == 404
        assert said[2] not in client.get("/").text
