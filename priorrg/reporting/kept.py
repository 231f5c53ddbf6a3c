"""The weights that a user can name: `embedded`, `published`, folders, hub repositories. What is fetched is kept here.

`published` is the checkpoint of the paper's authors: fetched from the hub once, imported once into the user's cache,
and from then on a folder like any other, with source.json beside it that says what it was made of. Weights in our own
format in a repository are fetched as a whole, and again when it has moved on; without a connection those that are here
are read with.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from priorrg.assets import EMBEDDED_WEIGHTS, user_cache
from priorrg.errors import CheckpointError

if TYPE_CHECKING:
    from priorrg.model.hub import HubFile, Repository

EMBEDDED, PUBLISHED = "embedded", "published"
AUTHORS = "MK-runner/PriorRG"  # the authors' repository on the hub
# Its checkpoints come without the tokenizer, which is DistilGPT2's with the tokens that make_tokenizer adds.
TOKENIZERS = "distilbert/distilgpt2"
VIEW_POSITIONS = r".*view.?positions?.*\.json$"  # view-positions-dict-mimic.json, priorrg_view_position_v1.0.json
SOURCE = "source.json"
REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w.-]+", re.ASCII)
# Of a folder of weights what others need. Not run.json and source.json, which name folders and data of whoever trained.
TAKEN = (
    *("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json", "preprocessor_config.json"),
    *("tokenizer.json", "tokenizer_config.json", "calibration.json", "evaluation.json", "known_words.txt", "README.md"),
)
IMPORTED_BYTES = 1_300_000_000  # the model at paper scale in float32, 1.27 GB, and its small files
IMPORT_MEMORY = "2 GB"  # an estimate: most of it is the mapped file, which the system can take back


@dataclass(frozen=True)
class Source:
    """Where kept weights were fetched from: a repository at a commit, a file of it and that file's sha256."""

    repository: str
    revision: str
    file: str
    sha256: str
    license: str
    fetched: str


def _aside(sentence: str) -> None:
    print(sentence, file=sys.stderr)  # standard output may be one JSON object


def resolve(name: str = "") -> str:
    """What a user calls weights -> the folder or hub repository that they are in.

    Empty: what `priorrg weights use` chose, else the embedded ones. `published` that is not there yet is fetched, and
    so is what a hub repository has now. Raises CheckpointError.
    """
    name = name or chosen() or EMBEDDED
    if name == EMBEDDED:
        return str(EMBEDDED_WEIGHTS)
    if name == PUBLISHED:
        return str(published())
    return str(from_repository(name)) if is_repository(name) else name


def is_repository(name: str) -> bool:
    """Whether weights of that name are looked for on the hub: OWNER/NAME, and nothing on this machine has that path."""
    return bool(REPOSITORY.fullmatch(name)) and not Path(name).exists()


def from_repository(name: str, say: Callable[[str], None] = _aside) -> Path:
    """The folder of what a hub repository has now of weights in our format; fetched where it is not there yet."""
    from priorrg.model.hub import Repository, check_room, in_bytes

    folder = user_cache() / "weights" / name.replace("/", "--")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        here = source_of(folder)
        try:
            repository = Repository.at(name)
        except CheckpointError as error:
            if here is None:
                raise CheckpointError(f"There is no folder {name} here. {error}") from None
            say(f"{error} Until then: what was fetched of {name} at {here.revision}.")
            return folder
        if here is not None and here.revision == repository.revision:
            return folder
        files = [file for file in repository.files if any(fnmatchcase(file.name, one) for one in TAKEN)]
        files = [file for file in files if "/" not in file.name]  # checkpoints of a training lie in folders
        if not any(file.name == "config.json" for file in files):
            advice = "read with --weights published" if name == AUTHORS else f"priorrg import-checkpoint {name} FOLDER"
            has_checkpoint = any(file.name.endswith((".ckpt", ".pt", ".pth")) for file in repository.files)
            hint = f" Of its checkpoints: {advice}." if has_checkpoint else ""
            raise CheckpointError(f"{name} holds no config.json: these are no weights in the format of PriorRG.{hint}")
        arriving = user_cache() / "arriving" / name.replace("/", "--") / repository.revision
        size = sum(file.size for file in files)
        say(f"{name} at {repository.revision}: {in_bytes(size)}. {license_line(repository.license, name)}")
        have = sum(part.stat().st_size for part in arriving.glob("*"))
        check_room(folder.parent, max(size - have, 0), "Fetching these weights")
        for file in files:
            repository.fetch(file, arriving)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        source = Source(name, repository.revision, "", "", repository.license, now)
        (arriving / SOURCE).write_text(json.dumps(asdict(source), indent=1), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        arriving.rename(folder)
        shutil.rmtree(arriving.parent)  # with what a cut left of an earlier revision
    return folder


def published(
    revision: str | None = None,
    file: str | None = None,
    heads: Mapping[str, int] | None = None,
    say: Callable[[str], None] = _aside,
    again: bool = False,
    on_bytes: Callable[[int, int], None] | None = None,
) -> Path:
    """The folder of the authors' weights, fetched and imported if it is not there.

    revision, file, heads, say, on_bytes: see import_from_hub. again: fetch and import though they are there. Raises
    CheckpointError.
    """
    folder = published_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):  # who comes second finds the folder
        if again or source_of(folder) is None:
            import_from_hub(AUTHORS, folder, revision, file, say, heads=heads, on_bytes=on_bytes)
    return folder


