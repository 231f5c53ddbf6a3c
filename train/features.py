"""The frozen vision encoder's features on disk: computed once, then both stages train from them.

Two independent stores. `last` holds the last hidden states, all that stage 1 and every prior needs: 2.1 MB an image at
paper scale. `layers` holds the outputs of all layers, which stage 2 reads of current images: 25.2 MB an image there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from priorrg.errors import DataError, ImageError
from priorrg.imaging.open import read_trusted
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from train.processes import bfloat16_is_fast, gathered, processes

TO_DO, WRITTEN, UNREADABLE = 0, 1, 2  # states of a row
_BATCH = 32
_BATCHES_BETWEEN_MARKS = 16  # after a kill so many batches at most are computed again


def row_shapes(model: PriorRGModel) -> dict[str, tuple[int, ...]]:
    """Shape of one image's row in each store: last (P, H) and layers (L, P, H), 2 bytes a number."""
    vision = model.config.vision_config
    tokens = (vision.image_size // vision.patch_size) ** 2 + 1
    return {
        "last": (tokens, vision.hidden_size),
        "layers": (vision.num_hidden_layers, tokens, vision.hidden_size),
    }


class _Store:
    """One memory map (N, ...) float16 beside its index: <name>.f16, <name>.state (a byte a row), <name>.json.

    A row counts as written only when its state says so, and the state is set after the row has reached the disk: a
    store whose writing was interrupted is known to be unfinished, and goes on where it stopped.
    """

    def __init__(self, folder: Path, name: str, mode: Literal["r", "r+"] = "r") -> None:
        self._folder, self._name = folder, name
        index = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        self.digest: str = index["digest"]
        self.stamps: dict[str, str] = index["stamps"]
        self.rows = {path: row for row, path in enumerate(self.stamps)}
        shape = (len(self.rows), *index["shape"])
        self.values = np.memmap(folder / f"{name}.f16", np.float16, mode, shape=shape)
        self.state = np.memmap(folder / f"{name}.state", np.uint8, mode, shape=(len(self.rows),))

    def __reduce__(self) -> tuple[type[_Store], tuple[Path, str]]:
        """A loading process that is spawned opens the files itself: a memory map would be pickled with all it maps."""
        return _Store, (self._folder, self._name)

    @classmethod
    def prepare(cls, folder: Path, name: str, digest: str, stamps: dict[str, str], shape: tuple[int, ...]) -> None:
        """Make the store fit: keep its rows where weights and images are the same, else begin it anew."""
        file = folder / f"{name}.json"
        if file.is_file():
            store = cls(folder, name, "r+")
            if store.digest == digest and stamps.keys() <= store.stamps.keys():
                changed = [path for path, stamp in stamps.items() if store.stamps[path] != stamp]
                if changed:
                    store.state[[store.rows[path] for path in changed]] = TO_DO
                    store.state.flush()
                    store._write_index(folder, name, digest, store.stamps | stamps, shape)
                return
        folder.mkdir(parents=True, exist_ok=True)
        for ending in ("json", "state", "f16"):  # the index first: without it the rest is nothing
            (folder / f"{name}.{ending}").unlink(missing_ok=True)
        _check_space(folder, name, len(stamps), shape)
        np.memmap(folder / f"{name}.f16", np.float16, "w+", shape=(len(stamps), *shape))
        np.memmap(folder / f"{name}.state", np.uint8, "w+", shape=(len(stamps),)).flush()
        cls._write_index(folder, name, digest, stamps, shape)

    @staticmethod
    def _write_index(folder: Path, name: str, digest: str, stamps: dict[str, str], shape: tuple[int, ...]) -> None:
        half = folder / f"{name}.json.tmp"
        half.write_text(json.dumps({"digest": digest, "shape": shape, "stamps": stamps}), encoding="utf-8")
        half.replace(folder / f"{name}.json")

    def read(self, paths: Sequence[str]) -> Tensor:
        return torch.from_numpy(np.stack([self.values[self.rows[path]] for path in paths]))

    def mark(self, states: dict[str, int]) -> None:
        self.values.flush()
        for path, state in states.items():
            self.state[self.rows[path]] = state
        self.state.flush()


class FeatureCache:
    """Features of the frozen encoder, float16 memory maps; they belong to one set of encoder weights.

    skipped: images that could not be read. has_layers: whether `layers` may be asked for.
    """

    def __init__(self, folder: Path, with_layers: bool = True) -> None:
        self._last = _Store(folder, "last")
        self._layers = _Store(folder, "layers") if with_layers else None
        self.skipped = frozenset(p for p, row in self._last.rows.items() if self._last.state[row] == UNREADABLE)

    @property
    def has_layers(self) -> bool:
        return self._layers is not None

    def last(self, paths: Sequence[str]) -> Tensor:
        """(N, P, H) float16: last hidden states of the images."""
        return self._last.read(paths)

    def layers(self, paths: Sequence[str]) -> Tensor:
        """(N, L, P, H) float16: outputs of all layers. The cache must have been opened with them."""
        assert self._layers is not None
        return self._layers.read(paths)

    @classmethod
    def open(
        cls,
        folder: Path,
        model: PriorRGModel,
        processor: PriorRGProcessor,
        root: Path,
        paths: Sequence[str],
        max_unreadable: int = 100,
        *,
        with_layers: bool = True,
        exact: bool = False,
        workers: int = 0,
    ) -> FeatureCache:
        """The cache in `folder`; what it lacks for these weights and images is written first.

        All processes of the first machine write; other machines must see the same folder.

        with_layers: False leaves the outputs of the single layers out. exact: computed in float32, as the app does,
        rather than in bfloat16; stored in float16 all the same. workers: processes that decode images.
        Raises DataError when more than max_unreadable images cannot be read (the others are named and skipped), and
        when the disk has no room for it.
        """
        shapes = row_shapes(model)
        names = ("last", "layers") if with_layers else ("last",)
        running = processes()
        with running.main_process_first():
            if running.is_main_process:
                digest = encoder_digest(model, processor)
                stamps = {path: _stamp(root / path) for path in paths}
                for name in names:
                    _Store.prepare(folder, name, digest, stamps, shapes[name])
        stores = [_Store(folder, name, "r+") for name in names]
        left = [path for path in paths if any(store.state[store.rows[path]] == TO_DO for store in stores)]
        running.wait_for_everyone()  # all count what is left before the first one writes
        problems: dict[str, str] = {}
        if left:
            # Memory maps that several machines write to would spoil each other's pages: the first machine writes.
            writers = int(os.environ.get("LOCAL_WORLD_SIZE", running.num_processes))
            mine = left[running.process_index :: writers] if running.process_index < writers else []
            problems = gathered(_write(stores, model, processor, root, mine, max_unreadable, exact, workers))
            for line in problems.values() if running.is_main_process else ():
                print("skipped", line)
            running.wait_for_everyone()
        cache = cls(folder, with_layers)
        skipped = [path for path in paths if path in cache.skipped]
        check_count({p: problems.get(p, f"{p}: it could not be read before") for p in skipped}, max_unreadable)
        return cache


class _Images(torch.utils.data.Dataset):
    """Pixels (C, S, S) of each image, or a sentence that says why there are none."""

    def __init__(self, processor: PriorRGProcessor, root: Path, paths: Sequence[str]) -> None:
        self._processor, self._root, self._paths = processor, root, paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, place: int) -> tuple[str, Tensor | str]:
        path = self._paths[place]
        try:
            return path, self._processor.images([read_trusted(self._root / path, judge=False)])[0]
        except (ImageError, OSError) as error:
            return path, f"{path}: {error}"


