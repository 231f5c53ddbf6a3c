"""Import of the authors' published checkpoint (a Lightning .ckpt) into our own format.

Nothing in the file is ever run: only tensors and plain containers are unpickled. Every key of the checkpoint is used,
ignored by a name listed here, or reported.
"""

import argparse
import json
import math
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from priorrg.errors import CheckpointError
from priorrg.model.configuration import COARSE_FROM_WHOLE, PriorRGConfig, configuration_of
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import (
    RAD_DINO_MEAN,
    RAD_DINO_STD,
    PriorRGProcessor,
    make_image_processor,
    make_tokenizer,
)
from priorrg.study import UNKNOWN_VIEW

# Metric models that were built inside the network, unused heads of CXR-BERT, and buffers that are recomputed.
IGNORED_KEYS = re.compile(
    r"^(val_|test_|train_loss_metric)"
    r"|^text_encoder\.(cls|cls_projection_head|bert\.pooler)\."
    r"|\.position_ids$|\.(attn|crossattention)\.(masked_)?bias$"
)

# What wrappers put before every name: several devices, torch.compile, a Lightning module or trainer of one's own.
WRAPPERS = re.compile(r"^(?:(?:module|_orig_mod|model)\.)+|(?<=\.)_orig_mod\.")

RENAMES = (  # published name -> ours; each rule is tried on every key, in this order
    # Dinov2 of transformers 4.43 -> 5
    (r"^(image_encoder\..*\.attention)\.attention\.(q)uery\.", r"\1.\2_proj."),
    (r"^(image_encoder\..*\.attention)\.attention\.(k)ey\.", r"\1.\2_proj."),
    (r"^(image_encoder\..*\.attention)\.attention\.(v)alue\.", r"\1.\2_proj."),
    (r"^(image_encoder\..*\.attention)\.output\.dense\.", r"\1.o_proj."),
    (r"^text_encoder\.bert\.", "text_encoder."),
    (r"^text_decoder\.encoder_decoder\.decoder\.", "decoder."),
    (r"^layer_fusion\.cbam\.ca\.se\.0\.", "layer_fusion.channel_attention.squeeze."),
    (r"^layer_fusion\.cbam\.ca\.se\.2\.", "layer_fusion.channel_attention.expand."),
    (r"^layer_fusion\.cbam\.sa\.", "layer_fusion.spatial_attention."),
    (r"^temporal_fusion\.layers\.(\d+)\.0\.", r"temporal_fusion.blocks.\1.attention."),
    (r"^temporal_fusion\.layers\.(\d+)\.1\.net\.4\.", r"temporal_fusion.blocks.\1.feed_forward.3."),
    (r"^temporal_fusion\.layers\.(\d+)\.1\.net\.", r"temporal_fusion.blocks.\1.feed_forward."),
    (r"^(temporal_fusion\..*\.attention)\.fc_q\.", r"\1.to_queries."),
    (r"^(temporal_fusion\..*\.attention)\.fc_k\.", r"\1.to_keys."),
    (r"^(temporal_fusion\..*\.attention)\.fc_v\.", r"\1.to_values."),
    (r"^(temporal_fusion\..*\.attention)\.fc_o\.", r"\1.to_output."),
    (r"^(temporal_fusion\..*\.attention)\.ln_1\.", r"\1.norm_current."),
    (r"^(temporal_fusion\..*\.attention)\.ln_2\.", r"\1.norm_prior."),
    (r"^(perceiver\.layers\.\d+)\.0\.", r"\1.cross_attention."),
    (r"^(perceiver\.layers\.\d+)\.1\.", r"\1.cross_feed_forward."),
    (r"^(perceiver\.layers\.\d+)\.2\.0\.0\.", r"\1.self_attention."),
    (r"^(perceiver\.layers\.\d+)\.2\.0\.1\.", r"\1.self_feed_forward."),
    (r"^(perceiver\..*)\.norm_context\.", r"\1.norm_data."),
    (r"^(perceiver\..*)\.fn\.to_q\.", r"\1.to_queries."),
    (r"^(perceiver\..*)\.fn\.to_kv\.", r"\1.to_keys_values."),
    (r"^(perceiver\..*)\.fn\.to_out\.", r"\1.to_output."),
    (r"^(perceiver\..*)\.fn\.net\.0\.", r"\1.widen."),
    (r"^(perceiver\..*)\.fn\.net\.2\.", r"\1.narrow."),
)


