"""The command line: `priorrg app` serves the page, `priorrg report ...` reads one study, others keep the house.

`python -m priorrg` is the same where nothing is installed.

A command is one entry of COMMANDS: its help, its arguments, and what it does. Libraries that take seconds to import
are imported by the command that needs them.
"""

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from priorrg import texts, weights_commands
from priorrg.errors import CheckpointError, ExportError, StudyError
from priorrg.exit_status import exit_status
from priorrg.many import commands as many
from priorrg.model.precisions import FLOAT32, PRECISIONS
from priorrg.pacs import commands as pacs

if TYPE_CHECKING:
    from priorrg.reporting.events import Event, ReportDone
    from priorrg.reporting.reporter import Reporter
    from priorrg.study import Study


@dataclass(frozen=True)
class Command:
    """One sub-command. run returns the exit status."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


# report


def add_report_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("current", nargs="?", help="the current radiograph: DICOM, PNG or JPEG")
    parser.add_argument(
        "--manifest", metavar="CSV", help="read many studies, a row each, into --out FILE.jsonl instead"
    )
    parser.add_argument("--prior", help="the most recent prior radiograph")
    parser.add_argument("--indication", default="", help="why the study was asked for")
    parser.add_argument("--history", default="", help="what is known of the patient")
    parser.add_argument("--view", default="", help="view position of the current image (PA, AP, LATERAL)")
    parser.add_argument("--prior-view", default="", help="view position of the prior image")
    turn = "how the {} image is corrected first: 90 (degrees clockwise), 180, 270, mirrored, inverted, or several"
    parser.add_argument("--orientation", default="", help=turn.format("current"))
    parser.add_argument("--prior-orientation", default="", help=turn.format("prior"))
    window = "which of its file's display windows the {} image is read through: its name, or its number from 1"
    parser.add_argument("--window", default="", help=window.format("current"))
    parser.add_argument("--prior-window", default="", help=window.format("prior"))
    parser.add_argument("--weights", help="`published`, a folder or a hub repository (default: those of `weights use`)")
    parser.add_argument("--beams", type=int, choices=range(1, 11), metavar="N", help="1 streams, more search longer")
    parser.add_argument(
        "--tokens", type=int, default=0, metavar="N", help="most tokens of the report (default: as the weights have it)"
    )
    parser.add_argument("--write-on", action="store_true", help="over that limit, until the report ends by itself")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=FLOAT32,
        help="bits to compute with: bfloat16 for the image encoder, int8 for the decoder (default: float32)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text as it is written")
    parser.add_argument(
        "--files",
        nargs="+",
        default=[],
        choices=("overlays", "sr", "gsps"),
        help="with --manifest: also write each study's overlays as arrays (.npz), its DICOM structured report, and its "
        "outlines as DICOM presentation state, into a folder beside the reports",
    )
    parser.add_argument(
        "--cluster",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="with --manifest: read by the workers of the Ray cluster at ADDRESS (`auto` is this machine's), or of a "
        "Ray of its own on this machine",
    )
    parser.add_argument(
        "--out",
        action="append",
        default=[],
        metavar="FILE",
        help="also write the report to FILE: .txt, .pdf (with images and overlays), .dcm (DICOM structured report) or "
        ".json (FHIR R4 DiagnosticReport); may be given several times",
    )


def report(arguments: argparse.Namespace) -> int:
    if arguments.manifest:
        return many.report_all(arguments)
    if arguments.files or arguments.cluster:
        raise StudyError(texts.many.FILES_USAGE)
    if not arguments.current:
        raise StudyError("There is nothing to read: name the current radiograph, or a --manifest of many studies.")
    from priorrg.imaging.decoders import decoders

    decoders().warm()  # while the libraries of the model are imported

    from priorrg.export.contents import remarks_after, remarks_before
    from priorrg.imaging.orientation import window_in_use, words_of
    from priorrg.reporting import kept
    from priorrg.reporting.events import read_to_end
    from priorrg.reporting.heap import give_back_large_blocks
    from priorrg.reporting.reporter import Reporter, read_study
    from priorrg.reporting.threads import use_threads

    check_outputs(arguments.out)
    study = read_study(
        arguments.current,
        arguments.prior,
        arguments.indication,
        arguments.history,
        arguments.view,
        arguments.prior_view,
        arguments.orientation,
        arguments.prior_orientation,
        arguments.window,
        arguments.prior_window,
    )
    check_outputs(arguments.out, study)
    give_back_large_blocks()
    use_threads(0)
    reporter = Reporter.load(kept.resolve(arguments.weights or ""), arguments.tokens, arguments.precision)
    for view in filter(None, (arguments.view, arguments.prior_view)):
        reporter.processor.check_view(view)
    note = reporter.received_context(study.context).note
    remarks = remarks_before(study)
    for said in [note, *remarks]:
        if said:
            print(said, file=sys.stderr)
    events = reporter.stream(study, num_beams=arguments.beams, to_the_end=arguments.write_on)
    if not arguments.json:
        print(f"{texts.report.DISCLAIMER}\nWeights: {reporter.card.name} ({reporter.card.kind})", end="")
        events = printed(events)
    draft, done = read_to_end(events)
    for said in remarks_after(study, done.text, done.is_cut):
        remarks.append(said)
        print(said, file=sys.stderr)
    if arguments.json:
        weights = asdict(reporter.card)
        answer = {"disclaimer": texts.report.DISCLAIMER, "weights": weights, "draft": draft, "report": done.text}
        answer["remarks"] = remarks
        corrections = {"current": study.current.orientation, "prior": study.prior and study.prior.orientation}
        answer["orientation"] = {side: words_of(turned) if turned else "" for side, turned in corrections.items()}
        images = {"current": study.current, "prior": study.prior}
        answer["window"] = {side: window_in_use(image) if image else "" for side, image in images.items()}
        print(json.dumps(answer, indent=2))
    if arguments.out:
        write_outputs(arguments.out, reporter, study, draft, done)
    return 0


def printed(events: Iterable["Event"]) -> Iterator["Event"]:
    """The events, each printed as it passes: words follow each other on one line."""
    from priorrg.export.contents import with_words_for_gaps
    from priorrg.reporting.events import DraftDone, DraftWord, ReportDone, ReportWord

    title = shown = ""
    for event in events:
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
        text = with_words_for_gaps(text)
        print(text[len(shown) :], end="", flush=True)
        shown = text
        yield event
    print()


def check_outputs(paths: Sequence[str], study: "Study | None" = None) -> None:
    """Before minutes are spent on a reading: whether each file can be written, of this study where it is known."""
    from priorrg.export.forms import check_form, form_of

    for path in paths:
        form = form_of(path)
        if not Path(path).parent.is_dir():
            raise ExportError(f"{path} cannot be written: No such file or directory.")
        if study is not None:
            check_form(form, study)


def write_outputs(paths: Sequence[str], reporter: "Reporter", study: "Study", draft: str, done: "ReportDone") -> None:
    from priorrg.explain.overlays import explain, methods_of
    from priorrg.export.contents import ReportExport
    from priorrg.export.forms import form_of

    method = methods_of(reporter.config)[0]
    overlays = tuple(explain(reporter, study, done.tokens, done.sentences, method))
    now = datetime.now().astimezone()
    export = ReportExport(
        study,
        draft,
        done.text,
        done.sentences,
        reporter.card,
        now,
        overlays=overlays,
        method=method,
        is_cut=done.is_cut,
    )
    for path in paths:
        try:
            Path(path).write_bytes(form_of(path).write(export))
        except OSError as error:
            raise ExportError(f"{path} cannot be written: {error.strerror or error}.") from error
        print(f"Wrote {path}.", file=sys.stderr)  # standard output may be one JSON object


# import-checkpoint


def add_import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="a Lightning .ckpt, or the hub repository that holds one")
    parser.add_argument("output", help="folder to write the weights to")
    parser.add_argument("--tokenizer", help="tokenizer.json; a bare DistilGPT2 one is given the published extra tokens")
    parser.add_argument("--view-positions", help="JSON dictionary of view positions, name to index")
    parser.add_argument("--image-processor", help="preprocessor_config.json (default: RAD-DINO's mean and deviation)")
    parser.add_argument("--file", help="which .ckpt of the hub repository, where it holds several")
    parser.add_argument("--revision", help="which commit, branch or tag of the hub repository")
    parser.add_argument("--heads", type=weights_commands.heads_of, help=weights_commands.HEADS_HELP)
    parser.add_argument("--name", default="", help="what the app should call these weights")
    parser.add_argument("--own", action="store_true", help="a checkpoint of your own training, not the authors'")


def import_checkpoint(arguments: argparse.Namespace) -> int:
    from priorrg.model import published
    from priorrg.model.configuration import PriorRGConfig
    from priorrg.reporting import kept

    folder = Path(arguments.output)
    given = {
        name: getattr(arguments, name) for name in ("tokenizer", "view_positions", "image_processor", "heads", "name")
    }
    if Path(arguments.source).is_file():
        published.import_checkpoint(arguments.source, folder, **given, is_own=arguments.own)
    elif arguments.source.count("/") == 1 and Path(arguments.source).suffix != ".ckpt":
        kept.import_from_hub(arguments.source, folder, arguments.revision, arguments.file, **given)
    else:
        raise CheckpointError(
            f"There is no checkpoint at {arguments.source}, and it is not the name of a hub repository."
        )
    heads = published.assumed_heads(PriorRGConfig.from_pretrained(folder))
    print(f"Attention heads (not in the file): {heads}. --heads sets others.")
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


# hash-password


def add_hash_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="who logs in; the password is asked for, or read from standard input")


def hash_password(arguments: argparse.Namespace) -> int:
    from priorrg.settings import SettingsError
    from priorrg.ui.login import line_of

    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if sys.stdin.isatty() and getpass.getpass("Once more: ") != password:
        raise SettingsError("The two passwords are not the same. Nothing was written.")
    print(line_of(arguments.name, password))
    return 0


# app


def add_app_arguments(parser: argparse.ArgumentParser) -> None:
    """None: its flags are the settings, which read themselves (see main)."""


def app(arguments: argparse.Namespace) -> int:
    from priorrg.app import main as serve

    return serve(arguments.flags, f"{program()} app")


# session


def add_session_arguments(parser: argparse.ArgumentParser) -> None:
    from priorrg.sessions.commands import add_arguments

    add_arguments(parser)


def session(arguments: argparse.Namespace) -> int:
    from priorrg.sessions.commands import run

    return run(arguments)


COMMANDS = {
    "app": Command("serve the page; its flags are the settings, see --help behind it", add_app_arguments, app),
    "report": Command("read one study and print its report, or those of a manifest", add_report_arguments, report),
    "manifest": Command(
        "sort a folder of DICOM files into studies with priors", many.add_manifest_arguments, many.manifest
    ),
    "pacs": Command("read a study from an image server (DICOMweb)", pacs.add_arguments, pacs.run),
    "import-checkpoint": Command(
        "turn a published checkpoint into PriorRG weights", add_import_arguments, import_checkpoint
    ),
    "weights": Command("fetch, list, choose and check weights", weights_commands.add_arguments, weights_commands.run),
    "export-feedback": Command("write the kept feedback as CSV", add_export_arguments, export_feedback),
    "session": Command("set up and evaluate a feedback session of several readers", add_session_arguments, session),
    "hash-password": Command("print a line for the file of who may log in", add_hash_arguments, hash_password),
}


def program() -> str:
    """What somebody typed to come here: `priorrg` is installed, `python -m priorrg` is not."""
    return "python -m priorrg" if Path(sys.argv[0]).name == "__main__.py" else "priorrg"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 with one sentence on stderr where the reader can do something about it."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog=program(), description="Prior-aware chest X-ray reporting.")
    parser.epilog = texts.report.DISCLAIMER
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        command.add_arguments(subparsers.add_parser(name, help=command.help, description=command.help))
    parsed = parser.parse_args(given[:1] if given[:1] == ["app"] else given)
    parsed.flags = given[1:]
    return exit_status(lambda: COMMANDS[parsed.command].run(parsed))


if __name__ == "__main__":
    sys.exit(main())
