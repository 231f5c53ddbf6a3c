"""Importing a published checkpoint: complete, safe, and clear about what does not fit."""

import argparse
import collections
import json
import pathlib
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch

from priorrg.errors import CheckpointError
from priorrg.model.configuration import PriorRGConfig
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from priorrg.model.published import import_checkpoint, infer_dimensions, read_checkpoint

PARITY = Path(__file__).parent / "parity"


@pytest.fixture
def checkpoint():
    return torch.load(PARITY / "published_style.ckpt", weights_only=True)


def import_into(folder: Path, source: Path | str = PARITY / "published_style.ckpt", **changes) -> Path:
    files: dict[str, Any] = {"tokenizer": PARITY / "tokenizer.json", "view_positions": PARITY / "view_positions.json"}
    files |= {"heads": {"vision": 2, "text": 2, "decoder": 2}}
    return import_checkpoint(source, folder / "imported", **files | changes)


def saved(checkpoint: dict, folder: Path) -> Path:
    torch.save(checkpoint, folder / "changed.ckpt")
    return folder / "changed.ckpt"


def test_an_imported_folder_loads_by_itself_and_says_what_it_is(tmp_path):
    folder = import_into(tmp_path)
    config = PriorRGConfig.from_pretrained(folder)
    assert (config.weights_kind, config.coarse_draft, config.mask_context_padding) == (
        "published",
        "whole_memory",
        False,
    )
    assert (config.hidden_size, config.num_latents, config.fusion_head_size) == (32, 8, 8)
    model, info = PriorRGModel.from_pretrained(folder, output_loading_info=True)  # type: ignore[misc]
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert model.decoder.lm_head.weight is model.decoder.transformer.wte.weight
    processor = PriorRGProcessor.from_pretrained(folder)
    assert list(processor.image_processor.image_mean) == [0.5307] * 3
    assert (processor.view_id("LATERAL"), processor.view_id("never heard of")) == (2, 3)


@pytest.mark.parametrize(
    ("wrapped", "is_bare", "dtype"),
    [
        ("module.", False, torch.float32),
        ("_orig_mod.", False, torch.bfloat16),
        ("model.", True, torch.float32),
        ("_orig_mod.module.model.", True, torch.float16),
        ("", True, torch.bfloat16),
    ],
)
def test_weights_come_wrapped_bare_and_in_half_precision(tmp_path, checkpoint, wrapped, is_bare, dtype):
    """As several devices, torch.compile and own training loops write them."""
    state = {wrapped + name: value.to(dtype) for name, value in checkpoint["state_dict"].items()}
    folder = import_into(tmp_path, saved(state if is_bare else checkpoint | {"state_dict": state}, tmp_path))
    imported = PriorRGModel.from_pretrained(folder).state_dict()
    for name, value in PriorRGModel.from_pretrained(import_into(tmp_path / "plain")).state_dict().items():
        assert imported[name].dtype == value.dtype
        torch.testing.assert_close(imported[name], value.to(dtype).to(value.dtype), rtol=0, atol=0)


def test_a_part_that_was_compiled_alone_is_found(tmp_path, checkpoint):
    state = checkpoint["state_dict"]
    for name in [name for name in state if name.startswith("image_encoder.")]:
        state[name.replace("image_encoder.", "image_encoder._orig_mod.")] = state.pop(name)
    assert import_into(tmp_path, saved(checkpoint, tmp_path))


def test_two_models_in_one_state_dict_are_refused(tmp_path, checkpoint):
    state = checkpoint["state_dict"]
    state["module.vp_pos_embed"] = state["vp_pos_embed"] + 1
    with pytest.raises(CheckpointError, match=r"holds vp_pos_embed twice, once of them as module\.vp_pos_embed"):
        import_into(tmp_path, saved(checkpoint, tmp_path))


def test_missing_and_surprising_keys_are_all_listed(tmp_path, checkpoint):
    state = checkpoint["state_dict"]
    del state["layer_norm_fusion.weight"]
    state["temporal_fusion.gate.weight"] = torch.zeros(3)
    with pytest.raises(CheckpointError) as caught:
        import_into(tmp_path, saved(checkpoint, tmp_path))
    assert "missing: layer_norm_fusion.weight" in str(caught.value)
    assert "not known: temporal_fusion.gate.weight" in str(caught.value)
    assert not (tmp_path / "imported").exists()


