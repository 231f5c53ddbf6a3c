"""Where the model's patches lie on the radiograph. The model sees a centred square only; this room remembers that."""

from __future__ import annotations

from dataclasses import dataclass

from priorrg.study import Radiograph


@dataclass(frozen=True)
class Seen:
    """The square of the radiograph that reached the model, as fractions of its width and height."""

    left: float
    top: float
    width: float
    height: float


def seen_square(radiograph: Radiograph) -> Seen:
    """The centre crop of PriorRGProcessor.images: shorter side resized to the input size, then the middle square."""
    rows, columns = radiograph.pixels.shape
    edge = min(rows, columns)
    return Seen((columns - edge) / 2 / columns, (rows - edge) / 2 / rows, edge / columns, edge / rows)
