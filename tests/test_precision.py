"""Reading with fewer bits: named wherever a report is shown, near the numbers of float32, and never by default."""

import json

import pytest
import torch

from priorrg.__main__ import main
from priorrg.errors import CheckpointError
from priorrg.model.decoding import ReportDecoder
from priorrg.model.precision import can_quantise, int8_linear
from priorrg.model.precisions import BFLOAT16, FLOAT32, INT8
from priorrg.reporting.events import ReportDone
from priorrg.reporting.reporter import Reporter


@pytest.mark.parametrize("precision", [BFLOAT16, INT8])
def test_a_report_with_fewer_bits_names_them(small_weights, study, precision):
    reporter = Reporter.load(small_weights, precision=precision)
    done = [event for event in reporter.stream(study) if isinstance(event, ReportDone)]
    assert done and done[0].text
    assert reporter.card.name == f"small random weights ({precision})"
    assert "(" not in Reporter.load(small_weights).card.name, "float32 is what nobody has to say"


def test_the_encoder_in_bfloat16_says_nearly_the_same(small_weights, make_radiograph):
    exact, low = (Reporter.load(small_weights, precision=p).prepare(make_radiograph(1)) for p in (FLOAT32, BFLOAT16))
    assert low.last.dtype == low.fused.dtype == torch.float32
    distance = (low.last - exact.last).norm() / exact.last.norm()
    assert 0 < distance < 0.05, "bfloat16 has 8 bits of a number, and errors of four layers add up"


def test_products_of_8_bits_are_there_and_nearly_the_same(small_weights):
    """The operators are not promised to stay: whoever moves torch sees here that they are gone."""
    assert can_quantise()
    torch.manual_seed(0)
    weight, bias, rows = torch.randn(700, 64), torch.randn(700), torch.randn(3, 64)
    exact = torch.nn.functional.linear(rows, weight, bias)
    assert 0 < (int8_linear(weight, bias)(rows) - exact).norm() / exact.norm() < 0.03
    decoder = Reporter.load(small_weights).model.decoder
    states = torch.randn(2, 32)
    whole, low = ReportDecoder(decoder).head(states), ReportDecoder(decoder, INT8).head(states)
    assert 0 < (low - whole).norm() / whole.norm() < 0.03


@pytest.mark.parametrize("bias", [torch.randn(700, generator=torch.Generator().manual_seed(1)), None])
def test_a_row_of_8_bits_gives_what_it_gives_alone(bias):
    """Bit for bit, whatever stands beside it: one row of others may be a thousand times as large."""
    torch.manual_seed(0)
    apply = int8_linear(torch.randn(700, 64), bias)
    rows = torch.randn(37, 64) * torch.logspace(-3, 3, 37)[:, None]
    rows[5] = 0
    together = apply(rows)
    assert all(torch.equal(together[at : at + 1], apply(rows[at : at + 1])) for at in range(37))
    assert torch.equal(apply(rows.view(1, 37, 64)), together[None])


def test_without_the_operators_int8_is_refused_in_a_sentence(small_weights, monkeypatch):
    monkeypatch.setattr("priorrg.model.precision.can_quantise", lambda: False)
    with pytest.raises(CheckpointError, match="Read with float32"):
        Reporter.load(small_weights, precision=INT8)
    with pytest.raises(CheckpointError, match="'int4' is not known"):
        Reporter.load(small_weights, precision="int4")


def test_the_command_says_what_each_precision_changes(small_weights, simulated, tmp_path, capsys):
    from tests.training import configuration
    from train.__main__ import main as train

    output = tmp_path / "precision.json"
    config = configuration(simulated, tmp_path)
    options = ["--weights", str(small_weights), "--output", str(output), "--studies", "2"]
    assert train(["precision", "--config", config, *options]) == 0
    found = json.loads(output.read_text(encoding="utf-8"))["precisions"]
    assert found[FLOAT32]["other_texts"] == 0 and found[FLOAT32]["other_ids"] == 0
    assert set(found) == {FLOAT32, BFLOAT16, INT8} and found[INT8]["minus_float32"]
    said = capsys.readouterr().out
    assert "int8: " in said and "of float32's time" in said


def test_the_command_line_reads_with_fewer_bits(small_weights, make_radiograph, tmp_path, capsys):
    from PIL import Image

    Image.fromarray((make_radiograph(1).pixels >> 4).astype("uint8")).save(tmp_path / "film.png")
    options = ["--weights", str(small_weights), "--precision", "int8", "--tokens", "6", "--json"]
    assert main(["report", str(tmp_path / "film.png"), *options]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["weights"]["name"].endswith("(int8)")
    assert len(answer["report"].split()) <= 6, "of 6 tokens"
    assert any("reached the length" in said for said in answer["remarks"])
