"""priorrg weights: fetch the published ones, see which there are, say which are used, look whether they are in order.

For whoever types a command. What is kept and where stands in reporting/kept.py; what looks wrong in
reporting/weights_check.py.
"""

import argparse
import json
import sys
from pathlib import Path

from priorrg.errors import CheckpointError, PriorRGError
from priorrg.reporting import kept

BACKBONES = ("vision", "text", "decoder")


def heads_of(text: str) -> dict[str, int]:
    """`12`, or `vision=12,text=12,decoder=8`: attention heads of the backbones."""
    each = text if "=" in text else ",".join(f"{name}={text}" for name in BACKBONES)
    try:
        found = {name.strip(): int(count) for name, _, count in (part.partition("=") for part in each.split(","))}
    except ValueError:
        found = {"": 0}
    if set(found) - set(BACKBONES) or min(found.values()) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of heads: say 12, or vision=12,text=12,decoder=12")
    return found


HEADS_HELP = (
    "attention heads of the backbones, which shapes do not show: one number for all, or vision=N,text=N,decoder=N "
    "(default: width / 64)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    fetch = actions.add_parser("published", help="fetch and import the checkpoint of the paper's authors")
    fetch.add_argument("--revision", help="commit, branch or tag of their repository (default: what it is now)")
    fetch.add_argument("--file", help="which of its checkpoints (default: the one that writes reports)")
    fetch.add_argument("--heads", type=heads_of, help=HEADS_HELP)
    fetch.add_argument("--again", action="store_true", help="also where they are there: fetch and import once more")
    fetch.set_defaults(act=_published)
    listing = actions.add_parser("list", help="the weights that can be named, and which are used")
    listing.set_defaults(act=_list)
    use = actions.add_parser("use", help="read with these from now on, wherever no weights are named")
    use.add_argument("name", help="embedded, published, a folder, or a hub repository")
    use.set_defaults(act=_use)
    info = actions.add_parser("info", help="what weights are: model, source, license, how they read")
    info.add_argument("name", nargs="?", default="", help="(default: those that are used)")
    info.set_defaults(act=_info)
    check = actions.add_parser("check", help="read some studies and say what looks wrong")
    check.add_argument("name", nargs="?", default="", help="(default: those that are used)")
    check.add_argument("--films", type=Path, metavar="FOLDER", help="also each of your own films in this folder")
    check.set_defaults(act=_check)
    push = actions.add_parser("push", help="send your own weights to the hub, with their card")
    push.add_argument("folder", type=Path, help="of the weights, as training wrote it")
    push.add_argument("repository", help="OWNER/NAME; made where it is not there yet")
    push.add_argument("--public", action="store_true", help="a new repository is open to everybody (default: private)")
    push.set_defaults(act=_push)


def run(arguments: argparse.Namespace) -> int:
    return arguments.act(arguments)


def _published(arguments: argparse.Namespace) -> int:
    found = kept.source_of(kept.published_folder())
    folder = kept.published(arguments.revision, arguments.file, arguments.heads, print, arguments.again)
    if found is not None and not arguments.again:
        others = _unlike(found, folder, arguments)
        if others:
            raise CheckpointError(
                f"Weights are there already, with {' and '.join(others)}. To fetch and import them once more, as you "
                "say: the same command with --again."
            )
        print(f"They are there already: {found.file} of {found.repository} at {found.revision}, in {folder}.")
        print("To fetch what the authors have now: priorrg weights published --again")
    print("Read with them: PRIORRG_WEIGHTS=published make run, or priorrg weights use published.")
    return 0


def _unlike(found: kept.Source, folder: Path, arguments: argparse.Namespace) -> list[str]:
    """In what the weights that are there are others than those that are asked for."""
    from priorrg.model.configuration import PriorRGConfig
    from priorrg.model.published import backbone_heads

    heads = backbone_heads(PriorRGConfig.from_pretrained(folder))
    others = []
    if any(heads[name] != count for name, count in (arguments.heads or {}).items()):
        others.append("heads " + ",".join(f"{name}={count}" for name, count in heads.items()))
    if arguments.file not in (None, found.file):
        others.append(f"file {found.file}")
    if arguments.revision and not found.revision.startswith(arguments.revision):
        others.append(f"revision {found.revision}")
    return others


def _list(arguments: argparse.Namespace) -> int:
    used = kept.chosen() or kept.EMBEDDED
    for name in dict.fromkeys([*kept.known(), used]):
        print(f"{'*' if name == used else ' '} {name}: {_in_short(name)}")
    print("* is read with where no weights are named. Others: priorrg weights use NAME, or --weights NAME.")
    return 0


def _in_short(name: str) -> str:
    if name == kept.PUBLISHED and kept.source_of(kept.published_folder()) is None:
        return "not fetched. Fetch them: priorrg weights published"
    if kept.is_repository(name):
        return "a hub repository"
    folder = Path(kept.resolve(name))
    if not folder.is_dir():
        return "no longer there"
    try:
        config = _config(folder)
    except CheckpointError as error:
        return str(error)
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return f"{config.get('weights_name') or 'without a name'} ({config.get('weights_kind')}, {size / 1e6:,.0f} MB)"


def _config(folder: Path) -> dict:
    try:
        return json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"The config.json of {folder} cannot be read ({error}).") from None


