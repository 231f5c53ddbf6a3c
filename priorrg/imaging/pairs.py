"""What two radiographs say about each other and about themselves: facts for the reader, none of which blocks.

Pure: radiographs in, remarks out. A remark names what is the case and with which values; the words are the page's.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from priorrg.imaging.header import CAPTURES, CHEST, RADIOGRAPHS
from priorrg.imaging.orientation import BEARINGS, INVERSE, MIRRORED
from priorrg.imaging.polarity import MIRRORED as MIRRORED_BY_HEADER
from priorrg.imaging.polarity import POLARITY
from priorrg.study import UNKNOWN_VIEW, Orientation, Radiograph

LATERAL = "LATERAL"


@dataclass(frozen=True)
class Remark:
    """One thing to know. side: `current`, `prior`, or empty where it is about both.

    kind and the keys of values: those of the sentences in priorrg/texts/notes.py. offers_swap: whether exchanging
    current and prior may be the answer. remedy: the correction of the image that may be.
    """

    kind: str
    side: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    is_warning: bool = False
    offers_swap: bool = False
    remedy: Orientation | None = None


@dataclass(frozen=True)
class Sorting:
    """Several files sorted into a study. remarks: one a file, in the order of use, and how the order was found."""

    current: Radiograph | None
    prior: Radiograph | None
    remarks: tuple[Remark, ...]


def remarks_on(current: Radiograph | None, prior: Radiograph | None) -> tuple[Remark, ...]:
    """Everything to know about a study's images: what lies between the two first, then each of them."""
    found: list[Remark] = []
    if current is not None and prior is not None:
        found += _between(current, prior)
    for side, radiograph in (("current", current), ("prior", prior)):
        if radiograph is not None:
            found += _about(side, radiograph)
    return tuple(found)


def are_different_people(one: Radiograph, other: Radiograph) -> bool:
    """By digests of identifier and issuer; False where a file names nobody. The same identifier proves nothing."""
    if one.header is None or other.header is None or not (one.header.person and other.header.person):
        return False
    if one.header.person != other.header.person:
        return True
    return bool(one.header.issuer and other.header.issuer) and one.header.issuer != other.header.issuer


def are_same_image(one: Radiograph, other: Radiograph) -> bool:
    """The same pixels, whatever window they are shown through."""
    return one.pixels.shape == other.pixels.shape and bool(np.array_equal(one.pixels, other.pixels))


def are_same_examination(one: Radiograph, other: Radiograph) -> bool:
    """By Study Instance UID; False where a file has none."""
    return bool(one.reference and other.reference) and one.reference.study_uid == other.reference.study_uid  # type: ignore[union-attr]


