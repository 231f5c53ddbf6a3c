"""The command line: `python -m priorrg report ...` reads one study, other commands keep the house.

A command is one entry of COMMANDS: its help, its arguments, and what it does. Libraries that take seconds to import
are imported by the command that needs them.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from priorrg.errors import PriorRGError
from priorrg.report import DISCLAIMER


@dataclass(frozen=True)
class Command:
    """One sub-command. run returns the exit status."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


# report


def add_report_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("current", help="the current radiograph: DICOM, PNG or JPEG")
    parser.add_argument("--prior", help="the most recent prior radiograph")
    parser.add_argument("--indication", default="", help="why the study was asked for")
    parser.add_argument("--history", default="", help="what is known of the patient")
    parser.add_argument("--view", default="", help="view position of the current image (PA, AP, LATERAL)")
    parser.add_argument("--prior-view", default="", help="view position of the prior image")
    parser.add_argument("--weights", help="folder or hub repository with PriorRG weights (default: the embedded ones)")
    parser.add_argument("--beams", type=int, choices=range(1, 11), metavar="N", help="1 streams, more search longer")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text as it is written")


def report(arguments: argparse.Namespace) -> int:
    from transformers.utils import logging

    from priorrg.reading import DraftDone, DraftWord, Reader, ReportDone, ReportWord, read_study

    logging.disable_progress_bar()  # loading takes a second, the bar would stand in the report
    study = read_study(
        arguments.current,
        arguments.prior,
        arguments.indication,
        arguments.history,
        arguments.view,
        arguments.prior_view,
    )
    reader = Reader.load(arguments.weights)
    for view in filter(None, (arguments.view, arguments.prior_view)):
        reader.processor.check_view(view)
    note = reader.context_note(study.context)
    if note:
        print(note, file=sys.stderr)
    if arguments.json:
        reading = reader.report(study, num_beams=arguments.beams)
        weights = asdict(reader.card)
        print(json.dumps({"disclaimer": DISCLAIMER, "weights": weights, **asdict(reading)}, indent=2))
        return 0
    print(f"{DISCLAIMER}\nWeights: {reader.card.name} ({reader.card.kind})", end="")
    title = shown = ""
    for event in reader.read(study, num_beams=arguments.beams):
        match event:
            case DraftWord(text) | DraftDone(text):
                part = "Coarse draft"
            case ReportWord(text) | ReportDone(text):
                part = "Report"
            case _:
                continue
        if part != title:
            print(f"\n\n{part}: ", end="")
            title, shown = part, ""
        print(text[len(shown) :], end="", flush=True)
        shown = text
    print()
    return 0


# import-checkpoint


def add_import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="a Lightning .ckpt, or the hub repository that holds one")
    parser.add_argument("output", help="folder to write the weights to")
    parser.add_argument("--tokenizer", help="tokenizer.json; a bare DistilGPT2 one is given the published extra tokens")
    parser.add_argument("--view-positions", help="JSON dictionary of view positions, name to index")
    parser.add_argument("--image-processor", help="preprocessor_config.json (default: RAD-DINO's mean and deviation)")
    parser.add_argument("--file", help="which .ckpt of the hub repository, where it holds several")
    parser.add_argument(
        "--heads", type=int, help="attention heads of the backbones (default: width / 64), which shapes do not show"
    )
    parser.add_argument("--name", default="", help="what the app should call these weights")


def import_checkpoint(arguments: argparse.Namespace) -> int:
    from priorrg.model import published

    folder = published.import_checkpoint(
        arguments.source,
        arguments.output,
        tokenizer=arguments.tokenizer,
        view_positions=arguments.view_positions,
        image_processor=arguments.image_processor,
        checkpoint_file=arguments.file,
        heads=arguments.heads,
        name=arguments.name,
    )
    print(f"Attention heads (not in the file): {published.assumed_heads(folder)}. --heads sets another number.")
    print(f"Wrote {folder}. Read with it: python -m priorrg report current.dcm --weights {folder}")
    return 0


# export-feedback


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--database", help="the app's feedback file (default: PRIORRG_FEEDBACK, else the app's own)")
    parser.add_argument("--output", default="feedback.csv", help="CSV file to write (default: feedback.csv)")


def export_feedback(arguments: argparse.Namespace) -> int:
    from priorrg.feedback.export import export_csv
    from priorrg.settings import Settings

    database = arguments.database or Settings.from_environment().feedback
    count = export_csv(database, arguments.output)
    print(f"Wrote {count} submissions to {arguments.output}.")
    return 0


COMMANDS = {
    "report": Command("read one study and print its report", add_report_arguments, report),
    "import-checkpoint": Command(
        "turn a published checkpoint into PriorRG weights", add_import_arguments, import_checkpoint
    ),
    "export-feedback": Command("write the kept feedback as CSV", add_export_arguments, export_feedback),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 with one sentence on stderr where the reader can do something about it."""
    parser = argparse.ArgumentParser(prog="python -m priorrg", description="Prior-aware chest X-ray reporting.")
    parser.epilog = DISCLAIMER
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        command.add_arguments(subparsers.add_parser(name, help=command.help, description=command.help))
    parsed = parser.parse_args(arguments)
    try:
        return COMMANDS[parsed.command].run(parsed)
    except PriorRGError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # what was written stays on the screen
        print(file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
