"""What a DICOM header says of an image's polarity and orientation, and what is done where it contradicts itself.

Righted is what the standard leaves no doubt about; where a header contradicts itself or the image, its looks decide
between the two, and the reader is told. Field of View Rotation (0018,7032) and Horizontal Flip (0018,7034) are not
read: they say what was done to the pixels already, relative to the detector (PS3.3 C.8.11.4.1.1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydicom.dataset import Dataset

from priorrg import texts
from priorrg.imaging.header import orientation_letters, view_of
from priorrg.imaging.looks import INVERTED, TURNED, doubts_of
from priorrg.imaging.orientation import INVERSE, applied
from priorrg.study import Orientation, Radiograph

# Kinds of caution; the page has the words (priorrg/texts/notes.py).
RAW, POLARITY, MIRRORED, TURNED_BY_HEADER, LOOKS_UPRIGHT, PLANE = CAUTIONS = (
    "raw",
    "polarity",
    "mirrored by header",
    "turned by header",
    "header would turn",
    "other plane",
)
# Of an upright image: right and down on the screen. A lateral one may face either way.
_AXES = {"L": (1, 0), "R": (-1, 0), "F": (0, 1), "H": (0, -1), "A": (1, 0), "P": (-1, 0)}


@dataclass(frozen=True)
class Polarity:
    """is_inverted: whether low values are bright. is_doubtful: whether the header says both. is_at_odds: whether only
    the sign of an image made for being looked at says otherwise, which many devices fill in carelessly. is_raw: whether
    it was made for processing instead."""

    is_inverted: bool
    is_doubtful: bool
    is_at_odds: bool
    is_raw: bool


def polarity_of(data: Dataset, photometric: str, falls: bool) -> Polarity:
    """By (0028,0004) Photometric Interpretation, (2050,0020) Presentation LUT Shape and, of raw detector values, by
    (0028,1041) Pixel Intensity Relationship Sign: -1 where higher stored numbers are less radiation, so denser.

    falls: whether larger stored numbers became smaller values on rescaling. MONOCHROME1 goes with INVERSE and with 1,
    MONOCHROME2 with IDENTITY and with -1 (C.8.11.3.1.2); INVERSE beside MONOCHROME2 can only ask for inverting.
    """
    is_first = photometric == "MONOCHROME1"
    shape = _text(data, "PresentationLUTShape")
    is_inverted = is_first or shape == "INVERSE"
    is_doubtful = shape in ("INVERSE", "IDENTITY") and is_first != (shape == "INVERSE")
    is_raw = _text(data, "PresentationIntentType") == "FOR PROCESSING"  # (0008,0068)
    sign = _text(data, "PixelIntensityRelationshipSign")
    is_other = sign in ("1", "-1") and ((sign == "1") != falls) != is_inverted
    if is_raw and is_other:
        return Polarity(not is_inverted, True, False, True)
    return Polarity(is_inverted, is_doubtful, is_other, is_raw)


def turn_of(data: Dataset) -> tuple[Orientation, bool]:
    """What brings the image upright by (0020,0020) Patient Orientation, and whether it shows another plane than a
    frontal view's.

    A frontal view has the patient's left on the right of the screen, whichever way the rays went; a lateral one has the
    head at the top, and may face either way.
    """
    letters = orientation_letters(data)
    if not letters:
        return Orientation(), False
    is_lateral = view_of(data) == "LATERAL"
    is_sagittal = any(letter in "AP" for letter in letters)
    if is_sagittal and not set(letters) & {"F", "H"}:
        return Orientation(), True
    axes = [_AXES[letter] for letter in letters]
    if axes[0][0] * axes[1][1] == axes[0][1] * axes[1][0]:  # both run along one line: no plane at all
        return Orientation(), False
    for step in (Orientation(turns, mirrored) for mirrored in (False, True) for turns in range(4)):
        right, down = _seen_after(step, axes)
        if down == (0, 1) and (is_sagittal or right == (1, 0)):
            break
    return step, is_sagittal and not is_lateral


def _seen_after(step: Orientation, axes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where the rows and the columns of the screen point after the step. axes: where they point before."""
    right, down = axes
    for _ in range(step.quarter_turns):  # clockwise: what ran down the screen runs to its left
        right, down = (-down[0], -down[1]), right
    return [(-right[0], -right[1]) if step.is_mirrored else right, down]


def righted(radiograph: Radiograph, data: Dataset, polarity: Polarity | None) -> Radiograph:
    """The radiograph as its header wants it seen, with notes of what was done and cautions about what is doubtful.

    radiograph: inverted as `polarity` says, its orientation as stored. polarity: None for colours, which have none.
    """
    polarity = polarity or Polarity(False, False, False, False)
    notes, cautions = list(radiograph.notes), []
    is_inverted, is_turned_over = polarity.is_inverted, False
    if (polarity.is_doubtful or polarity.is_at_odds) and INVERTED in doubts_of(radiograph):
        other = applied(radiograph, INVERSE)
        if INVERTED not in doubts_of(other):
            radiograph, is_inverted, is_turned_over = other, not is_inverted, True
    if is_inverted:
        notes.append(texts.imaging.INVERTED)
    if polarity.is_doubtful or is_turned_over:
        notes.append(texts.imaging.POLARITY_DOUBTFUL)
        cautions.append(POLARITY)
    if polarity.is_raw:
        cautions.append(RAW)
    step, is_other_plane = turn_of(data)
    if is_other_plane:
        cautions.append(PLANE)
    if step:
        turned = applied(radiograph, step)
        # A header may not have been kept up when its image was turned. Of laterals the looks know nothing.
        if view_of(data) != "LATERAL" and _lies(turned) and not _lies(radiograph):
            cautions.append(LOOKS_UPRIGHT)
        else:
            radiograph = turned
            notes.append(texts.imaging.TURNED)
            cautions.append(MIRRORED if step == Orientation(is_mirrored=True) else TURNED_BY_HEADER)
    return replace(radiograph, notes=tuple(notes), cautions=tuple(cautions))


def _lies(radiograph: Radiograph) -> bool:
    return bool({TURNED, "upside down"} & set(doubts_of(radiograph)))


def _text(data: Dataset, name: str) -> str:
    return str(data.get(name) or "").strip(" \0").upper()
