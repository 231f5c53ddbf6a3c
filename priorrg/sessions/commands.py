"""`priorrg session ...`: set up, open, watch, evaluate and close a feedback session.

Every command names its session by a name (sessions/NAME.yaml) or by its protocol's file.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from priorrg import texts
from priorrg.assets import ASSETS
from priorrg.errors import SessionError

if TYPE_CHECKING:
    from priorrg.sessions.session import Session

KINDS = ("score", "compare", "assist", "detect")


@dataclass(frozen=True)
class Command:
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="session_command", required=True, metavar="command")
    parser.epilog = f"The organiser's guide is docs/sessions.md. {texts.report.DISCLAIMER}"
    for name, command in COMMANDS.items():
        below = commands.add_parser(name, help=command.help, description=command.help)
        below.add_argument("session", nargs="?" if name == "status" else None, help="name of the session, or its file")
        below.add_argument("--folder", type=Path, help="of the protocols (default: PRIORRG_SESSION_FOLDER, sessions)")
        below.add_argument("--database", help="URL of the answers (default: PRIORRG_SESSION_DATABASE, else a file)")
        command.add_arguments(below)


def run(arguments: argparse.Namespace) -> int:
    from priorrg.settings import Settings

    settings = Settings.from_environment()
    arguments.folder = arguments.folder or settings.session_folder
    arguments.database = settings.session_database if arguments.database is None else arguments.database
    return COMMANDS[arguments.session_command].run(arguments)


def _file(arguments: argparse.Namespace) -> Path:
    given = Path(arguments.session)
    return given if given.suffix == ".yaml" else arguments.folder / f"{arguments.session}.yaml"


def _session(arguments: argparse.Namespace) -> Session:
    from priorrg.sessions.session import Session

    return Session.at(_file(arguments), arguments.database)


def _nothing(parser: argparse.ArgumentParser) -> None:
    """No argument of its own."""


# new


def _add_new(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", choices=KINDS, default="score", help="which ready protocol (default score)")
    parser.add_argument("--cases", type=Path, help="your cases, a CSV file or a folder (default: simulated ones)")
    parser.add_argument("--count", type=int, default=11, help="simulated cases, one for practice (default 11)")
    parser.add_argument("--readers", type=int, help="how many (default 4)")


def _new(arguments: argparse.Namespace) -> int:
    file = _file(arguments)
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", file.stem):
        raise SessionError(f"{file.stem} is no name for a session: take letters, digits, - and _.")
    if file.exists():
        raise SessionError(f"{file} is there already. Choose another name, or change that file.")
    file.parent.mkdir(parents=True, exist_ok=True)
    cases = arguments.cases
    if cases is None:
        cases = file.parent / f"{file.stem}-cases"
        simulate = [sys.executable, "-m", "train", "cases", "--output", cases, "--count", str(arguments.count)]
        print(f"Simulating {arguments.count} cases, about a second each ...", flush=True)
        if subprocess.run(simulate, stdout=subprocess.DEVNULL, check=False).returncode:
            raise SessionError(f"The simulation of cases failed. Remove {cases} and try again, or name --cases.")
        cases = Path(cases.name)  # beside the protocol, so that both can be moved
    text = (ASSETS / "sessions" / f"{arguments.kind}.yaml").read_text(encoding="utf-8")
    text = text.replace("CASES", str(cases)).replace("[PRACTICE]", "[]" if arguments.cases else "[case01]")
    if arguments.kind == "detect":  # the first simulated case has no error in it, the second has
        text = text.replace("[case01]", "[case02]")
    if arguments.readers:
        text = text.replace("readers: 4", f"readers: {arguments.readers}")
    file.write_text(text, encoding="utf-8")
    session = _session(arguments)
    print(f"Wrote {file}: {session.protocol.title}, {len(session.cases)} cases. Change what you like, then:")
    print(f"  {_program()} session readers {arguments.session}   makes a personal link for each reader")
    print(f"  {_program()} session open {arguments.session}      generates the reports and lets readers in")
    return 0


# readers


def _add_readers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--names", type=Path, help="file with a name a line, in the order of the protocol's readers")
    parser.add_argument("--address", default="http://localhost:7860", help="where the app is reached")
    parser.add_argument("--revoke", metavar="READER", help="kill this reader's link")
    parser.add_argument("--renew", metavar="READER", help="kill this reader's link and make another")


def _readers(arguments: argparse.Namespace) -> int:
    from priorrg.sessions.links import links_file, make_links, read_links, renew_link

    session = _session(arguments)
    other = arguments.revoke or arguments.renew
    if other:
        session.assignments(other)  # is it a reader at all
        renew_link(session, other, arguments.address if arguments.renew else "")
        print(f"The link of {other} is dead." + (" There is a new one." if arguments.renew else ""))
    else:
        names = []
        if arguments.names:
            try:
                lines = arguments.names.read_text(encoding="utf-8-sig").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise SessionError(f"The names {arguments.names} cannot be read ({error}).") from error
            names = [line.strip() for line in lines if line.strip()]
        make_links(session, arguments.address, names)
    links = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    links.writerows((one.reader, one.name, one.link) for one in read_links(session))
    print(f"Names and links stand in {links_file(session)} and nowhere else. Keep it to yourself.")
    return 0


# open


def _generate(session: Session) -> None:
    """What is missing, with progress; nothing is loaded where nothing is."""
    from priorrg.sessions.prepare import prepare, to_prepare

    if to_prepare(session):
        from priorrg.reporting.reporter import Reporter

        for done, of in prepare(session, lambda weights: Reporter.load(weights or None)):
            print(f"\r{done} of {of} reports are generated.", end="", flush=True)
        print()


def _open(arguments: argparse.Namespace) -> int:
    from priorrg.sessions.prepare import to_prepare

    session = _session(arguments)
    if not session.protocol.live:
        _generate(session)
    store = session.store
    if store.is_open():
        print(f"{session.name} is open already.")
        return 0
    if store.protocol_text():
        store.record("session_reopened")
        if session.file.read_text(encoding="utf-8-sig") != store.protocol_text():
            print(f"{session.file} was changed since; the session goes on by the protocol that it began with.")
    else:
        store.record("protocol", {"text": session.protocol_text})
        store.record("session_opened")
    readings = sum(not one.is_practice for one in session.assignments(session.protocol.readers[0]))
    print(f"{session.name} is open: {len(session.protocol.readers)} readers, {readings} readings each.")
    if session.protocol.live and (count := len(to_prepare(session))):
        print(f"{count} reports are written when their case is opened, by `priorrg app` alone.")
    if any(arm.is_model and not arm.weights for arm in session.protocol.arms):
        print(texts.sessions.REHEARSAL_ONLY)
    return 0


# status


def _status(arguments: argparse.Namespace) -> int:
    from priorrg.sessions.progress import lines
    from priorrg.sessions.session import Session, session_files

    files = [_file(arguments)] if arguments.session else session_files(arguments.folder)
    if not files:
        print(f"There is no session in {arguments.folder}. Make one: {_program()} session new NAME")
    for file in files:
        print("\n".join(lines(Session.at(file, arguments.database))))
    return 0


# close


def _close(arguments: argparse.Namespace) -> int:
    session = _session(arguments)
    if not session.store.is_open():
        print(f"{session.name} is not open.")
        return 0
    session.store.record("session_closed")
    print(f"{session.name} is closed: nobody reads or answers any more. `session open` opens it again.")
    return 0


# withdraw


def _add_withdraw(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reader", help="pseudonym of the reader whose answers are removed")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _withdraw(arguments: argparse.Namespace) -> int:
    from priorrg.sessions.links import read_links, write_links

    session = _session(arguments)
    session.assignments(arguments.reader)
    if not arguments.yes:
        answer = input(f"Remove all that {arguments.reader} answered in {session.name}, for good? Type yes: ")
        if answer.strip().lower() != "yes":
            print("Nothing was removed.")
            return 1
    count = session.store.withdraw(arguments.reader)
    write_links(session, [one for one in read_links(session) if one.reader != arguments.reader])
    print(f"{count} answers of {arguments.reader} were removed, and a record of it was kept.")
    print("Tables that were exported before still hold them, and so does what was sent to the hub: remove them there.")
    return 0


# export


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, help="folder to write to (default: NAME-export beside the protocol)")


def _output(arguments: argparse.Namespace, session: Session) -> Path:
    return arguments.output or session.file.parent / f"{session.name}-export"


def _export(arguments: argparse.Namespace) -> int:
    from priorrg.sessions.export import export

    session = _session(arguments)
    folder = _output(arguments, session)
    counts = export(session, folder)
    for name, count in counts.items():
        print(f"{name}: {count} rows")
    print(f"Wrote {folder}, described in datapackage.json. It names arms: whoever has read it is not blinded any more.")
    return 0


# report


def _report(arguments: argparse.Namespace) -> int:
    from priorrg.sessions.report import write_report

    session = _session(arguments)
    folder = _output(arguments, session)
    print("Evaluating ...", flush=True)
    for file in write_report(session, folder):
        print(f"Wrote {file}.")
    return 0


# push


def _add_push(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repository", required=True, help="private data set on the hub, OWNER/NAME")


def _push(arguments: argparse.Namespace) -> int:
    from priorrg.sessions.hub import push

    session = _session(arguments)
    count = push(session, arguments.repository)
    print(f"{count} events of {session.name} are in the private data set {arguments.repository}.")
    return 0


# import-feedback


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--feedback", type=Path, help="feedback file of the app (default: PRIORRG_FEEDBACK)")


def _import(arguments: argparse.Namespace) -> int:
    from priorrg.sessions.imported import import_feedback
    from priorrg.sessions.store import Store
    from priorrg.settings import Settings

    file = arguments.feedback or Settings.from_environment().feedback
    name = arguments.session
    url = arguments.database or f"sqlite:///{arguments.folder / name / 'answers.sqlite3'}"
    new, total = import_feedback(file, Store(url, name))
    print(f"{new} submissions of {file} are kept in {name} now, {total} in all. The file was not changed.")
    return 0


# rehearse


def _add_rehearse(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)


def _rehearse(arguments: argparse.Namespace) -> int:
    from priorrg.sessions.rehearse import rehearse

    session = _session(arguments)
    folder = arguments.output or session.file.parent / f"{session.name}-rehearsal"
    _generate(session)
    print("Five simulated readers read the session in a copy of it; its own answers are not touched.", flush=True)
    comparisons = rehearse(session, folder)
    for one in comparisons:
        print(f"{'as planted' if one.agrees else 'DIFFERS   '}  {one.what}: planted {one.planted}, found {one.found}")
    wrong = sum(not one.agrees for one in comparisons)
    print(f"{len(comparisons) - wrong} of {len(comparisons)} planted habits came out as planted. See {folder}.")
    return 1 if wrong else 0


def _program() -> str:
    return "python -m priorrg" if Path(sys.argv[0]).name == "__main__.py" else "priorrg"


COMMANDS = {
    "new": Command("write a protocol, on simulated cases or your own", _add_new, _new),
    "readers": Command("make, list, renew or revoke the readers' personal links", _add_readers, _readers),
    "open": Command("generate the reports that are missing, and let readers in", _nothing, _open),
    "status": Command("how far everybody is", _nothing, _status),
    "export": Command("write tables, protocol and data dictionary", _add_output, _export),
    "report": Command("evaluate: figures and statistics as HTML and PDF", _add_output, _report),
    "close": Command("let nobody read or answer any more", _nothing, _close),
    "withdraw": Command("remove a reader's answers, and keep a record of it", _add_withdraw, _withdraw),
    "push": Command("send what was answered to a private data set on the hub", _add_push, _push),
    "rehearse": Command("let five simulated readers read it, and see their habits come out", _add_rehearse, _rehearse),
    "import-feedback": Command("take over submissions of the app's feedback form", _add_import, _import),
}
