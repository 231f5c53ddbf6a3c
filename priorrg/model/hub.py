"""A repository on the hub: which files it holds, which of its checkpoints writes reports, and fetching one of them.

The hub client forgets what a cut left of a file, and a checkpoint has gigabytes: here it goes on from there, in the
same run or the next. Whatever can go wrong on the way is one sentence with what to do.
"""

from __future__ import annotations

import errno
import hashlib
import io
import re
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from huggingface_hub import HfApi, constants, get_session
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status
from tqdm import tqdm

from priorrg.errors import CheckpointError

WRITES, ALIGNS = "writes reports (stage 2)", "compares images with reports (stage 1)"
NEITHER = "no checkpoint of PriorRG"
TRIES = 5  # after as many cuts without a byte between them a download gives up
WAIT_S = 1.0  # before the second try, doubled before each further one
TIMEOUT_S = 20
OnBytes = Callable[[int, int], None]


@dataclass(frozen=True)
class HubFile:
    """One file of a repository. digest: sha256 of a large file; empty for a small one, which git keeps."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True)
class Repository:
    """A hub repository at one commit. license: what its card says, empty where it says nothing."""

    name: str
    revision: str
    license: str
    files: tuple[HubFile, ...]

    @classmethod
    def at(cls, name: str, revision: str | None = None) -> Repository:
        """Raises CheckpointError where the hub cannot be asked, or has no such repository or revision."""
        with _told(name, revision):
            info = HfApi(endpoint=constants.ENDPOINT).model_info(
                name, revision=revision, timeout=TIMEOUT_S, files_metadata=True
            )
        files = tuple(
            HubFile(one.rfilename, one.size or 0, one.lfs.sha256 if one.lfs else "") for one in info.siblings or []
        )
        card: dict[str, Any] = info.card_data.to_dict() if info.card_data else {}
        license = card.get("license_name") or card.get("license") or ""
        return cls(name, info.sha or revision or "main", str(license), files)

    def file(self, name: str) -> HubFile:
        found = next((one for one in self.files if one.name == name), None)
        if found is None:
            raise CheckpointError(f"{self.name} holds no {name}. It holds: {', '.join(f.name for f in self.files)}.")
        return found

    def named(self, pattern: str) -> HubFile | None:
        """The first file whose own name, without its folders, matches from its beginning; the shortest path wins."""
        found = [one for one in self.files if re.match(pattern, one.name.rpartition("/")[2], re.IGNORECASE)]
        return min(found, key=lambda one: (one.name.count("/"), one.name), default=None)

    def report_checkpoint(self, chosen: str | None = None) -> HubFile:
        """The checkpoint that writes reports. chosen: its name, where there are several.

        Of several the one that learned from MIMIC-CXR whole is taken. Each is told by the names of its weights, which
        are read from it without fetching the rest. Raises CheckpointError that lists all of them where none or more
        than one is left.
        """
        if chosen is not None:
            return self.file(chosen)
        found = [one for one in self.files if one.name.endswith((".ckpt", ".pt", ".pth"))]
        kinds = {one.name: self.kind(one) for one in found}
        writers = [one for one in found if kinds[one.name] == WRITES]
        whole = [one for one in writers if "mimic" in one.name.lower() and "abn" not in one.name.lower()]
        left = whole if len(writers) > 1 and len(whole) == 1 else writers
        if len(left) != 1:
            told = "; ".join(f"{one.name} ({in_bytes(one.size)}): {kinds[one.name]}" for one in found)
            wanted = "Say which with --file." if left else "Expected is one that writes reports."
            raise CheckpointError(f"{self.name} holds {len(found)} checkpoints. {told or 'None'}. {wanted}")
        return left[0]

    def kind(self, file: HubFile) -> str:
        """What a checkpoint is for, one of the three above, by the names of its weights."""
        try:
            with zipfile.ZipFile(io.BufferedReader(_Remote(self, file), 1 << 18)) as parts:
                names = parts.read(next(name for name in parts.namelist() if name.endswith("/data.pkl")))
        except (zipfile.BadZipFile, StopIteration, KeyError):
            return NEITHER
        if b"text_decoder." in names:
            return WRITES
        return ALIGNS if b"temporal_fusion." in names else NEITHER

    def fetch(self, file: HubFile, folder: Path, on_bytes: OnBytes | None = None) -> Path:
        """The file's bytes in a file of its last name in folder. What is there of it already is not fetched again.

        on_bytes: told how many bytes there are and how many there will be, whenever some have come.

        Raises CheckpointError for whatever keeps it from arriving whole, and leaves what did arrive.
        """
        on_bytes = on_bytes or (lambda have, size: None)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / Path(file.name).name
        if target.is_file() and target.stat().st_size == file.size:
            on_bytes(file.size, file.size)
            return target
        part = folder / f"{target.name}.{(file.digest or self.revision)[:16]}.part"
        with _told(self.name, self.revision):
            self._append(file, part, on_bytes)
        if file.digest and _digest(part) != file.digest:
            part.unlink()
            raise CheckpointError(
                f"{file.name} of {self.name} did not arrive as the hub describes it. It was deleted: fetch it again."
            )
        return part.replace(target)

    def _append(self, file: HubFile, part: Path, on_bytes: OnBytes) -> None:
        """Fetch what part lacks of the file, over as many connections as it takes."""
        fruitless = 0
        part.touch()  # an empty file arrives with no byte
        begun = part.stat().st_size
        with tqdm(
            total=file.size, initial=begun, unit="B", unit_scale=True, desc=Path(file.name).name, mininterval=0.5
        ) as bar:
            while (have := part.stat().st_size) < file.size:
                try:
                    with part.open("ab") as out:
                        for piece in self.pieces(file, have):
                            out.write(piece)
                            bar.update(len(piece))
                            on_bytes(out.tell(), file.size)  # bar counts nothing where bars are switched off
                except Exception as error:
                    grown = part.stat().st_size > have
                    fruitless = 0 if grown else fruitless + 1
                    if not _may_pass(error) or fruitless >= TRIES:
                        raise
                    time.sleep(WAIT_S * 2**fruitless)
            if have > file.size:
                part.unlink()
                raise CheckpointError(f"{file.name} arrived longer than the hub says. It was deleted: fetch it again.")

    def pieces(self, file: HubFile, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Bytes begin to end (None: to its end) of a file, as they come. What the hub client raises is raised."""
        headers = build_hf_headers() | {"Accept-Encoding": "identity"}
        if begin or end is not None:
            headers["Range"] = f"bytes={begin}-{'' if end is None else end - 1}"
        url = f"{constants.ENDPOINT}/{self.name}/resolve/{self.revision}/{quote(file.name)}"
        with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT_S, follow_redirects=True) as response:
            hf_raise_for_status(response)
            skip = begin if response.status_code == 200 else 0  # it knows no ranges
            for piece in response.iter_bytes():  # as they arrive: a cut loses none that did
                if skip >= len(piece):
                    skip -= len(piece)
                    continue
                yield piece[skip:]
                skip = 0


