"""The organiser's addresses, below /organise: behind one secret, which opens nothing of a reader's and no image."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import Field

from priorrg import texts
from priorrg.errors import SessionError
from priorrg.sessions.events import Kept
from priorrg.sessions.progress import Progress, last_push, progress
from priorrg.sessions.session import Session
from priorrg.sessions.state import rebuilt
from priorrg.ui.server.refusals import Refused
from priorrg.ui.session.agreement import agreement, by_arm
from priorrg.ui.session.pages import organiser_page
from priorrg.ui.session.rooms import Rooms
from priorrg.ui.session.routes import Said, body_of, in_thread

ORGANISER = "organiser"  # as whom wrong secrets are counted
ACTS = {"close": "session_closed", "reopen": "session_reopened", "unblind": "unblinded"}
SHOWN_ACTS = ("session_opened", *ACTS.values(), "link_made", "link_revoked", "withdrawn", "exported", "pushed")


class Secret(Said):
    secret: str = Field(max_length=200)


class Act(Said):
    """typed: the session's name once more, for what cannot be taken back."""

    session: str = Field(max_length=100)
    act: str = Field(max_length=20)
    typed: str = Field("", max_length=100)


def serve_organising(app: FastAPI, rooms: Rooms) -> None:
    cookie = rooms.cookies.name("organise")

    def check(request: Request) -> None:
        if not rooms.organises(request.scope):
            raise Refused(401, "organiser", texts.session_page.ORGANISER["secretFirst"])

    @app.get("/organise")
    def page() -> HTMLResponse:
        _ = rooms.secret  # the folder may have come since the start
        return HTMLResponse(organiser_page(rooms.cookies.root_path))

    @app.post("/organise/enter")
    async def enter(request: Request) -> Response:
        said = (await body_of(request, Secret)).secret
        client = request.client.host if request.client else ""
        if wait_s := rooms.attempts.wait_s(ORGANISER, client):
            raise Refused(429, "organiser", texts.server.LOGIN_WAIT.format(seconds=wait_s), wait_s=wait_s)
        if not rooms.is_secret(said):
            rooms.attempts.failed(ORGANISER, client)
            raise Refused(403, "organiser", texts.session_page.ORGANISER["wrong"])
        rooms.attempts.succeeded(ORGANISER, client)
        answer = Response(status_code=204)
        answer.raw_headers.append(rooms.cookies.header(request.scope, cookie, rooms.pass_now()))
        return answer

    @app.post("/organise/leave")
    def leave(request: Request) -> Response:
        answer = Response(status_code=204)
        answer.raw_headers.append(rooms.cookies.header(request.scope, cookie, "", is_gone=True))
        return answer

    @app.get("/organise/api/sessions")
    async def sessions(request: Request) -> JSONResponse:
        check(request)
        return JSONResponse({"sessions": await in_thread(lambda: [overview(one) for one in rooms.sessions()])})

    @app.post("/organise/api/acts")
    async def acts(request: Request) -> Response:
        check(request)
        act = await body_of(request, Act)

        def done() -> None:
            session = rooms.session(act.session)
            if session is None or act.act not in ACTS:
                raise SessionError(texts.session_page.ORGANISER["noAct"])
            if act.act not in possible(session.store.events("")):
                raise SessionError(texts.session_page.ORGANISER["noAct"])
            if act.act == "unblind" and act.typed != session.name:
                raise SessionError(texts.session_page.ORGANISER["unblindSure"])
            session.store.record(ACTS[act.act])

        await in_thread(done)
        return Response(status_code=204)


def possible(events: list[Kept]) -> list[str]:
    """The acts that can be done now. events: the organiser's."""
    kinds = [one.event.kind for one in events]
    last = next((kind for kind in reversed(kinds) if kind.startswith("session_")), "")
    found = [] if not last else ["reopen"] if last == "session_closed" else ["close"]
    return found + (["unblind"] if last and "unblinded" not in kinds else [])


def _line(one: Progress) -> dict[str, Any]:
    return {
        "reader": one.reader,
        "link": texts.session_page.LINKS[one.link],
        "done": f"{one.done} / {one.of}",
        "skipped": one.skipped,
        "seconds": None if one.median_s is None else round(one.median_s, 1),
        "last": one.last_utc.isoformat(timespec="seconds") if one.last_utc else "",
    }


def overview(session: Session) -> dict[str, Any]:
    """All that the organiser sees of one session. Names of readers are not here: they are in the organiser's file."""
    done = session.store.events("")
    acts = possible(done)
    try:
        readers = session.protocol.readers
        states = {reader: rebuilt(session.store.events(reader)) for reader in readers}
        lines = [_line(one) for one in progress(session)]
        alike, problem = agreement(session, states), ""
    except SessionError as error:  # its cases cannot be read: the others are shown all the same
        states, lines, alike, problem = {}, [], [], str(error)
    unblinded = next((one.at_utc for one in done if one.event.kind == "unblinded"), None)
    return {
        "name": session.name,
        "title": session.protocol.title,
        "state": "draft" if not acts else "closed" if "reopen" in acts else "open",
        "unblinded": unblinded.date().isoformat() if unblinded else "",
        "acts": acts,
        "readers": lines,
        "agreement": alike,
        "by_arm": by_arm(session, states) if unblinded else [],
        "problem": problem,
        "pushed": last_push(session),
        "record": [
            {"when": one.at_utc.isoformat(timespec="seconds"), "act": texts.session_page.ACTS[one.event.kind]}
            for one in done
            if one.event.kind in SHOWN_ACTS
        ],
    }
