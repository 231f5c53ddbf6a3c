"""PNG and JPEG -> Radiograph, 8 or 16 bits, turned as the camera or exporter says."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.levels import Levels, quantile
from priorrg.imaging.orientation import judged, squared
from priorrg.study import SIMULATED, Radiograph

MIN_EDGE, MAX_PIXELS = 64, 80_000_000
_GREY_TOLERANCE = 6  # of 255: JPEG's chroma rounding makes grey channels differ by a few levels


def read_raster(data: bytes, called: str, judge: bool = True) -> Radiograph:
    """Read a PNG or JPEG. Raises ImageError where it is truncated, animated, too small, too large or empty of contrast.

    8 bits are shown over their full range; 16 bits over the range of the bits that are used, for a 12-bit
    image in 16-bit samples would otherwise be black.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on damaged metadata, which may quote it
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data))
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            kind = image.format or ""
            if getattr(image, "n_frames", 1) > 1 and kind == "PNG":
                frames = image.n_frames  # type: ignore[attr-defined]
                raise ImageError(texts.imaging.ANIMATION.format(called=called, frames=frames))
            image.load()
            image = ImageOps.exif_transpose(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        millions = MAX_PIXELS // 1_000_000
        raise ImageError(texts.imaging.LARGE_IMAGE.format(called=called, millions=millions)) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error, zlib.error):
        rare = _rare_jpeg(data)
        if rare:
            raise ImageError(texts.imaging.RARE_JPEG.format(called=called, kind=rare)) from None
        raise ImageError(texts.imaging.DAMAGED.format(called=called)) from None
    if min(image.size) < MIN_EDGE:
        raise ImageError(texts.imaging.SMALL_IMAGE.format(called=called, width=image.width, height=image.height))
    pixels, bits, notes = _grey(image)
    if pixels.min() == pixels.max():
        raise ImageError(texts.imaging.FLAT_TONE.format(called=called))
    top = 1 << _used_bits(int(pixels.max()), bits)
    window = (top / 2, float(top))
    low = high = 0.0
    if bits == 16:
        levels = Levels.of(pixels)
        low, high = (quantile(levels.values, levels.counts, share) for share in (0.001, 0.999))
    if bits == 16 and high - low < top / 4:  # else it would be shown, and read, as next to one tone
        window = ((low + high + 1) / 2, max(high - low + 1, 2.0))
        notes.append(texts.imaging.NARROW_RANGE)
    elif bits == 16 and top < 1 << 16:
        notes.append(texts.imaging.FEWER_BITS.format(bits=top.bit_length() - 1))
    # A camera's MPO is a JPEG with more pictures behind the first.
    source = "JPEG" if kind == "MPO" else kind
    is_simulated = image.info.get("Description") == SIMULATED
    radiograph = Radiograph(pixels, window, source=source, bits=bits, notes=tuple(notes), is_simulated=is_simulated)
    colours = None if bits == 16 or image.mode in ("L", "1") else np.asarray(image.convert("RGB"))
    radiograph = squared(radiograph, *_pixel_size(image), called, MAX_PIXELS)
    return judged(radiograph, colours) if judge else radiograph


def _pixel_size(image: Image.Image) -> tuple[float, float]:
    """Height and width of a pixel in whatever unit, 1 and 1 where the file does not say: PNG's pHYs, JPEG's density."""
    across, down = image.info.get("dpi") or (1, 1)
    if "aspect" in image.info:  # PNG: the unit is unknown, the ratio is not
        across, down = image.info["aspect"]
    elif "jfif_density" in image.info and not image.info.get("jfif_unit"):
        across, down = image.info["jfif_density"]
    return (float(across), float(down)) if across > 0 and down > 0 else (1.0, 1.0)


def _rare_jpeg(data: bytes) -> str:
    """What is rare about it, in words, where a JPEG's frame header tells (ITU-T T.81 B.2.2), else empty."""
    place = 2
    while data[:2] == b"\xff\xd8" and place + 5 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if marker in (0xC3, 0xC7, 0xCB, 0xCF, 0xF7):
            return texts.imaging.LOSSLESS
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return texts.imaging.BITS.format(bits=data[place + 4]) if data[place + 4] != 8 else ""
        place += 2 + length
    return ""


def _used_bits(largest: int, bits: int) -> int:
    """8 for 8-bit images; else the bits that the largest value needs, at least 8."""
    return 8 if bits == 8 else max(8, largest.bit_length())


def _grey(image: Image.Image) -> tuple[np.ndarray, int, list[str]]:
    """(rows, columns) uint16, the bits stored, and what was assumed."""
    notes: list[str] = []
    if image.mode == "I;16":
        return np.asarray(image), 16, notes
    if image.mode in ("I;16B", "I;16L", "I"):
        return np.clip(np.asarray(image).astype(np.int64), 0, 65535).astype(np.uint16), 16, notes
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
        if alpha.min() < 255:
            notes.append(texts.imaging.TRANSPARENT)
        ground = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
    if image.mode not in ("L", "1"):
        colours = np.asarray(image.convert("RGB")).astype(np.int16)
        spread = colours.max(axis=2) - colours.min(axis=2)
        if np.percentile(spread, 99) > _GREY_TOLERANCE:
            notes.append(texts.imaging.COLOUR)
        image = image.convert("RGB").convert("L")
    return np.asarray(image.convert("L")).astype(np.uint16), 8, notes
