"""What a command of python -m train starts from: a run's configuration with its records, and trained weights.

Libraries are imported where they are used, so that the commands answer --help at once.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def prepared(options: argparse.Namespace, *splits: str) -> tuple[Any, dict[str, Any]]:
    """The run's configuration and its records, which must hold `splits`."""
    from priorrg.errors import DataError
    from train.config import load_config
    from train.data import read_annotation

    config = load_config(options.config, options.override)
    records = read_annotation(config.data.annotation, config.data.max_unreadable)
    for split in splits:
        if not records.get(split):
            raise DataError(f"The annotation file has no studies in a split {split!r}. It has: {', '.join(records)}.")
    return config, records


def trained(weights: Path) -> tuple[Any, Any]:
    """The model of a folder, or `published` or `embedded`; on the GPU where there is one. And its processor."""
    import torch

    from priorrg.errors import CheckpointError
    from priorrg.reporting import kept
    from priorrg.reporting.loading import load_weights

    if str(weights) in (kept.EMBEDDED, kept.PUBLISHED):
        weights = Path(kept.resolve(str(weights)))
    if not (weights / "config.json").is_file():  # it would be looked for in a hub repository of that name
        raise CheckpointError(f"{weights} holds no trained model. Train one first, or name another with --weights.")
    model, processor = load_weights(str(weights))
    return model.to(device="cuda" if torch.cuda.is_available() else "cpu"), processor  # type: ignore[call-arg]
