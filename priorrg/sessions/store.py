"""Where a session's events are kept: SQLite in a file, or PostgreSQL by its URL. Rows are added, never changed.

The only way out is a withdrawal, which takes all of a reader's rows and leaves a row that says so; triggers in the
database refuse anything else. Tables come from Alembic's migrations beside this file.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
import secrets
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import sqlalchemy as sa
from alembic.util import CommandError
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.event import listens_for
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

import priorrg
from priorrg import texts
from priorrg.errors import SessionError
from priorrg.sessions.events import MOST_AT_ONCE, ORGANISER_KINDS, Event, Kept, checked

MIGRATIONS = Path(__file__).parent / "migrations"
TOKEN_BYTES = 16  # 128 bits
LOCK_WITHIN_S = 20  # of another process; threads of this one wait in line, or SQLite would let some of them starve
log = logging.getLogger("priorrg.sessions")

metadata = sa.MetaData()
Numbered = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts up an INTEGER alone
SESSION = sa.Table(
    "session",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("made_utc", sa.DateTime, nullable=False),
)
EVENT = sa.Table(
    "event",
    metadata,
    sa.Column("number", Numbered, primary_key=True, autoincrement=True),
    sa.Column("session", sa.Text, sa.ForeignKey("session.name"), nullable=False),
    sa.Column("reader", sa.Text, nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("at_utc", sa.DateTime, nullable=False),
    sa.Column("said_utc", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("assignment", sa.Integer),
    sa.Column("case_id", sa.Text, nullable=False),
    sa.Column("arm", sa.Text, nullable=False),
    sa.Column("weights", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.UniqueConstraint("session", "reader", "client_id", name="event_once"),
)


class Store:
    """The events of one session. Threads and processes may write together.

    What `append` has acknowledged is on the disk: SQLite in WAL mode with synchronous = FULL, PostgreSQL as it comes.
    Raises SessionError where the database cannot be used.
    """

    def __init__(self, url: str, session: str):
        """url: `sqlite:///FILE` or `postgresql://...`; tables are made or brought up to date."""
        self.url, self.session = address(url), session
        self.engine = _engine(self.url)
        self._line = threading.Lock() if self.engine.dialect.name == "sqlite" else nullcontext()
        with self._trouble():
            _migrate(self.engine, self.url)
            with self.engine.begin() as connection:
                insert = _insert(connection, SESSION).on_conflict_do_nothing()
                row = {"name": session, "salt": secrets.token_hex(16), "made_utc": _now()}
                connection.execute(insert, row)
                self._salt = str(connection.scalar(sa.select(SESSION.c.salt).where(SESSION.c.name == session)))

    # Writing

    def append(self, events: Sequence[Event]) -> list[str]:
        """Keep a reader's events, all of them or none, and give the client's ids of all that are on the disk now.

        One that was sent before is acknowledged again and not kept twice. Raises SessionError for an event that is
        none, where the session is closed, and where they cannot be kept.
        """
        if len(events) > MOST_AT_ONCE:
            raise SessionError(texts.sessions.TOO_MANY_EVENTS.format(count=len(events), most=MOST_AT_ONCE))
        kept = [checked(event) for event in events]
        if any(not event.reader for event in kept):
            raise SessionError(texts.sessions.UNKNOWN_EVENT)
        if not kept:
            return []
        with self._trouble(texts.sessions.NOT_KEPT), self._line, self.engine.begin() as connection:
            self._lock(connection)
            if not self._is_open(connection):
                raise SessionError(texts.sessions.SESSION_CLOSED)
            gone = self._withdrawn(connection)
            if any(event.reader in gone for event in kept):
                raise SessionError(texts.sessions.NO_SUCH_LINK)
            self._add(connection, kept)
        return [event.client_id for event in kept]

    def record(self, kind: str, payload: dict[str, Any] | None = None, settings: dict[str, Any] | None = None) -> None:
        """Keep something that the organiser or the program did (ORGANISER_KINDS)."""
        if kind not in ORGANISER_KINDS:
            raise ValueError(f"{kind} is none of {ORGANISER_KINDS}")
        event = Event(kind, uuid.uuid4().hex, payload=payload or {}, settings=settings or {})
        with self._trouble(), self._line, self.engine.begin() as connection:
            self._add(connection, [event])

    def adopt(self, events: Sequence[Event]) -> int:
        """Keep events that another store kept (kind `imported`), each once; returns how many were new."""
        with self._trouble(), self._line, self.engine.begin() as connection:
            before = self._count(connection)
            self._add(connection, events)
            return self._count(connection) - before

    def withdraw(self, reader: str) -> int:
        """Remove all that a reader answered, and leave a record that it was done; returns how many events went.

        The reader's links are dead with it, and what that reader's page still holds is refused.
        """
        mine = (EVENT.c.session == self.session) & (EVENT.c.reader == reader)
        with self._trouble(), self._line, self.engine.begin() as connection:
            self._lock(connection)
            count = connection.scalar(sa.select(sa.func.count()).where(mine)) or 0
            payload = {"reader": reader, "events": count}
            self._add(connection, [Event("withdrawn", uuid.uuid4().hex, payload=payload)])
            connection.execute(sa.delete(EVENT).where(mine))
        if self.engine.dialect.name == "sqlite":  # nothing of it stays in free pages or in the log
            with self._trouble(), self.engine.connect() as connection:
                plain = connection.execution_options(isolation_level="AUTOCOMMIT")
                plain.exec_driver_sql("VACUUM")
                plain.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return count

    def _add(self, connection: sa.Connection, events: Sequence[Event]) -> None:
        rows = [
            {
                "session": self.session,
                "reader": event.reader,
                "client_id": event.client_id,
                "at_utc": _now(),
                "said_utc": event.said_utc[:40],
                "kind": event.kind,
                "assignment": event.assignment,
                "case_id": event.case,
                "arm": event.arm,
                "weights": event.weights,
                "version": priorrg.__version__,
                "settings": event.settings,
                "payload": event.payload,
            }
            for event in events
        ]
        if rows:
            connection.execute(_insert(connection, EVENT).on_conflict_do_nothing(), rows)

    # Reading

    def events(self, reader: str | None = None, after: int = 0) -> list[Kept]:
        """All events in the order in which they were kept, or those of one reader. after: a number to begin behind."""
        chosen = (EVENT.c.session == self.session) & (EVENT.c.number > after)
        if reader is not None:
            chosen &= EVENT.c.reader == reader
        with self._trouble(), self._reading() as connection:
            return [_kept(row) for row in connection.execute(sa.select(EVENT).where(chosen).order_by(EVENT.c.number))]

    def is_open(self) -> bool:
        """Whether readers may read and answer now."""
        with self._trouble(), self._reading() as connection:
            return self._is_open(connection)

    def withdrawn(self) -> set[str]:
        with self._trouble(), self._reading() as connection:
            return self._withdrawn(connection)

    def protocol_text(self) -> str:
        """The protocol as it stood when the session was opened; empty before that."""
        found = self._organiser("protocol")
        return found[-1]["text"] if found else ""

    def _is_open(self, connection: sa.Connection) -> bool:
        kinds = ("session_opened", "session_closed", "session_reopened")
        chosen = (EVENT.c.session == self.session) & (EVENT.c.reader == "") & EVENT.c.kind.in_(kinds)
        last = connection.scalar(sa.select(EVENT.c.kind).where(chosen).order_by(EVENT.c.number.desc()).limit(1))
        return last in ("session_opened", "session_reopened")

    def _withdrawn(self, connection: sa.Connection) -> set[str]:
        chosen = (EVENT.c.session == self.session) & (EVENT.c.reader == "") & (EVENT.c.kind == "withdrawn")
        return {payload["reader"] for payload in connection.scalars(sa.select(EVENT.c.payload).where(chosen))}

    def _organiser(self, *kinds: str) -> list[dict[str, Any]]:
        chosen = (EVENT.c.session == self.session) & (EVENT.c.reader == "") & EVENT.c.kind.in_(kinds)
        with self._trouble(), self._reading() as connection:
            query = sa.select(EVENT.c.kind, EVENT.c.payload).where(chosen).order_by(EVENT.c.number)
            return [{"kind": row.kind} | row.payload for row in connection.execute(query)]

    def _count(self, connection: sa.Connection) -> int:
        return connection.scalar(sa.select(sa.func.count()).where(EVENT.c.session == self.session)) or 0

    def _lock(self, connection: sa.Connection) -> None:
        """Until the end of this transaction: an answer is kept wholly before a withdrawal or a closing, or after it."""
        if self.engine.dialect.name == "postgresql":
            connection.execute(sa.select(SESSION.c.name).where(SESSION.c.name == self.session).with_for_update())

    # Links

    def make_link(self, reader: str) -> str:
        """A token of 128 bits for a reader, who had none; it is given here once, and its digest is kept."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self.record("link_made", {"reader": reader, "token": self.digest(token)})
        return token

    def revoke_links(self, reader: str) -> int:
        """Every link of a reader is dead from now on; returns how many there were."""
        mine = [token for token, whose in self._links().items() if whose == reader]
        for token in mine:
            self.record("link_revoked", {"reader": reader, "token": token})
        return len(mine)

    def reader_by_token(self, token: str) -> str | None:
        """The pseudonym of the reader whose link it is; None for a token that opens nothing (any more)."""
        if not 10 <= len(token) <= 100:
            return None
        reader = self._links().get(self.digest(token))
        return None if reader is None or reader in self.withdrawn() else reader

    def readers_with_links(self) -> set[str]:
        return set(self._links().values())

    def _links(self) -> dict[str, str]:
        links: dict[str, str] = {}
        for record in self._organiser("link_made", "link_revoked"):
            if record["kind"] == "link_made":
                links[record["token"]] = record["reader"]
            else:
                links.pop(record["token"], None)
        return links

    def digest(self, text: str) -> str:
        """Of a token or a fingerprint under this session's salt: two sessions cannot be matched by it."""
        return hashlib.sha256(f"{self._salt}:{text}".encode()).hexdigest()[:32]

    def _reading(self) -> sa.Connection:
        """A connection that takes no lock: SQLite's readers do not wait for who writes."""
        return self.engine.connect().execution_options(is_reading=True)

    @contextmanager
    def _trouble(self, said: str = "") -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
            log.error("the database of a session cannot be used: %s", reason)
            raise SessionError(said or texts.sessions.UNUSABLE.format(reason=reason)) from error


