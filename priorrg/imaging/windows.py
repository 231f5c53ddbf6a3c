"""The ways of showing an image that its file names: windows, VOI LUTs, sigmoids (PS3.3 C.11.2), and tables in general.

All in the values that the file means, after its modality LUT; pixels come in priorrg/imaging/grey.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_windowing

from priorrg import texts

TOP = 65535  # the brightest tone of a curve
_LONGEST_NAME = 40
_SAME = 0.99  # share of the pixels in one tone above which a window or table shows nothing


@dataclass(frozen=True)
class Way:
    """One of them. centre, width: as in PS3.3 C.11.2.1.2.1, of a linear one. tones: of any other: (N,) values to (N,)
    tones of 0 to TOP."""

    name: str
    centre: float = 0.0
    width: float = 0.0
    tones: Callable[[np.ndarray], np.ndarray] | None = None


def ways_in(data: Dataset, values: np.ndarray, counts: np.ndarray, step: float) -> tuple[list[Way], list[str]]:
    """Those of a file that show something of its image, in the order in which they are preferred, and what was assumed.

    Tables go before windows, for where both are given the table is the finer. values, counts: (N,) those of the image;
    step: the least difference between two of them that the file can hold.
    """
    tables, unusable = _tables(data, values, counts)
    windows, is_empty = _windows(data, values, counts, step)
    notes = [texts.imaging.UNUSABLE_CURVE] if unusable else []
    if is_empty and not tables:
        notes.append(texts.imaging.PASSED_WINDOW if windows else texts.imaging.EMPTY_WINDOW)
    ways = tables + windows
    if ways and ways[0].tones is not None:
        notes.append(texts.imaging.DISPLAY_CURVE if tables else texts.imaging.SIGMOID)
    return ways, notes


def _tables(data: Dataset, values: np.ndarray, counts: np.ndarray) -> tuple[list[Way], bool]:
    """(0028,3010) VOI LUT Sequence, and whether one of its tables cannot be used."""
    found, unusable = [], False
    for item in data.get("VOILUTSequence") or []:
        tones = table_of(item, values, data, fills=True)
        if tones is None or not _tells(tones(values), counts):
            unusable = True
            continue
        found.append(Way(_name(item.get("LUTExplanation")), tones=tones))  # (0028,3003)
    return found, unusable


def table_of(
    item: Dataset, values: np.ndarray, data: Dataset, fills: bool = False
) -> Callable[[np.ndarray], np.ndarray] | None:
    """What a LUT of a sequence does to values (PS3.3 C.11.1.1, C.11.2.1.1), None where it cannot be used.

    Below its first input the first entry counts, above its last the last. fills: whether its entries are brought from
    the range of their bits to 0 to TOP. values: (N,) that will go in: where the first input (0028,3002) lies outside of
    all of them, its sign was taken for the other one.

    Our own, because pydicom 3.0's apply_voi counts in 8 bits where the entries have 8, and so wraps 12-bit input.
    """
    try:
        entries, first, bits = (int(value) for value in item.LUTDescriptor)
        stored = item.LUTData  # (0028,3006): numbers, or bytes with one entry a word or, of 8 bits, a byte
    except (AttributeError, TypeError, ValueError):
        return None
    entries = entries % (1 << 16) or 1 << 16  # 0 entries mean 65536
    if isinstance(stored, bytes):
        is_packed = bits <= 8 and len(stored) < 2 * entries
        order = "<" if data.original_encoding[1] in (True, None) else ">"
        stored = np.frombuffer(stored[: len(stored) - len(stored) % 2], dtype=np.uint8 if is_packed else f"{order}u2")
    table = np.atleast_1d(np.asarray(stored, dtype=np.float64))[:entries]
    if table.size < 2:
        return None
    lowest, highest = float(values.min()), float(values.max())
    first = min((first, first - (1 << 16), first + (1 << 16)), key=lambda at: _outside(at, len(table), lowest, highest))
    top = float((1 << bits) - 1) if 8 <= bits <= 16 else 0.0
    if not top / 4 <= table.max() <= top:  # the entries have other bits than are said
        top = float((1 << max(8, int(table.max()).bit_length())) - 1)
    scale = TOP / top if fills else 1.0

    def tones(given: np.ndarray) -> np.ndarray:
        return table[np.clip(np.rint(given) - first, 0, len(table) - 1).astype(np.int64)] * scale

    return tones


def _outside(first: int, entries: int, lowest: float, highest: float) -> float:
    """How much of the values' range a table leaves out that begins at `first`; the nearer one where that is all."""
    covered = min(first + entries - 1, highest) - max(first, lowest)
    return -covered if covered >= 0 else 1e6 - covered


