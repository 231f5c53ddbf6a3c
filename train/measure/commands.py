"""The measuring commands of python -m train, from evaluate to card.

Each takes its parsed options, measures, and writes its figures where they say.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from train.prepared import prepared, trained


def evaluate_command(options: argparse.Namespace) -> None:
    from train.measure.evaluate import evaluate

    config, records = prepared(options, options.split)
    model, processor = trained(options.weights)
    evaluate(
        model,
        processor,
        records[options.split],
        config,
        options.output,
        samples=options.samples,
        ablate=options.ablate,
        wordings=options.wordings,
    )


def films_command(options: argparse.Namespace) -> None:
    from train.measure.films import compare_films, films_table

    print(films_table(compare_films(options.count, options.seed, options.real)))


def precision_command(options: argparse.Namespace) -> None:
    from train.measure.precision import compare_precisions

    config, records = prepared(options, options.split)
    root = Path(config.data.image_root)
    compare_precisions(options.weights, records[options.split], root, options.output, config.seed, options.studies)


def retrieve_command(options: argparse.Namespace) -> None:
    from train.measure.retrieval import retrieve

    config, records = prepared(options, options.split)
    model, processor = trained(options.weights)
    retrieve(model, processor, records[options.split], config, options.output)


def probe_command(options: argparse.Namespace) -> None:
    from train.measure.probe import probe

    config, records = prepared(options, "train", options.split)
    model, processor = trained(options.weights)
    probe(model, processor, records["train"], records[options.split], config, options.output)


def claims_command(options: argparse.Namespace) -> None:
    from priorrg.errors import DataError
    from train.measure.claims import claims, table

    if not options.evaluation.is_file():
        raise DataError(f"There is no file {options.evaluation}. Measure first: evaluate --ablate.")
    config, records = prepared(options, options.split)
    model, processor = trained(options.weights)
    evaluation = json.loads(options.evaluation.read_text(encoding="utf-8"))
    figures = claims(model, processor, records[options.split], config, evaluation)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(table(figures))


def worth_command(options: argparse.Namespace) -> None:
    from train.measure.worth import table, worth

    config, records = prepared(options, "train", "val", options.split)
    print(table(worth(config, records, options.split, options.output, seeds=options.seeds, steps=options.steps)))


def localise_command(options: argparse.Namespace) -> None:
    from priorrg.reporting.confidence import weights_digest
    from priorrg.reporting.reporter import Reporter
    from train.measure.localise import localise, table

    config, records = prepared(options, "train", options.split)
    reporter = Reporter.load(str(options.weights))
    root, split = Path(config.data.image_root), records[options.split]
    figures = localise(reporter, split, records["train"], root, options.pairs, config.seed)
    digest = weights_digest(reporter.model, with_grounding=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"weights": digest, **figures}, indent=1), encoding="utf-8")
    print(table(figures))


def knowledge_command(options: argparse.Namespace) -> None:
    from priorrg.reporting.confidence import weights_digest
    from priorrg.reporting.reporter import Reporter
    from train.measure.knowledge import measure_knowledge, table

    config, records = prepared(options, options.split)
    reporter = Reporter.load(str(options.weights))
    root = Path(config.data.image_root)
    figures = measure_knowledge(reporter, records[options.split], root, options.pairs, config.seed)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    named = {"weights": weights_digest(reporter.model), **figures}
    options.output.write_text(json.dumps(named, indent=1), encoding="utf-8")
    print(table(figures))


def calibrate_command(options: argparse.Namespace) -> None:
    from priorrg.reporting.confidence import FILE
    from train.measure.calibrate import calibrate

    config, records = prepared(options, options.split, options.measure)
    model, processor = trained(options.weights)
    fit_on, measure_on = records[options.split], records[options.measure]
    output = options.output or options.weights / FILE
    calibrate(model, processor, fit_on, measure_on, config, output, options.measure)


def card_command(options: argparse.Namespace) -> None:
    from priorrg.errors import DataError
    from train.measure.card import EXTRAS, update_card

    files = {name: getattr(options, name) for name in ("evaluation", *EXTRAS)}
    for name, file in files.items():
        if file and not file.is_file():
            raise DataError(f"There is no file {file} (--{name}). Measure first: evaluate, localise or retrieve.")
    read = {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file}
    if (options.weights / "config.json").is_file():
        _check_weights(options.weights, read)
    read["localisation"].pop("weights", None)
    figures = read.pop("evaluation") | read
    update_card(options.weights / "README.md", figures, figures["localisation"])
    (options.weights / "evaluation.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _check_weights(weights: Path, read: dict[str, Any]) -> None:
    """Raises DataError for figures that were measured on other weights than these."""
    from priorrg.errors import DataError
    from priorrg.reporting.confidence import weights_digest

    model = trained(weights)[0]
    digest = weights_digest(model)
    for name in ("evaluation", "shifted", "localisation", "probe", "claims"):
        expected = weights_digest(model, with_grounding=True) if name == "localisation" else digest
        if read.get(name, {}).get("weights", expected) != expected:
            raise DataError(
                f"The figures of --{name} were measured on other weights than {weights}. Measure them anew."
            )