def test_a_parameter_of_another_shape_is_named_with_both_shapes(tmp_path, checkpoint):
    checkpoint["state_dict"]["layer_norm_fusion.weight"] = torch.zeros(5)
    with pytest.raises(CheckpointError, match=r"layer_norm_fusion.weight \(5,\), expected \(32,\)"):
        import_into(tmp_path, saved(checkpoint, tmp_path))


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="does not fit PriorRG"):
        import_into(tmp_path, saved({"state_dict": {"fc.weight": torch.zeros(2, 2)}}, tmp_path))


class RunsOnLoading:
    """Unpickled without care, this creates a file."""

    def __init__(self, witness: Path):
        self.witness = witness

    def __reduce__(self):
        return pathlib.Path.touch, (self.witness,)


def test_code_in_a_checkpoint_never_runs(tmp_path, checkpoint):
    witness = tmp_path / "it ran"
    checkpoint["hyper_parameters"] = RunsOnLoading(witness)
    with pytest.raises(CheckpointError, match="cannot be loaded safely"):
        import_into(tmp_path, saved(checkpoint, tmp_path))
    assert not witness.exists()


@pytest.mark.parametrize(
    "hyper_parameters",
    [
        argparse.Namespace(max_length=70, num_beams=4),
        collections.OrderedDict(max_length=70, num_beams=4),
        {"args": {"max_length": 70, "num_beams": 4}, "path": None},
    ],
    ids=["namespace", "ordered dictionary", "nested"],
)
def test_plain_containers_of_hyper_parameters_are_read(tmp_path, checkpoint, hyper_parameters):
    checkpoint["hyper_parameters"] = hyper_parameters
    folder = import_into(tmp_path, saved(checkpoint, tmp_path))
    config = PriorRGConfig.from_pretrained(folder)
    assert (config.max_report_tokens, config.num_beams, config.max_context_tokens) == (70, 4, 300)


def test_lightnings_own_container_is_read_without_lightning(tmp_path, monkeypatch):
    name = "lightning_fabric.utilities.data"
    container = type("AttributeDict", (dict,), {"__module__": name})
    with monkeypatch.context() as lightning_installed:
        for package in ("lightning_fabric", "lightning_fabric.utilities", name):
            lightning_installed.setitem(sys.modules, package, types.ModuleType(package))
        lightning_installed.setattr(sys.modules[name], "AttributeDict", container, raising=False)
        torch.save(
            {"state_dict": {"weight": torch.zeros(1)}, "hyper_parameters": container(num_beams=5)},
            tmp_path / "lightning.ckpt",
        )
    assert read_checkpoint(tmp_path / "lightning.ckpt")[1] == {"num_beams": 5}


def test_a_file_that_is_no_checkpoint_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "notes.ckpt"
    path.write_text("not a checkpoint", encoding="utf-8")
    with pytest.raises(CheckpointError, match="cannot be loaded safely"):
        import_into(tmp_path, path)


