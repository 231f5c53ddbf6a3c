"""The training commands: python -m train simulate | sheet | films | examples | cases | vision | stage1 | stage2 |
wordings | ground | evaluate | probe | precision | retrieve | localise | knowledge | claims | worth | calibrate |
embed | words | card."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from priorrg.assets import EMBEDDED_WEIGHTS
from priorrg.exit_status import exit_status
from train.measure.commands import (
    calibrate_command,
    card_command,
    claims_command,
    evaluate_command,
    films_command,
    knowledge_command,
    localise_command,
    precision_command,
    probe_command,
    retrieve_command,
    worth_command,
)
from train.prepared import prepared, trained
from train.simulate.commands import cases_command, examples_command, sheet_command, simulate_command

DEFAULT_CONFIG = "embedded.yaml"  # of those that come with the package
EMBEDDED = EMBEDDED_WEIGHTS.relative_to(Path.cwd()) if EMBEDDED_WEIGHTS.is_relative_to(Path.cwd()) else EMBEDDED_WEIGHTS
# Measuring command -> what it measures and where its figures go, unless told otherwise.
_MEASURED = {
    "evaluate": (EMBEDDED, "runs/evaluation.json"),
    "retrieve": ("runs/embedded/stage1", "runs/retrieval.json"),
    "localise": (EMBEDDED, "runs/localisation.json"),
    "knowledge": (EMBEDDED, "runs/knowledge.json"),
    "probe": (EMBEDDED, "runs/probe.json"),
    "claims": (EMBEDDED, "runs/claims.json"),
    "precision": (EMBEDDED, "runs/precision.json"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status. Errors of our family print one sentence."""
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    simulate = commands.add_parser("simulate", help="write a simulated data set")
    simulate.add_argument("--output", type=Path, default=Path("data/sim"))
    for split, count in (("train", 8000), ("val", 300), ("test", 400), ("shifted", 200), ("dicom", 10)):
        simulate.add_argument(f"--{split}", type=int, default=count, help=f"patients (default {count})")
    simulate.add_argument("--seed", type=int, default=1)
    simulate.add_argument("--size", type=int, default=256, help="pixels an edge (default 256)")
    simulate.add_argument("--workers", type=int, default=None)
    simulate.set_defaults(run=simulate_command)

    sheet = commands.add_parser("sheet", help="a contact sheet of simulated pairs")
    sheet.add_argument("--output", type=Path, default=Path("sheet.png"))
    sheet.add_argument("--seed", type=int, default=1)
    sheet.add_argument("--patients", type=int, default=10)
    sheet.add_argument("--blinded", action="store_true", help="numbers alone; what they show, into a text beside it")
    sheet.set_defaults(run=sheet_command)

    films = commands.add_parser("films", help="grey values, spectrum and edges of simulated films beside real ones")
    films.add_argument("--count", type=int, default=200, help="simulated films (default 200)")
    films.add_argument("--seed", type=int, default=1)
    films.add_argument("--real", type=Path, metavar="FOLDER", help="real films to measure too; nothing of them is kept")
    films.set_defaults(run=films_command)

    examples = commands.add_parser("examples", help="write the app's example studies")
    examples.add_argument("--output", type=Path, default=Path("assets/examples"))
    examples.add_argument("--weights", default="embedded", help="whose readings choose those that show one thing each")
    examples.add_argument("--data", type=Path, help="a simulated data set, of whose test patients those are; else none")
    examples.set_defaults(run=examples_command)

    cases = commands.add_parser("cases", help="write simulated cases for a feedback session, with planted errors")
    cases.add_argument("--output", type=Path, default=Path("sessions/cases"))
    cases.add_argument("--count", type=int, default=10, help="(default 10)")
    cases.add_argument("--seed", type=int, default=1)
    cases.add_argument("--size", type=int, default=512, help="pixels an edge, a multiple of 32 (default 512)")
    cases.set_defaults(run=cases_command)

    convert = commands.add_parser("convert-iu", help="IU X-ray's XML reports into an annotation file of our format")
    convert.add_argument("reports", type=Path, help="folder of the XML reports (ecgen-radiology)")
    convert.add_argument("images", type=Path, help="folder of the PNG images, later data.image_root")
    convert.add_argument("output", type=Path, help="folder for annotation.json and view_positions.json")
    convert.add_argument("--seed", type=int, default=0, help="of the split into train, val and test (default 0)")
    convert.add_argument("--max-missing", type=int, default=100, help="files that may be missing or unreadable")
    convert.set_defaults(run=_convert_iu)

    data_set = commands.add_parser("convert", help="another data set, with priors, into our annotation format")
    data_set.add_argument("name", choices=("mimic-cxr", "chexpert-plus", "rexgradient", "padchest-gr"))
    data_set.add_argument("root", type=Path, help="folder of the set as it is given out, later data.image_root")
    data_set.add_argument("output", type=Path, help="folder for annotation.json and view_positions.json")
    data_set.add_argument("--reports", type=Path, help="of mimic-cxr: folder of the text reports (default: the root)")
    data_set.set_defaults(run=_convert)

    throughput = commands.add_parser("throughput", help="measure training steps: pixels against cache, paper scale")
    throughput.add_argument("--config", default=DEFAULT_CONFIG)
    throughput.add_argument("--override", action="append", default=[], metavar="SECTION.KEY=VALUE")
    throughput.add_argument("--rounds", type=int, default=5, help="of which the median is taken (default 5)")
    throughput.add_argument("--steps", type=int, default=4, help="steps a round (default 4)")
    made_up = "made-up inputs of the configured size, no data and no downloads; counts operations"
    throughput.add_argument("--random-weights", action="store_true", help=made_up)
    throughput.add_argument("--batch", type=int, default=1, help="studies a step with --random-weights (default 1)")
    throughput.add_argument("--tflops", type=float, default=100, help="sustained by the device to estimate for")
    throughput.add_argument("--examples", type=int, default=250_000, help="of an epoch to estimate for")
    throughput.add_argument("--output", type=Path, default=Path("runs/throughput.json"))
    throughput.set_defaults(run=_throughput)

    for name, what, run in (
        ("vision", "stage 0: train the vision encoder on simulated truth", _vision),
        ("stage1", "contrastive pre-training", _stage),
        ("stage2", "the decoder", _stage),
        ("wordings", "the text encoder of trained weights learns other wordings of its questions", _wordings),
        ("ground", "a head of trained weights learns where sentences point, from the simulator's masks", _ground),
        ("evaluate", "generate and score a split", evaluate_command),
        ("retrieve", "measure stage 1: does a study find its own report among all", retrieve_command),
        ("localise", "measure where overlays point, by the simulator's masks", localise_command),
        ("knowledge", "measure what sentences hang on: the prior, the context, the current film", knowledge_command),
        ("probe", "measure where on its way through the model a change is lost", probe_command),
        ("claims", "hold what the paper claims of its parts against what could refute it", claims_command),
        ("precision", "measure what reading with fewer bits changes, beside float32", precision_command),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument("--config", default=DEFAULT_CONFIG)
        command.add_argument("--override", action="append", default=[], metavar="SECTION.KEY=VALUE")
        if name in _MEASURED:
            weights, output = _MEASURED[name]
            command.add_argument("--weights", type=Path, default=Path(weights), help=f"(default {weights})")
            command.add_argument("--split", default="test")
            command.add_argument("--output", type=Path, default=Path(output), help=f"(default {output})")
        if name == "evaluate":
            command.add_argument("--samples", type=int, default=0, help="reports to print beside their references")
            ablate = "also without or with another prior and context, and what that costs"
            command.add_argument("--ablate", action="store_true", help=ablate)
            worded = "also the same questions in words that no training read"
            command.add_argument("--wordings", action="store_true", help=worded)
        elif name == "claims":
            command.add_argument("--evaluation", type=Path, default=Path("runs/evaluation.json"))
        elif name == "precision":
            command.add_argument("--studies", type=int, default=200, help="(default 200)")
        elif name in ("localise", "knowledge"):
            command.add_argument("--pairs", type=int, default=100, help="studies with a prior (default 100)")
        elif name not in _MEASURED:
            command.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
        command.set_defaults(run=run)

    worth = commands.add_parser("worth", help="train small models with and without stage 1 and compare what they write")
    worth.add_argument("--config", default="worth.yaml")
    worth.add_argument("--override", action="append", default=[], metavar="SECTION.KEY=VALUE")
    worth.add_argument("--split", default="test")
    worth.add_argument("--seeds", type=int, default=3, help="of each arm (default 3)")
    worth.add_argument("--steps", type=int, default=450, help="of both stages together (default 450)")
    worth.add_argument("--output", type=Path, default=Path("runs/worth.json"))
    worth.set_defaults(run=worth_command)

    calibrate = commands.add_parser("calibrate", help="what a sentence's token probabilities are worth")
    calibrate.add_argument("--config", default=DEFAULT_CONFIG)
    calibrate.add_argument("--override", action="append", default=[], metavar="SECTION.KEY=VALUE")
    calibrate.add_argument("--weights", type=Path, default=EMBEDDED, help=f"(default {EMBEDDED})")
    calibrate.add_argument("--split", default="val", help="to fit the map on (default val)")
    calibrate.add_argument("--measure", default="test", help="split to measure it on (default test)")
    calibrate.add_argument("--output", type=Path, help="(default calibration.json beside the weights)")
    calibrate.set_defaults(run=calibrate_command)

    embed = commands.add_parser("embed", help="write a trained model in half precision, in small shards")
    embed.add_argument("--weights", type=Path, default=Path("runs/embedded/grounding"))
    embed.add_argument("--output", type=Path, default=Path("assets/embedded"))
    embed.set_defaults(run=_embed)

    words = commands.add_parser("words", help="write which words of contexts simulated training knows, beside weights")
    words.add_argument("--output", type=Path, default=EMBEDDED, help=f"folder of the weights (default {EMBEDDED})")
    words.set_defaults(run=_words)

    card = commands.add_parser("card", help="write measured figures into a model card and its evaluation.json")
    card.add_argument("--weights", type=Path, default=EMBEDDED)
    card.add_argument("--evaluation", type=Path, default=Path("runs/evaluation.json"))
    card.add_argument("--localisation", type=Path, default=Path("runs/localisation.json"))
    for name, what in (
        ("shifted", "evaluation of a second held-out set"),
        ("retrieval", "what retrieve wrote"),
        ("probe", "what probe wrote"),
        ("claims", "what claims wrote"),
        ("worth", "what worth wrote"),
        ("scores", "what train/scoring/score.py wrote"),
    ):
        card.add_argument(f"--{name}", type=Path, metavar="JSON", help=f"{what} (left out unless given)")
    card.set_defaults(run=card_command)

    options = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], None] = options.run
    return exit_status(lambda: run(options))


