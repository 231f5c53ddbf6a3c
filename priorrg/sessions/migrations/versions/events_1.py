"""The first tables: sessions and their events, with triggers that keep them as they are."""

import sqlalchemy as sa
from alembic import op

revision = "events_1"
down_revision = None

WITHDRAWN = """EXISTS (
    SELECT 1 FROM event AS w WHERE w.session = OLD.session AND w.reader = '' AND w.kind = 'withdrawn' AND {reader}
)"""


def upgrade() -> None:
    op.create_table(
        "session",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("made_utc", sa.DateTime, nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
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
        sqlite_autoincrement=True,  # a number is never given twice, also after a withdrawal
    )
    op.create_index("event_of_session", "event", ["session", "reader", "number"])
    if op.get_bind().dialect.name == "sqlite":
        withdrawn = WITHDRAWN.format(reader="json_extract(w.payload, '$.reader') = OLD.reader")
        op.execute("CREATE TRIGGER event_stays BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'append-only'); END")
        op.execute(
            f"CREATE TRIGGER event_remains BEFORE DELETE ON event WHEN OLD.reader = '' OR NOT {withdrawn} "
            "BEGIN SELECT RAISE(ABORT, 'append-only'); END"
        )
        return
    withdrawn = WITHDRAWN.format(reader="w.payload ->> 'reader' = OLD.reader")
    op.execute(
        "CREATE FUNCTION event_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'DELETE' AND OLD.reader <> '' AND {withdrawn} THEN RETURN OLD; END IF; "
        "RAISE EXCEPTION 'append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER event_stays BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION event_stays()"
    )
    op.execute("CREATE TRIGGER event_all BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION event_stays()")