class _Remote(io.RawIOBase):
    """A file of the hub to seek and read in, each read a request."""

    def __init__(self, repository: Repository, file: HubFile):
        self._repository, self._file, self._place = repository, file, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        end = min(self._place + len(buffer), self._file.size)
        if end <= self._place:
            return 0
        with _told(self._repository.name, self._repository.revision):  # zipfile would take an OSError for its own
            found = b"".join(self._repository.pieces(self._file, self._place, end))[: end - self._place]
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)


def check_room(folder: Path, wanted: int, what: str) -> None:
    """Raises CheckpointError where the disk of a folder has not that many bytes left."""
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise CheckpointError(
            f"{what} needs {in_bytes(wanted)} on the disk of {folder}, which has {in_bytes(free)} left. Make room, or "
            "let XDG_CACHE_HOME name a folder on a larger disk."
        )


def in_bytes(count: float) -> str:
    """1.2 GB, 34 MB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _digest(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _may_pass(error: Exception) -> bool:
    """Whether trying again may help: a cut, a pause, a server that has too much to do."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in (408, 429) or error.response.status_code >= 500
    return not isinstance(error, OSError) or error.errno is None or isinstance(error, ConnectionError)


@contextmanager
def _told(name: str, revision: str | None) -> Iterator[None]:
    """Whatever goes wrong with the hub, as one sentence."""
    try:
        yield
    except CheckpointError:
        raise
    except GatedRepoError as error:
        raise CheckpointError(
            f"{name} asks who wants it: accept its terms at {constants.ENDPOINT}/{name}, then log in with "
            "`hf auth login` (or set HF_TOKEN) and try again."
        ) from error
    except RevisionNotFoundError as error:
        raise CheckpointError(
            f"{name} has no revision {revision} (any more): it was changed upstream. --revision main takes what is "
            "there now."
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise CheckpointError(
            f"The hub has no repository {name}, or shows it to its members alone: check the name, or log in with "
            "`hf auth login`."
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status == 404:
            said = f"{name} no longer holds that file: it was changed upstream. Try again for what is there now."
        else:
            said = f"The hub answered {status} for {name}. Try again later; what has arrived is kept."
        raise CheckpointError(said) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise CheckpointError(
                "The disk is full. Make room, or let XDG_CACHE_HOME name a folder on a larger disk, and try again: "
                "what has arrived is kept."
            ) from error
        raise _unreachable(name, error) from error
    except Exception as error:  # whatever the hub client's http library calls its own
        raise _unreachable(name, error) from error


def _unreachable(name: str, error: Exception) -> CheckpointError:
    offline = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else type(error).__name__
    return CheckpointError(
        f"{name} cannot be fetched from the hub ({offline}). Check the connection and try again: what has arrived is "
        "kept. Without one, fetch the checkpoint elsewhere and name the local file: priorrg import-checkpoint --help."
    )