# Classes that may appear among hyper-parameters, by the names that pickles call them. All hold data and do nothing.
PLAIN_CONTAINERS = [
    argparse.Namespace,
    # Lightning's container of hyper-parameters is a dictionary and no more: it is read as one.
    (dict, "pytorch_lightning.utilities.parsing.AttributeDict"),
    (dict, "lightning.pytorch.utilities.parsing.AttributeDict"),
    (dict, "lightning_fabric.utilities.data.AttributeDict"),
    (dict, "lightning.fabric.utilities.data.AttributeDict"),
]


NOTE = "Imported from the authors' checkpoint, which was trained on MIMIC-CXR."
NOTE_OF_OTHERS = (
    "Imported from a checkpoint that is not the authors'. What it was trained on is known to whoever trained it."
)


def import_checkpoint(
    source: str | Path,
    output: str | Path,
    tokenizer: str | Path | None = None,
    view_positions: str | Path | None = None,
    image_processor: str | Path | None = None,
    heads: Mapping[str, int] | None = None,
    name: str = "",
    note: str = "",
    is_own: bool = False,
) -> Path:
    """Write a model folder from a published checkpoint, or another that the published code wrote (is_own).

    source: a Lightning .ckpt or a bare state dict, in any precision. It is mapped into memory, not read into it: what
    it holds beside the model costs nothing.
    tokenizer: a tokenizer.json; a bare GPT-2 or DistilGPT2 one is given the published extra tokens.
    view_positions: a JSON dictionary, name -> index. image_processor: a preprocessor_config.json; without one the
    mean and standard deviation of RAD-DINO. heads: attention heads of the backbones (`vision`, `text`, `decoder`),
    which a state dict does not show; of one that is left out they are of width 64, as at paper scale.
    Returns the folder. Raises CheckpointError.
    """
    checkpoint = Path(source)
    if tokenizer is None or view_positions is None:
        wanted = " and ".join(
            what
            for what, given in (("a tokenizer.json", tokenizer), ("a view-position dictionary", view_positions))
            if given is None
        )
        raise CheckpointError(f"The checkpoint comes without {wanted}. Name the file, see import-checkpoint --help.")
    state, hyper_parameters = read_checkpoint(checkpoint)
    if "vp_pos_embed" not in state:
        raise CheckpointError("The checkpoint does not fit PriorRG. Keys missing: vp_pos_embed.")
    views, embedding = _views_of(Path(view_positions), state["vp_pos_embed"])
    state = state | {"vp_pos_embed": embedding}
    try:
        text_tokenizer = make_tokenizer(tokenizer)
    except Exception as error:  # the tokenizers library raises plain Exception
        raise CheckpointError(f"{tokenizer} is not a readable tokenizer.json: {error}") from error

    settings: dict[str, Any] = infer_dimensions(state, heads) | _reading_settings(hyper_parameters)
    settings |= {f"{kind}_token_id": getattr(text_tokenizer, f"{kind}_token_id") for kind in ("bos", "eos", "pad")}
    settings |= {
        "view_positions": views,
        "mask_context_padding": False,
        "coarse_draft": COARSE_FROM_WHOLE,
        "weights_kind": "own" if is_own else "published",
        "weights_name": name or f"PriorRG, {'own' if is_own else 'published'} weights ({checkpoint.name})",
        "training_note": note or (NOTE_OF_OTHERS if is_own else NOTE),
    }
    config = configuration_of(settings, f"What {checkpoint.name} says of its model")
    if len(text_tokenizer) != config.vocab_size:
        raise CheckpointError(
            f"The tokenizer has {len(text_tokenizer)} tokens and the checkpoint's embedding {config.vocab_size} rows. "
            "Take the tokenizer that the checkpoint was trained with."
        )
    with torch.device("meta"):  # its tensors become those of the file, which stay where they are
        model = PriorRGModel(config)
    load_published(model, state)
    images = _image_processor(image_processor, config)
    output = Path(output)
    model.save_pretrained(output)  # from the mapped file into the new one, a tensor after another
    PriorRGProcessor(text_tokenizer, images, config).save_pretrained(output)
    return output


