"""An upload's bytes -> one Radiograph, whatever its name says. Which reader it needs is decided by its content."""

from __future__ import annotations

import io
from pathlib import Path

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.decoders import NOBODY, decoders
from priorrg.imaging.dicom import looks_like_dicom, read_dicom
from priorrg.imaging.raster import read_raster
from priorrg.study import Radiograph

MAX_BYTES = 200 * 1024 * 1024  # far beyond any single radiograph

# First bytes of what readers upload by mistake.
_SIGNATURES = (
    (b"%PDF", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"\x5c\x4e\x49", "nifti"),
)


def read_radiograph(
    source: str | Path | bytes, name: str = "", called: str = "", client: tuple[str, str] = NOBODY
) -> Radiograph:
    """Read one radiograph from a file or its bytes; DICOM (with or without extension), PNG or JPEG.

    It is decoded in a process of its own, within limits of time and memory (decoders.py).

    name: what the reader called the file, used in messages when `source` is bytes.
    called: how messages name it instead, where its own name is not to be repeated ('File 3 of 5').
    client: whose file it is, where several are served: see Decoders.read.
    Raises ImageError with a sentence for the reader; FileNotFoundError where a path does not exist.
    """
    called = called or _called(name or ("" if isinstance(source, bytes) else Path(source).name))
    _check_size(source, called)
    return decoders().read(source if isinstance(source, bytes) else Path(source).absolute(), called, client)


def read_trusted(source: str | Path | bytes, name: str = "", called: str = "", *, judge: bool = True) -> Radiograph:
    """As `read_radiograph`, but decoded here: for files of our own, such as a training set, and in a decoder itself.

    judge: False leaves `doubts` empty, which nobody reads of a training set and which cost as much as the rest.
    A damaged file may take this process's time and memory, or end it.
    """
    called = called or _called(name or ("" if isinstance(source, bytes) else Path(source).name))
    _check_size(source, called)
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    if not data:
        raise ImageError(texts.imaging.EMPTY_FILE.format(called=called))
    if data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        return read_raster(data, called, judge)
    if looks_like_dicom(data):
        return read_dicom(io.BytesIO(data), called, judge)
    other = _other_format(data)
    if other:
        what, advice = texts.imaging.OTHER_FORMATS[other]
        raise ImageError(texts.imaging.OTHER_FORMAT.format(called=called, what=what, advice=advice))
    raise ImageError(texts.imaging.UNKNOWN_FORMAT.format(called=called))


def _check_size(source: str | Path | bytes, called: str) -> None:
    """Raises ImageError for what is larger than any radiograph, FileNotFoundError."""
    size = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
    if size > MAX_BYTES:
        raise ImageError(texts.imaging.LARGE_FILE.format(called=called, megabytes=MAX_BYTES // 2**20))


def _other_format(data: bytes) -> str:
    """What the file is instead, a key of texts.imaging.OTHER_FORMATS; empty where it is nothing that is known."""
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        return "heic"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((name for signature, name in _SIGNATURES if data.startswith(signature)), "")


def _called(name: str) -> str:
    """How a message names the file: quoted, and short whatever a reader called it."""
    return texts.imaging.QUOTED.format(name=name[:60]) if name else texts.imaging.THIS_FILE
