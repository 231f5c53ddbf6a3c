"""What the documents promise is what the code has."""

import json
import re
from pathlib import Path

import pytest
import yaml

from priorrg.settings import Settings, SettingsError
from train.data import read_annotation, read_view_positions
from train.measure.card import section

ROOT = Path(__file__).parent.parent
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
}
README, SERVING, TRAINING = (DOCUMENTS[name] for name in ("README.md", "docs/serving.md", "docs/training.md"))


def anchors(text: str) -> set[str]:
    """What a heading is linked by, as code hosts make it of its words."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_spaces_installs_the_gradio_of_the_requirements():
    pinned = re.search(r"^gradio==(\S+)", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    stated = re.search(r"^sdk_version: (\S+)", README, re.MULTILINE)
    assert pinned and stated and pinned[1] == stated[1]


def test_the_readme_is_short_says_what_this_is_not_and_opens_four_doors():
    assert len(README.splitlines()) <= 90
    assert "Not a medical device" in README and "No figure in these documents stands without the command" in README
    for door in ("radiologists", "serving", "training", "architecture"):
        assert f"(docs/{door}.md)" in README


def test_every_setting_stands_in_the_table():
    told = set(re.findall(r"^\| `PRIORRG_(\w+)`", SERVING, re.MULTILINE))
    assert told == {name.upper() for name in Settings.model_fields}


def test_a_setting_of_the_wrong_kind_is_named(monkeypatch):
    monkeypatch.setenv("PRIORRG_PORT", "seven")
    with pytest.raises(SettingsError, match="PRIORRG_PORT is 'seven'"):
        Settings.from_environment()


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_every_file_and_section_that_a_document_names_exists(name):
    text, folder = DOCUMENTS[name], (ROOT / name).parent
    for link in re.findall(r"\]\(((?!http)[^)]+)\)", text):
        path, _, place = link.partition("#")
        target = folder / path if path else ROOT / name
        assert target.exists(), link
        assert not place or place in anchors(target.read_text(encoding="utf-8")), link
    for path in re.findall(r"`((?:priorrg|train|tests|assets|docs)/[\w./]+)`", text):
        assert (ROOT / path).exists(), path


def test_every_section_of_a_document_that_the_code_cites_exists():
    cited = []
    for file in [*ROOT.glob("priorrg/**/*.py"), *ROOT.glob("train/**/*.py")]:
        text = file.read_text(encoding="utf-8")
        assert "architecture notes" not in text, file
        cited += re.findall(r"(docs/\w+\.md)(?:, | \()([A-Z][\w ]+)[);.]", text)
    assert {document for document, _ in cited} >= {"docs/training.md", "docs/architecture.md"}
    for document, heading in cited:
        assert heading.strip().lower().replace(" ", "-") in anchors(DOCUMENTS[document]), heading


def test_every_command_of_make_that_a_document_names_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name, text in DOCUMENTS.items():
        code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
        for target in re.findall(r"\bmake (\w+)", code):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target} in {name}"


def test_the_annotation_format_that_is_described_is_the_one_that_is_read(tmp_path):
    block = re.search(r"```json\n(.*?)```", TRAINING, re.DOTALL)
    assert block
    (tmp_path / "annotation.json").write_text(block[1], encoding="utf-8")
    (record,) = read_annotation(tmp_path / "annotation.json")["train"]
    assert record.prior and record.view == "PA" and record.context.indication and record.findings
    views = re.search(r"`(\{\"PA\".*?\})`", TRAINING)
    assert views
    (tmp_path / "views.json").write_text(views[1], encoding="utf-8")
    assert read_view_positions(tmp_path / "views.json")["unk"] == 3
    described = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`.*?) \|", TRAINING, re.MULTILINE))))
    assert set(json.loads(block[1])["train"][0]) | {"simulation"} == described


def test_the_citation_names_the_paper_and_the_licence():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["license"] == "Apache-2.0" and cited["preferred-citation"]["url"].endswith("2508.05353")
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8") and "license: apache-2.0" in README


def test_the_cards_figures_are_those_of_the_evaluation():
    figures = json.loads((ROOT / "assets/embedded/evaluation.json").read_text(encoding="utf-8"))
    card = (ROOT / "assets/embedded/README.md").read_text(encoding="utf-8")
    assert section(figures, figures["localisation"]) in card
    for name in ("finding_micro_f1", "change_micro_f1"):
        assert f"{figures['refined'][name]:.3f}" in TRAINING
    assert f"{figures['without prior']['change_micro_f1']:.3f}" in TRAINING
