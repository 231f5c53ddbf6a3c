"""Generates reports for a split and scores them: one table on the screen, one JSON of figures, one JSONL of the texts.

Also reads the studies with something withheld or exchanged, and says what that costs, paired study by study.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
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
from priorrg.reporting.confidence import weights_digest
from priorrg.study import ClinicalContext
from train.batches import Collator, Example, examples_of
from train.config import RunConfig
from train.data import Record, image_paths, readable
from train.features import FeatureCache, encoder_digest
from train.measure.bootstrap import Estimate
from train.measure.metrics import COMPARED, F1_FIGURES, RATES, differences, figures_of, measure, tips_by_one_phrase
from train.measure.text_metrics import TEXT_FIGURES, meteor
from train.measure.wordings import FIGURES as WORDING_FIGURES
from train.measure.wordings import measure_wordings
from train.simulate.truth import HARD

REFINED, COARSE = "refined", "coarse"
ABLATIONS = ("without prior", "another patient's prior", "without context", "another context", "without both")
RUNS = (REFINED, COARSE, *ABLATIONS)


@torch.no_grad()
def generate(
    model: PriorRGModel,
    collator: Collator,
    processor: PriorRGProcessor,
    examples: Sequence[Example],
    level: str,
    num_beams: int = 1,
    name: str = "reading",
) -> list[str]:
    """One report an example, in order, from the `full` or the `coarse` memory. name: for the progress bar.

    Where padding is not masked (published weights) studies are read one at a time, as the app does.
    """
    model.eval()
    device = next(model.parameters()).device
    size = batch_size(model)
    texts = []
    for start in tqdm(range(0, len(examples), size), desc=name, unit="batch", mininterval=5):
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


def batch_size(model: PriorRGModel) -> int:
    """Studies read at once: one where padding is not masked and would change what is read."""
    return 32 if model.config.mask_context_padding else 1


def ablated(examples: Sequence[Example], what: str, seed: int = 0) -> list[Example]:
    """The same studies with one of ABLATIONS done to them; the references stay.

    Another prior comes with its view position, from another patient; studies without a prior get none. Another context
    comes from another patient too. Which patient gives to which is drawn by `seed`.
    Raises DataError where nobody else is there to give.
    """
    if what == "without prior":
        return [dataclasses.replace(e, prior=None) for e in examples]
    if what == "without context":
        return [dataclasses.replace(e, context=ClinicalContext()) for e in examples]
    if what == "without both":
        return [dataclasses.replace(e, prior=None, context=ClinicalContext()) for e in examples]
    if what == "another context":
        donors = iter(_of_other_patients(examples, seed))
        return [dataclasses.replace(e, context=next(donors).context) for e in examples]
    if what == "another patient's prior":
        donors = iter(_of_other_patients([e for e in examples if e.prior], seed))
        swapped = []
        for example in examples:
            if example.prior:
                donor = next(donors)
                example = dataclasses.replace(example, prior=donor.prior, prior_view=donor.prior_view)
            swapped.append(example)
        return swapped
    raise DataError(f"There is no ablation called {what!r}: choose {', '.join(ABLATIONS)}.")


def with_films_of_others(examples: Sequence[Example], seed: int = 0) -> list[Example]:
    """The same contexts and references, with current and prior images of another patient each."""
    films = ("current", "view", "prior", "prior_view")
    return [
        dataclasses.replace(example, **{name: getattr(donor, name) for name in films})
        for example, donor in zip(examples, _of_other_patients(examples, seed), strict=True)
    ]


def _of_other_patients(examples: Sequence[Example], seed: int) -> list[Example]:
    """For each example one of another patient: patients stand in a circle, drawn by `seed`, each takes the next's."""
    by_patient: dict[str, list[Example]] = {}
    for example in examples:
        by_patient.setdefault(example.record.subject_id, []).append(example)
    circle = list(by_patient)
    if len(circle) == 1:
        raise DataError(f"Only patient {circle[0]} has what is to be exchanged: it takes two patients at least.")
    random.Random(seed).shuffle(circle)
    following = dict(zip(circle, circle[1:] + circle[:1], strict=True))
    taken = dict.fromkeys(circle, 0)
    found = []
    for example in examples:
        patient = example.record.subject_id
        theirs = by_patient[following[patient]]
        found.append(theirs[taken[patient] % len(theirs)])
        taken[patient] += 1
    return found


