"""Real data: sets in MIMIC-CXR's and IU X-ray's shape, made here, through the same commands as simulated studies.

Started from folders in the Hugging Face layout and configured by the paper-scale file, with its dimensions made small.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from huggingface_hub import constants
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForMaskedLM, Dinov2Config, Dinov2Model

from priorrg.errors import CheckpointError, DataError
from priorrg.reporting.events import ReportDone
from priorrg.reporting.reporter import Reporter, read_study
from train.__main__ import main
from train.build import build, tokenizer_file
from train.config import RunConfig, load_config
from train.convert.iu_xray import choose_image, convert, read_report, split_of, without_placeholders
from train.data import read_annotation

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "train" / "configs" / "paper.yaml"
VIEWS = {"PA": 0, "AP": 1, "LATERAL": 2, "unk": 3}

VISION = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
TEXT = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
SMALL = {
    "hidden_size": 32,
    "vision_config": VISION,
    "text_config": TEXT,
    "decoder_config": {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 128},
    "fusion_heads": 2,
    "fusion_blocks": 1,
    "num_latents": 4,
    "perceiver_depth": 1,
    "perceiver_heads": 2,
    "perceiver_head_size": 16,
    "max_report_tokens": 40,
    "num_beams": 2,
    "weights_name": "small, real data",
}


# What a user brings


@pytest.fixture(scope="module")
def starting_points(tmp_path_factory) -> dict[str, str]:
    """vision, context and tokenizer as folders of the hub's layout; the context as CXR-BERT is laid out."""
    folder = tmp_path_factory.mktemp("hub")
    torch.manual_seed(0)
    Dinov2Model(Dinov2Config(**VISION)).save_pretrained(folder / "rad-dino")  # type: ignore[arg-type]
    # CXR-BERT: a masked language model with a head of its own, more layers and other words than we have.
    bert = BertForMaskedLM(BertConfig(**{**TEXT, "num_hidden_layers": 2}, vocab_size=50))  # type: ignore[arg-type]
    bert.save_pretrained(folder / "cxr-bert")
    weights = load_file(folder / "cxr-bert" / "model.safetensors")
    weights |= {"cls_projection_head.dense_to_hidden.weight": torch.zeros(8, 32)}
    save_file(weights, folder / "cxr-bert" / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "cxr-bert" / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "cxr-bert", "architectures": ["CXRBertModel"], "projection_size": 8}
    (folder / "cxr-bert" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "distilgpt2").mkdir()
    shutil.copy(ROOT / "tests" / "parity" / "tokenizer.json", folder / "distilgpt2")
    names = {"vision": "rad-dino", "context": "cxr-bert", "tokenizer": "distilgpt2"}
    return {key: str(folder / name) for key, name in names.items()}


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (80, 72), dtype=np.uint8)


def write_dicom(path: Path, seed: int) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(seed)])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Modality, data.SamplesPerPixel, data.PhotometricInterpretation = "DX", 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    pixels = picture(seed).astype(np.uint16) * 16
    data.Rows, data.Columns = pixels.shape
    data.PixelData = pixels.tobytes()
    data.save_as(path, enforce_file_format=True)


def mimic_record(images: Path, patient: int, study: int, prior: dict | None) -> dict:
    """A record of the annotation format, and its image on disk: JPEG, every third one DICOM."""
    number = patient * 10 + study
    dicom_id = f"{number:08x}-{number * 7:08x}"
    ending = "dcm" if number % 3 == 0 else "jpg"
    name = f"files/p10/p100000{patient:02}/s504142{number:03}/{dicom_id}.{ending}"
    (images / name).parent.mkdir(parents=True)
    if ending == "dcm":
        write_dicom(images / name, number)
    else:
        Image.fromarray(picture(number)).save(images / name)
    return {
        "subject_id": f"100000{patient:02}",
        "study_id": f"504142{number:03}",
        "id": dicom_id,
        "findings": f"Heart size is normal. Small left pleural effusion, study {number}. No pneumothorax.",
        "findings_factual_serialization": ["heart size normal", "left pleural effusion small"],
        "indication_pure": "Dyspnea, ___ year old man." if study else "",
        "history_pure": "Chronic heart failure." if patient % 2 else "",
        "anchor_scan": {"image_path": [name], "view_position": [["PA", "AP", "LL"][number % 3]]},
        "prior_study": {"latest_study": prior} if prior else None,
    }


