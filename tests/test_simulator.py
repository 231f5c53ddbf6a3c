"""What users of the simulated studies rely on: physics that shows, anatomy that stays, seeds that repeat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest
from PIL import Image

from priorrg.errors import DataError
from priorrg.imaging.open import read_radiograph
from train.__main__ import main
from train.data import read_annotation
from train.measure.films import compare_films, film_statistics, films_table
from train.simulate.anatomy import FIELD_CM, Frame, sample_exposure, sample_patient
from train.simulate.drawing import ellipsoid
from train.simulate.film import Attenuation, expose
from train.simulate.patients import grade, sample_case
from train.simulate.sheet import write_sheet
from train.simulate.truth import CHANGES, HARD, MASK_CHANNELS, POINTS, Device, Finding, StudyTruth, change_of

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


def test_free_air_lies_above_the_fluid_of_its_side_and_does_not_hide_it():
    air, fluid = finding("pneumothorax", 0.5, "right"), finding("effusion", 0.6, "right")
    both, airy = film_of((air, fluid)), film_of((air,))
    wet = inside(film_of((fluid,)), "effusion right") & inside(both, "effusion right")
    assert both.pixels[wet].mean() > airy.pixels[wet].mean() + 300
    rows = [np.nonzero(inside(both, f"{name} right"))[0].mean() for name in ("pneumothorax", "effusion")]
    assert rows[0] < rows[1]


def test_a_tube_that_was_moved_looks_moved_and_a_drain_for_air_ends_high():
    low, high = (film_of(devices=(Device("nasogastric tube", "", cm),)) for cm in (8.8, 6.3))
    assert np.abs(low.pixels.astype(int) - high.pixels.astype(int)).max() > 400
    apical = film_of(devices=(Device("chest drain", "right", 17.5),))
    rows = np.nonzero(apical.masks[MASK_CHANNELS.index("chest drain")].any(axis=1))[0]
    assert rows.min() <= 12, "of 32: behind the first ribs"


def test_cardiomegaly_widens_the_heart():
    normal, ill = film_of(), film_of((finding("cardiomegaly", 0.8),))
    widened = np.abs(ill.pixels.astype(int) - normal.pixels.astype(int)) > 400
    assert widened[SIZE // 2 : int(SIZE * 0.8), SIZE // 2 :].sum() > 150


def test_hyperinflation_lowers_and_flattens_the_domes_and_darkens_the_lungs():
    inflated = film_of((finding("hyperinflation", 0.9),))
    normal = film_of()
    lungs = inside(inflated, "hyperinflation")
    assert lungs.any()
    # Above the old dome there is still lung; at its old height there is lung where there was abdomen.
    assert inflated.pixels[lungs].mean() < normal.pixels[lungs].mean() - 150


def test_a_broken_rib_shows_where_its_mask_is():
    for side in ("left", "right"):
        normal, broken = film_of(), film_of((finding("fracture", 0.6, side),))
        where = inside(broken, f"fracture {side}")
        changed = np.abs(broken.pixels.astype(int) - normal.pixels.astype(int))
        assert changed[where].mean() > 5 * changed[~where].mean()


def test_a_severe_edema_fills_the_airspaces_and_a_mild_one_does_not():
    normal, mild, severe = film_of(), film_of((finding("edema", 0.3),)), film_of((finding("edema", 0.95),))
    where = inside(severe, "edema")
    brighter = [f.pixels[where].mean() - normal.pixels[where].mean() for f in (mild, severe)]
    assert brighter[1] > 2 * brighter[0] > 0


def test_attenuation_is_that_of_the_tables_and_falls_with_the_voltage():
    """60 keV: 0.206 1/cm in water and 0.604 in cortical bone (NIST)."""
    at_60_kev = Attenuation.at(60 / 0.55)
    assert at_60_kev.soft == pytest.approx(0.206) and at_60_kev.bone_extra == pytest.approx(0.604 - 0.206)
    soft_beam, hard_beam = Attenuation.at(90), Attenuation.at(125)
    assert soft_beam.soft > hard_beam.soft
    assert soft_beam.bone_extra / soft_beam.soft > hard_beam.bone_extra / hard_beam.soft, "bone fades first"


def test_a_larger_amount_changes_more_of_the_film():
    normal = film_of().pixels.astype(int)
    for name, side in (("effusion", "left"), ("pneumothorax", "right"), ("edema", ""), ("hyperinflation", "")):
        small, large = (
            np.abs(film_of((finding(name, a, side),)).pixels.astype(int) - normal).mean() for a in (0.25, 0.9)
        )
        assert large > 1.3 * small, name


def test_a_device_tip_moves_with_its_distance():
    high, low = (film_of(devices=(Device("endotracheal tube", "", cm),)) for cm in (6.0, 2.0))
    channel = MASK_CHANNELS.index("endotracheal tube")
    lowest = [np.nonzero(f.masks[channel].any(axis=1))[0].max() for f in (high, low)]
    # 4 cm of a 36 cm film are 3.6 of its 32 rows.
    assert lowest[1] - lowest[0] in (3, 4)


def place(film, name: str) -> np.ndarray:
    """(2,) column and row, as parts of the film's edge."""
    return film.points[POINTS.index(name)]


