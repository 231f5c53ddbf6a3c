"""Who the readers are: names and personal links in one file of the organiser's, and nowhere else.

The store knows pseudonyms and salted digests of tokens; whoever has this file can say who is who and read as anybody.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from priorrg.errors import SessionError
from priorrg.sessions.session import Session

COLUMNS = ("reader", "name", "link")


@dataclass(frozen=True)
class Link:
    """One line of the file. link: the whole address, with the token behind #, so that it stands in no server's log."""

    reader: str
    name: str
    link: str


def links_file(session: Session) -> Path:
    return session.folder / "links.csv"


def read_links(session: Session) -> list[Link]:
    file = links_file(session)
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8-sig") as lines:
        return [Link(*(row.get(name) or "" for name in COLUMNS)) for row in csv.DictReader(lines)]


def make_links(session: Session, address: str, names: list[str]) -> list[Link]:
    """A link for each reader who has none, and the file with all of them. names: of readers in the protocol's order.

    Raises SessionError for more names than readers, and where the file cannot be written.
    """
    readers = session.protocol.readers
    if len(names) > len(readers):
        raise SessionError(
            f"There are {len(names)} names and {len(readers)} readers in {session.file}. Add readers to the protocol."
        )
    there = {link.reader: link for link in read_links(session)}
    have, gone = session.store.readers_with_links(), session.store.withdrawn()
    listed = []
    for place, reader in enumerate(readers):
        if reader in gone:
            continue
        before = there.get(reader, Link(reader, "", ""))
        name = names[place] if place < len(names) else before.name
        link = before.link if reader in have and before.link else address_of(session, reader, address)
        listed.append(Link(reader, name, link))
    write_links(session, listed)
    return listed


def renew_link(session: Session, reader: str, address: str) -> None:
    """The reader's links are dead, and the file has a new one; without an address it has none."""
    session.store.revoke_links(reader)
    write_links(
        session,
        [
            Link(one.reader, one.name, address_of(session, reader, address) if address else "")
            if one.reader == reader
            else one
            for one in read_links(session)
        ],
    )


def address_of(session: Session, reader: str, address: str) -> str:
    return f"{address.rstrip('/')}/session/{session.name}#key={session.store.make_link(reader)}"


def write_links(session: Session, links: list[Link]) -> None:
    file = links_file(session)
    file.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    begun = file.with_suffix(".begun")
    try:
        with open(begun, "w", newline="", encoding="utf-8", opener=_private) as lines:
            writer = csv.writer(lines)
            writer.writerow(COLUMNS)
            writer.writerows((one.reader, one.name, one.link) for one in links)
        begun.replace(file)
    except OSError as error:
        raise SessionError(f"{file} cannot be written: {error.strerror or error}.") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
