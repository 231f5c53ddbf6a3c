"""Weights that are damaged or not of one piece are refused with the file that is wrong."""

import json
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from priorrg.errors import CheckpointError
from priorrg.model.configuration import PriorRGConfig, configuration_of
from priorrg.reporting.loading import load_weights

WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(small_weights, tmp_path):
    """A copy of the small weights, to be damaged."""
    return shutil.copytree(small_weights, tmp_path / "weights")


def cut(name, bytes_left):
    def damage(folder):
        (folder / name).write_bytes((folder / name).read_bytes()[:bytes_left])

    return damage


def gone(name):
    return lambda folder: (folder / name).unlink()


def edited(name, **changes):
    def damage(folder):
        tree = json.loads((folder / name).read_text(encoding="utf-8"))
        (folder / name).write_text(json.dumps(tree | changes), encoding="utf-8")

    return damage


def not_a_number(folder):
    tensors = load_file(folder / WEIGHTS)
    tensors["perceiver.latents"][3, 5] = torch.nan
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})


def a_tensor_less_and_one_more(folder):
    tensors = load_file(folder / WEIGHTS)
    tensors["perceiver.potents"] = tensors.pop("perceiver.latents")
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})


def pointer(folder):
    (folder / WEIGHTS).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def shard_that_is_not_there(folder):
    (folder / WEIGHTS).rename(folder / "model-00001-of-00002.safetensors")
    names = dict.fromkeys(load_file(folder / "model-00001-of-00002.safetensors"), "model-00001-of-00002.safetensors")
    index = {"weight_map": names | {"perceiver.latents": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut("config.json", 40), "config.json of FOLDER is damaged: it is not JSON"),
        (gone("config.json"), "FOLDER has no config.json. Expected are"),
        (edited("config.json", model_type="bert"), "FOLDER holds weights of another model (bert)"),
        (
            edited("config.json", num_latents="many"),
            "config.json of FOLDER: num_latents is 'many', but it must be a whole",
        ),
        (
            edited("config.json", num_latents=9),
            "does not fit config.json: perceiver.latents is (8, 32), but it must be (9, 32)",
        ),
        (cut(WEIGHTS, 5000), "model.safetensors of FOLDER is damaged"),
        (cut(WEIGHTS, 0), "model.safetensors of FOLDER is damaged"),
        (gone(WEIGHTS), "FOLDER has neither model.safetensors nor"),
        (pointer, "model.safetensors of FOLDER is only what Git LFS keeps in its place"),
        (shard_that_is_not_there, "FOLDER lacks model-00002-of-00002.safetensors"),
        (not_a_number, "model.safetensors of FOLDER is damaged: perceiver.latents holds values that are no numbers"),
        (a_tensor_less_and_one_more, "missing are perceiver.latents; not known are perceiver.potents"),
        (cut("tokenizer.json", 300), "tokenizer.json of FOLDER is damaged"),
        (edited("tokenizer.json", model={"type": "no such"}), "tokenizer.json of FOLDER is damaged"),
        (gone("tokenizer_config.json"), "FOLDER has no tokenizer_config.json"),
        (edited("tokenizer_config.json", pad_token="[CLS]"), "tokenizer.json of FOLDER belongs to other weights"),
        (gone("preprocessor_config.json"), "FOLDER has no preprocessor_config.json"),
        (
            edited("preprocessor_config.json", image_mean="grey"),
            "preprocessor_config.json of FOLDER does not fit config.json",
        ),
        (edited("preprocessor_config.json", crop_size={"height": 40, "width": 40}), "it is not of images of 32 pixels"),
        (cut("generation_config.json", 9), "generation_config.json of FOLDER is damaged"),
    ],
)
def test_damaged_weights_are_refused_with_the_file_that_is_wrong(folder, damage, said):
    damage(folder)
    with pytest.raises(CheckpointError, match=re.escape(said.replace("FOLDER", str(folder)))) as caught:
        load_weights(str(folder))
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_a_folder_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(CheckpointError, match=r"There are no weights at .*nowhere: no such folder"):
        load_weights(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hidden_size": "wide"}, "hidden_size is 'wide', but it must be a whole number"),
        ({"perceiver_heads": 1.5}, "perceiver_heads is 1.5, but it must be a whole number"),
        ({"mask_context_padding": "yes"}, "mask_context_padding is 'yes', but it must be true or false"),
        ({"vision_stem_channels": ["a"]}, "vision_stem_channels is ['a'], but it must be a list of whole numbers"),
        ({"max_context_tokens": None}, "max_context_tokens is None, but it must be a whole number"),
        ({"num_beams": 0}, "num_beams is 0, but it must be at least 1"),
        ({"fusion_heads": -2}, "fusion_heads is -2, but it must be at least 1"),
        (
            {"max_report_tokens": 1025},
            "max_report_tokens is 1025, but the position table of these weights has 1024",
        ),
        (
            {"max_context_tokens": 513},
            "max_context_tokens is 513, but the position table of these weights has 512",
        ),
        ({"weights_kind": "magic"}, "weights_kind is 'magic', but it must be one of simulated, published, own"),
        ({"view_positions": {"PA": 0, "unk": 5}}, "view_positions must be numbered from 0 without gaps"),
        ({"eos_token_id": 99999}, "eos_token_id is 99999, but the vocabulary has 50264 tokens"),
        (
            {"vision_config": {"patch_size": "small"}},
            "vision_config.patch_size is 'small', but it must be",
        ),
        ({"vision_config": {"image_size": 100, "patch_size": 14}}, "are no whole number of patches"),
        ({"text_config": {"num_attention_heads": 7}}, "7"),
        ({"decoder_config": {"activation_function": "magic"}}, "there is no activation function 'magic'"),
        ({"decoder_config": 7}, "decoder_config is 7, but it must be names with their values"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_by_its_key(changes, said):
    tree = {"text_config": {"vocab_size": 50264}, "decoder_config": {"vocab_size": 50264}} | changes
    for part in ("text_config", "decoder_config"):
        if isinstance(tree[part], dict):
            tree[part] = {"vocab_size": 50264} | tree[part]
    with pytest.raises(CheckpointError, match=re.escape(said)):
        configuration_of(tree, "config.json")


def test_stage_1_reads_no_more_than_its_encoder_has_places_for(small_config):
    """Context and report both go through the context's encoder there."""
    places = {"max_position_embeddings": 16}
    config = small_config(
        max_report_tokens=24, max_context_tokens=16, text_config=small_config().text_config.to_dict() | places
    )
    assert config.stage1_tokens == 16 and PriorRGConfig().stage1_tokens == 100