def test_points_lie_where_tips_and_what_they_are_measured_from_are():
    cm = FIELD_CM * chest()[1].scale
    tube = film_of(devices=(Device("endotracheal tube", "", 4.0),))
    tip, carina = place(tube, "endotracheal tube"), place(tube, "carina")
    assert (carina - tip)[1] * cm == pytest.approx(4, abs=0.3) and abs((carina - tip)[0]) * cm < 0.5
    column, row = (tip * SIZE).astype(int)
    shown = inside(tube, "endotracheal tube")
    assert shown[row - 8 : row + 8, column].any() and not shown[row + 16 :, column].any(), "the tube ends there"
    assert np.isnan(place(film_of(), "endotracheal tube")).all() and not np.isnan(place(film_of(), "carina")).any()


def test_tubes_go_with_a_mediastinum_that_is_pushed_aside():
    devices = tuple(
        Device(name, side, 2.0) for name, side in (("endotracheal tube", ""), ("central venous catheter", "right"))
    )
    straight = film_of(devices=devices)
    pushed = film_of(findings=(finding("effusion", 1.0, "right"),), devices=devices)
    for name in ("endotracheal tube", "central venous catheter", "carina"):
        moved = (place(pushed, name) - place(straight, name)) * 40
        assert moved[0] > 0.5 and abs(moved[1]) < 0.3, name


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


def test_one_case_in_ten_is_hard_on_purpose():
    hard = [case.current.truth.hard for case in map(sample_case, range(1000))]
    assert 0.07 < sum(map(bool, hard)) / len(hard) < 0.13
    assert set(hard) == {"", *HARD}
    for case in map(sample_case, range(1000)):
        assert case.current.truth.hard != "threshold" or case.current.truth.findings


def test_a_poor_prior_is_poor_and_its_current_film_is_not():
    cases = [sample_case(seed) for seed in range(1500)]
    poor = [c for c in cases if c.current.truth.hard == "poor prior"]
    usual = [c for c in cases if not c.current.truth.hard]
    doses = [np.median([c.prior.exposure.dose for c in group]) for group in (poor, usual)]
    assert doses[0] < 0.2 * doses[1]
    now = [np.median([c.current.exposure.dose for c in group]) for group in (poor, usual)]
    assert now[0] > 0.6 * now[1]


def test_the_shifted_set_has_other_people_and_other_films():
    usual = [sample_case(seed) for seed in range(200)]
    shifted = [sample_case(seed, is_shifted=True) for seed in range(200)]
    for figure in (
        lambda c: c.patient.fat,
        lambda c: c.current.exposure.kilovolts,
        lambda c: -c.current.exposure.dose,
        lambda c: c.current.exposure.scatter,
    ):
        assert np.mean([figure(c) for c in shifted]) > np.mean([figure(c) for c in usual])


def test_films_are_written_as_dicom_too_and_belong_to_nobody(tmp_path):
    root = tmp_path / "sim"
    counts = [f"--{split}={n}" for split, n in (("train", 0), ("val", 0), ("test", 1), ("shifted", 0), ("dicom", 2))]
    assert main(["simulate", "--output", str(root), "--size", "64", "--workers", "1", *counts]) == 0
    records = read_annotation(root / "annotation.json")
    for as_dicom, as_png in zip(records["dicom"], records["test"], strict=False):
        film, same = read_radiograph(root / as_dicom.current), read_radiograph(root / as_png.current)
        assert np.array_equal(film.pixels, same.pixels)
        assert film.source == "DICOM" and film.bits == 12 and film.view_position == as_dicom.view
        assert film.study_date is not None
        data = pydicom.dcmread(root / as_dicom.current)
        assert (str(data.PatientName), data.PatientBirthDate) == ("SIMULATED^NOBODY", "")
    first, second, *others = (pydicom.dcmread(root / r.current) for r in records["dicom"])
    assert first.PatientID == second.PatientID == "SIMULATED d000000"
    assert {other.PatientID for other in others} == {"SIMULATED d000001"}, "or one's film is another's prior"
    assert first.StudyInstanceUID != second.StudyInstanceUID and first.StudyDate < second.StudyDate


