"""Turning, mirroring and inverting a radiograph as a correction: pixels, window, units and curves stay consistent.

Which correction an image needs is found elsewhere: by its header in priorrg/imaging/polarity.py, by its looks in
`judged`, or by its reader.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from PIL import Image

from priorrg import texts
from priorrg.errors import ImageError
from priorrg.imaging.looks import COLOUR, INVERTED, TURNED, UPSIDE_DOWN, doubts_of
from priorrg.imaging.windows import TOP
from priorrg.study import Orientation, Radiograph, Window

LEFT, RIGHT = Orientation(quarter_turns=3), Orientation(quarter_turns=1)
TURN_OVER = Orientation(quarter_turns=2)
MIRRORED, INVERSE = Orientation(is_mirrored=True), Orientation(is_inverted=True)
_SQUARE = 0.01  # sides of a pixel that differ by less are the arithmetic's or the device's
_LONGEST_PIXEL = 10.0  # a ratio beyond this is no scanner's

# The turns that may right what the looks doubt, of which one film has one at most; it may be inverted besides.
_TURNS = {TURNED: (RIGHT, LEFT), UPSIDE_DOWN: (TURN_OVER,)}
BEARINGS = frozenset({*_TURNS, INVERTED})  # the doubts about how an image is turned and which way its tones run


def corrected(radiograph: Radiograph, step: Orientation) -> Radiograph:
    """The radiograph after one more correction by its reader, judged anew. Its file's header goes with it."""
    if not step:
        return radiograph
    return judged(replace(applied(radiograph, step), orientation=radiograph.orientation.then(step)))


def applied(radiograph: Radiograph, step: Orientation) -> Radiograph:
    """The same with its pixels turned, mirrored and inverted, without a word about it."""
    image = _inverted(radiograph) if step.is_inverted else radiograph
    pixels = np.rot90(image.pixels, -step.quarter_turns)
    if step.is_mirrored:
        pixels = pixels[:, ::-1]
    return replace(image, pixels=np.ascontiguousarray(pixels))


def _inverted(radiograph: Radiograph) -> Radiograph:
    """Bright and dark exchanged between the least and the largest value, so that twice is as before."""
    pixels = radiograph.pixels
    low = int(pixels[pixels > 0].min()) if radiograph.has_padding else int(pixels.min())
    both = low + int(pixels.max())
    table = np.arange(both, -1, -1).astype(np.uint16)
    if radiograph.has_padding:
        table[0] = 0
    slope, intercept = radiograph.units
    windows = tuple(_window_inverted(window, both, radiograph.has_padding) for window in radiograph.windows)
    used = _window_inverted(Window("", *radiograph.window, radiograph.curve), both, radiograph.has_padding)
    number = window_number(radiograph)
    if number is not None:
        used = windows[number]
    return replace(
        radiograph,
        pixels=table[pixels],
        window=(used.centre, used.width),
        curve=used.curve,
        windows=windows,
        units=(-slope, intercept + slope * both),
    )


def _window_inverted(window: Window, both: int, has_padding: bool) -> Window:
    if window.curve is None:  # the halves of a linear window differ by one value
        return replace(window, centre=both - window.centre + 1)
    whole = window.curve[np.clip(np.arange(both, -1, -1), 0, len(window.curve) - 1)]
    curve = (TOP - whole[: len(window.curve)]).astype(np.uint16)
    if has_padding:
        curve[0] = 0
    return replace(window, curve=curve)


def window_number(radiograph: Radiograph) -> int | None:
    """Which of its windows it is shown through; None where it is none of them."""
    for number, window in enumerate(radiograph.windows):
        if window.curve is radiograph.curve and (window.centre, window.width) == radiograph.window:
            return number
    return None


def through(radiograph: Radiograph, number: int) -> Radiograph:
    """The radiograph through another of its windows, for eye and model alike; judged anew."""
    window = radiograph.windows[number]
    return judged(replace(radiograph, window=(window.centre, window.width), curve=window.curve))


def window_names(radiograph: Radiograph) -> list[str]:
    """What its windows are called: by its file, or by their number, from 1."""
    unnamed = texts.imaging.UNNAMED_WINDOW
    return [window.name or unnamed.format(number=number) for number, window in enumerate(radiograph.windows, start=1)]


def window_in_use(radiograph: Radiograph) -> str:
    """The name of the window that it is shown through; empty where it is none of its file's."""
    number = window_number(radiograph)
    return "" if number is None else window_names(radiograph)[number]


