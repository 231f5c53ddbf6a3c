"""What the README promises is what the code has."""

import json
import re
from pathlib import Path

import pytest

from priorrg.settings import Settings, SettingsError
from train.measure.card import section

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_spaces_installs_the_gradio_of_the_requirements():
    pinned = re.search(r"^gradio==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    stated = re.search(r"^sdk_version: (\S+)", README, re.MULTILINE)
    assert pinned and stated and pinned[1] == stated[1]


def test_every_setting_stands_in_the_table():
    told = set(re.findall(r"^\| `PRIORRG_(\w+)`", README, re.MULTILINE))
    assert told == {name.upper() for name in Settings.model_fields}


def test_a_setting_of_the_wrong_kind_is_named(monkeypatch):
    monkeypatch.setenv("PRIORRG_PORT", "seven")
    with pytest.raises(SettingsError, match="PRIORRG_PORT is 'seven'"):
        Settings.from_environment()


def test_every_path_that_the_readme_names_exists():
    for path in set(re.findall(r"\]\(((?!http)[^)]+)\)", README)) | set(
        re.findall(r"`((?:priorrg|train)/[\w./]+)`", README)
    ):
        assert (ROOT / path).exists(), path


def test_the_cards_figures_are_those_of_the_evaluation():
    figures = json.loads((ROOT / "assets/embedded/evaluation.json").read_text())
    card = (ROOT / "assets/embedded/README.md").read_text()
    assert section(figures, figures["localisation"]) in card
    for name in ("finding_micro_f1", "change_micro_f1"):
        assert f"{figures['refined'][name]:.3f}" in README
    assert f"{figures['without prior']['change_micro_f1']:.3f}" in README


def test_the_overlays_figures_in_the_decisions_are_those_that_were_measured():
    found = json.loads((ROOT / "assets/embedded/evaluation.json").read_text())["localisation"]
    decisions = (ROOT / "docs/decisions.md").read_text()
    for row in found.values():
        assert f"{row['current']['peak']:.2f}" in decisions
