"""A reader's addresses, below /session/NAME: the page, what it shows, the pixels, and the events that it sends.

A personal link is /session/NAME#key=TOKEN: what stands behind the # reaches no server and no log, and the page turns it
into a cookie that no script can read. Everything but the page itself asks for that cookie and an open session.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from priorrg import texts
from priorrg.errors import PriorRGError, SessionError
from priorrg.sessions.events import MOST_AT_ONCE
from priorrg.sessions.session import Session
from priorrg.ui.pixels import first_look, packed, plain
from priorrg.ui.server.refusals import Refused
from priorrg.ui.server.visits import LARGEST_CALL, whole_body
from priorrg.ui.session.pages import reading_page
from priorrg.ui.session.reading import (
    SIDES,
    NotNow,
    answer_payload,
    assignment_of,
    case_payload,
    films,
    state_payload,
)
from priorrg.ui.session.rooms import Rooms

if TYPE_CHECKING:
    from priorrg.ui.session.live import Live


class Said(BaseModel):
    """What a body may hold: unknown names are refused."""

    model_config = ConfigDict(extra="forbid")


Body = TypeVar("Body", bound=Said)
Result = TypeVar("Result")


class Entry(Said):
    key: str = Field(max_length=200)


class SentEvent(Said):
    client_id: str = Field(min_length=8, max_length=64)
    kind: str = Field(max_length=40)
    assignment: int | None = None
    said_utc: str = Field("", max_length=40)
    payload: dict[str, Any] = {}


class Parcel(Said):
    """sent_utc: by the browser's clock, which is compared with the server's."""

    sent_utc: datetime.datetime
    events: list[SentEvent] = Field(max_length=MOST_AT_ONCE)


def link(address: str, name: str, token: str) -> str:
    """The personal link of a token. address: where the app is served."""
    return f"{address.rstrip('/')}/session/{name}#key={token}"


def refused(error: SessionError) -> Refused:
    """Where the database cannot be used the page asks again; all else is said as it stands."""
    if isinstance(error.__cause__, SQLAlchemyError):
        return Refused(503, "session store", texts.sessions.NOT_KEPT, wait_s=1)
    return Refused(409 if isinstance(error, NotNow) else 403, "session", str(error))


async def body_of(request: Request, kind: type[Body]) -> Body:
    """The JSON of a request. Raises Refused for anything else."""
    try:
        return kind.model_validate_json(await whole_body(request.receive, LARGEST_CALL))
    except ValidationError:
        raise Refused(400, "session body", texts.sessions.UNKNOWN_EVENT) from None


async def in_thread(act: Callable[..., Result], *arguments: Any) -> Result:
    """What reads files or the database, outside of the event loop; its SessionError as a refusal."""
    try:
        return await asyncio.to_thread(act, *arguments)
    except SessionError as error:
        raise refused(error) from None
    except PriorRGError as error:  # an image of the organiser's that cannot be read
        raise Refused(409, "session image", str(error)) from None


def serve_reading(app: FastAPI, rooms: Rooms, live: Live | None = None) -> None:
    def entered(name: str, request: Request) -> tuple[Session, str]:
        """The session and who reads it. Raises SessionError."""
        session = rooms.session(name)
        reader = session and rooms.reader(session, request.scope)
        if session is None or reader is None:
            raise SessionError(texts.sessions.NO_SUCH_LINK)
        if not session.store.is_open():
            was_opened = bool(session.store.protocol_text())
            raise SessionError(texts.sessions.SESSION_CLOSED if was_opened else texts.sessions.NOT_OPEN_YET)
        return session, reader

    @app.get("/session/{name}")
    def page(name: str) -> HTMLResponse:
        return HTMLResponse(reading_page(rooms.cookies.root_path, name))

    @app.post("/session/{name}/enter")
    async def enter(name: str, request: Request) -> Response:
        token = (await body_of(request, Entry)).key
        client = request.client.host if request.client else ""
        session = rooms.session(name)
        reader = None if session is None else await in_thread(session.store.reader_by_token, token)
        if reader is None:  # a right link of 128 bits is never kept waiting for somebody else's wrong ones
            if wait_s := rooms.attempts.wait_s(name, client):
                raise Refused(429, "session link", texts.server.LOGIN_WAIT.format(seconds=wait_s), wait_s=wait_s)
            rooms.attempts.failed(name, client)
            raise Refused(403, "session link", texts.sessions.NO_SUCH_LINK)
        answer = Response(status_code=204)
        answer.raw_headers.append(rooms.cookies.header(request.scope, rooms.cookie(name), token))
        return answer

    @app.get("/session/{name}/api/state")
    async def state(name: str, request: Request) -> JSONResponse:
        return JSONResponse(await in_thread(lambda: state_payload(*entered(name, request))))

    @app.get("/session/{name}/api/cases/{number}")
    async def case(name: str, number: int, request: Request) -> JSONResponse:
        def found() -> dict[str, Any] | None:
            session, reader = entered(name, request)
            assignment = assignment_of(session, reader, number)
            return assignment and case_payload(session, reader, assignment, live)

        return JSONResponse(_there(await in_thread(found)))

    @app.get("/session/{name}/api/answers/{number}")
    async def answer(name: str, number: int, request: Request) -> JSONResponse:
        def found() -> dict[str, Any] | None:
            session, reader = entered(name, request)
            assignment = assignment_of(session, reader, number)
            return assignment and answer_payload(session, assignment, session.state(reader).of(number))

        return JSONResponse(_there(await in_thread(found)))

    @app.get("/session/{name}/pixels/{side}/{key}")
    async def pixels(
        name: str, side: str, key: str, request: Request, whole: bool = False, pack: bool = False
    ) -> Response:
        """As of /pixels (priorrg/ui/pixels.py), out of the organiser's folder."""

        def found() -> bytes | None:
            session, reader = entered(name, request)
            if side not in SIDES or not session.state(reader).consented:
                return None
            radiograph = films.by_key(session, side, key)
            if radiograph is None:
                return None
            return (packed if pack else plain)(radiograph.tones if whole else first_look(radiograph))

        body = _there(await in_thread(found))
        headers = {"Content-Encoding": "gzip"} if pack else {}
        return Response(body, media_type="application/octet-stream", headers=headers)

    @app.post("/session/{name}/api/events")
    async def events(name: str, request: Request) -> JSONResponse:
        parcel = await body_of(request, Parcel)

        def kept() -> list[str]:
            session, reader = entered(name, request)
            return keep(session, reader, parcel)

        return JSONResponse({"kept": await in_thread(kept)})


def keep(session: Session, reader: str, parcel: Parcel) -> list[str]:
    """Put a reader's events into the store; gives the ids that are on the disk. Raises SessionError.

    With each stands how far the browser's clock was behind the server's, by which its times can be checked.
    """
    plan = {one.number: one for one in session.assignments(reader)}
    if any(one.assignment is not None and one.assignment not in plan for one in parcel.events):
        raise SessionError(texts.sessions.UNKNOWN_EVENT)
    sent = parcel.sent_utc if parcel.sent_utc.tzinfo else parcel.sent_utc.replace(tzinfo=datetime.UTC)
    behind_s = round((datetime.datetime.now(datetime.UTC) - sent).total_seconds(), 3)
    made = [
        session.event(
            reader,
            None if one.assignment is None else plan[one.assignment],
            one.kind,
            one.client_id,
            payload=one.payload,
            said_utc=one.said_utc,
        )
        for one in parcel.events
    ]
    return session.store.append([replace(one, settings=one.settings | {"behind_s": behind_s}) for one in made])


def _there(found: Result | None) -> Result:
    if found is None:
        raise Refused(404, "session", texts.server.NOT_HERE)
    return found
