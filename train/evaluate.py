"""Generates reports for a split and scores them: one table on the screen, one JSON beside it."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm
from transformers.modeling_outputs import BaseModelOutput

from priorrg.errors import DataError
from priorrg.model.configuration import COARSE_FROM_MEMORY
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from priorrg.study import ClinicalContext
from train.config import RunConfig
from train.data import Collator, Example, FeatureCache, Record, image_paths, readable
from train.metrics import score
from train.trainer import examples_of

WITHHELD = ("none", "prior", "context")


@torch.no_grad()
def generate(
    model: PriorRGModel,
    collator: Collator,
    processor: PriorRGProcessor,
    examples: Sequence[Example],
    level: str,
    num_beams: int = 1,
) -> list[str]:
    """One report an example, in order, from the `full` or the `coarse` memory.

    Where padding is not masked (published weights) studies are read one at a time, as the app does.
    """
    model.eval()
    device = next(model.parameters()).device
    size = 32 if model.config.mask_context_padding else 1
    texts = []
    for start in tqdm(range(0, len(examples), size), desc=f"reading, {level} memory", unit="batch", mininterval=5):
        batch = collator(examples[start : start + size])
        study = {n: t.to(device) for n, t in batch.items() if n not in ("decoder_input_ids", "labels")}
        memory = model.encode_study(**study, memory_level=level).level(level)
        ids = model.generate(  # type: ignore[misc]
            encoder_outputs=BaseModelOutput(last_hidden_state=memory),  # type: ignore[arg-type]
            num_beams=num_beams,
            do_sample=False,
            max_length=model.config.max_report_tokens,
        )
        texts += [processor.decode(row) for row in ids]
    return texts


def withhold(examples: Sequence[Example], what: str) -> list[Example]:
    """The same studies without their prior or without their context; the references stay."""
    if what not in WITHHELD:
        raise DataError(f"Nothing called {what!r} can be withheld: choose {', '.join(WITHHELD)}.")
    if what == "prior":
        return [dataclasses.replace(e, prior=None) for e in examples]
    if what == "context":
        return [dataclasses.replace(e, context=ClinicalContext()) for e in examples]
    return list(examples)


def evaluate(
    model: PriorRGModel,
    processor: PriorRGProcessor,
    records: Sequence[Record],
    config: RunConfig,
    output: Path,
    samples: int = 0,
) -> dict[str, Any]:
    """Read a split as the app does: refined and coarse, then refined without priors and without context.

    Prints and writes the figures.

    Questions are always scored against the context that was asked with, also where it was withheld.
    """
    root = Path(config.data.image_root)
    cache = None
    if config.data.cache:
        # Its own folder: the training cache must not be written again for a split.
        folder, most = Path(config.data.cache + "_evaluate"), config.data.max_unreadable
        cache = FeatureCache.open(folder, model, processor, root, image_paths(records), most)
    collator = Collator(processor, root, cache, layers=True)
    whole = len(records)
    records = readable(records, cache, root, config.data.max_unreadable, "evaluation")
    examples = examples_of(records)
    references = [e.findings for e in examples]
    contexts = [e.context for e in examples]
    has_prior = [e.prior is not None for e in examples]
    subjects = [e.record.subject_id for e in examples]
    figures: dict[str, Any] = {"studies": len(examples), "patients": len(set(subjects))}
    figures["studies_skipped"] = whole - len(examples)
    beams = model.config.num_beams
    draft = "coarse" if model.config.coarse_draft == COARSE_FROM_MEMORY else "full"  # as Reader drafts
    runs = {
        "refined": ("none", "full", beams),
        "coarse": ("none", draft, 1),
        "without prior": ("prior", "full", beams),
        "without context": ("context", "full", beams),
    }
    began = time.time()
    written: dict[str, list[str]] = {}
    for name, (what, level, num_beams) in runs.items():
        written[name] = generate(model, collator, processor, withhold(examples, what), level, num_beams)
        compared = [False] * len(examples) if what == "prior" else has_prior
        figures[name] = score(references, written[name], contexts, compared, subjects)
    figures["minutes"] = (time.time() - began) / 60
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(figures, indent=1))
    print(table(figures))
    for number in range(min(samples, len(examples))):
        example = examples[number]
        print(f"\n[{example.record.study_id}] {example.context.indication} | {example.context.history}")
        print("  reference:", references[number])
        print("  coarse:   ", written["coarse"][number])
        print("  refined:  ", written["refined"][number])
    return figures


_ROWS = (
    "finding_micro_f1",
    "finding_macro_f1",
    "change_micro_f1",
    "change_macro_f1",
    "laterality",
    "severity",
    "tips",
    "device_change",
    "repositioned",
    "answered",
    "answered_first",
    "interpretation",
    "compares",
    "false_comparison",
)


def table(figures: dict[str, Any]) -> str:
    """The figures as text: one column a run, 95% intervals behind the micro figures and rates."""
    runs = [name for name in figures if isinstance(figures[name], dict)]
    lines = [f"{'':22}" + "".join(f"{name:>24}" for name in runs)]
    for row in _ROWS:
        cells = []
        for name in runs:
            value, interval = figures[name][row], figures[name]["interval"].get(row)
            spread = f" ({interval[0]:.2f}-{interval[1]:.2f})" if interval else ""
            cells.append(("-" if value is None else f"{value:.3f}") + spread)
        lines.append(f"{row:22}" + "".join(f"{cell:>24}" for cell in cells))
    for row in ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l"):
        lines.append(f"{row:22}" + "".join(f"{figures[name]['text'][row]:>24.3f}" for name in runs))
    for part in ("by_finding", "by_change"):
        for label in figures[runs[0]][part]:
            cells = [figures[name][part][label]["f1"] for name in runs]
            lines.append(f"  {label:20}" + "".join(f"{'-' if c is None else f'{c:.3f}':>24}" for c in cells))
    return "\n".join(lines)