@pytest.fixture(scope="module")
def mimic(tmp_path_factory) -> dict[str, str]:
    """Sixteen patients of two studies each, as MIMIC-CXR's users lay it out; the `data` part of a configuration."""
    folder = tmp_path_factory.mktemp("mimic")
    annotation: dict[str, list] = {"train": [], "val": [], "test": []}
    for patient in range(16):
        split = "train" if patient < 8 else "val" if patient < 12 else "test"
        first = mimic_record(folder / "images", patient, 0, None)
        annotation[split] += [first, mimic_record(folder / "images", patient, 1, first["anchor_scan"])]
    annotation["train"][0]["findings_factual_serialization"] = []  # dropped, as in the published code
    return written(folder, annotation)


def written(folder: Path, annotation: dict) -> dict[str, str]:
    (folder / "annotation.json").write_text(json.dumps(annotation), encoding="utf-8")
    (folder / "view_positions.json").write_text(json.dumps(VIEWS), encoding="utf-8")
    return data_settings(folder, folder / "images")


def data_settings(folder: Path, images: Path) -> dict[str, str]:
    settings = {"annotation": folder / "annotation.json", "view_positions": folder / "view_positions.json"}
    return {key: str(path) for key, path in (settings | {"image_root": images}).items()}


REPORT = """<?xml version="1.0" encoding="utf-8"?>
<eCitation>
  <meta type="rr"/>
  <uId id="{study}"/>
  <MedlineCitation><Article><Abstract>
    <AbstractText Label="COMPARISON">{comparison}</AbstractText>
    <AbstractText Label="INDICATION">{indication}</AbstractText>
    <AbstractText Label="FINDINGS">{findings}</AbstractText>
    <AbstractText Label="IMPRESSION">No acute disease.</AbstractText>
  </Abstract></Article></MedlineCitation>
  {images}
</eCitation>
"""
IMAGE = """<parentImage id="{name}"><figureId>F1</figureId><caption>{caption}</caption>
    <panel type="single"><url>/extract/{name}.jpg</url></panel></parentImage>"""
BOTH = "Xray Chest PA and Lateral"


def write_report(folder: Path, number: int, findings: str, captions: list[str], missing: tuple[int, ...] = ()) -> None:
    """A study of IU X-ray: `reports/<number>.xml` and one PNG a caption, save the `missing` ones."""
    names = [f"CXR{number}_IM-{number:04}-{1001 * (place + 1)}" for place in range(len(captions))]
    for place, name in enumerate(names):
        if place not in missing:
            (folder / "images").mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture(number * 2 + place)).save(folder / "images" / f"{name}.png")
    images = "\n".join(IMAGE.format(name=name, caption=caption) for name, caption in zip(names, captions, strict=True))
    text = REPORT.format(
        study=f"CXR{number}",
        comparison="Chest x-XXXX, XXXX, XXXX.",
        indication="XXXX-year-old with chest pain",
        findings=findings,
        images=images,
    )
    (folder / "reports").mkdir(parents=True, exist_ok=True)
    (folder / "reports" / f"{number}.xml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def iu(tmp_path_factory) -> dict[str, str]:
    """Forty converted studies; the `data` part of a configuration."""
    folder = tmp_path_factory.mktemp("iu")
    for number in range(1, 41):
        write_report(folder, number, f"The lungs are clear, XXXX. Heart size {number} is normal.", [BOTH, BOTH])
    command = ["convert-iu", str(folder / "reports"), str(folder / "images"), str(folder / "ours")]
    assert main(command) == 0
    return data_settings(folder / "ours", folder / "images")


def configuration(runs: Path, data: dict[str, str], model: dict, **changes) -> str:
    """The paper-scale file with this data, these starting points and small dimensions."""
    tree = yaml.safe_load(PAPER.read_text(encoding="utf-8"))
    tree["data"] |= data | {"cache": str(runs / "features")}
    tree["model"] |= model
    tree["model"]["config"] |= SMALL
    small = {"batch_size": 2, "epochs": 1, "workers": 0}
    tree["stage1"] |= small | {"output": str(runs / "stage1")}
    tree["stage2"] |= small | {"output": str(runs / "stage2"), "start_from": str(runs / "stage1")}
    for name, value in changes.items():
        section, key = name.split("__")
        tree[section][key] = value
    runs.mkdir(parents=True, exist_ok=True)
    (runs / "run.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    return str(runs / "run.yaml")


# The same commands


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mimic", pytest.param("iu", marks=pytest.mark.long)])
def test_real_studies_train_and_are_evaluated_by_the_same_commands(kind, request, starting_points, tmp_path):
    data = request.getfixturevalue(kind)
    config, output = configuration(tmp_path, data, starting_points), tmp_path / "evaluation.json"
    for stage in ("stage1", "stage2"):
        assert main([stage, "--config", config]) == 0
    evaluate = ["evaluate", "--config", config, "--weights", str(tmp_path / "stage2"), "--output", str(output)]
    assert main([*evaluate, "--override", "data.cache="]) == 0

    records = read_annotation(data["annotation"])
    figures = json.loads(output.read_text(encoding="utf-8"))
    assert figures["studies"] == len(records["test"])
    json.dumps(figures, allow_nan=False)  # what only simulated reports have is None, not a number that is none

    record = records["test"][-1]
    images = Path(data["image_root"])
    prior = images / record.prior if record.prior else None
    reporter = Reporter.load(str(tmp_path / "stage2"))
    study = read_study(images / record.current, prior, indication=record.context.indication)
    assert any(isinstance(event, ReportDone) for event in reporter.stream(study))
    assert reporter.card.kind == "own"


def test_mimics_layout_is_read_as_it_is(mimic):
    records = read_annotation(mimic["annotation"])
    assert {split: len(found) for split, found in records.items()} == {"train": 15, "val": 8, "test": 8}
    with_prior = [record for record in records["train"] if record.prior]
    assert len(with_prior) == 8 and all(record.prior != record.current for record in with_prior)
    endings = {Path(record.current).suffix for record in records["train"]}
    assert endings == {".jpg", ".dcm"}


# IU X-ray


def test_a_converted_study_has_its_sections_no_prior_and_no_placeholder(iu):
    record = next(
        raw for records in json.loads(Path(iu["annotation"]).read_text(encoding="utf-8")).values() for raw in records
    )
    assert record["findings"].startswith("The lungs are clear. Heart size")
    assert record["findings_factual_serialization"] == [record["findings"]]
    assert (record["indication_pure"], record["prior_study"]) == ("with chest pain", None)
    assert record["subject_id"] == record["study_id"]


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("Inferior XXXX XXXX XXXX.", "Inferior."),
        ("Normal chest x-XXXX.", "Normal chest."),
        ("A XXXX-year-old man with XXXX, XXXX and cough.", "A man with, and cough."),
        ("Clear. XXXX. No edema", "Clear. No edema"),
        ("XXXX.", ""),
        ("No effusion.", "No effusion."),
    ],
)
def test_placeholders_leave_no_crumbs(published, ours):
    assert without_placeholders(published) == ours


