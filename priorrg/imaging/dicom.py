"""DICOM -> Radiograph: which objects are read, and the way through this room's other modules.

stored.py finds the numbers, grey.py and windows.py what they mean, polarity.py and orientation.py how they are seen.

Nothing that names a person is read into our objects, UIDs only as the reference of an export, and no message repeats
a value of the file other than its modality, size and transfer syntax.
"""

from __future__ import annotations

import io
import logging
import struct
import warnings
import zlib
from dataclasses import replace

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filebase import DicomFileLike
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_file_meta_info
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.grey import grey_of, radiograph_of
from priorrg.imaging.header import (
    CAPTURES,
    RADIOGRAPHS,
    date_of,
    modality_of,
    pixel_size,
    read_header,
    spacing_of,
    view_of,
)
from priorrg.imaging.orientation import judged, squared
from priorrg.imaging.polarity import polarity_of, righted
from priorrg.imaging.raster import MAX_PIXELS, MIN_EDGE
from priorrg.imaging.stored import decode
from priorrg.study import SIMULATED, DicomReference, Radiograph

# pydicom's own messages may quote values of the file, names among them.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

MAX_INFLATED = 2 * MAX_PIXELS + 2**24  # bytes: the largest image of 16 bits, and whatever stands before it
_GREY = {"MONOCHROME1", "MONOCHROME2", ""}
_COLOUR = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}

# What pydicom and its decoders raise on damaged elements, which may be met wherever an element is first looked at.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    ImportError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def looks_like_dicom(data: bytes) -> bool:
    """By the preamble (PS3.10 section 7.1), or for a bare data set by a first element of group 0002 or 0008."""
    if data[128:132] == b"DICM":
        return True
    return len(data) > 256 and data[:2] in (b"\x02\x00", b"\x08\x00") and data[2] < 0x70 and data[3] == 0x00


