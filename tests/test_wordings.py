"""Other wordings of a question, the heads that teach them and the changes, and where a change is lost."""

import json

import pytest
import torch

from priorrg.model.processing import PriorRGProcessor
from priorrg.study import ClinicalContext
from tests.training import configuration, refused, weights_of
from train.__main__ import main
from train.batches import StudyDataset
from train.data import read_annotation
from train.heads import CLASSES, PLACES, PlaceHeads
from train.measure.probe import REPORT, STOPS
from train.simulate.context import read_context
from train.simulate.reports import deciding_words
from train.simulate.truth import FINDING_KEYS


def test_the_text_encoder_learns_other_wordings_and_nothing_else_changes(trained, simulated, tmp_path):
    """Also after a kill: the second run goes on where the first one stopped."""
    changes = {
        "wordings__start_from": str(trained / "stage2"),
        "wordings__output": str(tmp_path / "wordings"),
        "wordings__steps": 400,
        "wordings__batch_size": 8,
    }
    config = configuration(simulated, tmp_path, **changes)
    assert main(["wordings", "--config", config]) == 0
    before, after = weights_of(trained / "stage2"), weights_of(tmp_path / "wordings")
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"text_encoder", "text_projection"}
    run = json.loads((tmp_path / "wordings" / "run.json").read_text(encoding="utf-8"))
    assert run["wordings"]["result"]["loss"] < 0.9 * run["wordings"]["result"]["first_loss"]
    assert run["config"]["stage2"], "what the weights were trained by before still stands there"
    state = torch.load(tmp_path / "wordings" / "last.pt", weights_only=True)
    assert main(["wordings", "--config", config, "--resume"]) == 0
    again = weights_of(tmp_path / "wordings")
    assert state["step"] == 400 and all(torch.equal(after[name], again[name]) for name in after)
    processor = PriorRGProcessor.from_pretrained(tmp_path / "wordings")
    assert processor.context_text(ClinicalContext("R/O PTX", "CHF")) == "[INDICATION] r/o ptx [SEP] [HISTORY] chf"


def test_a_probe_tells_where_on_its_way_a_change_is_lost(trained, simulated, tmp_path, capsys):
    config, output = configuration(simulated, tmp_path), tmp_path / "probe.json"
    command = ["probe", "--config", config, "--weights", str(trained / "stage2"), "--output", str(output)]
    assert main(command) == 0
    figures = json.loads(output.read_text(encoding="utf-8"))
    assert figures["pairs"] == 2 and [*figures["stops"]] == [*STOPS, REPORT]
    printed = capsys.readouterr().out
    assert all(stop in printed for stop in (*STOPS, REPORT))


def test_a_head_reads_out_what_stands_in_its_rows():
    """A place's change written into the rows is found; heads that see nothing of it find less."""
    torch.manual_seed(0)
    wanted = torch.randint(0, CLASSES, (64, len(FINDING_KEYS)))
    rows = torch.nn.functional.one_hot(wanted, CLASSES).float()  # (64, F, CLASSES): one row a place
    rows = torch.cat([rows, torch.eye(len(FINDING_KEYS)).expand(64, -1, -1)], dim=-1)

    def learned(seen: torch.Tensor) -> float:
        head = PlaceHeads(seen.shape[-1])
        optimiser = torch.optim.Adam(head.parameters(), 1e-2)
        classes = torch.cat([wanted, torch.zeros(64, PLACES - len(FINDING_KEYS), dtype=torch.long)], dim=1)
        amounts = torch.full((64, PLACES, 2), float("nan"))
        for _ in range(150):
            optimiser.zero_grad()
            loss = head.loss(seen, classes, amounts)
            loss.backward()
            optimiser.step()
        return loss.item()

    assert learned(rows) < 0.5 * learned(rows * 0)


@pytest.mark.parametrize("studies", [1, 8])
def test_a_tip_weighs_as_much_however_many_amounts_stand_beside_it(studies):
    head = PlaceHeads(16)
    torch.nn.init.zeros_(head.amounts.weight)
    torch.nn.init.zeros_(head.amounts.bias)
    rows, classes = torch.randn(studies, 4, 16), torch.zeros(studies, PLACES, dtype=torch.long)
    amounts = torch.zeros(studies, PLACES, 2)
    amounts[:, len(FINDING_KEYS) :] = float("nan")
    head.eval()
    without = head.loss(rows, classes, amounts)
    amounts[0, len(FINDING_KEYS), 0] = 0.5
    assert (head.loss(rows, classes, amounts) - without).item() == pytest.approx(2 * 0.5**2, rel=1e-4)