@torch.no_grad()
def _write(
    stores: Sequence[_Store],
    model: PriorRGModel,
    processor: PriorRGProcessor,
    root: Path,
    paths: Sequence[str],
    max_unreadable: int,
    exact: bool,
    workers: int,
) -> dict[str, str]:
    """Compute and write this process's images; returns path -> what is wrong with it."""
    model.eval()
    device = processes().device
    assert device is not None
    model.image_encoder.to(device)  # type: ignore[call-arg]
    images = DataLoader(_Images(processor, root, paths), _BATCH, num_workers=workers, collate_fn=list)
    unreadable: dict[str, str] = {}
    states: dict[str, int] = {}
    bar = tqdm(images, desc="vision features", unit="batch", mininterval=5, disable=not processes().is_main_process)
    for number, batch in enumerate(bar, start=1):
        unreadable |= {path: found for path, found in batch if isinstance(found, str)}
        check_count(unreadable, max_unreadable)
        readable = {path: found for path, found in batch if not isinstance(found, str)}
        if readable:
            with torch.autocast(device.type, torch.bfloat16, enabled=not exact and bfloat16_is_fast(device.type)):
                features = model.encode_image(torch.stack(list(readable.values())).to(device), len(stores) > 1)
            for store, values in zip(stores, (features.last_hidden_state, features.hidden_states), strict=False):
                assert values is not None
                for path, value in zip(readable, values.float().cpu().numpy(), strict=True):
                    if store.state[store.rows[path]] != WRITTEN:
                        store.values[store.rows[path]] = value
        states |= {path: UNREADABLE if isinstance(found, str) else WRITTEN for path, found in batch}
        if number % _BATCHES_BETWEEN_MARKS == 0 or number == len(images):
            for store in stores:
                store.mark(states)
            states = {}
    return unreadable


def check_count(unreadable: dict[str, str], most: int) -> None:
    """Raises DataError when more images than `most` are unreadable. unreadable: path -> what is wrong with it."""
    if len(unreadable) > most:
        raise DataError(
            f"More than {most} images cannot be read (data.max_unreadable), the first is "
            f"{next(iter(unreadable.values()))}"
        )


def _check_space(folder: Path, name: str, images: int, shape: tuple[int, ...]) -> None:
    """A memory map on a full disk ends the process without a word: ask before."""
    wanted, free = 2 * images * int(np.prod(shape)), shutil.disk_usage(folder).free
    if wanted > free:
        advice = "set data.cache_layers to false, or " if name == "layers" else ""
        raise DataError(
            f"The feature cache {folder} ({name}) needs {wanted / 1e9:.1f} GB for {images} images; {free / 1e9:.1f} GB "
            f"are free. Name another folder in data.cache, {advice}train from pixels with data.cache empty."
        )


def encoder_digest(model: PriorRGModel, processor: PriorRGProcessor) -> str:
    """A short fingerprint of the vision encoder's weights and of how images are prepared for it."""
    digest = hashlib.sha256(json.dumps(processor.image_processor.to_dict(), sort_keys=True, default=str).encode())
    for name, tensor in sorted(model.image_encoder.state_dict().items()):
        digest.update(name.encode() + tensor.float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _stamp(file: Path) -> str:
    """What changes when a file does: its place, size and time."""
    try:
        facts = file.stat()
    except OSError:
        return f"{file.resolve()} missing"
    return f"{file.resolve()} {facts.st_size} {facts.st_mtime_ns}"
