"""Whether a film may show a name: writing in its pixels, which every picture that is taken away would carry on.

By the header, (0028,0301) Burned In Annotation, and by a rule on the margins: rows of small, light, evenly drawn parts.
A side marker is one or two letters and no row. The rule warns; that it finds nothing proves nothing, and it reads no
word. Its hits and false alarms on simulated films: `python -m tests.benchmarks.burned_in`.
"""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from priorrg.study import Radiograph

BY_HEADER, BY_LOOKS = "header", "looks"

# Pixels of the longest edge, and of what is wider than a letter's stroke there: small writing, then large.
_SCALES = ((1536, 11), (1024, 9))
_MARGIN = 0.22  # of the height above and below, of the width at the sides
_LIGHTER = 35  # of 255: a letter over what is round it
_HEIGHTS = (5, 48)  # pixels of a letter
_FEWEST = 5  # letters of a row: a marker has two, 'AP' and 'PA' too
_ALIKE = 1.7  # the highest letter of a row over the lowest


_MOST_REMEMBERED = 256
_remembered: dict[str, bool] = {}  # by fingerprint: a film is looked at once, however often its report is shown


def writing_in(radiograph: Radiograph) -> str:
    """BY_HEADER where the file says that there is writing in the image, BY_LOOKS where it looks so, else ''."""
    if radiograph.header is not None and radiograph.header.has_burned_in:
        return BY_HEADER
    known = radiograph.fingerprint
    if known not in _remembered:
        while len(_remembered) >= _MOST_REMEMBERED:
            _remembered.pop(next(iter(_remembered)), None)
        _remembered[known] = has_writing(radiograph.display())
    return BY_LOOKS if _remembered[known] else ""


def has_writing(shown: np.ndarray) -> bool:
    """Whether light writing stands in the margins. shown: (rows, columns) uint8, as the eye gets it."""
    return any(_longest_row(_letters(shown, longest, stroke)) >= _FEWEST for longest, stroke in _SCALES)


def _letters(shown: np.ndarray, longest: int, stroke: int) -> list[tuple[int, int, int, int]]:
    """(top, bottom, left, right) of what may be a letter: small, lighter than what is round it, of one tone."""
    image = Image.fromarray(shown)
    image.thumbnail((longest, longest), Image.Resampling.BOX)
    small = np.asarray(image).astype(np.int16)
    lighter = small - ndimage.grey_opening(small, size=(stroke, stroke)) > _LIGHTER
    rows, columns = small.shape
    high, wide = int(_MARGIN * rows), int(_MARGIN * columns)
    lighter[high : rows - high, wide : columns - wide] = False
    labels = np.zeros(lighter.shape, dtype=np.int32)
    ndimage.label(lighter, structure=np.ones((3, 3), dtype=int), output=labels)
    letters = []
    for place, part in enumerate(ndimage.find_objects(labels), start=1):
        height, width = part[0].stop - part[0].start, part[1].stop - part[1].start
        if not (_HEIGHTS[0] <= height <= _HEIGHTS[1] and width <= 1.6 * height):
            continue
        own = labels[part] == place
        values = small[part][own]
        # A letter is drawn in one tone and fills a part of its box; a speck of noise fills it, a rib's edge does not.
        if np.percentile(values, 90) - np.percentile(values, 50) < 40 and 0.12 < own.mean() < 0.95:
            letters.append((part[0].start, part[0].stop, part[1].start, part[1].stop))
    return letters


def _longest_row(letters: list[tuple[int, int, int, int]]) -> int:
    """The most letters (top, bottom, left, right) that follow one another on a line, alike in height."""
    best = 0
    letters = sorted(letters, key=lambda letter: letter[2])
    for first in letters:
        count, last = 1, first
        lowest = highest = first[1] - first[0]
        for letter in letters:
            height = letter[1] - letter[0]
            gap = letter[2] - last[3]
            if letter[2] < last[3] or gap > 1.6 * highest:
                continue
            overlap = min(letter[1], last[1]) - max(letter[0], last[0])
            if overlap < 0.6 * min(height, last[1] - last[0]):
                continue
            if max(highest, height) > _ALIKE * min(lowest, height):
                continue
            lowest, highest = min(lowest, height), max(highest, height)
            count, last = count + 1, letter
        best = max(best, count)
    return best