def read_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """State dict and hyper-parameters of a Lightning .ckpt, or a bare state dict; names without those of wrappers.

    No code from the file is run.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint at {path}.")
    try:
        with torch.serialization.safe_globals(PLAIN_CONTAINERS):  # type: ignore[arg-type]
            # Without mmap the metric models of several gigabytes would all be read.
            checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # a broken zip, a foreign pickle and a refused class raise different types
        reason = re.search(r"Unsupported global: GLOBAL (\S+)|Unsupported (?:class|operand)[^\n]*", str(error))
        found = f"it asks for {reason.group(1) or reason.group(0)}" if reason else type(error).__name__
        raise CheckpointError(
            f"{path.name} cannot be loaded safely ({found}). PriorRG reads tensors and plain containers only and runs "
            "no code from a checkpoint: save it again with nothing but its state_dict."
        ) from error
    state = checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict) or not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CheckpointError(
            f"{path.name} holds no state_dict. PriorRG imports Lightning checkpoints, and state dicts of the published "
            "model as torch.save writes them."
        )
    hyper_parameters = {} if state is checkpoint else checkpoint.get("hyper_parameters", {})
    if isinstance(hyper_parameters, argparse.Namespace):
        hyper_parameters = vars(hyper_parameters)
    if isinstance(hyper_parameters, dict) and isinstance(hyper_parameters.get("args"), dict):
        hyper_parameters = hyper_parameters["args"]
    return without_wrappers(state), hyper_parameters if isinstance(hyper_parameters, dict) else {}


def without_wrappers(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The state dict under the model's own names. Raises CheckpointError where it holds two weights of one name."""
    found: dict[str, torch.Tensor] = {}
    for key, value in state.items():
        name = WRAPPERS.sub("", key)
        if name in found:
            raise CheckpointError(
                f"The checkpoint holds {name} twice, once of them as {key}: save the state dict of one model alone."
            )
        found[name] = value
    return found


def rename_key(key: str) -> str:
    """The published name of a parameter -> ours."""
    for pattern, replacement in RENAMES:
        key = re.sub(pattern, replacement, key)
    return key


def load_published(model: PriorRGModel, state: dict[str, torch.Tensor]) -> None:
    """Fill the model from a published state dict. Raises CheckpointError that lists whatever does not fit."""
    wanted = model.state_dict()
    renamed: dict[str, torch.Tensor] = {}
    surprising, misshapen = [], []
    misplaced = set()  # ours that are there, but in another shape
    for key, value in state.items():
        if IGNORED_KEYS.search(key):
            continue
        name = rename_key(key)
        if name not in wanted:
            surprising.append(key)
            continue
        if value.ndim == 3 and value.shape[-1] == 1 and wanted[name].ndim == 2:
            value = value.squeeze(-1)  # a 1x1 convolution over tokens is our linear layer
        if value.shape != wanted[name].shape:
            misshapen.append(f"{key} {tuple(value.shape)}, expected {tuple(wanted[name].shape)}")
            misplaced.add(name)
            continue
        renamed[name] = value.to(wanted[name].dtype)
    head, embedding = "decoder.lm_head.weight", "decoder.transformer.wte.weight"
    missing = [name for name in wanted if name not in renamed and name != head and name not in misplaced]
    if head in renamed and embedding in renamed and not torch.equal(renamed[head], renamed[embedding]):
        misshapen.append("text_decoder...lm_head.weight differs from the token embedding that it should be tied to")
    problems = [
        f"{title}: {', '.join(keys)}"
        for title, keys in (("missing", missing), ("not known", surprising), ("of another shape", misshapen))
        if keys
    ]
    if problems:
        raise CheckpointError(f"The checkpoint does not fit PriorRG. Keys {'; '.join(problems)}.")
    renamed[head] = renamed[embedding]
    model.load_state_dict(renamed, assign=True)
    model.tie_weights()


