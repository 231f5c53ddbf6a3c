"""The example studies of the page: simulated, shipped with the app in assets/examples, in no training."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from priorrg.assets import EXAMPLES


@dataclass(frozen=True)
class Example:
    """A simulated study that ships with the app and was in no training."""

    title: str
    indication: str
    history: str
    current: Path
    prior: Path | None


def examples() -> list[Example]:
    found = []
    for file in sorted(EXAMPLES.glob("*/study.json")):
        study = json.loads(file.read_text(encoding="utf-8"))
        names = study["files"]
        prior = file.parent / names["prior"] if names.get("prior") else None
        found.append(
            Example(study["title"], study["indication"], study["history"], file.parent / names["current"], prior)
        )
    return found