@pytest.mark.parametrize(
    ("captions", "place", "view", "how"),
    [
        ([BOTH, BOTH], 0, "PA", "the first image, the captions do not tell"),
        (["Lateral view of the chest", "Chest PA"], 1, "PA", "by its caption"),
        (["Lateral", ""], 1, "unk", "the first image, the captions do not tell"),
        (["Portable AP chest"], 0, "AP", "by its caption"),
        (["Chest"], 0, "unk", "the only image"),
        (["lateral", "lateral"], 0, "LATERAL", "all are called lateral"),
    ],
)
def test_the_frontal_image_is_what_the_caption_says_else_the_first(captions, place, view, how):
    images = [(f"image {number}", caption) for number, caption in enumerate(captions)]
    assert choose_image(images) == (f"image {place}", view, how)


def test_what_a_conversion_leaves_out_is_counted_and_named(tmp_path, capsys):
    write_report(tmp_path, 1, "Clear lungs.", [BOTH, BOTH], missing=(0,))
    write_report(tmp_path, 2, "XXXX.", [BOTH])
    write_report(tmp_path, 3, "Clear lungs.", [BOTH], missing=(0,))
    write_report(tmp_path, 4, "Clear lungs.", ["PA view"])
    (tmp_path / "reports" / "5.xml").write_text("<eCitation><uId id=", encoding="utf-8")
    folders = tmp_path / "reports", tmp_path / "images"
    counts = convert(*folders, tmp_path / "ours")
    assert counts["left out"] == {"no findings": 1, "no image": 1, "the report is unreadable": 1}
    assert sum(counts["studies"].values()) == 2
    assert counts["frontal image chosen"] == {"the only image": 1, "by its caption": 1}
    printed = capsys.readouterr().out
    for name in ("CXR1_IM-0001-1001", "CXR3_IM-0003-1001", "5.xml is not readable as XML"):
        assert name in printed
    with pytest.raises(DataError, match="already holds an annotation file"):
        convert(*folders, tmp_path / "ours")
    with pytest.raises(DataError, match=r"More than 2 files are missing or unreadable .*CXR1_IM-0001-1001"):
        convert(*folders, tmp_path / "other", max_missing=2)


def test_a_study_stays_in_its_split_whatever_else_is_there():
    splits = [split_of(f"CXR{number}", seed=0) for number in range(4000)]
    assert splits == [split_of(f"CXR{number}", seed=0) for number in range(4000)]
    shares = [splits.count(split) / 4000 for split in ("train", "val", "test")]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.02)
    assert splits != [split_of(f"CXR{number}", seed=1) for number in range(4000)]


