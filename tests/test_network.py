"""Who is believed on what: proxies on addresses, cookies on who somebody is; and what becomes of what fails."""

import asyncio
import errno
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.responses import PlainTextResponse

from priorrg.ui.server.attempts import Attempts
from priorrg.ui.server.bounds import PaceMiddleware
from priorrg.ui.server.cookies import Cookies
from priorrg.ui.server.headers import HeadersMiddleware
from priorrg.ui.server.network import HostsMiddleware, ProxiesMiddleware
from priorrg.ui.server.refusals import FailuresMiddleware
from priorrg.ui.server.visits import found_visitor, new_token


async def tells_who(scope, receive, send):
    host = dict(scope["headers"]).get(b"host", b"").decode()
    await PlainTextResponse(f"{scope['client'][0]} {scope['scheme']} {host}")(scope, receive, send)


def ask(app, headers=(), peer="10.0.0.1", method="GET", body=b""):
    async def asked():
        transport = httpx.ASGITransport(app, raise_app_exceptions=True, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://near") as client:
            return await client.request(method, "/", headers=list(headers), content=body)

    with ThreadPoolExecutor(1) as thread:  # in this one a browser's loop may run since another test
        return thread.submit(asyncio.run, asked()).result()


FORWARDED = [
    ("X-Forwarded-For", "93.184.216.34, 8.8.4.4"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "far"),
]


@pytest.mark.parametrize(
    ("proxies", "peer", "said"),
    [
        (["10.0.0.0/8"], "10.0.0.1", "8.8.4.4 https far"),
        (["10.0.0.1", "8.8.4.4"], "10.0.0.1", "93.184.216.34 https far"),
        (["10.0.0.2"], "10.0.0.1", "10.0.0.1 http near"),
        ([], "10.0.0.1", "10.0.0.1 http near"),
        (["*"], "192.0.2.1", "8.8.4.4 https far"),
    ],
)
def test_only_a_named_proxy_is_believed_and_only_on_what_it_saw_itself(proxies, peer, said):
    assert ask(ProxiesMiddleware(tells_who, proxies), FORWARDED, peer).text == said


def test_words_instead_of_an_address_are_not_taken_for_one():
    headers = [("X-Forwarded-For", "my password")]
    assert ask(ProxiesMiddleware(tells_who, ["10.0.0.1"]), headers).text.startswith("10.0.0.1 ")


@pytest.mark.parametrize(
    ("bound", "host", "status"),
    [
        ("127.0.0.1", "localhost:7860", 200),
        ("127.0.0.1", "[::1]:7860", 200),
        ("127.0.0.1", "192.168.1.5", 421),
        ("0.0.0.0", "192.168.1.5:7860", 200),
        ("0.0.0.0", "evil.example", 421),
        ("0.0.0.0", "read.example.org", 200),
        ("0.0.0.0", "example.org", 421),
        ("0.0.0.0", "named.example", 200),
        ("0.0.0.0", "", 421),
        ("0.0.0.0", "[", 421),
    ],
)
def test_the_server_answers_under_its_own_names_alone(bound, host, status):
    app = FailuresMiddleware(HostsMiddleware(tells_who, ["*.example.org", "named.example"], [], bound))
    assert ask(app, [("Host", host)]).status_code == status


def scope(*cookies, scheme="http"):
    headers = [(b"cookie", "; ".join(f"{name}={value}" for name, value in cookies).encode())]
    return {"type": "http", "headers": headers, "scheme": scheme, "client": ("10.0.0.1", 1)}


def test_a_cookie_that_this_server_did_not_make_is_none():
    cookies = Cookies(7860)
    token = new_token("page")
    right, is_new = found_visitor(scope(("priorrg-visit-7860-abc", token)), cookies)
    assert not is_new and right.token == token and right.has_page
    for forged in (token[:-1] + ("0" if token[-1] != "0" else "1"), "page.0.x.y", "", "a" * 1000, token + token):
        assert found_visitor(scope(("priorrg-visit-7860-abc", forged)), cookies)[1]
    assert found_visitor(scope(("priorrg-visit-7861-abc", token)), cookies)[1], "that of another port"


def test_of_two_pages_opened_at_once_the_older_cookie_counts_for_both():
    cookies = Cookies(7860)
    older, newer, program = new_token("page"), new_token("page"), new_token("program")
    given = [("priorrg-visit-7860-1", newer), ("priorrg-visit-7860-2", program), ("priorrg-visit-7860-3", older)]
    assert found_visitor(scope(*given), cookies)[0].token == older


def test_sessions_differ_by_cookie_and_by_login():
    cookies, token = Cookies(7860), new_token("page")
    asked = scope(("priorrg-visit-7860", token))
    nobody, anna, ben = (found_visitor({**asked, "user": user}, cookies)[0] for user in (None, "anna", "ben"))
    assert len({one.session("the same hash") for one in (nobody, anna, ben)}) == 3
    assert anna.owns(anna.session("the same hash")) and not ben.owns(anna.session("the same hash"))


@pytest.mark.parametrize(
    ("scheme", "goes_abroad", "said"),
    [
        ("http", False, "HttpOnly; SameSite=Lax"),
        ("https", False, "HttpOnly; Secure; SameSite=Lax"),
        ("https", True, "HttpOnly; Secure; SameSite=None; Partitioned"),
    ],
)
def test_a_cookie_goes_no_further_than_it_must(scheme, goes_abroad, said):
    _, header = Cookies(7860, "/reading", goes_abroad).header(scope(scheme=scheme), "name", "value")
    assert header.decode() == f"name=value; Path=/reading; {said}"


def test_a_site_that_is_named_may_show_the_page_in_a_frame():
    headers = ask(HeadersMiddleware(tells_who, ["https://huggingface.co"])).headers
    assert "frame-ancestors https://huggingface.co" in headers["content-security-policy"]
    assert "x-frame-options" not in headers


def test_a_full_disk_is_told_as_that_and_everything_else_as_a_mistake_of_ours():
    def failing(error):
        async def app(scope, receive, send):
            await PlainTextResponse("Internal Server Error", 500)(scope, receive, send)
            raise error

        return FailuresMiddleware(app)

    full = ask(failing(OSError(errno.ENOSPC, "No space left on device")))
    assert full.status_code == 507 and "disk of this server is full" in full.text
    other = ask(failing(ValueError("what a reader wrote")))
    assert other.status_code == 500 and "not by your mistake" in other.text and "reader wrote" not in other.text


def test_a_large_answer_comes_in_parts_and_whole():
    body = bytes(range(256)) * 4000

    async def large(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    assert ask(PaceMiddleware(large)).content == body


def test_guesses_wait_longer_and_longer_and_fill_no_memory():
    attempts = Attempts()
    for _ in range(4):
        attempts.failed("anna", "10.0.0.1")
    assert attempts.wait_s("anna", "10.0.0.1") == 0
    waits = []
    for _ in range(12):
        attempts.failed("anna", "10.0.0.1")
        waits.append(attempts.wait_s("anna", "10.0.0.1"))
    assert waits == sorted(waits) and waits[-1] > 600
    assert attempts.wait_s("anna", "10.0.0.2") == 0, "she herself, elsewhere"
    attempts.succeeded("anna", "10.0.0.1")
    assert attempts.wait_s("anna", "10.0.0.1") == 0
    for number in range(11_000):
        attempts.failed(f"name {number}", f"address {number}")
    assert len(attempts._failures) <= 10_000