def open_split(
    model: PriorRGModel, processor: PriorRGProcessor, records: Sequence[Record], config: RunConfig
) -> tuple[FeatureCache | None, list[Record]]:
    """The split's cached features, where the configuration has a cache, and the records that can be read.

    Raises DataError where none of them can.
    """
    root, most = Path(config.data.image_root), config.data.max_unreadable
    cache = None
    if config.data.cache:
        # Its own folder for each encoder and set of images: no training and no other evaluation may find it rewritten.
        paths, with_layers = image_paths(records), config.data.cache_layers
        which = hashlib.sha256("\n".join(paths).encode()).hexdigest()[:8]
        folder = Path(config.data.cache + "_evaluate") / encoder_digest(model, processor) / which
        cache = FeatureCache.open(folder, model, processor, root, paths, most, with_layers=with_layers, exact=True)
    kept = readable(records, cache, root, most, "evaluation")
    if not kept:
        raise DataError(f"Not one of the {len(records)} studies has images that can be read: nothing to evaluate.")
    return cache, kept


def evaluate(
    model: PriorRGModel,
    processor: PriorRGProcessor,
    records: Sequence[Record],
    config: RunConfig,
    output: Path,
    samples: int = 0,
    ablate: bool = False,
    wordings: bool = False,
) -> dict[str, Any]:
    """Read a split as the app does, refined and coarse, and with `ablate` also with each of ABLATIONS done to it.

    Prints and writes the figures of each reading, and refined minus each other reading under `differences`; the texts
    themselves go beside them (see write_reports). wordings: the same questions in words that no training read, too
    (simulated studies only). `samples` reports are printed.

    Every reading is scored over all studies, against the same references. Questions are always those of the study's own
    context, also where it was withheld or exchanged. Where a study carries no simulated truth, figures that are read
    from the texts by rules are None: the rules know the simulator's words only.
    """
    cache, kept = open_split(model, processor, records, config)
    collator = Collator(processor, Path(config.data.image_root), cache, layers=True)
    examples = examples_of(kept)
    references, contexts = [e.findings for e in examples], [e.context for e in examples]
    subjects = [e.record.subject_id for e in examples]
    figures: dict[str, Any] = {"studies": len(examples), "patients": len(set(subjects))}
    figures["weights"] = weights_digest(model)
    has_truth = all(e.truth for e in examples)
    tips_cm = [_tips_cm(e) for e in examples]
    figures["studies_skipped"] = len(records) - len(examples)
    figures["tips_by_one_phrase"] = tips_by_one_phrase(references, tips_cm) if has_truth else None
    beams = model.config.num_beams
    draft = "coarse" if model.config.coarse_draft == COARSE_FROM_MEMORY else "full"  # as Reporter drafts
    began = time.time()
    written: dict[str, list[str]] = {}
    measured: dict[str, Estimate] = {}
    read: dict[str, Sequence[Example]] = {}
    with meteor() as program:
        scorers = [program] if program else []
        for run in RUNS if ablate else (REFINED, COARSE):
            given = read[run] = ablated(examples, run, config.seed) if run in ABLATIONS else examples
            # A study that the ablation leaves as it was is not read twice.
            changed = [n for n, e in enumerate(given) if run not in ABLATIONS or _inputs(e) != _inputs(examples[n])]
            level, num_beams = (draft, 1) if run == COARSE else ("full", beams)
            texts = generate(model, collator, processor, [given[n] for n in changed], level, num_beams, run)
            written[run] = list(written.get(REFINED, texts))
            for number, text in zip(changed, texts, strict=True):
                written[run][number] = text
            has_prior = [e.prior is not None for e in given]
            measured[run] = measure(
                references, written[run], contexts, has_prior, subjects, scorers, tips_cm, config.seed
            )
            figures[run] = figures_of(measured[run], with_facts=has_truth)
    figures["differences"] = differences(
        measured[REFINED], {r: m for r, m in measured.items() if r != REFINED}, with_facts=has_truth
    )
    figures["hard"] = hard_cases(examples, written[REFINED], config.seed)
    if wordings and has_truth:
        figures["wordings"] = measure_wordings(
            examples, lambda given, name: generate(model, collator, processor, given, "full", beams, name), config.seed
        )
    figures["minutes"] = (time.time() - began) / 60
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    write_reports(output.with_suffix(".jsonl"), read, written)
    print(table(figures))
    for number in range(min(samples, len(examples))):
        example = examples[number]
        print(f"\n[{example.record.study_id}] {example.context.indication} | {example.context.history}")
        print("  reference:", references[number])
        print("  coarse:   ", written[COARSE][number])
        print("  refined:  ", written[REFINED][number])
    return figures