def _convert_iu(options: argparse.Namespace) -> None:
    from train.convert.iu_xray import convert

    convert(options.reports, options.images, options.output, options.seed, options.max_missing)
    _show_data_of(options.output, options.images)


def _convert(options: argparse.Namespace) -> None:
    from train.convert import chexpert_plus, mimic_cxr, padchest_gr, rexgradient
    from train.convert.studies import write

    root = options.root
    if options.name == "mimic-cxr":
        found = mimic_cxr.studies(root, options.reports or root)
    else:
        sets = {"chexpert-plus": chexpert_plus, "rexgradient": rexgradient, "padchest-gr": padchest_gr}
        found = sets[options.name].studies(root)
    write(found, root, options.output)
    _show_data_of(options.output, root)


def _show_data_of(output: Path, images: Path) -> None:
    print("To train on it, a copy of train/configs/paper.yaml with:")
    print(f"data:\n  annotation: {output / 'annotation.json'}\n  image_root: {images}")
    print(f"  view_positions: {output / 'view_positions.json'}")


def _throughput(options: argparse.Namespace) -> None:
    from train.config import load_config
    from train.data import read_view_positions
    from train.measure.throughput import at_scale, data_table, from_data, scale_table

    if options.random_weights:
        config = load_config(options.config, options.override)
        figures = at_scale(config, options.batch, options.rounds)
        print(scale_table(figures, config, options.tflops, options.examples))
    else:
        config, records = prepared(options, "train")
        views = read_view_positions(config.data.view_positions)
        figures = from_data(config, records, views, options.rounds, options.steps)
        print(data_table(figures))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def _vision(options: argparse.Namespace) -> None:
    from train.build import build, train_tokenizer, training_text
    from train.checkpoints import check_same_run, record_run, take_over
    from train.data import read_view_positions, vision_run
    from train.pretrain_vision import train_vision

    config, records = prepared(options, "train", "val")
    views = read_view_positions(config.data.view_positions)
    config.model.vision = ""  # this stage makes it
    with tempfile.TemporaryDirectory() as folder:  # no text is read here, but a processor has a tokenizer
        tokenizer = Path(folder) / "tokenizer.json"
        train_tokenizer(training_text(records["train"][:100], config.seed), config.model.vocabulary, tokenizer)
        model, processor = build(config, views, tokenizer)
    vision = config.vision
    if vision.start_from:
        take_over(model, vision.start_from)
    output = Path(vision.output)
    if options.resume and (output / "last.pt").is_file():
        check_same_run(output, config, "vision", records)
    output.mkdir(parents=True, exist_ok=True)
    record_run(output, config, records, {"finished": False})
    figures = train_vision(
        model.image_encoder,
        vision_run(records["train"], processor, config),
        vision_run(records["val"], processor, config),
        output,
        mean=config.model.image_mean,
        std=config.model.image_std,
        epochs=vision.epochs,
        batch_size=vision.batch_size,
        learning_rate=vision.learning_rate,
        weight_decay=vision.weight_decay,
        seed=config.seed,
        resume=options.resume,
    )
    record_run(output, config, records, figures["summary"])
    print(json.dumps(figures["summary"]))


