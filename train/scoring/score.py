"""Scores the texts that `python -m train evaluate` wrote by RadEval's metrics: RadGraph, CheXbert, GREEN and others.

Runs in an environment of its own (requirements.txt beside it) and therefore imports nothing of ours:

    python -m venv scoring && scoring/bin/pip install -r train/scoring/requirements.txt
    scoring/bin/python train/scoring/score.py runs/evaluation.jsonl --output runs/scores.json

RadEval fetches the weights of its metrics from their hubs when it first uses them.
"""

import argparse
import importlib
import importlib.metadata
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Those that a CPU computes in reasonable time; GREEN and CRIMSON are language models of 4 to 7 billion parameters.
USUAL = ("radgraph", "f1chexbert", "ratescore", "radcliq", "temporal")
ALL = (*USUAL, "green", "crimson", "srrbert", "bertscore", "radeval_bertscore", "bleu", "rouge")


def readings(lines: list[dict[str, Any]]) -> dict[str, list[dict[str, str]]]:
    """Reading -> its texts: {reference, written, indication, history} a study. Drafts were written of whole studies."""
    found: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        for level in ("refined", "coarse"):
            if line[level] is not None:
                pair = {name: line[name] for name in ("reference", "indication", "history")} | {"written": line[level]}
                found.setdefault(line["ablation"] or level, []).append(pair)
    return found


def scorer(metric: str) -> Callable[[list[dict[str, str]]], dict[str, float]]:
    """A metric of RadEval; CRIMSON, which weighs errors by why the study was asked for, is told the context."""
    evaluator = importlib.import_module("radeval").RadEval(metrics=[metric], show_progress=False)

    def score(texts: list[dict[str, str]]) -> dict[str, float]:
        references, written = [text["reference"] for text in texts], [text["written"] for text in texts]
        if metric != "crimson":
            return {name: float(value) for name, value in evaluator(refs=references, hyps=written).items()}
        contexts = [{"indication": text["indication"], "history": text["history"]} for text in texts]
        mean = evaluator.crimson_scorer(references, written, patient_contexts=contexts)[0]
        return {"crimson": float(mean)}

    return score


def main(arguments: list[str] | None = None) -> int:
    """0; 1 where a metric could not be computed, the others are written all the same; 2 for what cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", type=Path, help="the JSONL beside the figures of `python -m train evaluate`")
    parser.add_argument("--metrics", nargs="+", choices=ALL, default=list(USUAL), help=f"(default {' '.join(USUAL)})")
    parser.add_argument("--output", type=Path, default=Path("runs/scores.json"))
    options = parser.parse_args(arguments)
    try:
        lines = [json.loads(line) for line in options.reports.read_text(encoding="utf-8").splitlines()]
        texts = readings(lines)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{options.reports} holds no reports of `python -m train evaluate`: {error!r}.", file=sys.stderr)
        return 2
    try:
        package = f"RadEval {importlib.metadata.version('radeval')}"
    except importlib.metadata.PackageNotFoundError:
        print(
            "RadEval is not installed: pip install -r train/scoring/requirements.txt, in an environment of its own.",
            file=sys.stderr,
        )
        return 2
    scores: dict[str, dict[str, float]] = {reading: {} for reading in texts}
    failed = False
    for metric in options.metrics:
        try:
            score = scorer(metric)
            for reading, pairs in texts.items():
                scores[reading] |= score(pairs)
        except Exception as error:  # a dozen models of other people: one that fails must not cost hours of the others
            failed = True
            print(f"{metric} was not computed: {type(error).__name__}: {error}", file=sys.stderr)
    found = {
        "package": package,
        "studies": max(map(len, texts.values()), default=0),
        "readings": scores,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(json.dumps(scores, indent=1))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