def write_reports(file: Path, read: dict[str, Sequence[Example]], written: dict[str, list[str]]) -> None:
    """One JSON object a line, for whatever metric reads them: every study once as it is, then once an ablation.

    read, written: by run, the examples as the model was given them, and its texts. `coarse` is null in an ablation,
    for which no draft is written.
    """
    with file.open("w", encoding="utf-8") as lines:
        for run, examples in read.items():
            if run == COARSE:
                continue
            for number, example in enumerate(examples):
                line = {
                    "study": example.record.study_id,
                    "subject": example.record.subject_id,
                    "ablation": "" if run == REFINED else run,
                    "has_prior": example.prior is not None,
                    "indication": example.context.indication,
                    "history": example.context.history,
                    "reference": example.findings,
                    "coarse": written[COARSE][number] if run == REFINED else None,
                    "refined": written[run][number],
                }
                lines.write(json.dumps(line, ensure_ascii=False) + "\n")


def hard_cases(examples: Sequence[Example], texts: Sequence[str], seed: int = 0) -> dict[str, dict[str, Any]]:
    """Figures of the reports on simulated studies that are hard on purpose, by kind, and of the others under `usual`.

    Empty for records without truth.
    """
    found: dict[str, dict[str, Any]] = {}
    for kind in ("", *HARD):
        rows = [n for n, e in enumerate(examples) if e.truth and e.truth.hard == kind]
        if rows:
            chosen = [examples[n] for n in rows]
            measured = measure(
                [e.findings for e in chosen],
                [texts[n] for n in rows],
                [e.context for e in chosen],
                [e.prior is not None for e in chosen],
                [e.record.subject_id for e in chosen],
                seed=seed,
            )
            figures = figures_of(measured)
            kept = {name: figures[name] for name in COMPARED}
            intervals = {name: figures["interval"].get(name) for name in COMPARED}
            found[kind or "usual"] = {"studies": len(rows), **kept, "interval": intervals}
    return found


def _tips_cm(example: Example) -> dict[str, float]:
    devices = example.truth.devices if example.truth else ()
    return {device.name: device.tip_cm for device in devices if device.tip_cm is not None}


def _inputs(example: Example) -> tuple[Any, ...]:
    return example.prior, example.prior_view if example.prior else None, example.context


def table(figures: dict[str, Any]) -> str:
    """The figures as text: one column a reading, 95% intervals in brackets; then refined minus the other readings."""
    runs = [run for run in RUNS if run in figures]
    intervals = [figures[run]["interval"] for run in runs]
    lines = [f"{'':34}" + "".join(f"{run:>26}" for run in runs)]

    def add(label: str, values: Sequence[float | None], spreads: Sequence[Sequence[float] | None]) -> None:
        cells = [_cell(value, spread) for value, spread in zip(values, spreads, strict=True)]
        lines.append(f"{label:34}" + "".join(f"{cell:>26}" for cell in cells))

    for name in (*F1_FIGURES, *RATES):
        add(name, [figures[run][name] for run in runs], [i.get(name) for i in intervals])
    for name in TEXT_FIGURES:
        add(name, [figures[run]["text"][name] for run in runs], [i.get(name) for i in intervals])
    for part in ("by_finding", "by_change"):
        for label in figures[REFINED][part]:
            rows = [figures[run][part][label] for run in runs]
            for name in ("precision", "recall", "f1"):
                add(f"{label} {name}", [row[name] for row in rows], [row["interval"][name] for row in rows])
    compared = list(next(iter(figures["differences"].values())))
    lines += ["", f"{'refined minus':34}" + "".join(f"{name:>26}" for name in compared)]
    for run, found in figures["differences"].items():
        cells = [_cell(found[name]["difference"], found[name]["interval"], "+.3f") for name in compared]
        lines.append(f"{run:34}" + "".join(f"{cell:>26}" for cell in cells))
    if "wordings" in figures:
        lines += ["", f"{'wording of the question':34}" + "".join(f"{name:>26}" for name in WORDING_FIGURES)]
        for row, found in figures["wordings"].items():
            cells = [_cell(found[name], found["interval"].get(name)) for name in WORDING_FIGURES]
            lines.append(f"{row:34}" + "".join(f"{cell:>26}" for cell in cells))
    return "\n".join(lines)


def _cell(value: float | None, interval: Sequence[float] | None, shape: str = ".3f") -> str:
    if value is None:
        return "-"
    return f"{value:{shape}}" + (f" ({interval[0]:{shape}} {interval[1]:{shape}})" if interval else "")
