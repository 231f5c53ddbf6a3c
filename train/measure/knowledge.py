"""Whether what a sentence is said to hang on is what it hangs on, where the simulator knows it.

A sentence that compares can only come from the prior image; a denial of what was asked only from the question, for
nobody denies it unasked (but a pneumothorax, where something on the film could have made one). No denial needs the
prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from priorrg.errors import DataError
from priorrg.explain.knowledge import CONTEXT, PRIOR, Knowledge, knowledge_of
from priorrg.imaging.open import read_trusted
from priorrg.reporting.events import ReportDone
from priorrg.reporting.reporter import Reporter
from priorrg.study import Study
from train.data import Record
from train.measure.bootstrap import Counts, estimate, ratio
from train.measure.parsing import parse_report
from train.simulate.context import read_context

# Claim -> the source that it is about.
CLAIMS = {
    "sentences of change hang on the prior": PRIOR,
    "denials of what was asked hang on the context": CONTEXT,
    "denials do not hang on the prior": PRIOR,
}
CHANGE, DENIAL, NOT_PRIOR = CLAIMS
_MAY_CAUSE_PNEUMOTHORAX = {"central venous catheter", "chest drain", "pacemaker", "fracture"}


def measure_knowledge(
    reporter: Reporter, records: Sequence[Record], root: Path, pairs: int, seed: int = 0
) -> dict[str, Any]:
    """Claim -> how often it holds, with a 95% interval over patients, and of how many sentences; 0 to 1.

    Reads the first `pairs` studies that have a prior. Raises DataError where the records carry no simulated truth.
    """
    studies = [record for record in records if record.prior and record.truth][:pairs]
    if not studies:
        raise DataError("The split has no simulated study with a prior, whose report could hang on it.")
    rows = np.zeros((len(studies), len(CLAIMS), 2))
    for number, record in enumerate(tqdm(studies, desc="knowledge", unit="study", mininterval=5)):
        assert record.prior is not None
        current = replace(read_trusted(root / record.current), view_position=record.view)
        prior = replace(read_trusted(root / record.prior), view_position=record.prior_view)
        study = Study(current, prior, record.context)
        done = next(event for event in reporter.stream(study, with_draft=False) if isinstance(event, ReportDone))
        asked = set(read_context(record.context).asked)
        if (
            record.truth
            and {one.name for one in (*record.truth.findings, *record.truth.devices)} & _MAY_CAUSE_PNEUMOTHORAX
        ):
            asked -= {"pneumothorax"}
        for one in knowledge_of(reporter, study, done.tokens, done.sentences):
            for claim, holds in judged(one, asked).items():
                rows[number, list(CLAIMS).index(claim)] += [holds, 1]
    counts = Counts(
        rows.reshape(len(rows), -1),
        lambda sums: {claim: ratio(sums[:, 2 * n], sums[:, 2 * n + 1]) for n, claim in enumerate(CLAIMS)},
    )
    found = estimate([counts], [record.subject_id for record in studies], seed)
    return {
        "pairs": len(studies),
        "claims": {
            claim: {
                "holds": found.value[claim],
                "interval": found.interval(claim),
                "sentences": int(rows[:, number, 1].sum()),
            }
            for number, claim in enumerate(CLAIMS)
        },
    }


def judged(knowledge: Knowledge, asked: set[str]) -> dict[str, bool]:
    """The claims that a sentence can bear out, and whether it does. asked: what is denied for the question alone."""
    parsed = parse_report(knowledge.sentence.text)
    if parsed.compares:
        return {CHANGE: PRIOR in knowledge.hangs_on}
    if not parsed.denied:
        return {}
    held = {NOT_PRIOR: PRIOR not in knowledge.hangs_on}
    return held | ({DENIAL: CONTEXT in knowledge.hangs_on} if parsed.denied & asked else {})


def table(figures: dict[str, Any]) -> str:
    """One row a claim, as it is printed."""
    rows = [f"{'claim':50} holds in  interval        sentences"]
    for claim, row in figures["claims"].items():
        low, high = row["interval"] or (float("nan"),) * 2
        holds = float("nan") if row["holds"] is None else row["holds"]
        rows.append(f"{claim:50} {holds:8.3f}  ({low:.3f} {high:.3f})  {row['sentences']}")
    return "\n".join(rows)