def _stage(options: argparse.Namespace) -> None:
    from priorrg.reporting import kept
    from train.build import build, stage_tokenizer
    from train.checkpoints import take_over
    from train.data import read_view_positions
    from train.processes import processes
    from train.stage1 import train_stage1
    from train.stage2 import train_stage2

    config, records = prepared(options, "train", "val")
    stage, train = (config.stage1, train_stage1) if options.command == "stage1" else (config.stage2, train_stage2)
    if stage.start_from == kept.PUBLISHED:
        stage.start_from = kept.resolve(stage.start_from)
    views = read_view_positions(config.data.view_positions or Path(stage.start_from) / "config.json")
    running = processes()
    with running.main_process_first():
        is_new = running.is_main_process and not options.resume
        tokenizer = stage_tokenizer(config, stage, records["train"], is_new=is_new)
    model, processor = build(config, views, tokenizer)
    if stage.start_from:
        fresh = take_over(model, stage.start_from, leaves_vision=bool(config.model.vision))
        running.print(f"{len(fresh)} weights start fresh or from elsewhere, the others from {stage.start_from}")
    running.print(json.dumps(train(model, config, processor, records, options.resume), indent=1))
    running.wait_for_everyone()
    running.destroy_process_group()  # or a process that ends first pulls the others down


