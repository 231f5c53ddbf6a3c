"""One session as it lies on the disk: its protocol, its cases, its folder and its store, put together.

`sessions/NAME.yaml` is the protocol and `sessions/NAME/` the organiser's folder: reports that were generated before
(prepare.py), the file of names and links (links.csv), and the answers where no other database is named.
"""

from __future__ import annotations

import datetime
from functools import cached_property, lru_cache
from pathlib import Path

from priorrg.errors import SessionError
from priorrg.sessions.cases import Case, read_cases
from priorrg.sessions.events import Event
from priorrg.sessions.plan import Assignment, plan
from priorrg.sessions.protocol import Protocol, parse_protocol, protocol_digest, read_protocol
from priorrg.sessions.state import ReaderState, rebuilt
from priorrg.sessions.store import Store


class Session:
    """name: the protocol file's, without .yaml. store: of its answers. One object serves many requests at once."""

    def __init__(self, file: Path, store: Store):
        self.file, self.store = file, store
        self._fixed = ""  # the protocol's text, once it was opened

    @classmethod
    def at(cls, file: str | Path, database: str = "") -> Session:
        """The session of a protocol file. database: a URL; empty: SQLite in the session's folder.

        Raises SessionError where the protocol cannot be read.
        """
        file = Path(file)
        read_protocol(file)
        url = database or f"sqlite:///{file.with_suffix('') / 'answers.sqlite3'}"
        return cls(file, Store(url, file.stem))

    @property
    def name(self) -> str:
        return self.file.stem

    @property
    def folder(self) -> Path:
        return self.file.with_suffix("")

    @property
    def protocol_text(self) -> str:
        """As it stood when the session was opened: what is changed in the file later changes nothing."""
        self._fixed = self._fixed or self.store.protocol_text()
        return self._fixed or self.file.read_text(encoding="utf-8-sig")

    @property
    def protocol(self) -> Protocol:
        return _parsed(self.protocol_text, str(self.file))

    @property
    def digest(self) -> str:
        return protocol_digest(self.protocol_text)

    @property
    def cases(self) -> dict[str, Case]:
        """By id, in the order of the file. Read once: an organiser who changes them starts the server anew."""
        return self._cases

    @cached_property
    def _cases(self) -> dict[str, Case]:
        listed = {case.id: case for case in read_cases(self.file.parent / self.protocol.cases)}
        unknown = next((name for name in self.protocol.practice if name not in listed), None)
        if unknown is not None:
            raise SessionError(f"{self.file}: practice names {unknown}, which is none of the cases.")
        if len(listed) == len(self.protocol.practice):
            raise SessionError(f"{self.file}: all cases are for practice. Add one that is read.")
        self._check_reports(list(listed.values()))
        return listed

    def _check_reports(self, cases: list[Case]) -> None:
        """Every arm has its text in every case."""
        for arm in self.protocol.arms:
            for case in cases:
                if not arm.is_model and arm.report != "none" and not given_report(case, arm.report):
                    column = arm.report.replace("other:", "report:").replace("planted", "planted_report")
                    raise SessionError(f"Arm {arm.name}: case {case.id} has nothing in its column {column}.")

    def assignments(self, reader: str) -> list[Assignment]:
        """A reader's plan. Raises SessionError for a pseudonym that the protocol does not have."""
        if reader not in self.protocol.readers:
            known = ", ".join(self.protocol.readers)
            raise SessionError(f"{reader} is no reader of {self.name}; they are {known}.")
        return plan(self.protocol, list(self.cases), reader)

    def state(self, reader: str) -> ReaderState:
        """How far a reader is, rebuilt from the store."""
        return rebuilt(self.store.events(reader))

    def due(self, reader: str, assignment: Assignment, now: datetime.datetime) -> datetime.datetime | None:
        """When the washout before an assignment's visit ends; None where it may be read now. Times are UTC, naive."""
        if assignment.visit == 1 or not self.protocol.washout_days:
            return None
        state = self.state(reader)
        before = [one for one in self.assignments(reader) if one.visit < assignment.visit]
        ends = [state.of(one.number).submitted_utc for one in before]
        last = max((end for end in ends if end is not None), default=None)
        due = last and last + datetime.timedelta(days=self.protocol.washout_days)
        return due if due and due > now else None

    def event(self, reader: str, assignment: Assignment | None, kind: str, client_id: str, **values: object) -> Event:
        """An event of a reader with case, arm, weights and settings filled in; values: payload, said_utc."""
        if assignment is None:
            return Event(kind, client_id, reader, settings={"protocol": self.digest}, **values)  # type: ignore[arg-type]
        weights, settings = self._written_by(assignment)
        return Event(
            kind,
            client_id,
            reader,
            assignment.number,
            assignment.case,
            assignment.arm,
            weights,
            settings | {"protocol": self.digest, "visit": assignment.visit, "repeat": assignment.is_repeat},
            **values,  # type: ignore[arg-type]
        )

    def _written_by(self, assignment: Assignment) -> tuple[str, dict[str, object]]:
        from priorrg.sessions.prepare import prepared

        shown = [prepared(self, assignment.case, name) for name in assignment.arms]
        weights = ",".join(one.weights_digest if one else "" for one in shown).strip(",")
        return weights, {name: one.settings for name, one in zip(assignment.arms, shown, strict=True) if one}


def given_report(case: Case, report: str) -> str:
    """The text of an arm that no model writes."""
    if report.startswith("other:"):
        return case.others.get(report.removeprefix("other:"), "")
    return {"reference": case.reference, "planted": case.planted_report}.get(report, "")


def session_files(folder: str | Path) -> list[Path]:
    """The protocol files of a folder, by name."""
    return sorted(Path(folder).glob("*.yaml"))


_parsed = lru_cache(maxsize=64)(parse_protocol)
