"""A small run of the training commands: its configuration, and what the tests look at of it."""

from pathlib import Path

import torch
import yaml
from safetensors.torch import load_file

from train.__main__ import main

ROOT = Path(__file__).parents[1]

SMALL_MODEL = {
    "hidden_size": 32,
    "vision_stem_channels": [4, 8, 16],
    "vision_config": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 64,
        "patch_size": 16,
        "num_channels": 1,
    },
    "text_config": {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 160,
    },
    "decoder_config": {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 160},
    "fusion_heads": 2,
    "fusion_blocks": 1,
    "num_latents": 8,
    "perceiver_depth": 1,
    "perceiver_heads": 2,
    "perceiver_head_size": 16,
    "mask_context_padding": True,
    "coarse_draft": "coarse_memory",
    "max_report_tokens": 140,
    "max_context_tokens": 140,
    "num_beams": 1,
    "weights_kind": "simulated",
    "weights_name": "small",
}


def configuration(simulated: Path, runs: Path, **changes) -> str:
    """A configuration file; changes are `section__key=value`."""
    tree = {
        "data": {
            "annotation": str(simulated / "annotation.json"),
            "image_root": str(simulated),
            "view_positions": str(simulated / "view_positions.json"),
            "cache": str(runs / "features"),
        },
        "model": {"vocabulary": 400, "vision": str(runs / "vision" / "vision.pt"), "config": SMALL_MODEL},
        "vision": {"output": str(runs / "vision"), "epochs": 3, "batch_size": 4},
        "stage1": {
            "output": str(runs / "stage1"),
            "batch_size": 4,
            "epochs": 1,
            "save_steps": 0,
            "auxiliary": 1.0,
            "warmup_steps": 0,
        },
        "stage2": {
            "output": str(runs / "stage2"),
            "start_from": str(runs / "stage1"),
            "batch_size": 4,
            "epochs": 2,
            "save_steps": 0,
            "auxiliary": 0.3,
            "coarse_share": 0.3,
            "word_weight": 4.0,
            "more_contexts": 1,
            "learning_rate": 1e-3,
            "decoder_learning_rate": 3e-3,
            "warmup_steps": 0,
        },
    }
    for name, value in changes.items():
        section, key = name.split("__")
        tree.setdefault(section, {})[key] = value
    runs.mkdir(parents=True, exist_ok=True)
    file = runs / "run.yaml"
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return str(file)


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def refused(capsys, *command: str) -> str:
    assert main(list(command)) == 2
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    return printed
