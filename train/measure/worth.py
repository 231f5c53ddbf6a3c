"""What stage 1 is worth: small models that differ in what their stage 1 learned from, and in nothing else.

Every arm trains for the same number of steps in all, so that the one without stage 1 has the more of stage 2. What is
compared are coarse drafts, since fine detail takes no part in stage 1.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from priorrg.errors import DataError
from train.batches import Collator, Example, StudyDataset, examples_of
from train.build import build, stage_tokenizer
from train.checkpoints import records_digest
from train.config import RunConfig, StageConfig
from train.data import Record, read_view_positions
from train.measure.bootstrap import RESAMPLES, Estimate
from train.measure.claims import verdict
from train.measure.evaluate import COARSE, generate, open_split
from train.measure.metrics import measure
from train.stage1 import train_stage1
from train.stage2 import train_stage2

NONE = "no stage 1"
# Arm -> weights of the contrastive and of the auxiliary loss in its stage 1. In stage 2 all learn alike.
ARMS: dict[str, tuple[float, float] | None] = {
    NONE: None,
    "contrastive loss alone": (1.0, 0.0),
    "auxiliary loss alone": (0.0, 1.0),
    "both": (1.0, 1.0),
}
FIGURES = ("finding_micro_f1", "change_macro_f1", "answered_rightly")
_SHARE = 1 / 3  # of the steps, in arms that have a stage 1


def worth(
    config: RunConfig, records: dict[str, list[Record]], split: str, output: Path, *, seeds: int, steps: int
) -> dict[str, Any]:
    """Train every arm with every seed and compare their drafts of `split`; writes the figures to `output`.

    {studies, seeds, steps, arms: arm -> figure -> {value, by_seed, difference, interval, verdict}}: values are means
    over the seeds, differences are to the arm without stage 1, with the same seeds and patients; the 95% interval draws
    both anew. A run that has ended is not run again: its drafts stand in the folder of config.stage2.output.
    Raises DataError where steps are too few for both stages.
    """
    if steps * _SHARE < 1:
        raise DataError(f"{steps} steps are too few for two stages: three at least.")
    folder = Path(config.stage2.output)
    tokens = str(stage_tokenizer(config, replace(config.stage2, start_from=""), records["train"], is_new=False))
    config = replace(config, model=replace(config.model, tokenizer=tokens))  # all arms read and write the same tokens
    measured: dict[str, list[Estimate]] = {arm: [] for arm in ARMS}
    examples: list[Example] = []
    for seed in range(seeds):
        for arm in ARMS:
            place = folder / f"{arm.replace(' ', '_')}_{seed}"
            examples, texts = _drafts(replace(config, seed=seed), records, split, place, arm, steps)
            measured[arm].append(_measured(examples, texts))
    figures = {
        "studies": len(examples),
        "seeds": seeds,
        "steps": steps,
        "arms": {
            arm: {name: _compared(found, measured[NONE], name) for name in FIGURES} for arm, found in measured.items()
        },
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return figures


def _drafts(
    config: RunConfig, records: dict[str, list[Record]], split: str, folder: Path, arm: str, steps: int
) -> tuple[list[Example], list[str]]:
    """The split's examples and what the arm's model drafts of them, trained now or taken from a run before."""
    file = folder / "drafts.json"
    run = {"config": asdict(config), "steps": steps, "records": records_digest(records), "split": split}
    views = read_view_positions(config.data.view_positions)
    model, processor = build(config, views, Path(config.model.tokenizer))
    cache, kept = open_split(model, processor, records[split], config)
    examples = examples_of(kept)
    if file.is_file():
        before = json.loads(file.read_text(encoding="utf-8"))
        if before["run"] == run:
            return examples, before["texts"]
    learned = ARMS[arm]
    first = round(steps * _SHARE) if learned else 0
    if learned:
        contrastive, auxiliary = learned
        stage = _of_steps(config.stage1, first, config, records["train"], folder / "stage1", drops_last=True)
        alone = replace(config, stage1=replace(stage, contrastive=contrastive, auxiliary=auxiliary))
        train_stage1(model, alone, processor, records, resume=False)
    stage = _of_steps(config.stage2, steps - first, config, records["train"], folder / "stage2")
    # The weights are here already; where they come from tells stage 2 whether there are statistics to hold.
    stage = replace(stage, start_from=str(folder / "stage1") if learned else "")
    train_stage2(model, replace(config, stage2=stage), processor, records, resume=False)
    collator = Collator(processor, Path(config.data.image_root), cache, layers=False)
    texts = generate(model, collator, processor, examples, COARSE, name=folder.name)
    file.write_text(json.dumps({"run": run, "texts": texts}), encoding="utf-8")
    return examples, texts


def _of_steps(
    stage: StageConfig, steps: int, config: RunConfig, records: Sequence[Record], output: Path, drops_last: bool = False
) -> StageConfig:
    """The stage, from the start and for so many steps: its epochs are parts of the data set it will have."""
    count = len(StudyDataset(records, resample=config.data.resample_text, four_views=config.data.four_views))
    each = stage.batch_size
    per_epoch = count // each if drops_last else -(-count // each)
    return replace(stage, epochs=(steps - 0.5) / max(per_epoch, 1), output=str(output), start_from="")


def _measured(examples: Sequence[Example], texts: Sequence[str]) -> Estimate:
    """All with the same resamples, whatever the model's seed."""
    return measure(
        [e.findings for e in examples],
        texts,
        [e.context for e in examples],
        [e.prior is not None for e in examples],
        [e.record.subject_id for e in examples],
    )


def _compared(arm: Sequence[Estimate], none: Sequence[Estimate], name: str) -> dict[str, Any]:
    by_seed = [found.value[name] for found in arm]
    found: dict[str, Any] = {"value": _mean(by_seed), "by_seed": by_seed}
    if arm is none:
        return found
    # (seeds, RESAMPLES); in each resample of the patients the seeds are drawn with replacement too.
    apart = np.stack([one.drawn[name] - other.drawn[name] for one, other in zip(arm, none, strict=True)])
    chosen = np.random.default_rng(0).integers(0, len(apart), (len(apart), RESAMPLES))
    means = np.take_along_axis(apart, chosen, axis=0).mean(axis=0)
    interval = None if np.isnan(means).any() else tuple(float(v) for v in np.percentile(means, (2.5, 97.5)))
    without = _mean([other.value[name] for other in none])
    difference = None if found["value"] is None or without is None else found["value"] - without
    return found | {"difference": difference, "interval": interval, "verdict": verdict(interval)}


def _mean(values: Sequence[float | None]) -> float | None:
    """None where any of them is: the split holds nothing to count."""
    known = [value for value in values if value is not None]
    return None if len(known) < len(values) else float(np.mean(known))


def table(figures: dict[str, Any]) -> str:
    """One row an arm and figure."""
    lines = [f"{figures['studies']} studies, {figures['seeds']} seeds, {figures['steps']} steps each"]
    for arm, found in figures["arms"].items():
        for name, row in found.items():
            told = f"{arm:24}{name:20}{_shown(row['value'])}  of seeds " + " ".join(map(_shown, row["by_seed"]))
            if row.get("difference") is not None:
                low, high = row["interval"] or (float("nan"),) * 2
                told += f"  {row['difference']:+.3f} ({low:+.3f} {high:+.3f}) {row['verdict']}"
            lines.append(told)
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
