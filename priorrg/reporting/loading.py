"""Weights from a folder, each file looked at before anything is built of it.

The libraries say of a damaged file what their parsers say, and not which file it was; some take it as it is. Here a
message names the file and what is wrong with it. What lies beside the weights is in weights.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedTokenizerFast

from priorrg.errors import CheckpointError
from priorrg.model.configuration import PriorRGConfig, configuration_of
from priorrg.model.modeling import PriorRGModel, without_bars
from priorrg.model.processing import BitImageProcessorPil, PriorRGProcessor
from priorrg.reporting.weights import file_beside

CONFIG, IMAGES, TOKENIZER, TOKENIZER_CONFIG = (
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
GENERATION = "generation_config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
LFS_POINTER = b"version https://git-lfs"  # what a clone has of a large file that was not fetched
LOOKED_AT_ONCE = 40  # tensors; of each map the head is read anew
AGAIN = "Fetch it again from where these weights came."


def load_weights(source: str, most_tokens: int = 0) -> tuple[PriorRGModel, PriorRGProcessor]:
    """Model (float32) and processor. Only safetensors are read. Raises CheckpointError that names the file.

    most_tokens: the limit of a report, start token included, in the place of the configuration's; 0 leaves that.
    """
    config = _configuration(source)
    if most_tokens:
        config.max_report_tokens = _possible(most_tokens, source, config)
    processor = _processor(source, config)
    places = _tensors(source, config)
    if file_beside(source, GENERATION) is not None:
        _json(source, GENERATION)  # transformers would go on without a damaged one
    for place in sorted(set(places.values())):
        if name := _no_number(source, place, [name for name, its in places.items() if its == place]):
            raise CheckpointError(f"{place} of {source} is damaged: {name} holds values that are no numbers. {AGAIN}")
    with without_bars():
        model = PriorRGModel.from_pretrained(source, config=config, dtype=torch.float32, use_safetensors=True)
    return model, processor


def _no_number(source: str, place: str, names: list[str]) -> str:
    """The first of these tensors of a file that holds a value which is no number; empty where there is none.

    Looked at through maps of their own, each of a few and closed again: in the model's, which is the file itself where
    it holds float32, all that was looked at would stay in memory, also what no reading needs.
    """
    file = file_beside(source, place)
    assert file is not None, "its head was read before"
    for first in range(0, len(names), LOOKED_AT_ONCE):
        with safe_open(file, "pt") as tensors:
            for name in names[first : first + LOOKED_AT_ONCE]:
                value = tensors.get_tensor(name)
                if value.is_floating_point() and not all(bool(end.isfinite()) for end in value.aminmax()):
                    return name
                del value  # or it would hold the map
    return ""


def _configuration(source: str) -> PriorRGConfig:
    tree = _json(source, CONFIG)
    kind = tree.get("model_type") if isinstance(tree, dict) else None
    if kind != PriorRGConfig.model_type:
        raise CheckpointError(
            f"{source} holds weights of another model ({kind or 'its config.json names none'}). Import a published "
            "PriorRG checkpoint with `python -m priorrg import-checkpoint` first."
        )
    return configuration_of(tree, f"{CONFIG} of {source}")


def _possible(most_tokens: int, source: str, config: PriorRGConfig) -> int:
    places = config.decoder_config.max_position_embeddings
    if not 2 <= most_tokens <= places:
        raise CheckpointError(
            f"A report of {most_tokens} tokens cannot be: the position table of {source} has {places:,} places, and 2 "
            "are the least."
        )
    return most_tokens


def _processor(source: str, config: PriorRGConfig) -> PriorRGProcessor:
    for name in (IMAGES, TOKENIZER, TOKENIZER_CONFIG):
        _json(source, name)
    try:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(source)
    except Exception as error:  # the tokenizers library raises plain Exception
        raise CheckpointError(f"{TOKENIZER} of {source} is damaged ({_said(error)}). {AGAIN}") from None
    found = (len(tokenizer), tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    if found != (config.vocab_size, config.bos_token_id, config.eos_token_id, config.pad_token_id):
        raise CheckpointError(
            f"{TOKENIZER} of {source} belongs to other weights: it has {len(tokenizer)} tokens and {CONFIG} "
            f"{config.vocab_size}, or its special tokens have other numbers. {AGAIN}"
        )
    vision = config.vision_config
    try:
        images = BitImageProcessorPil.from_pretrained(source)
        size = {"height": vision.image_size, "width": vision.image_size}
        numbers = [float(number) for number in [*images.image_mean, *images.image_std]]  # type: ignore[misc]
        fits = dict(images.crop_size) == size and len(numbers) == 2 * vision.num_channels  # type: ignore[arg-type]
        if not fits or min(images.image_std) <= 0:  # type: ignore[type-var, arg-type]
            raise ValueError(f"it is not of images of {vision.image_size} pixels with {vision.num_channels} channels")
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise CheckpointError(f"{IMAGES} of {source} does not fit {CONFIG}: {_said(error)}. {AGAIN}") from None
    return PriorRGProcessor(tokenizer, images, config)


def _tensors(source: str, config: PriorRGConfig) -> dict[str, str]:
    """Which file each tensor is in. Raises CheckpointError where one is damaged, missing, surplus or misshapen."""
    with torch.device("meta"):
        model = PriorRGModel(config)
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    tied = set(model._tied_weights_keys or {})
    places: dict[str, str] = {}
    for file in _files(source):
        for name, shape in _shapes(source, file):
            places[name] = file
            if name in wanted and shape != wanted[name]:
                raise CheckpointError(
                    f"{file} of {source} does not fit {CONFIG}: {name} is {shape}, but it must be {wanted[name]}."
                )
    missing, surplus = sorted(wanted.keys() - places.keys() - tied), sorted(places.keys() - wanted.keys())
    if missing or surplus:
        told = "; ".join(
            f"{what} {', '.join(names[:3])}" + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            for what, names in (("missing are", missing), ("not known are", surplus))
            if names
        )
        raise CheckpointError(f"The weights in {source} do not fit {CONFIG}: {told}.")
    return places


def _files(source: str) -> list[str]:
    if file_beside(source, INDEX) is None:
        if file_beside(source, WEIGHTS) is None:
            raise CheckpointError(f"{source} has neither {WEIGHTS} nor {INDEX}. {AGAIN}")
        return [WEIGHTS]
    tree = _json(source, INDEX)
    names = tree.get("weight_map") if isinstance(tree, dict) else None
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise CheckpointError(f"{INDEX} of {source} names no files of weights. {AGAIN}")
    return sorted(set(names.values()))


def _shapes(source: str, name: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every tensor of one file, from its head."""
    file = file_beside(source, name)
    if file is None:
        raise CheckpointError(f"{source} lacks {name}, a part of its weights. {AGAIN}")
    try:
        with file.open("rb") as opened:
            if opened.read(len(LFS_POINTER)) == LFS_POINTER:
                raise CheckpointError(f"{name} of {source} is only what Git LFS keeps in its place: run git lfs pull.")
        with safe_open(file, "pt") as tensors:
            for tensor in tensors.keys():  # noqa: SIM118 (no dictionary)
                yield tensor, tuple(tensors.get_slice(tensor).get_shape())
    except OSError as error:
        raise _unreadable(name, source, error) from None
    except SafetensorError as error:
        raise CheckpointError(f"{name} of {source} is damaged ({_said(error)}). {AGAIN}") from None


def _json(source: str, name: str) -> Any:
    try:
        file = file_beside(source, name)
        if file is not None:
            return json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{name} of {source} is damaged: it is not JSON ({error}). {AGAIN}") from None
    except ValueError as error:  # no text
        raise CheckpointError(f"{name} of {source} is damaged ({_said(error)}). {AGAIN}") from None
    except OSError as error:
        raise _unreadable(name, source, error) from None
    if Path(source).is_dir():
        raise CheckpointError(
            f"{source} has no {name}. Expected are {CONFIG}, {WEIGHTS}, {TOKENIZER}, {TOKENIZER_CONFIG} and {IMAGES}."
        )
    raise CheckpointError(
        f"There are no weights at {source}: no such folder, and no hub repository is called so. Expected is a folder, "
        "or a hub repository (OWNER/NAME), with weights of PriorRG."
    )


def _unreadable(name: str, source: str, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{name} of {source} cannot be read ({_said(error)}): whoever runs this needs leave to read every file there."
        if isinstance(error, PermissionError)
        else f"{name} of {source} cannot be read ({_said(error)})."
    )


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split())[:200].rstrip(".")