def _windows(data: Dataset, values: np.ndarray, counts: np.ndarray, step: float) -> tuple[list[Way], bool]:
    """(0028,1050) and (0028,1051) with their function (0028,1056), and whether there is one that shows nothing."""
    centres, widths = (_numbers(data.get(name)) for name in ("WindowCenter", "WindowWidth"))
    names = _all(data.get("WindowCenterWidthExplanation"))  # (0028,1055)
    function = str(data.get("VOILUTFunction") or "").strip().upper()
    found, is_empty = [], False
    for number, (centre, width) in enumerate(zip(centres, widths, strict=False)):
        name = _name(names[number]) if number < len(names) else ""
        if not (math.isfinite(centre) and math.isfinite(width) and width > 0):
            is_empty = True
        elif function == "SIGMOID":
            tones = _sigmoid(centre, width)
            if _tells(tones(values), counts):
                found.append(Way(name, tones=tones))
            else:
                is_empty = True
        elif not _shows(centre - width / 2, centre + width / 2, values, counts):
            is_empty = True
        elif function == "LINEAR_EXACT":  # from end to end, where LINEAR leaves out half a value on either side
            found.append(Way(name, centre + step / 2, width + step))
        else:
            found.append(Way(name, centre, width))
    return found, is_empty


def _sigmoid(centre: float, width: float) -> Callable[[np.ndarray], np.ndarray]:
    """PS3.3 C.11.2.1.3.1, by pydicom."""
    asked = Dataset()
    asked.PhotometricInterpretation, asked.BitsStored, asked.PixelRepresentation = "MONOCHROME2", 16, 0
    asked.WindowCenter, asked.WindowWidth, asked.VOILUTFunction = centre, width, "SIGMOID"

    def tones(values: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # far below its centre, where the tone is 0
            return apply_windowing(np.asarray(values, dtype=np.float64), asked)

    return tones


def _shows(low: float, high: float, values: np.ndarray, counts: np.ndarray) -> bool:
    """Whether any hundredth of the pixels lies inside the window, so that it is neither all black nor all white."""
    return bool(counts[(values > low) & (values < high)].sum() > (1 - _SAME) * counts.sum())


def _tells(tones: np.ndarray, counts: np.ndarray) -> bool:
    """Whether no single tone is nearly all of the image."""
    _, places = np.unique(np.rint(tones / 256), return_inverse=True)
    return bool(np.bincount(places, weights=counts).max() < _SAME * counts.sum())


def _numbers(element: object) -> list[float]:
    found = []
    for value in _all(element):
        try:
            found.append(float(str(value).replace(",", ".")))  # as some write a decimal number
        except (TypeError, ValueError):
            found.append(math.nan)  # it keeps its place among the others
    return found


def _all(element: object) -> list:
    if element is None or element == "":
        return []
    return list(element) if isinstance(element, (list, tuple, MultiValue)) else [element]


def _name(text: object) -> str:
    """An explanation as a menu can show it: one line of plain characters, not long."""
    plain = "".join(c if c.isprintable() else " " for c in str(text or ""))
    return " ".join(plain.split())[:_LONGEST_NAME]
