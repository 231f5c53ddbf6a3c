"""Image-to-report retrieval: does what stage 1 sees in a study lie closest to the report of that study?

Only the alignment of stage 1 is measured here; no report is generated.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from train.batches import Collator, Example, examples_of
from train.config import RunConfig
from train.data import Record
from train.measure.bootstrap import Counts, Estimate, estimate, ratio
from train.measure.evaluate import ablated, batch_size, open_split, with_films_of_others

AT = (1, 5, 10)
DIRECTIONS = ("image_to_report", "report_to_image")
GUIDED, WITHHELD, CONTEXT_ALONE = READINGS = ("with context", "context withheld", "context alone")


def retrieve(
    model: PriorRGModel, processor: PriorRGProcessor, records: Sequence[Record], config: RunConfig, output: Path
) -> dict[str, Any]:
    """Recall at 1, 5 and 10 over a split, guided by the context and with the context withheld; prints and writes it.

    Each study is ranked against the reports of all studies of the split, and each report against all studies. A context
    can find its report by the words alone that both share: what it finds beside another patient's films is the third.
    """
    cache, kept = open_split(model, processor, records, config)
    length = model.config.stage1_tokens  # published: context and report both to 100 in stage 1, as it is trained
    root = Path(config.data.image_root)
    collator = Collator(processor, root, cache, layers=False, stage1=True, context_length=length)
    examples = examples_of(kept)
    texts, subjects = [e.findings for e in examples], [e.record.subject_id for e in examples]
    figures: dict[str, Any] = {"studies": len(examples), "patients": len(set(subjects))}
    figures |= {"studies_skipped": len(records) - len(examples), "distinct_reports": len(set(texts))}
    figures["chance"] = {f"recall_at_{k}": chance(texts, k) for k in AT}
    measured: dict[str, Estimate] = {}
    given_to = {
        GUIDED: examples,
        WITHHELD: ablated(examples, "without context"),
        CONTEXT_ALONE: with_films_of_others(examples, config.seed),
    }
    for run, given in given_to.items():
        seen, reports = embed(model, collator, given, run)
        measured[run] = recalls(seen, reports, texts, subjects, config.seed)
        figures[run] = {way: _direction(measured[run], way) for way in DIRECTIONS}
    figures["difference"] = {
        way: {f"recall_at_{k}": measured[GUIDED].minus(measured[WITHHELD], f"{way} {k}") for k in AT}
        for way in DIRECTIONS
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(table(figures))
    return figures


@torch.no_grad()
def embed(model: PriorRGModel, collator: Collator, examples: Sequence[Example], name: str) -> tuple[Tensor, Tensor]:
    """(N, H) of what is seen in each study (its coarse memory, pooled) and (N, H) of its report, not normalised."""
    model.eval()
    device = next(model.parameters()).device
    size = batch_size(model)
    seen, reports = [], []
    for start in tqdm(range(0, len(examples), size), desc=f"embedding, {name}", unit="batch", mininterval=5):
        batch = collator(examples[start : start + size])
        study = {n: t.to(device) for n, t in batch.items() if n != "study_numbers"}
        visual, report, _ = model.align(**study)
        seen.append(visual.float().cpu())
        reports.append(report.float().cpu())
    return torch.cat(seen), torch.cat(reports)


def recalls(seen: Tensor, reports: Tensor, texts: Sequence[str], subject_ids: Sequence[str], seed: int = 0) -> Estimate:
    """Recall at each of AT in both directions, named `image_to_report 5`, by cosine.

    seen, reports: (N, H), row i of both from the study whose report is texts[i]. Studies whose reports are word for
    word the same count as hits of each other: nothing could tell them apart. A wrong candidate with the same cosine as
    the right one counts as before it, so that equal embeddings are no success. Resampling draws patients as queries;
    the candidates stay all studies.
    """
    cosines = (torch.nn.functional.normalize(seen, dim=-1) @ torch.nn.functional.normalize(reports, dim=-1).T).numpy()
    names = np.unique(np.array(texts), return_inverse=True)[1]
    right = names[:, None] == names[None, :]
    hits = []
    for scores in (cosines, cosines.T):  # `right` is symmetric
        best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
        before = (~right & (scores >= best)).sum(axis=1)
        hits += [before < k for k in AT]
    rows = np.stack([*hits, np.ones(len(texts))], axis=1).astype(np.float64)
    labels = [f"{way} {k}" for way in DIRECTIONS for k in AT]
    counts = Counts(rows, lambda sums: {n: ratio(sums[:, i], sums[:, -1]) for i, n in enumerate(labels)})
    return estimate([counts], subject_ids, seed)


def chance(texts: Sequence[str], k: int) -> float:
    """Recall at k of a random order, by which a query has as many right candidates as its text has copies."""
    count, total = Counter(texts), len(texts)
    k = min(k, total)
    missed = [math.comb(total - copies, k) / math.comb(total, k) * copies for copies in count.values()]
    return 1 - sum(missed) / total


def _direction(measured: Estimate, way: str) -> dict[str, Any]:
    found: dict[str, Any] = {f"recall_at_{k}": measured.value[f"{way} {k}"] for k in AT}
    return found | {"interval": {f"recall_at_{k}": measured.interval(f"{way} {k}") for k in AT}}


def table(figures: dict[str, Any]) -> str:
    """One row a direction and run, 95% intervals in brackets."""
    names = [f"recall_at_{k}" for k in AT]
    lines = [f"{figures['studies']} studies, {figures['distinct_reports']} distinct reports"]
    lines.append(f"{'':36}" + "".join(f"{name:>26}" for name in names))
    for way in DIRECTIONS:
        for run in READINGS:
            row = figures[run][way]
            cells = [f"{row[n]:.3f} ({row['interval'][n][0]:.3f} {row['interval'][n][1]:.3f})" for n in names]
            lines.append(f"{f'{way}, {run}':36}" + "".join(f"{cell:>26}" for cell in cells))
        found = [figures["difference"][way][n] for n in names]
        cells = [f"{f['difference']:+.3f} ({f['interval'][0]:+.3f} {f['interval'][1]:+.3f})" for f in found]
        lines.append(f"{f'{way}, difference':36}" + "".join(f"{cell:>26}" for cell in cells))
    lines.append(f"{'chance':36}" + "".join(f"{figures['chance'][n]:>26.3f}" for n in names))
    return "\n".join(lines)
