"""Stored numbers -> pixels: rescaled to what the file means, padding black, bright = dense, every level kept.

A linear rescale changes no pixel: its slope goes into the radiograph's units. So nothing is lost to rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from pydicom.dataset import Dataset

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.levels import Levels, quantile
from priorrg.imaging.stored import values_of
from priorrg.imaging.windows import TOP, Way, table_of, ways_in
from priorrg.study import Radiograph, Window

_MOST = 65535  # the largest pixel value
_ALL_TONES = (32768.0, 65536.0)  # the window that shows a curve's tones from 0 to TOP


@dataclass(frozen=True, eq=False)
class Grey:
    """A grey image whose numbers are understood. steps: (N,) int64, one for each level of the image, in steps of the
    file's values: slope * step + intercept, slope above 0. is_shown: (N,), which levels are no padding.

    falls: whether larger stored numbers became smaller values. bits: that the stored numbers take.
    """

    levels: Levels
    steps: np.ndarray
    slope: float
    intercept: float
    is_shown: np.ndarray
    falls: bool
    bits: int


def grey_of(image: np.ndarray, data: Dataset, called: str) -> tuple[Grey, list[str]]:
    """image: (rows, columns) of stored words. Gives also what was assumed, in sentences.

    Raises ImageError where there is nothing but padding, or one value alone.
    """
    levels = Levels.of(image)
    numbers, bits, notes = values_of(image, levels, data)
    is_shown = ~(_is_padding(levels.values.astype(np.int64), data) | _is_padding(numbers, data))
    if not is_shown.any():
        raise ImageError(texts.imaging.PADDING_ALONE.format(called=called))
    table, said = _modality_table(data, numbers[is_shown])
    notes += said
    if table is not None:
        steps = np.rint(table(numbers)).astype(np.int64)
        slope, intercept, falls = 1.0, 0.0, bool(steps[is_shown][-1] < steps[is_shown][0])
    else:
        slope, intercept, said = _rescale(data)
        notes += said
        falls = slope < 0
        steps, slope = (-numbers if falls else numbers), abs(slope)
    if steps[is_shown].min() == steps[is_shown].max():
        raise ImageError(texts.imaging.FLAT_TONE.format(called=called))
    return Grey(levels, steps, slope, intercept, is_shown, falls, bits), notes


def _is_padding(numbers: np.ndarray, data: Dataset) -> np.ndarray:
    """Which of the stored numbers the image was filled up with: those of (0028,0120) and (0028,0121)."""
    first = _whole(data, "PixelPaddingValue")
    if first is None:
        return np.zeros(numbers.shape, dtype=bool)
    last = _whole(data, "PixelPaddingRangeLimit")
    low, high = sorted((first, first if last is None else last))
    return (numbers >= low) & (numbers <= high)


def _whole(data: Dataset, name: str) -> int | None:
    """An element of the pixels' own kind, whose sign may have been written as the other one."""
    try:
        value = int(data[name].value)
    except (KeyError, TypeError, ValueError):
        return None
    span = 1 << int(data.BitsAllocated)
    if int(data.get("PixelRepresentation") or 0):
        return value - span if value >= span // 2 else value
    return value + span if value < 0 else value


def _modality_table(data: Dataset, numbers: np.ndarray):
    """What (0028,3000) does to stored numbers; None where there is none that can be used."""
    items = data.get("ModalityLUTSequence") or []
    table = table_of(items[0], numbers, data) if items else None
    if table is not None and np.ptp(table(numbers)) > 0:
        return table, []
    return None, [texts.imaging.UNUSABLE_MODALITY] if items else []


def _rescale(data: Dataset) -> tuple[float, float, list[str]]:
    """(0028,1053) and (0028,1052): 1 and 0 where they are empty, or cannot be meant."""
    found, notes = [], []
    for name, usual in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0)):
        stated = data.get(name)
        if stated is None or str(stated).strip() == "":
            found.append(usual)
            continue
        try:
            value = float(stated)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value) or (name == "RescaleSlope" and value == 0) or abs(value) > 1e12:
            value = usual
            notes = [texts.imaging.UNUSABLE_RESCALE]
        found.append(value)
    return found[0], found[1], notes


def radiograph_of(grey: Grey, data: Dataset, is_inverted: bool) -> tuple[Radiograph, list[str]]:
    """Pixels, units, windows and nothing else of a radiograph; and what was assumed."""
    shown, counts = grey.steps[grey.is_shown], grey.levels.counts[grey.is_shown]
    values = grey.slope * shown + grey.intercept
    ways, notes = ways_in(data, values, counts, grey.slope)
    if not ways:
        notes.append(texts.imaging.NO_WINDOW)
    has_padding = bool((grey.levels.counts[~grey.is_shown] > 0).any())
    sign = -1 if is_inverted else 1
    dense = sign * grey.steps  # in steps, bright = dense
    low, high = int((sign * shown).min()), int((sign * shown).max())
    base = low
    if has_padding:  # below all that is shown through any window, so that it stays black
        edges = [_edge(way, grey, sign) for way in ways if way.tones is None]
        base = min(low, math.floor(max(min([low, *edges]), high - _MOST + 1))) - 1
    scale = min(1.0, _MOST / (high - base))
    pixels = np.clip(np.rint((dense - base) * scale), 1 if has_padding else 0, _MOST)
    pixels = np.where(grey.is_shown, pixels, 0).astype(np.uint16)
    units = (sign * grey.slope / scale, grey.intercept + sign * grey.slope * base)
    image = Radiograph(grey.levels.image_of(pixels), (0.0, 0.0), units=units, has_padding=has_padding)
    windows = [_window(way, grey, sign, base, scale, image) for way in ways]
    windows.append(_full_range((sign * shown - base) * scale, counts))
    first = windows[0]
    image = replace(image, window=(first.centre, first.width), curve=first.curve, windows=tuple(windows))
    return image, notes


def _centre(way: Way, grey: Grey, sign: int) -> float:
    """A linear way's centre in steps, bright = dense. Its halves differ by one value, which inverting exchanges."""
    centre = (way.centre - grey.intercept) / grey.slope
    return centre if sign > 0 else 1 - centre


def _edge(way: Way, grey: Grey, sign: int) -> float:
    """The step at and below which it shows black."""
    return _centre(way, grey, sign) - way.width / grey.slope / 2


def _window(way: Way, grey: Grey, sign: int, base: int, scale: float, image: Radiograph) -> Window:
    if way.tones is None:
        centre = (_centre(way, grey, sign) - base) * scale
        return Window(way.name, centre, max(way.width / grey.slope * scale, 2.0))
    slope, intercept = image.units
    tones = np.clip(np.rint(way.tones(slope * np.arange(int(image.pixels.max()) + 1) + intercept)), 0, TOP)
    curve = (tones if sign > 0 else TOP - tones).astype(np.uint16)
    if image.has_padding:
        curve[0] = 0
    return Window(way.name, *_ALL_TONES, curve)


def _full_range(pixels: np.ndarray, counts: np.ndarray) -> Window:
    """From the darkest to the brightest but for a thousandth at either end, which a marker or a dead pixel may be."""
    low, high = (quantile(pixels, counts, share) for share in (0.001, 0.999))
    return Window(texts.imaging.FULL_RANGE, (low + high + 1) / 2, max(high - low + 1, 2.0))
