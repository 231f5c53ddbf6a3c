"""An upload's bytes -> one Radiograph, whatever its name says. Which reader it needs is decided by its content."""

from __future__ import annotations

import io
from pathlib import Path

from priorrg.errors import ImageError
from priorrg.imaging.dicom import looks_like_dicom, read_dicom
from priorrg.imaging.raster import read_raster
from priorrg.study import Radiograph

MAX_BYTES = 200 * 1024 * 1024  # far beyond any single radiograph

# First bytes of what readers upload by mistake, and what to do about it.
_SIGNATURES = (
    (b"%PDF", "a PDF document", "Export the image itself as DICOM, PNG or JPEG."),
    (b"PK\x03\x04", "a ZIP archive", "Unpack it and choose the one image."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and choose the one image."),
    (b"GIF8", "a GIF image", "Save it as PNG."),
    (b"BM", "a bitmap (BMP)", "Save it as PNG."),
    (b"II*\x00", "a TIFF image", "Save it as PNG, which keeps 16 bits."),
    (b"MM\x00*", "a TIFF image", "Save it as PNG, which keeps 16 bits."),
    (b"\x5c\x4e\x49", "a NIfTI volume", "PriorRG reads single radiographs."),
)


def read_radiograph(source: str | Path | bytes, name: str = "", called: str = "") -> Radiograph:
    """Read one radiograph from a file or its bytes; DICOM (with or without extension), PNG or JPEG.

    name: what the reader called the file, used in messages when `source` is bytes.
    called: how messages name it instead, where its own name is not to be repeated ('File 3 of 5').
    Raises ImageError with a sentence for the reader; FileNotFoundError where a path does not exist.
    """
    if isinstance(source, bytes):
        data = source
    else:
        path = Path(source)
        name = name or path.name
        if path.stat().st_size > MAX_BYTES:
            raise ImageError(f"{called or _called(name)} is larger than 200 MB. PriorRG reads single radiographs.")
        data = path.read_bytes()
    called = called or _called(name)
    if not data:
        raise ImageError(f"{called} is empty (0 bytes). Export it again and upload it once more.")
    if data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        return read_raster(data, called)
    if looks_like_dicom(data):
        return read_dicom(io.BytesIO(data), called)
    for signature, what, advice in _SIGNATURES:
        if data.startswith(signature):
            raise ImageError(f"{called} is {what}; PriorRG reads DICOM, PNG and JPEG. {advice}")
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        raise ImageError(f"{called} is a HEIC photo; PriorRG reads DICOM, PNG and JPEG. Save it as JPEG.")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        raise ImageError(f"{called} is a WebP image; PriorRG reads DICOM, PNG and JPEG. Save it as PNG.")
    raise ImageError(f"{called} is no image that PriorRG knows. Upload one radiograph as DICOM, PNG or JPEG.")


def _called(name: str) -> str:
    """How a message names the file: quoted, and short whatever a reader called it."""
    return f"'{name[:60]}'" if name else "This file"
