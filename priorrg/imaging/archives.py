"""A zip archive -> the files in it that look like radiographs, unpacked within bounds. Nothing is decoded here.

A name in the archive is never a path of ours, only what a message calls its file; archives in archives stay shut.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.dicom import looks_like_dicom
from priorrg.imaging.open import MAX_BYTES

SIGNATURE = b"PK\x03\x04"
MOST_ENTRIES = 5000  # of a CD with its viewer
MOST_DIRECTORY_BYTES = 2 * 2**20  # of the list of entries, all of which is read into memory at once
MOST_UNPACKED_BYTES = 1000 * 2**20  # of all films together
HEAD_BYTES = 512  # of a file, by which it is known
_DICOM_DIRECTORY = b"1.2.840.10008.1.3.10"  # Media Storage Directory Storage: a DICOMDIR (PS3.3 F)
_END = struct.Struct("<4s4H2LH")  # end of central directory record (APPNOTE.TXT 4.3.16)
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others take far more time for the same bytes
_ENCRYPTED = 0x1
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError)


@dataclass(frozen=True)
class Unpacked:
    """films: where each lies, and its name in the archive. others: entries that are none. left: films beyond `most`."""

    films: tuple[tuple[Path, str], ...]
    others: int
    left: int


def looks_like_a_film(head: bytes) -> bool:
    """By the first HEAD_BYTES of a file: PNG, JPEG, or DICOM that is no DICOMDIR."""
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff")):
        return True
    return looks_like_dicom(head) and not is_dicom_directory(head)


def is_dicom_directory(head: bytes) -> bool:
    """By the first HEAD_BYTES: the DICOMDIR of a CD, which lists its images and holds none."""
    return head[128:132] == b"DICM" and _DICOM_DIRECTORY in head


def is_archive(path: Path) -> bool:
    """Whether the file begins as a zip archive does."""
    try:
        with path.open("rb") as file:
            return file.read(4) == SIGNATURE
    except OSError:
        return False  # reading it will say what is wrong


def unpack(path: Path, into: Path, most: int, called: str) -> Unpacked:
    """Unpack up to `most` films of an archive into the folder `into`, under names of ours.

    called: how messages name the archive. Raises ImageError where it is damaged, encrypted or larger than it may be;
    then what lies in `into` is of no use.
    """
    films: list[tuple[Path, str]] = []
    others = left = 0
    room = MOST_UNPACKED_BYTES
    try:
        _check_directory(path, called)
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.is_dir():
                    continue
                if info.flag_bits & _ENCRYPTED:
                    raise ImageError(texts.imaging.ARCHIVE_ENCRYPTED.format(called=called))
                with _opened(archive, info) as file:
                    head = file.read(HEAD_BYTES)
                    if not looks_like_a_film(head):
                        others += 1
                    elif len(films) == most:
                        left += 1
                    else:
                        target = into / f"{len(films):04d}"
                        room -= _copy(file, head, target, min(room, MAX_BYTES), called)
                        films.append((target, Path(info.filename).name))
    except _DAMAGE:  # the cause may quote names
        raise ImageError(texts.imaging.ARCHIVE_DAMAGED.format(called=called)) from None
    return Unpacked(tuple(films), others, left)


def _opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    return archive.open(info) if info.compress_type in _PLAIN else io.BytesIO()


def _copy(file: IO[bytes], head: bytes, target: Path, most: int, called: str) -> int:
    """Write `head` and the rest of `file`, counted as it comes out and not as the archive says; gives its bytes."""
    read: Callable[[], bytes] = lambda: file.read(2**20)  # noqa: E731
    written = len(head)
    with target.open("wb") as out:
        out.write(head)
        for block in iter(read, b""):
            written += len(block)
            if written > most:
                raise ImageError(texts.imaging.ARCHIVE_LARGE.format(called=called, entries=f"{MOST_ENTRIES:,}"))
            out.write(block)
    return written


def _check_directory(path: Path, called: str) -> None:
    """Refuse an archive whose list of entries alone would take much memory, before `zipfile` reads all of it."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - _END.size - 2**16))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise zipfile.BadZipFile
    _, _, _, _, entries, directory, _, _ = _END.unpack_from(tail, at)
    is_zip64 = tail[max(0, at - 20) : at].startswith(b"PK\x06\x07")  # for more entries or bytes than may be here
    if is_zip64 or entries > MOST_ENTRIES or directory > MOST_DIRECTORY_BYTES:
        raise ImageError(texts.imaging.ARCHIVE_LARGE.format(called=called, entries=f"{MOST_ENTRIES:,}"))
