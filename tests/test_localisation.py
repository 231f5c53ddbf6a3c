"""Where overlays point, measured by the simulator's masks."""

import json

from priorrg.explain.overlays import Overlay
from priorrg.report.sentences import Sentence
from priorrg.reporting.reporter import ReportDone
from tests.training import configuration
from train.__main__ import main
from train.data import read_annotation
from train.masks import mask_grid
from train.measure.localise import localise
from train.pretrain_vision import MASK_CHANNELS


def test_an_overlay_that_peaks_on_the_finding_scores_and_one_that_peaks_beside_it_does_not(simulated, monkeypatch):
    """On both images, by the simulator's masks; what is explained is a sentence of the truth."""
    said = {"effusion": "Small {side} pleural effusion.", "cardiomegaly": "Mild cardiomegaly.", "edema": "Mild edema."}
    records = [record for part in read_annotation(simulated / "annotation.json").values() for record in part]
    masks = {record.current: record.masks for record in records}
    found = [
        (record, finding)
        for record in records
        if record.truth and record.prior_truth
        for finding in record.truth.findings
        if finding.name in said and finding.key in {before.key for before in record.prior_truth.findings}
    ]
    assert found, "of the simulated patients one keeps such a finding"
    record, finding = found[0]
    assert record.prior is not None
    text = said[finding.name].format(side=finding.side)
    channel = MASK_CHANNELS.index(" ".join(filter(None, (finding.name, finding.side))))
    now, before = (mask_grid(simulated / str(masks[path]), 4)[channel] for path in (record.current, record.prior))

    priors = [other for other in records if other.current == record.prior]

    class ReporterOfTheTruth:
        def stream(self, study):
            yield ReportDone(text, (), (Sentence(text, 0, len(text)),), ())

    def measured(change) -> dict:
        overlay = Overlay(Sentence(text, 0, len(text)), change(now), change(before))
        monkeypatch.setattr("train.measure.localise.explain", lambda *_, **__: [overlay])
        figures = localise(ReporterOfTheTruth(), [record, *priors], simulated, pairs=1)  # type: ignore[arg-type]
        assert set(figures) == {"attention", "attention, plain", "gradient", "gradient, plain"}
        return figures["gradient"]

    on, beside = measured(lambda mask: mask), measured(lambda mask: 1 - mask)
    for image in ("current", "prior"):
        assert on[image]["peak"] == 1.0 and beside[image]["peak"] == 0.0
        assert 0 < on[image]["chance"] < 1 and on[image]["sentences"] == 1


def test_localisation_is_measured_by_one_command_and_says_on_which_weights(trained, simulated, tmp_path, capsys):
    config, output = configuration(simulated, tmp_path), tmp_path / "localisation.json"
    command = ["localise", "--config", config, "--weights", str(trained / "stage2"), "--output", str(output)]
    assert main([*command, "--pairs", "2"]) == 0
    assert "chance" in capsys.readouterr().out
    assert len(json.loads(output.read_text(encoding="utf-8"))["weights"]) == 16