def _use(arguments: argparse.Namespace) -> int:
    from priorrg.reporting.loading import load_weights

    load_weights(kept.resolve(arguments.name))  # or it says what is wrong with them
    print(f"From now on {kept.choose(arguments.name)} is read with wherever no weights are named.")
    return 0


def _info(arguments: argparse.Namespace) -> int:
    from priorrg.model.configuration import PriorRGConfig
    from priorrg.model.published import assumed_heads
    from priorrg.reporting.loading import load_weights

    folder = kept.resolve(arguments.name)
    model, _ = load_weights(folder)
    source = kept.source_of(folder)
    config = model.config
    assert isinstance(config, PriorRGConfig)
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    rows = {
        "name": config.weights_name,
        "kind": config.weights_kind,
        "trained": config.training_note,
        "where": folder,
        "fetched from": f"{source.repository} at {source.revision} {source.file}" if source else "",
        "fetched": source.fetched if source else "",
        "sha256": source.sha256 if source else "",
        "license": (source.license or kept.license_line("", source.repository)) if source else "",
        "parameters": f"{millions:,.1f} million",
        "images": f"{config.vision_config.image_size} pixels an edge",
        "attention heads": assumed_heads(config),
        "views": ", ".join(sorted(config.view_positions, key=lambda view: config.view_positions[view])),
        "reads": f"{config.max_context_tokens} tokens of context; writes {config.max_report_tokens} with "
        f"{config.num_beams} beams; the draft from its {config.coarse_draft.replace('_', ' ')}",
    }
    for name, said in rows.items():
        if said:
            print(f"{name:16} {said}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from priorrg.reporting.reporter import Reporter
    from priorrg.reporting.weights_check import check

    films = []
    if arguments.films is not None:
        films = sorted(path for path in arguments.films.rglob("*") if path.is_file())
        if not films:
            raise CheckpointError(f"There is no file in {arguments.films}.")
    source = kept.resolve(arguments.name)
    for changed in _changed_upstream(source):
        print(changed)
    reporter = Reporter.load(source)
    print(f"{reporter.card.name}: every file is whole and fits.")
    wrong = 0
    for called, text, remarks in check(reporter, films):
        print(f"\n{called}\n  {text or '-'}")
        for remark in remarks:
            print(f"  LOOKS WRONG: {remark}")
        wrong += len(remarks)
    print({0: "\nNothing looks wrong.", 1: "\nOne thing looks wrong."}.get(wrong, f"\n{wrong} things look wrong."))
    return 1 if wrong else 0


def _push(arguments: argparse.Namespace) -> int:
    from priorrg.reporting.passing_on import push_to_hub

    print(f"Sent to {push_to_hub(arguments.folder, arguments.repository, arguments.public)}.")
    return 0


def _changed_upstream(folder: str) -> list[str]:
    """A sentence where the authors' repository is no longer at the commit that was fetched, or cannot be asked."""
    source = kept.source_of(folder)
    if source is None or not source.file:  # weights in our own format are as new as the hub's, or that was said
        return []
    from priorrg.model.hub import Repository

    try:
        now = Repository.at(source.repository)
    except PriorRGError as error:
        print(error, file=sys.stderr)
        return []
    digests = {file.digest for file in now.files}
    if now.revision == source.revision:
        return [f"{source.repository} is still at {source.revision}."]
    changed = "still has this very file" if source.sha256 in digests else "no longer has this file"
    return [
        f"{source.repository} is at {now.revision} now and {changed}; these weights are of {source.revision}. To fetch "
        "what is there now: priorrg weights published --again"
    ]
