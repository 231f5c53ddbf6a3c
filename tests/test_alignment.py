"""The prior laid over the current image: placements that are known are found again, what does not fit is not praised.

An error counts in parts of the film's longest edge: 0.5 % is 2 mm of a chest film.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from priorrg.imaging.alignment import FAIR, GOOD, align
from priorrg.imaging.open import read_trusted
from priorrg.study import Radiograph
from tests.browsing import EXAMPLE

CURRENT, PRIOR = (read_trusted(EXAMPLE / f"{name}.dcm") for name in ("current", "prior"))
OTHER = read_trusted(EXAMPLE.parent / "new-tube" / "current.dcm")


def moved(film: Radiograph, scale: float, degrees: float, right: float, down: float, shape=None) -> Radiograph:
    """The film turned clockwise and scaled about its middle, then moved by parts of its edge, on a film of `shape`."""
    turn, (rows, columns) = math.radians(degrees), film.pixels.shape
    shape = shape or film.pixels.shape
    # Of the place on the new film, the place on the old one; (row, column).
    back = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) / scale
    middle = np.array([shape[0] / 2 + down * rows, shape[1] / 2 + right * rows]) - 0.5
    offset = np.array([rows, columns]) / 2 - 0.5 - back @ middle
    pixels = ndimage.affine_transform(film.pixels.astype(float), back, offset, shape, order=1)  # type: ignore[arg-type]
    return replace(film, pixels=np.clip(pixels, 0, 65535).astype(np.uint16))


def off(found, film, placement, shape) -> float:
    """How far the worst of four places is from where it was moved to, in parts of the film's edge."""
    scale, degrees, right, down = placement
    turn, (rows, columns) = math.radians(degrees), film.pixels.shape
    worst = 0.0
    for x, y in ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)):
        x, y = x * columns - columns / 2, y * rows - rows / 2
        there = (
            shape[1] / 2 + right * rows + scale * (math.cos(turn) * x - math.sin(turn) * y),
            shape[0] / 2 + down * rows + scale * (math.sin(turn) * x + math.cos(turn) * y),
        )
        x, y = x + columns / 2, y + rows / 2
        here = found.along * x - found.across * y + found.right, found.across * x + found.along * y + found.down
        worst = max(worst, math.dist(here, there) / rows)
    return worst


@pytest.mark.parametrize(
    "placement",
    [(1.0, 0.0, 0.0, 0.0), (1.08, 5.0, 0.06, -0.08), (0.9, -7.0, -0.1, 0.05), (1.12, 3.0, 0.0, 0.1)],
    ids=str,
)
def test_a_known_placement_is_found_again(placement):
    found = align(moved(PRIOR, *placement), PRIOR)
    assert off(found, PRIOR, placement, PRIOR.pixels.shape) < 0.005
    assert found.quality == "good" and found.correlation >= found.before
    assert found.scale == pytest.approx(placement[0], abs=0.01)
    assert found.degrees == pytest.approx(placement[1], abs=0.3)


def test_films_of_other_sizes_and_shapes_are_laid_over_each_other(make_radiograph):
    shape = (900, 760)
    found = align(moved(PRIOR, 0.8, 2.0, 0.0, 0.02, shape), PRIOR)
    assert off(found, PRIOR, (0.8, 2.0, 0.0, 0.02), shape) < 0.005


def test_disease_between_the_films_moves_nothing():
    """The effusion grew: what the prior's own placement says is what the current film, moved alike, says."""
    usual = align(CURRENT, PRIOR)
    further = align(moved(CURRENT, 1.06, 4.0, 0.03, -0.05), PRIOR)
    assert usual.quality == further.quality == "good"
    assert further.scale / usual.scale == pytest.approx(1.06, abs=0.01)
    assert further.degrees - usual.degrees == pytest.approx(4.0, abs=0.3)


def test_another_persons_film_fits_less_and_no_chest_at_all_hardly(make_radiograph):
    assert align(CURRENT, make_radiograph(3)).correlation < FAIR
    assert align(CURRENT, OTHER).correlation < GOOD
    blank = replace(PRIOR, pixels=np.zeros_like(PRIOR.pixels))
    assert align(CURRENT, blank).quality == "poor"


def test_what_is_shown_inverted_or_through_another_window_is_laid_by_what_is_seen():
    darker = replace(PRIOR, window=(PRIOR.window[0] * 1.3, PRIOR.window[1] * 0.8))
    found, usual = align(CURRENT, darker), align(CURRENT, PRIOR)
    assert math.hypot(found.right - usual.right, found.down - usual.down) < 0.01 * PRIOR.pixels.shape[0]