def address(url: str) -> str:
    """A database's URL with the driver that is used: psycopg 3."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else url


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return sa.create_engine(parsed, pool_pre_ping=True, client_encoding="utf8")
    except (ArgumentError, ImportError) as error:
        raise SessionError(
            f"{url.split('@')[-1]} is no database that a session can be kept in ({error}). Give sqlite:///FILE, or "
            "postgresql://USER@HOST/NAME with psycopg installed (pip install priorrg[sessions])."
        ) from error
    file = Path(parsed.database or "")
    try:
        file.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        file.touch(mode=0o600)
    except OSError as error:
        raise SessionError(f"The session's database {file} cannot be used: {error.strerror or error}.") from error
    engine = sa.create_engine(parsed, poolclass=NullPool, connect_args={"timeout": LOCK_WITHIN_S})

    @listens_for(engine, "connect")
    def _connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin where SQLAlchemy says, and not at the first write
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")

    @listens_for(engine, "begin")
    def _begun(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        if options.get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN" if options.get("is_reading") else "BEGIN IMMEDIATE")

    return engine


def _migrate(engine: sa.Engine, url: str) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["engine"] = engine
    try:
        alembic.command.upgrade(config, "head")
    except CommandError as error:
        shown = sa.make_url(url).render_as_string(hide_password=True)
        raise SessionError(
            f"The database {shown} was written by a newer PriorRG or another program ({error}). Update this one, or "
            "choose another database. Nothing was changed."
        ) from error


def _insert(connection: sa.Connection, table: sa.Table) -> Any:
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def _kept(row: sa.Row) -> Kept:
    event = Event(
        row.kind,
        row.client_id,
        row.reader,
        row.assignment,
        row.case_id,
        row.arm,
        row.weights,
        row.settings,
        row.said_utc,
        row.payload,
    )
    return Kept(row.number, row.at_utc, row.version, event)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
