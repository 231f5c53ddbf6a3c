"""The lines of a manifest's reports as files have them: the output in the manifest's order, parts in any.

One process writes straight into the output. Several write a part each, in the folder `reports.parts` beside it, and one
of them joins these in the manifest's order. Half a line at the end of a file, of who was killed, counts for nothing.
Knows no weights and no study: a line is a JSON object with an `id`.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from priorrg import texts
from priorrg.errors import ExportError
from priorrg.many.manifest import Row

Line = dict[str, Any]


@dataclass(frozen=True)
class _Place:
    """Where a line stands. start, length: bytes."""

    file: Path
    start: int
    length: int


class Lines:
    """What stands of the lines of `rows`. weights, kinds: what each of them has to name (reports.py).

    Raises ExportError where the files hold lines of other studies, weights or kinds.
    """

    def __init__(self, output: Path, rows: Sequence[Row], weights: str, kinds: Sequence[str]):
        self.output, self.rows, self.weights, self.kinds = output, rows, weights, set(kinds)
        self.folder = output.with_suffix(".parts")
        self._look()

    def _look(self) -> None:
        self._places: dict[str, _Place] = {}
        self._whole: dict[Path, int] = {}  # bytes of each file that are whole lines
        self.failed = 0
        ids = [row.id for row in self.rows]
        if self.output.exists():
            found = self._read(self.output)
            # A file without a whole line is somebody's, not ours: the first lines come together.
            if found != ids[: len(found)] or (not found and self.output.stat().st_size):
                raise self._other(self.output)
        known = set(ids)
        for part in sorted(self.folder.glob("*.jsonl")):
            if not known.issuperset(self._read(part)):
                raise self._other(part)

    def _read(self, file: Path) -> list[str]:
        """The ids of its whole lines; one that stands elsewhere already keeps that place."""
        ids, start = [], 0
        with file.open("rb") as lines:
            for written in lines:
                if not written.endswith(b"\n"):
                    break
                try:
                    line = json.loads(written)
                    is_ours = line["weights"] == self.weights and ("error" in line or _kinds_of(line) == self.kinds)
                    ids.append(line["id"])
                except (ValueError, TypeError, KeyError):
                    is_ours = False
                if not is_ours:
                    raise self._other(file)
                if line["id"] not in self._places:
                    self._places[line["id"]] = _Place(file, start, len(written))
                    self.failed += "error" in line
                start += len(written)
        self._whole[file] = start
        return ids

    def _other(self, file: Path) -> ExportError:
        return ExportError(texts.many.OTHER_OUTPUT.format(file=file))

    @property
    def done(self) -> int:
        return len(self._places)

    @property
    def missing(self) -> list[tuple[int, Row]]:
        """The rows without a line, with their numbers in the manifest from 1."""
        return [(number, row) for number, row in enumerate(self.rows, 1) if row.id not in self._places]

    @property
    def has_parts(self) -> bool:
        return self.folder.exists()

    @contextmanager
    def adding(self, part: int | None) -> Iterator[Callable[[Sequence[Line]], None]]:
        """A function that adds lines to the output (None) or to that part, and drops those whose id has one.

        Raises ExportError where the file cannot be written.
        """
        file = self.output if part is None else self.folder / f"{part:04d}.jsonl"
        try:
            if part is not None:
                self.folder.mkdir(exist_ok=True)
            opened = file.open("ab")
            opened.truncate(self._whole.get(file, 0))
            opened.seek(0, os.SEEK_END)
        except OSError as error:
            raise ExportError(texts.many.UNWRITABLE.format(file=file, reason=error.strerror or error)) from None

        def add(lines: Sequence[Line]) -> None:
            for line in lines:
                if line["id"] not in self._places:
                    written = json.dumps(line, ensure_ascii=False).encode() + b"\n"
                    self._places[line["id"]] = _Place(file, opened.tell(), len(written))
                    opened.write(written)
                    self.failed += "error" in line
            opened.flush()

        with opened:
            yield add

    def join(self) -> None:
        """Put the parts into the output, in the manifest's order, and remove them; nothing where there are none.

        What others wrote meanwhile is looked at. Raises ExportError where a line is still missing: nothing is joined.
        """
        if not self.has_parts:
            return
        self._look()
        if self.missing:
            raise ExportError(texts.many.INCOMPLETE.format(file=self.output, missing=len(self.missing)))
        whole = self.folder / "joined"
        try:
            with whole.open("wb") as joined, ExitStack() as opened:
                files = {file: opened.enter_context(file.open("rb")) for file in self._whole}
                for row in self.rows:
                    place = self._places[row.id]
                    files[place.file].seek(place.start)
                    joined.write(files[place.file].read(place.length))
            whole.replace(self.output)  # who is killed here leaves parts that hold nothing more
            shutil.rmtree(self.folder)
        except OSError as error:
            raise ExportError(texts.many.UNWRITABLE.format(file=self.output, reason=error.strerror or error)) from None


def _kinds_of(line: Line) -> set[str]:
    return {*line.get("files", ()), *line.get("refused", ())}