def infer_dimensions(state: dict[str, torch.Tensor], heads: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Configuration fields that the shapes of a published state dict show.

    Head counts are not among them: `heads` of each backbone (default: heads of width 64), 8 for fusion and perceiver
    as published.
    """
    vision, text = "image_encoder.", "text_encoder.bert."
    decoder, perceiver = "text_decoder.encoder_decoder.decoder.transformer.", "perceiver."
    try:
        patch = state[vision + "embeddings.patch_embeddings.projection.weight"]
        positions = state[vision + "embeddings.position_embeddings"].shape[1] - 1  # without CLS
        first_mlp = state[vision + "encoder.layer.0.mlp.fc1.weight"]
        words = state[text + "embeddings.word_embeddings.weight"]
        tokens = state[decoder + "wte.weight"]
        hidden = state["layer_norm.weight"].shape[0]
        widths = {"vision": patch.shape[0], "text": words.shape[1], "decoder": tokens.shape[1]}
        counts = _backbone_heads(widths, heads or {})
        return {
            "hidden_size": hidden,
            "vision_config": {
                "hidden_size": patch.shape[0],
                "num_channels": patch.shape[1],
                "patch_size": patch.shape[2],
                "image_size": math.isqrt(positions) * patch.shape[2],
                "num_hidden_layers": _count(state, vision + r"encoder\.layer"),
                "num_attention_heads": counts["vision"],
                "mlp_ratio": first_mlp.shape[0] // first_mlp.shape[1],
            },
            "text_config": {
                "vocab_size": words.shape[0],
                "hidden_size": words.shape[1],
                "num_hidden_layers": _count(state, text + r"encoder\.layer"),
                "num_attention_heads": counts["text"],
                "intermediate_size": state[text + "encoder.layer.0.intermediate.dense.weight"].shape[0],
                "max_position_embeddings": state[text + "embeddings.position_embeddings.weight"].shape[0],
                "type_vocab_size": state[text + "embeddings.token_type_embeddings.weight"].shape[0],
            },
            "decoder_config": {
                "vocab_size": tokens.shape[0],
                "n_embd": tokens.shape[1],
                "n_layer": _count(state, decoder + "h"),
                "n_head": counts["decoder"],
                "n_positions": state[decoder + "wpe.weight"].shape[0],
            },
            "fusion_heads": 8,  # published
            "fusion_head_size": state["temporal_fusion.layers.0.0.fc_q.weight"].shape[0] // 8,
            "fusion_blocks": _count(state, r"temporal_fusion\.layers"),
            "num_latents": state[perceiver + "latents"].shape[0],
            "perceiver_depth": _count(state, perceiver + "layers"),
            "perceiver_heads": 8,  # published
            "perceiver_head_size": state[perceiver + "layers.0.0.fn.to_q.weight"].shape[0] // 8,
            "perceiver_ff_mult": state[perceiver + "layers.0.1.fn.net.2.weight"].shape[1] // hidden,
        }
    except KeyError as error:
        raise CheckpointError(
            f"The checkpoint does not fit PriorRG. Keys missing: {error.args[0]}, from which a dimension is read."
        ) from error


def _backbone_heads(widths: dict[str, int], heads: Mapping[str, int]) -> dict[str, int]:
    for backbone, count in heads.items():
        if count < 1 or widths[backbone] % count:
            raise CheckpointError(
                f"{count} attention heads do not divide the width of the {backbone} backbone ({widths[backbone]}). "
                "Name the number that the checkpoint was trained with."
            )
    return {backbone: heads.get(backbone) or max(width // 64, 1) for backbone, width in widths.items()}


def backbone_heads(config: PriorRGConfig) -> dict[str, int]:
    """Attention heads of `vision`, `text` and `decoder`, as import_checkpoint takes them."""
    vision, text = config.vision_config.num_attention_heads, config.text_config.num_attention_heads
    return {"vision": vision, "text": text, "decoder": config.decoder_config.n_head}


def assumed_heads(config: PriorRGConfig) -> str:
    """The head counts of imported weights, for whoever imports them: no shape would show that they are wrong."""
    counts = backbone_heads(config) | {"fusion": config.fusion_heads, "perceiver": config.perceiver_heads}
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _count(state: dict[str, torch.Tensor], prefix: str) -> int:
    numbers = {int(match.group(1)) for key in state if (match := re.match(rf"{prefix}\.(\d+)\.", key))}
    return len(numbers)


def _reading_settings(hyper_parameters: dict[str, Any]) -> dict[str, int]:
    """How the authors read with these weights, where the hyper-parameters say so; else the published defaults."""
    names = {"encoder_max_length": "max_context_tokens", "max_length": "max_report_tokens", "num_beams": "num_beams"}
    found = {ours: hyper_parameters.get(theirs) for theirs, ours in names.items()}
    return {name: value for name, value in found.items() if isinstance(value, int) and 0 < value <= 1024}


def _views_of(path: Path, embedding: torch.Tensor) -> tuple[dict[str, int], torch.Tensor]:
    """The dictionary as our configuration wants it, each row of the embedding named and `unk` among them; the rows.

    Numbers that the dictionary skips are rows that nobody can ask for. Where it has no `unk`, a view position that is
    not stated is read as the mean of those that are.
    """
    try:
        views = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path.name} is not a readable view-position dictionary: {error}") from error
    numbers = list(views.values()) if isinstance(views, dict) else []
    if not numbers or not all(type(number) is int for number in numbers) or len(set(numbers)) < len(numbers):
        raise CheckpointError(
            f"{path.name} should be a JSON dictionary of view positions, each with a number of its own from 0."
        )
    if min(numbers) < 0 or max(numbers) + 1 != len(embedding):
        raise CheckpointError(
            f"The view-position dictionary has {len(views)} entries, numbered {min(numbers)} to {max(numbers)}, and "
            f"the checkpoint {len(embedding)} rows. Take the dictionary that the checkpoint was trained with."
        )
    rows = [next((name for name, row in views.items() if row == number), "") for number in range(len(embedding))]
    named = {name or f"row {number}": number for number, name in enumerate(rows)}
    if UNKNOWN_VIEW not in named:
        named[UNKNOWN_VIEW] = len(embedding)
        stated = embedding[[number for number, name in enumerate(rows) if name]]
        embedding = torch.cat([embedding, stated.mean(dim=0, keepdim=True)])
    return named, embedding


def _image_processor(path: str | Path | None, config: PriorRGConfig):
    """Size from the checkpoint; mean and standard deviation from a preprocessor_config.json, else RAD-DINO's."""
    vision = config.vision_config
    if path is None:
        return make_image_processor(vision.image_size, vision.num_channels, RAD_DINO_MEAN, RAD_DINO_STD)
    try:
        settings = json.loads(Path(path).read_text(encoding="utf-8"))
        mean, std = settings["image_mean"], settings["image_std"]
        processor = make_image_processor(vision.image_size, vision.num_channels, mean[0], std[0])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise CheckpointError(
            f"{Path(path).name} is not a preprocessor_config.json with image_mean and image_std."
        ) from error
    if len(mean) == vision.num_channels == len(std):
        processor.image_mean, processor.image_std = mean, std
    return processor
