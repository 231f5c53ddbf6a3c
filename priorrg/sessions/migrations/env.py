"""How Alembic reaches the database: through the store's own engine, one process at a time."""

import sqlalchemy as sa
from alembic import context

with context.config.attributes["engine"].begin() as connection:
    if connection.dialect.name == "postgresql":  # two servers that start together; SQLite began by locking the file
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7207116)"))
    context.configure(connection=connection, transactional_ddl=False, version_table="session_schema")
    context.run_migrations()
