"""The small files that lie beside weights: their card, their evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from priorrg.errors import CheckpointError

CARD, EVALUATION = "README.md", "evaluation.json"


def file_beside(source: str | Path, name: str) -> Path | None:
    """A file of the folder that weights are in; None where it has no such file."""
    file = Path(source) / name
    return file if file.is_file() else None


def read_model_card(source: str | Path) -> str:
    """The model card, Markdown; empty where there is none."""
    file = file_beside(source, CARD)
    return "" if file is None else file.read_text(encoding="utf-8", errors="replace")


def read_evaluation(source: str | Path) -> dict[str, Any] | None:
    """What `python -m train card` wrote of these weights; None where there is nothing.

    Raises CheckpointError for a file that holds no evaluation.
    """
    file = file_beside(source, EVALUATION)
    if file is None:
        return None
    try:
        evaluation = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(evaluation["refined"], dict):
            raise ValueError("`refined` is no table")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"The {EVALUATION} of {source} holds no evaluation ({error}). Write it anew: python -m train card; or "
            "delete it."
        ) from None
    return evaluation
