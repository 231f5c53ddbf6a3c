"""Where on its way through the model a change is lost: what small heads, trained for a minute, read out at each stop.

The heads see the frozen vision tokens of both images, the same after the image projection, the fused tokens, the coarse
latents; last comes what the report says. All are scored alike, by the changes that the simulator knows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from priorrg.reporting.confidence import weights_digest
from train.batches import Collator, Example, examples_of
from train.config import RunConfig
from train.data import Record, image_paths
from train.features import FeatureCache, encoder_digest
from train.heads import ABSENT, CLASSES, NOT_COMPARED, targets_of_place
from train.measure.evaluate import batch_size, generate
from train.measure.metrics import change_figures
from train.measure.parsing import Key, parse_report
from train.simulate.truth import CHANGES, FINDING_KEYS

STOPS = ("frozen vision tokens", "after the image projection", "fused tokens", "coarse latents")
REPORT = "the report"
_TRAINED_ON = 1500  # pairs
_BATCH = 50
_EPOCHS = 8
_LEARNING_RATE = 2e-3

Changes = dict[Key, str]


class _Probe(nn.Module):
    """For each finding place one query a group of rows; what they find goes through one small network together."""

    def __init__(self, groups: int, width: int, hidden: int = 128) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(groups, len(FINDING_KEYS), hidden) * 0.1)
        self.keys_values = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * hidden)) for _ in range(groups)
        )
        self.read = nn.Sequential(nn.Linear(groups * hidden, hidden), nn.GELU(), nn.Dropout(0.1))
        self.places = nn.Parameter(torch.randn(len(FINDING_KEYS), hidden, CLASSES) * hidden**-0.5)

    def forward(self, groups: Sequence[Tensor]) -> Tensor:
        """(B, N, width) each -> (B, F, CLASSES)."""
        seen = []
        for rows, queries, keys_values in zip(groups, self.queries, self.keys_values, strict=True):
            keys, values = keys_values(rows).chunk(2, dim=-1)
            seen.append(F.scaled_dot_product_attention(queries.expand(len(rows), -1, -1), keys, values))
        return torch.einsum("bfh,fhc->bfc", self.read(torch.cat(seen, dim=-1)), self.places)


def probe(
    model: PriorRGModel,
    processor: PriorRGProcessor,
    trained_on: Sequence[Record],
    records: Sequence[Record],
    config: RunConfig,
    output: Path,
) -> dict[str, Any]:
    """Train the heads on the first pairs of one split, score them and the reports on all pairs of another.

    Prints and writes change macro-F1 and the F1 of each change, with 95% intervals over patients, by stop.
    """
    torch.manual_seed(config.seed)
    model.eval().requires_grad_(False)
    examples = [
        [e for e in examples_of(part) if e.truth and e.prior_truth] for part in (trained_on[: 2 * _TRAINED_ON], records)
    ]
    root = Path(config.data.image_root)
    folder = Path(config.data.cache + "_probe") / encoder_digest(model, processor)
    paths = image_paths([e.record for part in examples for e in part])
    cache = FeatureCache.open(folder, model, processor, root, paths, config.data.max_unreadable, with_layers=False)
    collator = Collator(processor, root, cache, layers=False)
    probes = _trained(model, collator, examples[0], config.seed)
    found = {name: _read(model, collator, probes[name], name, examples[1]) for name in STOPS}
    texts = generate(
        model, Collator(processor, root, None, layers=True), processor, examples[1], "full", model.config.num_beams
    )
    found[REPORT] = [dict(parse_report(text).changes) for text in texts]
    truths = [_true(e) for e in examples[1]]
    subjects = [e.record.subject_id for e in examples[1]]
    figures: dict[str, Any] = {
        "weights": weights_digest(model),
        "pairs": len(truths),
        "trained_on": len(examples[0]),
        "stops": {name: change_figures(truths, said, subjects, config.seed) for name, said in found.items()},
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(table(figures))
    return figures


def table(figures: dict[str, Any]) -> str:
    """One row a stop: change macro-F1 with its interval, then the F1 of each change."""
    lines = [f"{'read out from':30}{'change macro-F1':>26}" + "".join(f"{change:>12}" for change in CHANGES)]
    for name, row in figures["stops"].items():
        low, high = row["interval"] or (float("nan"),) * 2
        cells = "".join(f"{row['by_change'][change] or 0:12.3f}" for change in CHANGES)
        lines.append(f"{name:30}{row['macro_f1'] or 0:10.3f} ({low:.3f} {high:.3f})" + cells)
    return "\n".join(lines)


@torch.no_grad()
def _stops(model: PriorRGModel, batch: dict[str, Any]) -> dict[str, list[Tensor]]:
    """What stands at each stop for a batch of pairs: one group of rows (B, N, H), or one for each image."""
    study = {name: value for name, value in batch.items() if name not in ("decoder_input_ids", "labels")}
    memory = model.encode_study(**study, memory_level="coarse", output_tokens=True)
    assert memory.tokens is not None
    images = [batch["current_last_hidden_state"].float(), batch["prior_last_hidden_state"].float()]
    views = (batch["view_ids"], batch["prior_view_ids"])
    projected = [
        model.image_projection(image + model.vp_pos_embed[view]) for image, view in zip(images, views, strict=True)
    ]
    return dict(zip(STOPS, (images, projected, [memory.tokens], [memory.spatiotemporal]), strict=True))


def _trained(model: PriorRGModel, collator: Collator, examples: Sequence[Example], seed: int) -> dict[str, _Probe]:
    """One head a stop, all trained on the same batches."""
    widths = {name: model.config.hidden_size for name in STOPS} | {STOPS[0]: model.config.vision_config.hidden_size}
    probes = {name: _Probe(2 if name in STOPS[:2] else 1, width) for name, width in widths.items()}
    optimisers = [torch.optim.AdamW(head.parameters(), lr=_LEARNING_RATE) for head in probes.values()]
    per_epoch = -(-len(examples) // _BATCH)
    steps = _EPOCHS * per_epoch
    schedules = [
        torch.optim.lr_scheduler.OneCycleLR(o, _LEARNING_RATE, total_steps=steps, pct_start=0.1) for o in optimisers
    ]
    weight = torch.full((CLASSES,), 2.0)
    weight[ABSENT] = 1.0
    generator = torch.Generator().manual_seed(seed)
    order: list[int] = []
    for step in tqdm(range(steps), desc="probes", unit="batch", mininterval=5):
        if step % per_epoch == 0:
            order = torch.randperm(len(examples), generator=generator).tolist()
        chosen = [examples[n] for n in order[step % per_epoch * _BATCH :][:_BATCH]]
        stops = _stops(model, collator(chosen))
        wanted = torch.tensor([targets_of_place(e.truth, e.prior_truth)[0] for e in chosen if e.truth])
        wanted = wanted[:, : len(FINDING_KEYS)].flatten()
        for head, optimiser, schedule, groups in zip(
            probes.values(), optimisers, schedules, stops.values(), strict=True
        ):
            loss = F.cross_entropy(head(groups).flatten(0, 1), wanted, weight=weight)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
    return probes


@torch.no_grad()
def _read(
    model: PriorRGModel, collator: Collator, head: _Probe, stop: str, examples: Sequence[Example]
) -> list[Changes]:
    head.eval()
    found: list[Changes] = []
    size = batch_size(model)
    for start in range(0, len(examples), size):
        classes = head(_stops(model, collator(examples[start : start + size]))[stop]).argmax(dim=-1)
        found += [
            {
                key: CHANGES[number - NOT_COMPARED - 1]
                for key, number in zip(FINDING_KEYS, row, strict=True)
                if NOT_COMPARED < number <= NOT_COMPARED + len(CHANGES)
            }
            for row in classes.tolist()
        ]
    return found


def _true(example: Example) -> Changes:
    assert example.truth is not None
    classes, _ = targets_of_place(example.truth, example.prior_truth)
    return {key: CHANGES[n - 2] for key, n in zip(FINDING_KEYS, classes[: len(FINDING_KEYS)], strict=True) if n >= 2}