def test_a_tokenizer_of_another_size_is_refused(tmp_path):
    tokenizer = json.loads((PARITY / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["added_tokens"].append(dict(tokenizer["added_tokens"][-1], id=391, content="[EXTRA]"))
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    with pytest.raises(CheckpointError, match="392 tokens and the checkpoint's embedding 391"):
        import_into(tmp_path, tokenizer=path)


def test_a_view_dictionary_of_another_size_is_refused(tmp_path):
    path = tmp_path / "views.json"
    path.write_text('{"PA": 0, "unk": 1}', encoding="utf-8")
    with pytest.raises(CheckpointError, match="2 entries, numbered 0 to 1, and the checkpoint 4 rows"):
        import_into(tmp_path, view_positions=path)


def test_a_checkpoint_without_its_tokenizer_says_what_to_bring(tmp_path):
    with pytest.raises(CheckpointError, match=r"without a tokenizer.json and a view-position dictionary"):
        import_into(tmp_path, tokenizer=None, view_positions=None)


def test_image_settings_may_come_from_a_local_file(tmp_path):
    path = tmp_path / "preprocessor_config.json"
    path.write_text('{"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}', encoding="utf-8")
    processor = PriorRGProcessor.from_pretrained(import_into(tmp_path, image_processor=path))
    assert list(processor.image_processor.image_mean) == [0.1, 0.2, 0.3]
    assert processor.image_processor.crop_size["height"] == 56


def test_shapes_of_paper_scale_give_the_default_configuration():
    vision, text = "image_encoder.", "text_encoder.bert."
    decoder = "text_decoder.encoder_decoder.decoder.transformer."
    shapes = {
        vision + "embeddings.patch_embeddings.projection.weight": (768, 3, 14, 14),
        vision + "embeddings.position_embeddings": (1, 1370, 768),
        **{f"{vision}encoder.layer.{layer}.mlp.fc1.weight": (3072, 768) for layer in range(12)},
        text + "embeddings.word_embeddings.weight": (50264, 768),
        text + "embeddings.position_embeddings.weight": (512, 768),
        text + "embeddings.token_type_embeddings.weight": (2, 768),
        **{f"{text}encoder.layer.{layer}.intermediate.dense.weight": (3072, 768) for layer in range(6)},
        decoder + "wte.weight": (50264, 768),
        decoder + "wpe.weight": (1024, 768),
        **{f"{decoder}h.{layer}.ln_1.weight": (768,) for layer in range(6)},
        "layer_norm.weight": (768,),
        **{f"temporal_fusion.layers.{block}.0.fc_q.weight": (1536, 768) for block in range(3)},
        "perceiver.latents": (128, 768),
        **{f"perceiver.layers.{layer}.0.fn.to_q.weight": (512, 768) for layer in range(3)},
        "perceiver.layers.0.1.fn.net.2.weight": (768, 3072),
    }
    state = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    assert PriorRGConfig(**infer_dimensions(state)).to_dict() == PriorRGConfig().to_dict()


def test_a_misshapen_key_hides_no_missing_one(tmp_path, checkpoint):
    state = checkpoint["state_dict"]
    del state["layer_norm_fusion.bias"]
    state["layer_norm_fusion.weight"] = torch.zeros(5)
    with pytest.raises(CheckpointError) as caught:
        import_into(tmp_path, saved(checkpoint, tmp_path))
    assert "missing: layer_norm_fusion.bias" in str(caught.value) and "of another shape" in str(caught.value)


@pytest.mark.parametrize("heads", [5, 0, -1])
@pytest.mark.parametrize("backbone", ["vision", "text", "decoder"])
def test_head_counts_that_cannot_be_are_refused(tmp_path, backbone, heads):
    with pytest.raises(CheckpointError, match=f"do not divide the width of the {backbone} backbone"):
        import_into(tmp_path, heads={backbone: heads})


def test_each_backbone_has_a_head_count_of_its_own(tmp_path):
    config = PriorRGConfig.from_pretrained(import_into(tmp_path, heads={"vision": 4, "text": 2}))
    counts = config.vision_config.num_attention_heads, config.text_config.num_attention_heads
    assert (*counts, config.decoder_config.n_head) == (4, 2, 1)


def test_a_checkpoint_that_is_no_zip_is_read_too(tmp_path, checkpoint):
    """What torch wrote before 1.6 cannot be mapped into memory."""
    torch.save(checkpoint, tmp_path / "old.ckpt", _use_new_zipfile_serialization=False)
    assert import_into(tmp_path, tmp_path / "old.ckpt")


@pytest.mark.parametrize("views", [{"PA": "0", "unk": 1}, ["PA", "unk"], {"PA": 0, "unk": True}])
def test_a_view_dictionary_of_another_kind_is_refused(tmp_path, views):
    file = tmp_path / "views.json"
    file.write_text(json.dumps(views), encoding="utf-8")
    with pytest.raises(CheckpointError, match="JSON dictionary of view positions"):
        import_into(tmp_path, view_positions=file)


def test_a_dictionary_without_unk_reads_views_that_are_not_stated_as_the_mean(tmp_path):
    file = tmp_path / "views.json"
    file.write_text('{"PA": 0, "AP": 1, "LATERAL": 2, "LL": 3}', encoding="utf-8")
    model = PriorRGModel.from_pretrained(import_into(tmp_path, view_positions=file))
    assert model.config.view_positions["unk"] == 4
    torch.testing.assert_close(model.vp_pos_embed[4], model.vp_pos_embed[:4].mean(dim=0))


def test_a_dictionary_that_skips_numbers_keeps_each_name_at_its_row(tmp_path):
    file = tmp_path / "views.json"
    file.write_text('{"PA": 0, "LATERAL": 2, "unk": 3}', encoding="utf-8")
    views = PriorRGConfig.from_pretrained(import_into(tmp_path, view_positions=file)).view_positions
    assert (views["PA"], views["LATERAL"], views["unk"], len(views)) == (0, 2, 3, 4)
