"""Alembic's migrations of the sessions' tables; a new one is added in versions/, none is ever changed."""
