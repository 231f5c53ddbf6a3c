"""DICOM -> Radiograph: modality and VOI transformation, photometric interpretation, view and date.

Nothing that names a person is read into our objects, UIDs only as the reference of an export, and no message repeats
a value of the file other than its modality, size and transfer syntax.
"""

from __future__ import annotations

import io
import logging
import math
import struct
import warnings
import zlib
from dataclasses import replace

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, convert_color_space
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.header import CAPTURES, RADIOGRAPHS, date_of, modality_of, read_header, view_of
from priorrg.imaging.levels import Levels, quantile
from priorrg.imaging.looks import doubts_of
from priorrg.imaging.raster import MAX_PIXELS, MIN_EDGE
from priorrg.study import DicomReference, Radiograph

# pydicom's own messages may quote values of the file, names among them.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)

_GREY = {"MONOCHROME1", "MONOCHROME2", ""}
_COLOUR = {"RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}

# What pydicom and its decoders raise on damaged elements, which may be met wherever an element is first looked at.
_DAMAGE = (
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


def read_dicom(stream: io.BytesIO, called: str) -> Radiograph:
    """Read one radiograph (PS3.3 C.7.6.3, C.11.1, C.11.2).

    Raises ImageError for an object that is no single grey radiograph, or whose pixel data cannot be decoded.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they may quote values
        try:
            if _is_deflated(stream):
                raise ImageError(texts.imaging.DEFLATED.format(called=called))
            data = pydicom.dcmread(stream, force=True)
            _check(data, called)
            return _radiograph(data, *_grey(_decode(data, called), data), called)
        except _DAMAGE:
            said = texts.imaging.DAMAGED_DICOM
            raise ImageError(said.format(called=called)) from None  # the cause may quote values of the file


def _is_deflated(stream: io.BytesIO) -> bool:
    """Whether the data set is deflated (PS3.5 A.5): pydicom would inflate it before its size could be checked."""
    if stream.getvalue()[128:132] != b"DICM":
        return False
    stream.seek(132)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
    stream.seek(0)
    return meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian


def _check(data: Dataset, called: str) -> None:
    """Refuse what is no single radiograph before anything is decoded."""
    modality = modality_of(data)
    if (
        "Rows" not in data
        or "Columns" not in data
        or not any(k in data for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))
    ):
        modality = modality or texts.imaging.MODALITY_NOT_STATED
        raise ImageError(texts.imaging.NO_IMAGE.format(called=called, modality=modality))
    frames = int(data.get("NumberOfFrames") or 1)
    if frames > 1:
        raise ImageError(texts.imaging.SEVERAL_FRAMES.format(called=called, frames=frames))
    rows, columns = int(data.Rows), int(data.Columns)
    if rows * columns > MAX_PIXELS:
        raise ImageError(texts.imaging.LARGE_DICOM.format(called=called, rows=rows, columns=columns))
    if min(rows, columns) < MIN_EDGE:
        raise ImageError(texts.imaging.SMALL_DICOM.format(called=called, width=columns, height=rows))
    if "PixelData" not in data:
        raise ImageError(texts.imaging.FLOATING_POINT.format(called=called))
    if int(data.get("SamplesPerPixel") or 1) not in (1, 3) or _photometric(data) not in _GREY | _COLOUR:
        raise ImageError(texts.imaging.OTHER_VALUES.format(called=called))


def _photometric(data: Dataset) -> str:
    return str(data.get("PhotometricInterpretation", "")).strip()  # (0028,0004)


def _decode(data: Dataset, called: str) -> np.ndarray:
    if "file_meta" not in data.__dict__ or "TransferSyntaxUID" not in getattr(data, "file_meta", {}):
        # A bare data set: its writer could only have used the default (PS3.10 section 7.1 asks for the group).
        if not hasattr(data, "file_meta"):
            data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if data.original_encoding[0] else ExplicitVRLittleEndian
        )
    syntax = data.file_meta.TransferSyntaxUID
    try:
        return np.asarray(data.pixel_array)
    except (NotImplementedError, RuntimeError) as error:
        if "missing" not in str(error).lower() or not syntax.is_compressed:
            raise
        raise ImageError(texts.imaging.NO_DECODER.format(called=called, syntax=syntax.name)) from None


def _grey(stored: np.ndarray, data: Dataset) -> tuple[np.ndarray, np.ndarray | None]:
    """(rows, columns) as stored and None; of a colour image its brightness and the (rows, columns, 3) colours."""
    photometric = _photometric(data)
    if photometric == "PALETTE COLOR":
        stored = apply_color_lut(stored, data)
    if stored.ndim == 2:
        return stored, None
    if photometric in ("YBR_FULL", "YBR_FULL_422"):  # the decoders leave these, and turn the two of JPEG 2000 into RGB
        stored = convert_color_space(stored, photometric, "RGB", per_frame=True)
    colours = stored if stored.dtype == np.uint8 else np.rint(stored / max(int(stored.max()), 1) * 255).astype(np.uint8)
    return np.rint(colours @ np.array([0.299, 0.587, 0.114])).astype(np.uint8), colours  # ITU-R BT.601


def _radiograph(data: Dataset, stored: np.ndarray, colours: np.ndarray | None, called: str) -> Radiograph:
    notes: list[str] = []
    if colours is not None:
        notes.append(texts.imaging.COLOUR)
    if modality_of(data) in CAPTURES:
        notes.append(texts.imaging.NOT_SAID_A_RADIOGRAPH)
    levels = Levels.of(stored)
    # (0028,1052), (0028,1053), (0028,3000)
    values = np.asarray(apply_modality_lut(levels.values, data), dtype=np.float64)
    is_shown = ~_padding(levels.values, data)
    shown, counts = values[is_shown], levels.counts[is_shown]
    if shown.size == 0:
        raise ImageError(texts.imaging.PADDING_ALONE.format(called=called))
    if not np.isfinite(values).all():
        raise ImageError(texts.imaging.NO_NUMBERS.format(called=called))
    values = np.clip(values, shown.min(), shown.max())  # padding lies outside of what was measured
    window = None
    if data.get("VOILUTSequence"):  # (0028,3010): not linear, so it goes into the pixels
        values = _looked_up(values, data.VOILUTSequence[0])
        notes.append(texts.imaging.DISPLAY_CURVE)
        low, high = float(values.min()), float(values.max())
    else:
        window = _window(data)
        if window is not None and not _shows(window, shown, counts):
            window = None
            notes.append(texts.imaging.EMPTY_WINDOW)
        low, high = (quantile(shown, counts, share) for share in (0.001, 0.999))
        if window is None:
            notes.append(texts.imaging.NO_WINDOW)
    if values.min() == values.max():
        raise ImageError(texts.imaging.FLAT_TONE.format(called=called))
    shift = float(values.min())
    span = float(values.max()) - shift
    # Steps finer than one (a fractional rescale slope) or wider than 16 bits are fitted into uint16.
    scale = 65535 / span if span > 65535 or (span < 256 and not np.all(values == np.rint(values))) else 1.0
    toned = np.rint((values - shift) * scale).astype(np.uint16)
    units = (1 / scale, shift)
    if window is None:
        low, high = (low - shift) * scale, (high - shift) * scale
        centre, width = (low + high + 1) / 2, max(high - low + 1, 2.0)
    else:
        centre, width = (window[0] - shift) * scale, max(window[1] * scale, 2.0)
    if str(data.get("PhotometricInterpretation", "")).strip() == "MONOCHROME1":  # (0028,0004): low values are bright
        top = int(toned.max())
        toned = (top - toned).astype(np.uint16)
        centre = top - centre + 1
        units = (-1 / scale, shift + top / scale)
        notes.append(texts.imaging.INVERTED)
    radiograph = Radiograph(
        levels.image_of(toned),
        window=(centre, width),
        view_position=view_of(data),
        study_date=date_of(data),
        source="DICOM",
        bits=int(data.get("BitsStored") or 16),
        notes=tuple(notes),
        units=units,
        reference=_reference(data),
        header=read_header(data),
    )
    return replace(radiograph, doubts=doubts_of(radiograph, colours))


def _reference(data: Dataset) -> DicomReference | None:
    """The object's own UIDs, for exports that point at it; None where one is missing or is no UID."""
    names = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
    uids = [UID(str(data.get(name) or "")) for name in names]
    if not all(uid and uid.is_valid for uid in uids):  # anything else in that place could be a person's name
        return None
    modality = modality_of(data)
    return DicomReference(*(str(uid) for uid in uids), modality=modality if modality in RADIOGRAPHS else "OT")


def _looked_up(values: np.ndarray, item: Dataset) -> np.ndarray:
    """Values through a VOI LUT (C.11.2.1.1): below its first input the first entry counts, above its last the last.

    Our own, because pydicom 3.0's apply_voi counts in 8 bits where the entries have 8, and so wraps 12-bit input.
    """
    entries, first, bits = (int(v) for v in item.LUTDescriptor)  # (0028,3002); 0 entries mean 65536
    entries = entries or 1 << 16
    stored = item.LUTData  # (0028,3006): numbers, or bytes with one entry in each word or, of 8 bits, in each byte
    if isinstance(stored, bytes):
        is_packed = bits <= 8 and len(stored) < 2 * entries
        stored = np.frombuffer(stored, dtype=np.uint8 if is_packed else "<u2")
    table = np.asarray(stored, dtype=np.float64)[:entries]
    return table[np.clip(np.rint(values) - first, 0, len(table) - 1).astype(np.int64)]


def _window(data: Dataset) -> tuple[float, float] | None:
    """The first window of (0028,1050) and (0028,1051), None where there is no usable one."""
    try:
        centre, width = (
            float(v[0] if isinstance(v, (list, MultiValue)) else v) for v in (data.WindowCenter, data.WindowWidth)
        )
    except (AttributeError, TypeError, ValueError, IndexError):
        return None
    return (centre, width) if math.isfinite(centre) and math.isfinite(width) and width > 0 else None


def _shows(window: tuple[float, float], values: np.ndarray, counts: np.ndarray) -> bool:
    """Whether any hundredth of the pixels lies inside the window, so that it is neither all black nor all white."""
    low, high = window[0] - window[1] / 2, window[0] + window[1] / 2
    return bool(counts[(values > low) & (values < high)].sum() > 0.01 * counts.sum())


def _padding(stored: np.ndarray, data: Dataset) -> np.ndarray:
    """Which values as stored the image was filled up with: those of (0028,0120) and (0028,0121)."""
    first = data.get("PixelPaddingValue")
    if first is None:
        return np.zeros(stored.shape, dtype=bool)
    last = data.get("PixelPaddingRangeLimit")
    low, high = sorted((int(first), int(first if last is None else last)))
    return (stored >= low) & (stored <= high)
