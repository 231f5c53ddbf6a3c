"""What a reader measured on a radiograph, in words: distances, and the cardiothoracic ratio of two widths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from priorrg import texts
from priorrg.study import Radiograph

DISTANCE, HEART, CHEST = KINDS = ("distance", "heart", "thorax")


@dataclass(frozen=True)
class Line:
    """kind: one of KINDS. start, end: (x, y) in the radiograph's pixels."""

    kind: str
    start: tuple[float, float]
    end: tuple[float, float]

    @property
    def length(self) -> float:
        return math.dist(self.start, self.end)

    @property
    def width(self) -> float:
        """How far it goes across the film, as a cardiothoracic ratio counts."""
        return abs(self.end[0] - self.start[0])


def measured(radiograph: Radiograph, lines: Sequence[Line]) -> str:
    """All lines in one phrase; empty where they say nothing: a heart's width alone is no ratio."""
    words = texts.export.MEASURES
    found = [
        words["distance"].format(length=_length(radiograph, line.length)) for line in lines if line.kind == DISTANCE
    ]
    heart, chest = (next((line.width for line in lines if line.kind == kind), 0.0) for kind in (HEART, CHEST))
    if heart and chest:
        widths = {"heart": _length(radiograph, heart), "chest": _length(radiograph, chest)}
        found.append(words["ratio"].format(ratio=f"{heart / chest:.2f}", **widths))
    if found and radiograph.is_spacing_of_detector:
        found.append(words["detector"])
    return "; ".join(found)


def _length(radiograph: Radiograph, pixels: float) -> str:
    if radiograph.spacing_mm is None:
        return texts.export.MEASURES["pixels"].format(pixels=round(pixels))
    return texts.export.MEASURES["mm"].format(mm=f"{pixels * radiograph.spacing_mm:.1f}")