def test_a_truth_of_an_older_data_set_is_read_without_what_nobody_reads():
    truth = sample_case(1).current.truth
    assert StudyTruth.from_dict(truth.to_dict() | {"low_volumes": True}) == truth


def test_a_truth_survives_its_written_form():
    for seed in range(20):
        truth = sample_case(seed).current.truth
        assert StudyTruth.from_dict(truth.to_dict()) == truth


@pytest.mark.parametrize("size", [64, 97])
def test_an_ellipsoid_is_whole_wherever_on_the_film_or_off_it_it_lies(size):
    """Only the square about it is computed."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        exposure = replace(sample_exposure(rng), tilt=float(rng.uniform(-1.6, 1.6)), scale=float(rng.uniform(0.6, 1.5)))
        frame = Frame.of(exposure, size)
        x, y = rng.uniform(-40, 40, 2)
        along, across, turn = rng.uniform(0.05, 12), rng.uniform(0.05, 12), rng.uniform(-4, 4)
        drawn = ellipsoid(frame, (x, y), (along, across, 0.5), turn)
        dx, dy = frame.x.astype(float) - x, frame.y.astype(float) - y
        u, v = np.cos(turn) * dx + np.sin(turn) * dy, np.cos(turn) * dy - np.sin(turn) * dx
        squared = np.maximum(1 - (u / along) ** 2 - (v / across) ** 2, 0)
        assert np.allclose(drawn**2, squared, atol=1e-3)  # of float32: a root at the edge would magnify its rounding


def test_resolution_does_not_change_what_is_seen():
    """The app's examples are finer than the training films: averaged down they must look alike."""
    patient, exposure = chest(9)
    coarse = expose(patient, exposure, NORMAL, 256).pixels.astype(float)
    fine = expose(patient, exposure, NORMAL, 512).pixels.astype(float).reshape(256, 2, 256, 2).mean(axis=(1, 3))
    assert np.corrcoef(coarse.ravel(), fine.ravel())[0, 1] > 0.99
    assert abs(coarse.mean() - fine.mean()) < 40


def of_power_law(exponent: float, edge: int = 256) -> np.ndarray:
    """(edge, edge) uint8 noise whose power falls with the frequency to `exponent`."""
    line = np.fft.fftfreq(edge) * edge
    frequency = np.maximum(np.hypot(line[:, None], line[None, :]), 1.0)
    spectrum = np.fft.fft2(np.random.default_rng(3).standard_normal((edge, edge))) * frequency ** (-exponent / 2)
    field = np.fft.ifft2(spectrum).real
    return np.clip(127 + 40 * field / field.std(), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("exponent", [0.0, 2.0, 3.0])
def test_the_exponent_of_a_spectrum_is_found(exponent):
    assert film_statistics(of_power_law(exponent))["exponent"] == pytest.approx(exponent, abs=0.15)


def test_grey_values_and_edges_are_those_of_the_film_that_is_shown():
    halves = np.zeros((512, 512), dtype=np.uint8)
    halves[:, 256:] = 255
    found = film_statistics(halves)
    assert (found["mean"], found["deviation"]) == pytest.approx((0.5, 0.5))
    assert found["edges"] == pytest.approx(2 / 256)  # the two columns beside the border, of 256
    assert film_statistics(np.full((300, 400), 51, dtype=np.uint8))["edges"] == 0


def test_real_films_are_measured_beside_simulated_ones_and_other_files_passed_over(tmp_path):
    with pytest.raises(DataError, match="holds no film"):
        compare_films(1, 0, tmp_path)
    Image.fromarray(of_power_law(3.0)).save(tmp_path / "film.png")
    (tmp_path / "notes.txt").write_text("not a film", encoding="utf-8")
    compared = compare_films(2, 0, tmp_path)
    assert compared["real (1 films)"]["exponent"] == pytest.approx(3.0, abs=0.15)
    assert "| real (1 films) |" in films_table(compared)


def test_a_blinded_sheet_tells_nothing_and_its_key_tells_all(tmp_path):
    write_sheet(tmp_path / "open.png", 4, patients=1, size_px=64)
    write_sheet(tmp_path / "sheet.png", 4, patients=1, size_px=64, is_blinded=True)
    key = (tmp_path / "sheet.txt").read_text(encoding="utf-8").splitlines()
    case = sample_case(4000)
    assert [line.split(":")[0] for line in key] == ["1", "2"]
    for study, line in zip((case.prior, case.current), key, strict=True):
        assert all(shown.name in line for shown in study.truth.findings)
    told, blinded = (np.asarray(Image.open(tmp_path / name)) for name in ("open.png", "sheet.png"))
    assert np.array_equal(told[:400], blinded[:400]) and (told[400:] > 0).sum() > 3 * (blinded[400:] > 0).sum()