def _wordings(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from train.checkpoints import merged_run
    from train.learn_wordings import learn_wordings, start_again

    config, records = prepared(options, "train")
    settings = config.wordings
    start, output = Path(settings.start_from), Path(settings.output)
    model, processor = trained(start)
    for read in (model.config, processor.config):
        read.lowercase_context = settings.lowercase
    if not options.resume:
        start_again(output)
    figures = learn_wordings(model, processor, records["train"], settings, config.seed, options.resume)
    model.save_pretrained(output)
    processor.save_pretrained(output)
    (output / "run.json").write_text(
        json.dumps(merged_run(start, "wordings", asdict(settings), figures), indent=1), encoding="utf-8"
    )
    print(json.dumps(figures))


def _ground(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from train.checkpoints import merged_run
    from train.ground import train_grounding

    config, records = prepared(options, "train")
    settings = config.grounding
    start, output = Path(settings.start_from), Path(settings.output)
    model, processor = trained(start)
    figures = train_grounding(model, processor, records["train"], config, options.resume)
    model.save_pretrained(output)
    processor.save_pretrained(output)
    run = merged_run(start, "grounding", asdict(settings), figures)
    (output / "run.json").write_text(json.dumps(run, indent=1), encoding="utf-8")
    print(json.dumps(figures))


def _embed(options: argparse.Namespace) -> None:
    import torch

    from priorrg.errors import CheckpointError
    from priorrg.model.modeling import PriorRGModel
    from priorrg.model.processing import PriorRGProcessor
    from train.known_words import write_known_words

    if not (options.weights / "config.json").is_file():
        raise CheckpointError(
            f"{options.weights} holds no trained model. Train one first, or name another with --weights."
        )
    model = PriorRGModel.from_pretrained(options.weights, dtype=torch.float16)
    processor = PriorRGProcessor.from_pretrained(options.weights)
    for file in options.output.glob("*.safetensors*"):
        file.unlink()
    model.save_pretrained(options.output, max_shard_size="15MB")
    processor.save_pretrained(options.output)
    write_known_words(options.output)
    if (options.weights / "run.json").is_file():
        shutil.copy(options.weights / "run.json", options.output / "run.json")


def _words(options: argparse.Namespace) -> None:
    from train.known_words import write_known_words

    print(f"{write_known_words(options.output)} words")


if __name__ == "__main__":
    raise SystemExit(main())