def read_dicom(stream: io.BytesIO, called: str, judge: bool = True) -> Radiograph:
    """Read one radiograph (PS3.3 C.7.6.3, C.11.1, C.11.2).

    Raises ImageError for an object that is no single grey radiograph, or whose pixel data cannot be decoded.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they may quote values
        try:
            data = pydicom.dcmread(_inflated(stream, called), force=True)
            _check(data, called)
            return _radiograph(data, called, judge)
        except DAMAGE:
            said = texts.imaging.DAMAGED_DICOM
            raise ImageError(said.format(called=called)) from None  # the cause may quote values of the file


def _inflated(stream: io.BytesIO, called: str) -> io.BytesIO:
    """The file with its data set unpacked where it is deflated as a whole (PS3.5 A.5), and said so in its group 0002.

    Ours, because pydicom inflates without a bound: a hundred kilobytes may hold a hundred megabytes. Raises ImageError
    where it is larger than MAX_INFLATED.
    """
    whole = stream.getvalue()
    if whole[128:132] != b"DICM":
        return stream
    stream.seek(132)
    meta = FileMetaDataset(read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2))
    start = stream.tell()
    stream.seek(0)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return stream
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    data = unpacker.decompress(whole[start:], MAX_INFLATED)
    if not unpacker.eof:
        if len(data) >= MAX_INFLATED:
            raise ImageError(texts.imaging.LARGE_INFLATED.format(called=called, megabytes=MAX_INFLATED // 2**20))
        raise EOFError
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = io.BytesIO()
    file.write(whole[:132])
    write_file_meta_info(DicomFileLike(file), meta, enforce_standard=False)
    file.write(data)
    file.seek(0)
    return file


def _check(data: Dataset, called: str) -> None:
    """Refuse what is no single radiograph before anything is decoded."""
    modality = modality_of(data)
    if (
        "Rows" not in data
        or "Columns" not in data
        or not any(k in data for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))
    ):
        if "PixelDataProviderURL" in data:  # (0028,7FE0), of JPIP
            raise ImageError(texts.imaging.PIXELS_ELSEWHERE.format(called=called))
        if modality in RADIOGRAPHS:
            raise ImageError(texts.imaging.PIXELS_MISSING.format(called=called, modality=modality))
        if not modality and "SOPClassUID" not in data:  # each object has one; of a cut compressed one nothing is left
            raise EOFError
        modality = modality or texts.imaging.MODALITY_NOT_STATED
        raise ImageError(texts.imaging.NO_IMAGE.format(called=called, modality=modality))
    frames = int(data.get("NumberOfFrames") or 1)
    if frames > 1:
        raise ImageError(texts.imaging.SEVERAL_FRAMES.format(called=called, frames=frames))
    rows, columns = int(data.Rows), int(data.Columns)
    if rows * columns > MAX_PIXELS:
        raise ImageError(texts.imaging.LARGE_DICOM.format(called=called, rows=rows, columns=columns))
    samples = int(data.get("SamplesPerPixel") or 1)
    if rows * columns * samples > MAX_PIXELS:
        raise ImageError(texts.imaging.LARGE_COLOUR.format(called=called, rows=rows, columns=columns))
    if min(rows, columns) < MIN_EDGE:
        raise ImageError(texts.imaging.SMALL_DICOM.format(called=called, width=columns, height=rows))
    if "PixelData" not in data:
        raise ImageError(texts.imaging.FLOATING_POINT.format(called=called))
    photometric = _photometric(data)
    kinds = {1: _GREY | {"PALETTE COLOR"}, 3: _COLOUR}.get(samples, set())
    if photometric not in kinds or int(data.BitsAllocated) not in (1, 8, 16, 32):
        raise ImageError(texts.imaging.OTHER_VALUES.format(called=called))
    data.PhotometricInterpretation, data.SamplesPerPixel = photometric or "MONOCHROME2", samples


def _photometric(data: Dataset) -> str:
    return str(data.get("PhotometricInterpretation") or "").strip(" \0").upper()  # (0028,0004)


def _radiograph(data: Dataset, called: str, judge: bool) -> Radiograph:
    image, colours = decode(data, called), None
    photometric = _photometric(data)
    notes = [texts.imaging.NOT_SAID_A_RADIOGRAPH] if modality_of(data) in CAPTURES else []
    if photometric in _GREY:
        grey, said = grey_of(image, data, called)
        polarity = polarity_of(data, photometric, grey.falls)
        radiograph, assumed = radiograph_of(grey, data, polarity.is_inverted)
        radiograph = replace(radiograph, bits=grey.bits, notes=(*notes, *said, *assumed))
    else:
        colours = _colours(image, data)
        polarity = None
        radiograph = _brightness(colours, called)
        radiograph = replace(radiograph, notes=(*notes, texts.imaging.COLOUR))
    rows = radiograph.pixels.shape[0]
    radiograph = squared(radiograph, *pixel_size(data), called, MAX_PIXELS)
    spacing = spacing_of(data)
    radiograph = replace(
        radiograph,
        spacing_mm=None if spacing is None else spacing[0] * rows / radiograph.pixels.shape[0],
        is_spacing_of_detector=spacing is not None and spacing[1],
        view_position=view_of(data),
        study_date=date_of(data),
        source="DICOM",
        reference=_reference(data),
        header=read_header(data),
        is_simulated=str(data.get("DerivationDescription") or "") == SIMULATED,
    )
    radiograph = righted(radiograph, data, polarity)
    return judged(radiograph, colours) if judge else radiograph


def _colours(image: np.ndarray, data: Dataset) -> np.ndarray:
    """(rows, columns, 3) uint8 in RGB. image: as decoded, which pydicom has brought to RGB from the other spaces."""
    if image.ndim == 2:
        image = apply_color_lut(image, data)  # (0028,1101) and on; entries of 8 or 16 bits, segmented ones too
        bits = 8 if int(image.max()) < 256 else 16  # some write entries of 8 bits into words
    else:
        bits = int(data.BitsStored)
    if bits <= 8 and image.dtype == np.uint8:
        return image
    shift = max(0, max(bits, int(image.max()).bit_length()) - 8)
    return (image >> shift).astype(np.uint8)


def _brightness(colours: np.ndarray, called: str) -> Radiograph:
    """A colour image's brightness by ITU-R BT.601. Rescaling and windows are for grey images alone (PS3.3 C.7.6.3)."""
    shares = np.array([299, 587, 114], dtype=np.uint32)
    pixels = np.empty(colours.shape[:2], dtype=np.uint16)
    for start in range(0, len(colours), 256):  # a few rows at a time, for the sums are four times as wide
        rows = colours[start : start + 256]
        pixels[start : start + 256] = (rows @ shares + 500) // 1000
    if pixels.min() == pixels.max():
        raise ImageError(texts.imaging.FLAT_TONE.format(called=called))
    return Radiograph(pixels, (128.0, 256.0), bits=8)


def _reference(data: Dataset) -> DicomReference | None:
    """The object's own UIDs, for exports that point at it; None where one is missing or is no UID."""
    names = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
    uids = [UID(str(data.get(name) or "")) for name in names]
    if not all(uid and uid.is_valid for uid in uids):  # anything else in that place could be a person's name
        return None
    modality = modality_of(data)
    return DicomReference(*(str(uid) for uid in uids), modality=modality if modality in RADIOGRAPHS else "OT")