def test_folders_that_hold_nothing_of_the_set_are_said(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    nothing = [str(tmp_path / "empty")] * 2
    assert main(["convert-iu", *nothing, str(tmp_path / "ours")]) == 2
    assert "holds no XML reports" in capsys.readouterr().err
    assert main(["convert-iu", str(tmp_path / "no such"), nothing[0], str(tmp_path / "ours")]) == 2
    assert "There is no folder" in capsys.readouterr().err
    (tmp_path / "empty" / "note.xml").write_text("<note/>", encoding="utf-8")
    with pytest.raises(DataError, match=r"note.xml names no study"):
        read_report(tmp_path / "empty" / "note.xml")


# Starting points


def run_config(model: dict, **config) -> RunConfig:
    run = load_config(PAPER)
    for key, value in model.items():
        setattr(run.model, key, value)
    run.model.config |= SMALL | config
    return run


def test_starting_points_load_from_local_folders_of_the_hubs_layout(starting_points):
    run = run_config(starting_points)
    model, processor = build(run, VIEWS, tokenizer_file(starting_points["tokenizer"]))
    torch.manual_seed(0)  # as the folder's was made, whose file has the hub's older names of the weights
    vision, ours = Dinov2Model(Dinov2Config(**VISION)).state_dict(), model.image_encoder.state_dict()  # type: ignore[arg-type]
    assert vision.keys() == ours.keys() and all(torch.equal(vision[name], ours[name]) for name in ours)

    stored = load_file(Path(starting_points["context"]) / "model.safetensors")
    text = model.text_encoder.state_dict()
    taken = [name for name in text if torch.equal(text[name], stored.get(f"bert.{name}", torch.zeros(0)))]
    assert set(text) - set(taken) == {"embeddings.word_embeddings.weight"}
    words = model.text_encoder.embeddings.word_embeddings.weight
    assert len(words) == len(processor.tokenizer) != len(stored["bert.embeddings.word_embeddings.weight"])


@pytest.mark.parametrize("key", ["vision", "context", "tokenizer"])
def test_a_starting_point_that_is_nowhere_is_named(key, starting_points, mimic, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    config = configuration(tmp_path, mimic, starting_points | {key: "nobody/has-this"})
    assert main(["stage1", "--config", config]) == 2
    message = capsys.readouterr().err
    assert f"nobody/has-this (model.{key}) is no local folder, and it cannot be had from the hub now" in message


def test_a_starting_point_of_another_kind_is_refused(starting_points, tmp_path):
    tokenizer = tokenizer_file(starting_points["tokenizer"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"empty \(model.vision\) holds no model that loads"):
        build(run_config(starting_points | {"vision": str(tmp_path / "empty")}), VIEWS, tokenizer)
    with pytest.raises(CheckpointError, match=r"\(model.vision\) is no Dinov2 model"):
        build(run_config(starting_points | {"vision": starting_points["context"]}), VIEWS, tokenizer)
    with pytest.raises(CheckpointError, match=r"does not fit the configured model: .* is \(1, 5, 32\), \(1, 17, 32\)"):
        build(run_config(starting_points, vision_config=VISION | {"image_size": 56}), VIEWS, tokenizer)
    with pytest.raises(CheckpointError, match=r"There is no tokenizer file .*empty/tokenizer.json"):
        tokenizer_file(str(tmp_path / "empty"))


# Throughput


@pytest.mark.slow
def test_throughput_compares_pixels_with_the_cache(mimic, starting_points, tmp_path, capsys):
    config, output = configuration(tmp_path, mimic, starting_points), tmp_path / "throughput.json"
    command = ["throughput", "--config", config, "--rounds", "1", "--steps", "2", "--output", str(output)]
    assert main([*command, "--override", "data.cache_layers=true"]) == 0
    figures, printed = json.loads(output.read_text(encoding="utf-8")), capsys.readouterr().out
    for stage in ("stage1", "stage2"):
        assert figures[stage]["cache_over_pixels"] > 0 and stage in printed
        assert 0 < figures[stage]["pixels"]["share_of_loading"] < 1


@pytest.mark.slow
def test_throughput_at_scale_needs_no_data_and_counts_operations(mimic, starting_points, tmp_path, capsys):
    config, output = configuration(tmp_path, mimic, starting_points), tmp_path / "throughput.json"
    command = ["throughput", "--config", config, "--random-weights", "--rounds", "1", "--output", str(output)]
    assert main([*command, "--tflops", "0.001", "--examples", "1000"]) == 0
    figures = json.loads(output.read_text(encoding="utf-8"))
    for stage in ("stage1", "stage2"):
        pixels, cache = (figures[stage][f"from_{way}"]["operations_an_example"] for way in ("pixels", "cache"))
        assert pixels > cache > 0
    assert "at 0.001 TFLOP/s sustained (assumptions" in capsys.readouterr().out
