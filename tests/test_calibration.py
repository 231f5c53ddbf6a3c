"""What a sentence's token probabilities are worth: the map, the truth it is measured by, and the command."""

import json
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from priorrg.errors import DataError
from priorrg.reporting.confidence import FILE, Calibration
from priorrg.reporting.reporter import Reporter
from train.__main__ import main
from train.measure.calibrate import Judged, calibration_error, discrimination, fit, fit_kinds, is_right
from train.measure.parsing import parse_report
from train.roc import roc_auc

TRUTH = (
    "Small left pleural effusion, new. Pacemaker is in place. The right pneumothorax has resolved. No pulmonary edema."
)


@pytest.mark.parametrize(
    ("sentence", "right"),
    [
        ("Small left pleural effusion, new.", True),
        ("Large left pleural effusion, new.", True),  # severity does not count
        ("Left pleural effusion.", True),  # nothing wrong is said
        ("Small right pleural effusion, new.", False),
        ("Small left pleural effusion, unchanged.", False),
        ("The right pneumothorax has resolved.", True),
        ("The left pneumothorax has resolved.", False),
        ("Pacemaker is in place.", True),
        ("Pacemaker is in place, new.", False),
        ("No pulmonary edema.", True),
        ("No cardiomegaly.", True),  # what a reference does not name is absent
        ("No pleural effusion.", False),
    ],
)
def test_a_sentence_is_right_when_the_reference_bears_it_out(sentence, right):
    assert is_right(sentence, parse_report(TRUTH), parse_report(sentence)) is right


@pytest.mark.parametrize(
    ("report", "right"),
    [
        ("Small left pleural effusion. Pacemaker is in place. No other acute abnormality.", True),
        ("Small left pleural effusion. No other acute abnormality.", False),
    ],
)
def test_a_closing_line_is_right_when_nothing_was_missed(report, right):
    assert is_right("No other acute abnormality.", parse_report(TRUTH), parse_report(report)) is right


def test_the_map_rises_with_the_score_and_follows_the_shares():
    rng = np.random.default_rng(0)
    scores = rng.uniform(0, 1, 4000)
    knots = fit(scores.tolist(), (rng.uniform(0, 1, 4000) < 0.4 + 0.5 * scores).tolist())
    assert all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(knots))
    places, values = zip(*knots, strict=True)
    given = np.interp(np.linspace(0.1, 0.9, 9), places, values)
    # 333 sentences a group: a standard error of 0.027 at worst
    assert np.abs(given - (0.4 + 0.5 * np.linspace(0.1, 0.9, 9))).max() < 0.08


def test_a_score_that_says_nothing_gives_one_probability():
    knots = fit([n / 1000 for n in range(1000)], [n % 4 > 0 for n in range(1000)])
    assert max(value for _, value in knots) - min(value for _, value in knots) < 0.05


def test_groups_whose_shares_fall_are_pooled_to_one():
    """The surer, the more often wrong: no rising map says that, so all get the share of all, 0.6."""
    scores = [n / 1000 for n in range(1000)]
    knots = fit(scores, [n % 10 < (8 if score < 0.5 else 4) for n, score in enumerate(scores)])
    assert [value for _, value in knots] == pytest.approx([0.6], abs=0.01)


def test_sentences_of_one_score_have_one_probability():
    """A map with two values at one score would be refused when it is read."""
    scores = [0.2] * 100 + [1.0] * 300
    knots = fit(scores, [n % (2 if n < 100 else 4) > 0 for n in range(400)])
    assert all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(knots)) and knots[-1][0] == 1.0


def test_too_few_sentences_are_refused():
    with pytest.raises(DataError, match="too few"):
        fit([0.5] * 20, [True] * 20)


def test_the_calibration_error_is_what_the_probabilities_are_off_by():
    rights = np.array([1.0, 1.0, 1.0, 0.0] * 50)
    assert calibration_error(np.full(200, 0.75), rights) == pytest.approx(0)
    assert calibration_error(np.full(200, 0.95), rights) == pytest.approx(0.2)


def judged(*pairs: tuple[float, bool], kind: str = "finding") -> list[Judged]:
    return [Judged(kind, {"mean": 0.5, "least": score, "product": 0.5}, right) for score, right in pairs]


def test_discrimination_is_the_area_under_the_curve():
    same = Calibration("least", {"any": ((0.0, 0.0), (1.0, 1.0))}, 0.0, 0, "")
    three = judged((0.9, True), (0.8, False), (0.7, True))
    assert discrimination(three, same) == 0.5
    assert discrimination([*three, *judged((0.1, False))], same) == 0.75
    assert discrimination(judged((0.5, True), (0.5, False)), same) == 0.5, "a tie is half"
    assert discrimination(judged((0.5, True)), same) == 0.5


def test_the_area_under_the_curve_counts_ties_half_whatever_their_order():
    scores = np.array([0.1, 0.5, 0.5, 0.9])
    for labels in ([0, 0, 1, 1], [0, 1, 0, 1]):
        assert roc_auc(scores, np.array(labels)) == 0.875
    assert roc_auc(np.zeros(4), np.array([1, 1, 0, 0])) == 0.5
    assert roc_auc(scores, np.ones(4)) is None


def test_each_kind_of_sentence_has_its_own_map_where_there_are_enough_of_it():
    """What is denied is right more often than what is found, at the same score."""
    many = judged(*[(n / 100, n % 2 == 0) for n in range(100)])
    many += judged(*[(n / 100, True) for n in range(100)], kind="absent") + judged((0.5, False), kind="device")
    knots = fit_kinds(many, "least")
    assert set(knots) == {"any", "finding", "absent"}
    calibration = Calibration("least", knots, 0.0, 0, "")
    given = [calibration.probability(kind, {"least": 0.5}) for kind in ("finding", "device", "absent")]
    assert given[0] < given[1] < given[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Studies of noise, 90 a split, of each of which a model of random weights writes a sentence at least."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    splits = {}
    for split in ("val", "test"):
        splits[split] = []
        for number in range(90):
            name = f"{split}_{number}.png"
            Image.fromarray(rng.integers(0, 255, (160, 160), dtype=np.uint8)).save(folder / name)
            splits[split].append(
                {
                    "subject_id": f"{split}{number}",
                    "study_id": f"{split}{number}",
                    "anchor_scan": {"image_path": [name], "view_position": ["PA"]},
                    "prior_study": None,
                    "indication_pure": "",
                    "history_pure": "",
                    "findings": TRUTH,
                    "findings_factual_serialization": ["a fact"],
                }
            )
    (folder / "annotation.json").write_text(json.dumps(splits), encoding="utf-8")
    return folder


def test_one_command_measures_and_the_reader_takes_it_up(data, save_small_model, capsys):
    weights = save_small_model()
    values = {"annotation": data / "annotation.json", "image_root": data, "cache": "''"}
    settings = [part for name, value in values.items() for part in ("--override", f"data.{name}={value}")]
    assert main(["calibrate", "--weights", str(weights), *settings]) == 0
    assert "expected calibration error" in capsys.readouterr().out
    written = json.loads((weights / FILE).read_text(encoding="utf-8"))
    calibration = Reporter.load(weights).calibration
    assert calibration is not None and written["sentences"] >= 90
    assert (calibration.error, calibration.sentences) == (written["error"], written["sentences"])
