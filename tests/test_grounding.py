"""Where sentences point: what the head is taught, that nothing else changes by it, and that it learns."""

import json

import pytest
import torch

from priorrg.model.grounding import GroundingHead
from tests.training import configuration, refused, weights_of
from train.__main__ import main
from train.ground import grounding_loss
from train.masks import channels_of
from train.simulate.truth import MASK_CHANNELS


def names(channels) -> set[str]:
    return {MASK_CHANNELS[channel] for channel in channels}


@pytest.mark.parametrize(
    ("sentence", "current", "prior"),
    [
        ("Small right pleural effusion, larger than before.", {"effusion right"}, {"effusion right"}),
        ("Moderate left pneumothorax, new.", {"pneumothorax left"}, set()),
        ("The left effusion has resolved.", set(), {"effusion left"}),
        ("Interval removal of the chest drain.", set(), {"chest drain"}),
        (
            "Small bilateral pleural effusions.",
            {"effusion right", "effusion left"},
            {"effusion right", "effusion left"},
        ),
        ("No evidence of pneumothorax.", set(), set()),
        ("No other acute abnormality.", set(), set()),
    ],
)
def test_a_sentence_points_at_what_it_says_is_there_and_at_the_prior_for_what_has_gone(sentence, current, prior):
    assert tuple(map(names, channels_of(sentence))) == (current, prior)


@pytest.fixture(scope="module")
def grounded(trained, simulated, tmp_path_factory):
    """The configuration of a small run of `ground`, which has ended."""
    runs = tmp_path_factory.mktemp("grounding")
    settings = {"start_from": str(trained / "stage2"), "output": str(runs / "grounding"), "steps": 200, "batch_size": 4}
    config = configuration(simulated, runs, **{f"grounding__{name}": value for name, value in settings.items()})
    assert main(["ground", "--config", config]) == 0
    return runs


def test_the_head_is_added_and_nothing_else_changes(grounded, trained):
    before, after = weights_of(trained / "stage2"), weights_of(grounded / "grounding")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert {name.split(".")[0] for name in after.keys() - before.keys()} == {"grounding"}
    run = json.loads((grounded / "grounding" / "run.json").read_text(encoding="utf-8"))
    assert run["grounding"]["result"]["sentences"] > run["grounding"]["result"]["studies"] > 0
    assert run["config"]["stage2"], "what the weights were trained by before still stands there"


def test_a_run_goes_on_where_it_stopped_and_refuses_to_with_other_settings(grounded, capsys):
    config, folder = str(grounded / "run.yaml"), grounded / "grounding"
    done = weights_of(folder)
    assert main(["ground", "--config", config, "--resume"]) == 0
    again = weights_of(folder)
    assert all(torch.equal(done[name], again[name]) for name in done)
    told = refused(capsys, "ground", "--config", config, "--resume", "--override", "grounding.learning_rate=1")
    assert "other settings" in told


def test_records_without_masks_are_refused(trained, simulated, tmp_path, capsys):
    annotation = json.loads((simulated / "annotation.json").read_text(encoding="utf-8"))
    for record in annotation["train"]:
        record.pop("simulation")
    (tmp_path / "annotation.json").write_text(json.dumps(annotation), encoding="utf-8")
    config = configuration(
        simulated,
        tmp_path,
        data__annotation=str(tmp_path / "annotation.json"),
        grounding__start_from=str(trained / "stage2"),
        grounding__output=str(tmp_path / "grounding"),
    )
    assert "simulated pairs" in refused(capsys, "ground", "--config", config)


def test_a_head_learns_where_and_whether():
    """Patches that hold what the sentence asks for light up; where no patch does, nothing is shown."""
    torch.manual_seed(0)
    kinds = torch.eye(4)

    def studies(count: int):
        tokens = torch.zeros(count, 2, 10, 4)
        shown = torch.randint(0, 4, (count, 2, 9))
        tokens[:, :, 1:] = kinds[shown]
        sentences = kinds.expand(count, 4, 4)
        return sentences, tokens, (shown[:, None] == torch.arange(4)[:, None, None]).float()

    head = GroundingHead(4, 4, 16)
    optimiser = torch.optim.Adam(head.parameters(), 1e-2)
    for _ in range(200):
        sentences, tokens, targets = studies(32)
        found = head(sentences, tokens[:, 0], tokens[:, 1])
        loss = grounding_loss(found, targets, torch.ones(targets.shape[:3], dtype=torch.bool))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    sentences, tokens, targets = studies(64)
    maps = head(sentences, tokens[:, 0], tokens[:, 1]).maps
    shown = targets.amax(dim=-1) > 0
    assert targets.gather(-1, maps.argmax(dim=-1, keepdim=True))[shown].mean() > 0.95
    assert maps.amax(dim=-1)[shown].mean() > 0.9 and maps.amax(dim=-1)[~shown].mean() < 0.2
    alone = head(sentences, tokens[:, 0]).maps
    assert torch.allclose(alone, maps[:, :, :1]), "the current image does not depend on the prior"
