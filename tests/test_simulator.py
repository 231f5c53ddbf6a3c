"""What users of the simulated studies rely on: physics that shows, anatomy that stays, seeds that repeat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from train.simulate.anatomy import sample_exposure, sample_patient
from train.simulate.film import expose
from train.simulate.patients import grade, sample_case
from train.simulate.truth import CHANGES, MASK_CHANNELS, Device, Finding, StudyTruth, change_of

SIZE = 256
NORMAL = StudyTruth(view="PA")


def chest(seed: int = 5):
    rng = np.random.default_rng(seed)
    patient = sample_patient(rng)
    exposure = replace(sample_exposure(rng, "PA"), collimation=(0.0,) * 4, side_marker="")
    return patient, exposure


def film_of(findings: tuple[Finding, ...] = (), devices: tuple[Device, ...] = (), seed: int = 5):
    return expose(*chest(seed), replace(NORMAL, findings=findings, devices=devices), SIZE)


def finding(name: str, amount: float, side: str = "", zone: str = "") -> Finding:
    return Finding(name, grade(amount), amount, side, zone, 30.0 if name == "nodule" else None)


def inside(film, channel: str) -> np.ndarray:
    """Pixels (size, size) bool of the mask's cells that are covered well."""
    cells = film.masks[MASK_CHANNELS.index(channel)] > 128
    return np.kron(cells, np.ones((SIZE // 32, SIZE // 32), dtype=bool))


def test_the_same_seed_gives_the_same_film_and_another_seed_another():
    first, again, other = sample_case(7), sample_case(7), sample_case(8)
    assert first == again
    assert first != other
    pixels = [expose(c.patient, c.current.exposure, c.current.truth, SIZE).pixels for c in (first, again, other)]
    assert np.array_equal(pixels[0], pixels[1])
    assert not np.array_equal(pixels[0], pixels[2])


def test_a_film_is_twelve_bit_and_uses_its_range():
    pixels = film_of().pixels
    assert pixels.dtype == np.uint16
    assert pixels.max() <= 4095
    assert np.percentile(pixels, 99) - np.percentile(pixels, 5) > 2000


@pytest.mark.parametrize(
    ("name", "side", "zone"),
    [("effusion", "left", ""), ("effusion", "right", ""), ("opacity", "right", "mid"), ("nodule", "left", "upper")],
)
def test_fluid_and_masses_make_the_lung_denser_where_their_mask_is(name, side, zone):
    normal, ill = film_of(), film_of((finding(name, 0.8, side, zone),))
    where = inside(ill, f"{name} {side}")
    assert where.any()
    assert ill.pixels[where].mean() > normal.pixels[where].mean() + 150
    # The patient's left is on the image's right.
    columns = np.nonzero(where)[1]
    assert (columns.mean() > SIZE / 2) == (side == "left")


def test_a_pneumothorax_is_darker_than_lung():
    normal, ill = film_of(), film_of((finding("pneumothorax", 0.8, "right"),))
    where = inside(ill, "pneumothorax right")
    assert ill.pixels[where].mean() < normal.pixels[where].mean() - 150


def test_cardiomegaly_widens_the_heart():
    normal, ill = film_of(), film_of((finding("cardiomegaly", 0.8),))
    widened = np.abs(ill.pixels.astype(int) - normal.pixels.astype(int)) > 400
    assert widened[SIZE // 2 : int(SIZE * 0.8), SIZE // 2 :].sum() > 150


def test_a_larger_amount_changes_more_of_the_film():
    normal = film_of().pixels.astype(int)
    for name, side in (("effusion", "left"), ("pneumothorax", "right"), ("edema", "")):
        small, large = (
            np.abs(film_of((finding(name, a, side),)).pixels.astype(int) - normal).mean() for a in (0.25, 0.9)
        )
        assert large > 1.3 * small, name


def test_a_device_tip_moves_with_its_distance():
    high, low = (film_of(devices=(Device("endotracheal tube", "", cm),)) for cm in (6.0, 2.0))
    channel = MASK_CHANNELS.index("endotracheal tube")
    lowest = [np.nonzero(f.masks[channel].any(axis=1))[0].max() for f in (high, low)]
    # 4 cm of a 40 cm film are 3.2 of its 32 rows.
    assert lowest[1] - lowest[0] in (3, 4)


def test_devices_and_findings_that_are_absent_have_empty_masks():
    masks = film_of((finding("effusion", 0.5, "left"),)).masks
    assert masks[MASK_CHANNELS.index("effusion left")].any()
    assert sum(channel.any() for channel in masks) == 1


def test_anatomy_stays_between_two_studies_of_a_patient():
    """Two normal films of one patient, exposed alike, differ only by noise; another patient differs in anatomy."""
    patient, exposure = chest(5)
    other, _ = chest(6)
    films = [
        expose(p, replace(exposure, seed=seed), NORMAL, SIZE).pixels.astype(float)
        for p, seed in ((patient, 1), (patient, 2), (other, 3))
    ]
    same, different = (np.corrcoef(films[0].ravel(), f.ravel())[0, 1] for f in films[1:])
    assert same > 0.99 > different


def test_all_changes_and_all_kinds_of_findings_occur():
    cases = [sample_case(seed) for seed in range(300)]
    changes, names = set(), set()
    for case in cases:
        prior, current = case.prior.truth, case.current.truth
        names |= {f.name for f in current.findings} | {d.name for d in current.devices}
        for key in {f.key for f in (*prior.findings, *current.findings)}:
            changes.add(change_of(current.finding(key), prior.finding(key)))
    assert changes == set(CHANGES)
    assert {name.removesuffix(" left").removesuffix(" right") for name in MASK_CHANNELS} == names


def test_a_truth_survives_its_written_form():
    for seed in range(20):
        truth = sample_case(seed).current.truth
        assert StudyTruth.from_dict(truth.to_dict()) == truth


def test_resolution_does_not_change_what_is_seen():
    """The app's examples are finer than the training films: averaged down they must look alike."""
    patient, exposure = chest(9)
    coarse = expose(patient, exposure, NORMAL, 256).pixels.astype(float)
    fine = expose(patient, exposure, NORMAL, 512).pixels.astype(float).reshape(256, 2, 256, 2).mean(axis=(1, 3))
    assert np.corrcoef(coarse.ravel(), fine.ravel())[0, 1] > 0.99
    assert abs(coarse.mean() - fine.mean()) < 40