def through_asked(radiograph: Radiograph, asked: str) -> Radiograph:
    """Through the window that a program or the command line asks for, by name or by number from 1; empty: as it is.

    Raises ImageError, which names the windows that there are.
    """
    text, names = asked.strip().lower(), window_names(radiograph)
    if not text:
        return radiograph
    if not names:
        raise ImageError(texts.imaging.NO_CHOICE_OF_WINDOWS)
    for number, name in enumerate(names):
        if text in (str(number + 1), name.lower()):
            return through(radiograph, number)
    known = ", ".join(f"{number} ({name})" for number, name in enumerate(names, start=1))
    raise ImageError(texts.imaging.NO_SUCH_WINDOW.format(asked=asked.strip()[:40], known=known))


def judged(radiograph: Radiograph, colours: np.ndarray | None = None) -> Radiograph:
    """With the doubts of its looks, and the correction that would leave none.

    colours: (rows, columns, 3) of the file; without them a doubt about its colours stays as it was.
    """
    kept = (COLOUR,) if colours is None and COLOUR in radiograph.doubts else ()
    found = (*kept, *doubts_of(radiograph, colours))
    return replace(radiograph, doubts=found, remedy=_remedy(radiograph, found))


def _remedy(radiograph: Radiograph, doubts: tuple[str, ...]) -> Orientation | None:
    """What rights all that is doubted of how the image stands, at once; None where nothing is, or no turn does it."""
    if not BEARINGS.intersection(doubts):
        return None
    turns = next((turns for doubt, turns in _TURNS.items() if doubt in doubts), (Orientation(),))
    tried = [replace(turn, is_inverted=INVERTED in doubts) for turn in turns]
    left = {step: doubts_of(applied(radiograph, step)) for step in tried}
    best = min(tried, key=lambda step: (len(BEARINGS.intersection(left[step])), len(left[step])))
    return best if len(tried) == 1 or not BEARINGS.intersection(left[best]) else None


def squared(radiograph: Radiograph, height: float, width: float, called: str, most: int) -> Radiograph:
    """With square pixels, where those of the file are `height` high and `width` wide, in whatever unit.

    The coarser way gets more pixels, or the finer way fewer where there would be more than `most`. Raises ImageError
    for a ratio that no device has.
    """
    ratio = height / width
    if abs(ratio - 1) < _SQUARE:
        return radiograph
    if not 1 / _LONGEST_PIXEL <= ratio <= _LONGEST_PIXEL:
        raise ImageError(texts.imaging.PIXEL_SHAPE.format(called=called))
    rows, columns = radiograph.pixels.shape
    size = (rows * max(ratio, 1), columns * max(1 / ratio, 1))
    if size[0] * size[1] > most:
        size = (rows * min(ratio, 1), columns * min(1 / ratio, 1))
    rows, columns = (max(1, round(edge)) for edge in size)
    image = Image.fromarray(radiograph.pixels.astype(np.float32)).resize((columns, rows), Image.Resampling.BILINEAR)
    pixels = np.rint(np.asarray(image)).astype(np.uint16)
    said = texts.imaging.SQUARED.format(ratio=f"{max(ratio, 1 / ratio):.2f}".rstrip("0").rstrip("."))
    return replace(radiograph, pixels=pixels, notes=(*radiograph.notes, said))


def told(orientation: Orientation) -> str:
    """The correction in a person's words; empty where there is none."""
    words = [texts.imaging.TURNS[orientation.quarter_turns]] if orientation.quarter_turns else []
    words += [texts.imaging.MIRRORED] if orientation.is_mirrored else []
    words += [texts.imaging.MADE_NEGATIVE] if orientation.is_inverted else []
    return ", ".join(words)


_WORD = re.compile(r"(?P<turn>0|90|180|270)|(?P<mirror>mirrored)|(?P<invert>inverted)")


def orientation_of(text: str) -> Orientation:
    """What a program or the command line asks for: `90`, `180` or `270` (clockwise), `mirrored`, `inverted`, or several
    of them with spaces or commas between, done in that order: turned, then mirrored. Empty: as it is.

    Raises ImageError for any other word, and where one is said twice.
    """
    found: dict[str, str] = {}
    for word in re.split(r"[\s,+]+", text.strip().lower()):
        match = _WORD.fullmatch(word)
        if word and (not match or match.lastgroup in found):
            raise ImageError(texts.imaging.NO_ORIENTATION)
        if match:
            found[str(match.lastgroup)] = word
    return Orientation(int(found.get("turn", "0")) // 90, "mirror" in found, "invert" in found)


def words_of(orientation: Orientation) -> str:
    """The same in the words that `orientation_of` takes; empty where it is as it was."""
    words = [str(90 * orientation.quarter_turns)] if orientation.quarter_turns else []
    words += ["mirrored"] if orientation.is_mirrored else []
    return " ".join(words + (["inverted"] if orientation.is_inverted else []))