def _between(current: Radiograph, prior: Radiograph) -> list[Remark]:
    found = []
    if are_different_people(current, prior):
        found.append(Remark("different people", is_warning=True))
    if are_same_image(current, prior):
        return [*found, Remark("same image", is_warning=True)]
    if are_same_examination(current, prior):
        found.append(Remark("same examination"))
    if current.study_date is None or prior.study_date is None:
        missing = [s for s, r in (("current", current), ("prior", prior)) if r.study_date is None]
        return [*found, Remark("no date", missing[0] if len(missing) == 1 else "", offers_swap=True)]
    days = (current.study_date - prior.study_date).days
    if days:
        count, unit = _amount(abs(days))
        return [*found, _order(days > 0, count, unit)]
    now, before = (r.header.time if r.header else None for r in (current, prior))
    if now is None or before is None or now == before:
        return [*found, Remark("same day", offers_swap=True)]
    minutes = (now.hour - before.hour) * 60 + now.minute - before.minute
    count, unit = (abs(minutes) // 60, "hours") if abs(minutes) >= 60 else (max(1, abs(minutes)), "minutes")
    return [*found, _order(now > before, count, unit)]


def _order(is_right: bool, count: int, unit: str) -> Remark:
    values = {"count": count, "unit": unit}
    return Remark("older", "prior", values) if is_right else Remark("swapped", "", values, True, True)


def _amount(days: int) -> tuple[int, str]:
    """Whole days up to two months, then about so many months or years: nobody counts 700 days."""
    if days <= 60:
        return days, "days"
    months = round(days / 30.44)  # of a mean year
    return (months, "months") if months < 24 else (round(days / 365.25), "years")


def _about(side: str, radiograph: Radiograph) -> list[Remark]:
    header = radiograph.header
    found = []
    if header is not None and header.modality not in RADIOGRAPHS | CAPTURES:
        found.append(Remark("other modality", side, {"modality": header.modality}, True))
    if header is not None and header.body_part not in ("", CHEST):
        found.append(Remark("other part", side, {"part": header.body_part}, True))
    if radiograph.view_position == LATERAL:
        found.append(Remark("lateral", side, is_warning=True))
    doubts = radiograph.doubts
    if found:  # by its header it is no frontal chest radiograph: how should it look like one?
        doubts = ()
    elif _is_told(radiograph):
        doubts = tuple(doubt for doubt in doubts if doubt in BEARINGS)
    found += [Remark(kind, side, is_warning=True, remedy=_UNDONE_BY.get(kind)) for kind in radiograph.cautions]
    if doubts:
        found.append(Remark("looks", side, {"doubts": doubts}, True, remedy=radiograph.remedy))
    if not found and header is not None and header.laterality in ("L", "R"):
        return [Remark("one side", side, {"laterality": header.laterality})]
    return found


# What the reader can do about a caution: the other way round.
_UNDONE_BY = {POLARITY: INVERSE, MIRRORED_BY_HEADER: MIRRORED}


def _is_told(radiograph: Radiograph) -> bool:
    """Whether the header itself says that this is a frontal chest radiograph, so that its looks need no judgement.

    A header speaks for the part of the body and the view, never for polarity or rotation: those are always looked at.
    """
    header = radiograph.header
    if header is None or header.modality not in RADIOGRAPHS - CAPTURES:
        return False
    return header.body_part == CHEST or radiograph.view_position in ("PA", "AP")


def sort_files(images: Sequence[tuple[str, Radiograph]]) -> Sorting:
    """The newest frontal chest radiograph becomes the current image, the most recent one before it the prior.

    images: what each file that could be read is called, and its radiograph.
    What is set aside is named by that, view and date: laterals and what is no chest radiograph by its header (unless
    there is nothing else), copies of an image used, another person's, and other images of the current examination.
    Files without a date keep their order, behind those with one, and that is said.
    """
    fitting = [(name, image) for name, image in images if not any(r.kind in _ASIDE for r in _about("", image))]
    rest = _newest_first(fitting or images)
    if not rest:
        return Sorting(None, None, ())
    (name, current), *others = rest
    remarks = [_file("used as current", name, current)]
    prior, aside = None, []
    for name, image in others:
        if are_same_image(current, image) or (prior is not None and are_same_image(prior, image)):
            aside.append(_file("aside: copy", name, image))
        elif are_different_people(current, image):
            aside.append(_file("aside: different people", name, image, True))
        elif are_same_examination(current, image):
            aside.append(_file("aside: same examination", name, image))
        elif prior is None:
            prior = image
            remarks.append(_file("used as prior", name, image))
        else:
            aside.append(_file("aside: older", name, image))
    if prior is None:
        remarks.append(Remark("no prior among files"))
    if fitting:
        for name, image in images:
            kinds = [r.kind for r in _about("", image) if r.kind in _ASIDE]
            aside += [_file(f"aside: {kinds[0]}", name, image)] if kinds else []
    undated = [image for _, image in rest if image.study_date is None]
    if undated and len(rest) > 1:
        remarks.append(Remark("no dates" if len(undated) == len(rest) else "some dates"))
    return Sorting(current, prior, (*remarks, *aside))


_ASIDE = ("other modality", "other part", "lateral")


def _newest_first(images: Sequence[tuple[str, Radiograph]]) -> list[tuple[str, Radiograph]]:
    def moment(image: Radiograph) -> datetime.datetime:
        time = image.header.time if image.header else None
        return datetime.datetime.combine(image.study_date or datetime.date.min, time or datetime.time.min)

    return sorted(images, key=lambda pair: moment(pair[1]), reverse=True)  # stable: equal ones keep their order


def _file(kind: str, name: str, image: Radiograph, is_warning: bool = False) -> Remark:
    time = image.header.time if image.header else None
    values = {
        "name": name,
        "view": "" if image.view_position == UNKNOWN_VIEW else image.view_position,
        "date": image.study_date.isoformat() if image.study_date else "",
        "time": time.strftime("%H:%M") if time and image.study_date else "",
    }
    return Remark(kind, "", values, is_warning)