def test_words_that_grade_and_compare_weigh_more_and_no_others(trained):
    processor = PriorRGProcessor.from_pretrained(trained / "stage2")
    text = "Small left pleural effusion, new. The nasogastric tube has been removed."
    ids, _ = processor.report([text, "No."])
    offsets = processor.report_offsets([text, "No."])
    said = "".join(text[begin:end] for begin, end in offsets[0])
    assert said == text and len(offsets[0]) == ids.shape[1] == len(offsets[1])
    assert [text[begin:end] for begin, end in deciding_words(text)] == ["Small", "new", "removed"]
    tube = "The endotracheal tube ends 3 cm above the carina, repositioned."
    assert [tube[begin:end] for begin, end in deciding_words(tube)] == ["3 cm above", "repositioned"]


def test_words_that_mean_nothing_stand_in_some_texts_and_change_no_question(simulated):
    records = read_annotation(simulated / "annotation.json")["train"]
    usual, strange = (StudyDataset(records, resample=True, strange_share=share) for share in (0.0, 1.0))
    for number in range(len(usual)):
        before, after = usual[number], strange[number]
        assert read_context(before.context) == read_context(after.context)
        assert before.context.history == after.context.history
        words = [e.context.indication.split(" ") for e in (before, after)]
        assert len(words[1]) > len(words[0]) or not before.context.indication.strip()
        left = iter(words[1])
        assert all(word in left for word in words[0]), "what was written stands there still, in its order"


def test_a_stage_takes_the_vision_encoder_that_the_configuration_names(trained, simulated, tmp_path):
    """Not that of the weights which it starts from: an encoder that was trained further comes into trained weights."""
    other = {
        name: tensor + 1 for name, tensor in torch.load(trained / "vision" / "vision.pt", weights_only=True).items()
    }
    torch.save(other, tmp_path / "other.pt")
    changes = {"stage2__start_from": str(trained / "stage2"), "model__vision": str(tmp_path / "other.pt")}
    assert main(["stage2", "--config", configuration(simulated, tmp_path, **changes, stage2__epochs=0)]) == 0
    before, after = weights_of(trained / "stage2"), weights_of(tmp_path / "stage2")
    encoder = [name for name in before if name.startswith("image_encoder.") and before[name].is_floating_point()]
    assert encoder and all(torch.allclose(after[name], before[name] + 1) for name in encoder)
    assert torch.equal(before["decoder.transformer.wte.weight"], after["decoder.transformer.wte.weight"])


def test_texts_of_an_older_wording_are_refused_and_written_anew_beside_the_same_images(tmp_path, capsys):
    folder = tmp_path / "sim"
    counts = ["--train", "1", "--val", "1", "--test", "0", "--shifted", "0", "--dicom", "0", "--size", "64"]
    command = ["simulate", "--output", str(folder), "--workers", "1", *counts]
    assert main(command) == 0
    annotation = json.loads((folder / "annotation.json").read_text(encoding="utf-8"))
    facts = json.loads((folder / "simulation.json").read_text(encoding="utf-8"))
    for record in (*annotation["train"], *annotation["val"]):
        del record["simulation"]["asked"]
    (folder / "annotation.json").write_text(json.dumps(annotation), encoding="utf-8")
    (folder / "simulation.json").write_text(json.dumps(facts | {"wording": 1}), encoding="utf-8")
    stamps = {file: file.stat().st_mtime_ns for file in folder.rglob("*.png")}
    assert "write it anew: python -m train simulate" in refused(
        capsys, "stage1", "--config", configuration(folder, tmp_path, data__max_unreadable=0)
    )
    assert main(command) == 0
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*.png")} == stamps
    assert read_annotation(folder / "annotation.json")["train"]
    assert json.loads((folder / "simulation.json").read_text(encoding="utf-8"))["wording"] == facts["wording"]


def test_a_head_with_a_row_for_each_place_reads_that_row_alone():
    torch.manual_seed(0)
    head = PlaceHeads(16, row_each=True).eval()
    rows = torch.randn(1, PLACES + 3, 16)
    other = rows.clone()
    other[:, 4] += 1
    (classes, amounts), (classes_after, amounts_after) = head(rows), head(other)
    assert classes.shape == (1, PLACES, CLASSES) and amounts.shape == (1, PLACES, 2)
    moved = (classes != classes_after).any(dim=-1)[0] & (amounts != amounts_after).any(dim=-1)[0]
    assert moved.nonzero().flatten().tolist() == [4]


def test_a_latent_for_each_place_needs_as_many_latents(trained, simulated, tmp_path, capsys):
    changes = {"stage2__start_from": str(trained / "stage1"), "stage2__latent_each": True, "stage2__auxiliary": 1.0}
    changes["model__vision"] = str(trained / "vision" / "vision.pt")
    config = configuration(simulated, tmp_path, **changes)
    assert f"a latent for each of {PLACES} places" in refused(capsys, "stage2", "--config", config)
