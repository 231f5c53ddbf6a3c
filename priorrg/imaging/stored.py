"""A DICOM object's pixel data -> the numbers that were stored: which decoder, which of a word's bits, which sign.

What the numbers mean (rescaling, windows, polarity) is none of this module's business.
"""

from __future__ import annotations

import re

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

import priorrg.imaging.jpeg as _jpeg  # noqa: F401  (adds its decoder to pydicom's)
from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.levels import Levels

_LOOKED_AT = 64  # rows that tell whether neighbouring values belong together


def decode(data: Dataset, called: str) -> np.ndarray:
    """(rows, columns) of whole words as they were stored, or (rows, columns, 3) in RGB.

    Raises ImageError where there is no decoder for the transfer syntax, and what pydicom raises on damaged data.
    """
    if "file_meta" not in data.__dict__ or "TransferSyntaxUID" not in getattr(data, "file_meta", {}):
        # A bare data set: its writer could only have used the default (PS3.10 section 7.1 asks for the group).
        if not hasattr(data, "file_meta"):
            data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if data.original_encoding[0] else ExplicitVRLittleEndian
        )
    syntax = data.file_meta.TransferSyntaxUID
    if not _has_decoder(syntax):
        raise ImageError(texts.imaging.NO_DECODER.format(called=called, syntax=_named(syntax)))
    # Which bits of a word are the value is decided for each value, not for each pixel: see `values_of`.
    return np.asarray(pixel_array(data, index=0, correct_unused_bits=False))


def _has_decoder(syntax: UID) -> bool:
    try:
        return get_decoder(syntax).is_available
    except NotImplementedError:
        return False


def _named(syntax: UID) -> str:
    """The standard's name for it, else its number; a damaged one could be anything, a person's name among it."""
    if syntax.name != syntax:
        return syntax.name
    return str(syntax) if re.fullmatch(r"[0-9.]{1,64}", syntax) else texts.imaging.UNKNOWN_SYNTAX


def values_of(image: np.ndarray, levels: Levels, data: Dataset) -> tuple[np.ndarray, int, list[str]]:
    """The number that each of an image's stored words holds, the bits it takes, and what was assumed.

    image: (rows, columns) as decoded; levels: its words. Gives (N,) int64. By PS3.5 8.1.1 a value lies in the Bits
    Stored (0028,0101) below and with High Bit (0028,0102), and the other bits mean nothing: there were overlays in
    them once. Where the values go on into those bits instead, the header is wrong and they are read whole: that is
    where the image is smoother with them than without.
    """
    allocated, bits = int(data.BitsAllocated), int(data.BitsStored)
    high = int(data.get("HighBit") or 0)
    whole = levels.values.astype(np.int64)
    if allocated == 1 or bits < 1:
        return whole, 1, []
    is_native = not data.file_meta.TransferSyntaxUID.is_compressed  # a codec's samples have no spare bits
    shift = high + 1 - bits if is_native and bits - 1 < high < allocated else 0
    words = whole & ((1 << allocated) - 1)
    notes = []
    if shift and int(words.max()) < 1 << bits:  # they lie at the word's lower end, whatever is said
        shift = 0
        notes.append(texts.imaging.LOW_BITS.format(bits=bits))
    masked = words >> shift & ((1 << bits) - 1)
    if int(data.get("PixelRepresentation") or 0):  # (0028,0103)
        masked = np.where(masked >> (bits - 1), masked - (1 << bits), masked)
    if np.array_equal(masked, whole):
        return whole, bits, notes
    if shift:
        return masked, bits, [texts.imaging.HIGH_BITS.format(bits=bits, low=shift)]
    if _roughness(image, levels, whole) < _roughness(image, levels, masked):
        needed = max(int(whole.max()).bit_length(), int(-whole.min() - 1).bit_length() + 1 if whole.min() < 0 else 0)
        return whole, needed, [*notes, texts.imaging.MORE_BITS.format(bits=bits, needed=needed)]
    if is_native and not (whole.min() >= 0 and whole.max() < 1 << bits):  # else only the sign was not carried on
        notes.append(texts.imaging.SPARE_BITS.format(bits=bits))
    return masked, bits, notes


def _roughness(image: np.ndarray, levels: Levels, values: np.ndarray) -> int:
    """Sum of the differences between neighbours along some rows: a wrapped or an overlaid value jumps."""
    rows = image[:: max(1, image.shape[0] // _LOOKED_AT)]
    return int(np.abs(np.diff(values[np.searchsorted(levels.values, rows)], axis=1)).sum())
