"""A PostgreSQL of the tests' own: Debian's, in a temporary folder, reached by a socket there and not by network."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARIES = [Path(found).resolve().parent for found in [shutil.which("initdb") or shutil.which("postgres")] if found]
BINARIES += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
MISSING = "PostgreSQL is not on this machine (apt-get install postgresql): the store was tested with SQLite alone."


def available() -> bool:
    return any((folder / "initdb").is_file() for folder in BINARIES)


@contextmanager
def postgresql() -> Iterator[str]:
    """URL of a database that is gone afterwards."""
    programs = next(folder for folder in BINARIES if (folder / "initdb").is_file())
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to be run by root
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if user:
            shutil.chown(folder, user)
        options = {"check": True, "stdout": subprocess.DEVNULL, "user": user, "cwd": folder}
        made = [
            "--pgdata",
            folder / "data",
            "--username",
            "tests",
            "--auth",
            "trust",
            "--no-sync",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
        ]
        subprocess.run([programs / "initdb", *made], **options)
        control = [programs / "pg_ctl", "--pgdata", folder / "data", "--wait", "--log", folder / "log"]
        server = f"-k {folder} -c listen_addresses='' -c shared_buffers=16MB -c max_connections=40"
        subprocess.run([*control, "--options", server, "start"], **options)
        try:
            yield f"postgresql://tests@/postgres?host={folder}"
        finally:
            subprocess.run([*control, "--mode", "immediate", "stop"], **options)