def import_from_hub(
    name: str,
    folder: Path,
    /,  # another `name` is among the options: what the weights are called
    revision: str | None = None,
    file: str | None = None,
    say: Callable[[str], None] = _aside,
    tokenizer: str | Path | None = None,
    view_positions: str | Path | None = None,
    on_bytes: Callable[[int, int], None] | None = None,
    **options: Any,
) -> None:
    """Fetch a checkpoint from a hub repository, and write the weights in it to a folder, which is replaced as a whole.

    revision: a commit, branch or tag; None = what the repository is now. file: which checkpoint, where the one that
    writes reports is not meant. say: told what is about to be done. on_bytes: how much of the checkpoint there is, and
    how much there will be. Where the repository holds no tokenizer, it is
    DistilGPT2's. The rest: see import_checkpoint. Raises CheckpointError.
    """
    from priorrg.model.hub import Repository, check_room
    from priorrg.model.published import import_checkpoint

    repository = Repository.at(name, revision)
    views = repository.named(VIEW_POSITIONS)
    if view_positions is None and views is None:
        raise CheckpointError(
            f"{name} holds no dictionary of view positions (any more). Name yours: import-checkpoint --view-positions."
        )
    checkpoint = repository.report_checkpoint(file)
    for sentence in what_it_takes(repository, checkpoint):
        say(sentence)
    arriving = user_cache() / "arriving" / name.replace("/", "--")
    arriving.mkdir(parents=True, exist_ok=True)
    imported = min(IMPORTED_BYTES, checkpoint.size)
    have = sum(part.stat().st_size for part in arriving.glob(f"{Path(checkpoint.name).name}*"))
    check_room(arriving, max(checkpoint.size - have, 0) + imported, "Fetching and importing these weights")
    if tokenizer is None:
        own = repository.named(r"tokenizer\.json$")
        others = Repository.at(TOKENIZERS) if own is None else repository
        tokenizer = others.fetch(own or others.file("tokenizer.json"), arriving)
    if view_positions is None and views is not None:
        view_positions = repository.fetch(views, arriving)
    fetched = repository.fetch(checkpoint, arriving, on_bytes)
    say("Importing it.")
    half = folder.with_name(f"{folder.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    options["name"] = options.get("name") or f"PriorRG, {name} at {repository.revision[:8]}"
    options["is_own"] = name != AUTHORS
    if name == AUTHORS:
        options["note"] = (
            "The checkpoint of the paper's authors, trained on MIMIC-CXR: de-identified reports of one hospital. "
            f"{license_line(repository.license, name)}"
        )
    import_checkpoint(fetched, half, tokenizer=tokenizer, view_positions=view_positions, **options)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    source = Source(name, repository.revision, checkpoint.name, checkpoint.digest, repository.license, now)
    (half / SOURCE).write_text(json.dumps(asdict(source), indent=1), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    half.rename(folder)
    shutil.rmtree(arriving)  # gigabytes that nothing reads any more
    say(f"Kept in {folder}.")


def what_it_takes(repository: Repository, checkpoint: HubFile) -> list[str]:
    """What is said before a byte of a checkpoint is fetched: which, its license, the disk and the memory."""
    from priorrg.model.hub import in_bytes

    imported = min(IMPORTED_BYTES, checkpoint.size)
    return [
        f"{repository.name} at {repository.revision}: {checkpoint.name}, {in_bytes(checkpoint.size)}.",
        license_line(repository.license, repository.name),
        f"Needs {in_bytes(checkpoint.size + imported)} of disk while it is imported, {in_bytes(imported)} from then "
        f"on, and {IMPORT_MEMORY} of memory.",
    ]


def license_line(license: str, name: str) -> str:
    """What the card of the repository of that name says of a license."""
    if license:
        return f"License of these weights, by their card: {license}."
    code = " (the authors' code is MIT)" if name == AUTHORS else ""
    return f"Their card names no license for these weights{code}: ask whoever made them before you pass any on."


def published_folder() -> Path:
    return user_cache() / "weights" / PUBLISHED


def source_of(folder: str | Path) -> Source | None:
    """What source.json of a folder says; None where there is none."""
    try:
        return Source(**json.loads((Path(folder) / SOURCE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{SOURCE} of {folder} cannot be read ({error}). Delete the folder and fetch it again."
        ) from None


# Which are used where nothing is named


def choose(name: str) -> str:
    """Remember which weights are used where none are named; returns what they are called from now on."""
    if name not in (EMBEDDED, PUBLISHED) and Path(name).is_dir():
        name = str(Path(name).resolve())
    memory = _memory()
    known = [one for one in memory["known"] if one != name]
    if name not in (EMBEDDED, PUBLISHED):
        known.append(name)
    _file().parent.mkdir(parents=True, exist_ok=True)
    _file().write_text(json.dumps({"chosen": name, "known": known}, indent=1), encoding="utf-8")
    return name


def chosen() -> str:
    return _memory()["chosen"]


def known() -> list[str]:
    """Own weights that were chosen at some time and are still there, and all others by name."""
    own = [name for name in _memory()["known"] if not Path(name).is_absolute() or Path(name).is_dir()]
    return [EMBEDDED, PUBLISHED, *own]


def _file() -> Path:
    return user_cache() / "weights.json"


def _memory() -> dict:
    try:
        memory = json.loads(_file().read_text(encoding="utf-8"))
        return {"chosen": str(memory["chosen"]), "known": [str(name) for name in memory["known"]]}
    except FileNotFoundError:
        return {"chosen": "", "known": []}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{_file()} cannot be read ({error}). Delete it: it only says which weights are used."
        ) from None
