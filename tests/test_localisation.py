"""Where overlays point, measured by the simulator's masks and beside maps that never saw the image."""

import json

import numpy as np
import pytest

from priorrg.explain.overlays import Overlay
from priorrg.report.sentences import Sentence
from priorrg.reporting.events import ReportDone
from priorrg.reporting.reporter import Reporter
from tests.training import configuration
from train.__main__ import main
from train.data import read_annotation
from train.masks import channels_of, mask_grid
from train.measure.localise import BASELINES, MEAN_MAP, NEXT_SENTENCE, localise, mean_masks, measures
from train.simulate.truth import MASK_CHANNELS

SAID = {"effusion": "Small {side} pleural effusion.", "cardiomegaly": "Mild cardiomegaly.", "edema": "Mild edema."}
CLOSING = "No other acute abnormality."


def test_an_overlay_that_peaks_on_the_finding_scores_and_one_that_peaks_beside_it_does_not(
    simulated, trained, monkeypatch
):
    """On both images, by the simulator's masks; what is explained is a sentence of the truth."""
    records = [record for part in read_annotation(simulated / "annotation.json").values() for record in part]
    masks = {record.current: record.masks for record in records}
    found = [
        (record, SAID[finding.name].format(side=finding.side))
        for record in records
        if record.truth and record.prior_truth
        for finding in record.truth.findings
        if finding.name in SAID and finding.key in {before.key for before in record.prior_truth.findings}
    ]
    assert found, "of the simulated patients one keeps such a finding"
    record, text = found[0]
    channel = channels_of(text)[0][0]
    assert record.prior
    now, before = (mask_grid(simulated / str(masks[path]), 4)[channel] for path in (record.current, record.prior))
    report = f"{text} {CLOSING}"
    sentences = (Sentence(text, 0, len(text)), Sentence(CLOSING, len(text) + 1, len(report)))
    reporter = Reporter.load(trained / "stage2")
    monkeypatch.setattr(Reporter, "stream", lambda *_: iter([ReportDone(report, (), sentences, ())]))
    others = [other for other in records if other.current == record.prior]

    def measured(change) -> dict:
        overlays = [Overlay(sentences[0], change(now), change(before)), Overlay(sentences[1], 0 * now, 0 * before)]
        monkeypatch.setattr("train.measure.localise.explain", lambda *_, **__: overlays)
        return localise(reporter, [record, *others], records, simulated, pairs=1)

    on, beside = measured(lambda mask: mask), measured(lambda mask: 1 - mask)
    assert set(on["overlays"]) == {"attention", "gradient", *BASELINES}
    for image in ("current", "prior"):
        hit, miss = on["overlays"]["gradient"][image], beside["overlays"]["gradient"][image]
        assert hit["peak"] == hit["near"] == 1.0 and miss["peak"] == 0.0 and miss["energy"] < hit["energy"]
        assert 0 < hit["chance"] < 1 and hit["sentences"] == 1
        assert on["overlays"][NEXT_SENTENCE][image]["peak"] == 0.0, "a dark map hits nothing"
        assert on["overlays"][MEAN_MAP][image]["sentences"] == 1
        assert on["differences"][NEXT_SENTENCE][image]["difference"] == 1.0


def test_the_mean_mask_of_a_side_lies_on_that_side(simulated):
    records = read_annotation(simulated / "annotation.json")["train"]
    atlas = mean_masks(records, simulated, 4)
    for name in MASK_CHANNELS:
        mask = atlas[MASK_CHANNELS.index(name)]
        if mask.any() and name.endswith((" right", " left")):
            halves = mask[:, :2].sum(), mask[:, 2:].sum()
            assert (halves[0] > halves[1]) == name.endswith("right"), "the patient's right is the image's left"


def test_a_peak_next_to_the_finding_is_near_it_and_not_on_it():
    on = np.zeros((5, 5), bool)
    on[2, 2] = True
    grid = np.zeros((5, 5))
    grid[2, 3], grid[2, 2] = 3.0, 1.0
    assert measures(grid, on) == (0.0, 1.0, 0.25, pytest.approx(0.04))


def test_localisation_is_measured_by_one_command_and_says_on_which_weights(trained, simulated, tmp_path, capsys):
    config, output = configuration(simulated, tmp_path), tmp_path / "localisation.json"
    command = ["localise", "--config", config, "--weights", str(trained / "stage2"), "--output", str(output)]
    assert main([*command, "--pairs", "2"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("attention", *BASELINES))
    assert len(json.loads(output.read_text(encoding="utf-8"))["weights"]) == 16
