"""One YAML file a run, read into dataclasses. A key that no dataclass knows is refused, with its name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

import yaml

from priorrg.errors import DataError

T = TypeVar("T")
CONFIGS = Path(__file__).parent / "configs"


@dataclass
class DataConfig:
    """annotation: see docs/training.md, The annotation file; image paths in it are relative to image_root.

    cache: folder of the frozen vision encoder's features; empty = train from pixels. cache_layers: false keeps the
    last hidden states alone, a twelfth of the room at paper scale; stage 2 then encodes current images itself.
    resample_text and four_views need simulated records: new wording each epoch, and the pair forward, backward and
    apart. max_unreadable: so many images may be unreadable and are named and left out.
    """

    annotation: str = "data/sim/annotation.json"
    image_root: str = "data/sim"
    view_positions: str = "data/sim/view_positions.json"
    cache: str = "data/sim/features"
    cache_layers: bool = True
    resample_text: bool = True
    four_views: bool = True
    max_unreadable: int = 100


@dataclass
class VisionConfig:
    """Stage 0. epochs may be a fraction. start_from: folder of a model whose vision encoder is trained further."""

    epochs: float = 5
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    output: str = "runs/embedded/vision"
    start_from: str = ""


@dataclass
class StageConfig:
    """One of the two stages of the paper. learning_rate: all but the decoder; decoder_learning_rate: the decoder.

    start_from: folder of a model whose weights of equal name and shape are taken over.
    auxiliary: weight of the simulator's change and amount heads (0 in the paper; needs simulated records).
    coarse_share: part of the steps that decode from the coarse memory alone (0 in the paper).
    hold_statistics: stage 2 keeps stage 1's BatchNorm statistics in the projection heads (published: it does not).
    schedule, schedule_settings: transformers' name of a learning rate schedule and its arguments.
    save_steps: steps between checkpoints; 0 = one an epoch. keep_best: end with the epoch of the lowest validation
    loss rather than with the last one; needs save_steps 0. workers: processes that load batches, on each device.
    """

    output: str = ""
    start_from: str = ""
    epochs: float = 3
    batch_size: int = 32
    gradient_accumulation: int = 1
    learning_rate: float = 5e-5
    decoder_learning_rate: float = 5e-5
    weight_decay: float = 0.01
    warmup_steps: int = 100
    schedule: str = "cosine"
    schedule_settings: dict[str, Any] = field(default_factory=dict)
    auxiliary: float = 0.0
    coarse_share: float = 0.0
    hold_statistics: bool = True
    save_steps: int = 500
    keep_best: bool = False
    mixed_precision: bool = True
    workers: int = 0


@dataclass
class ModelConfig:
    """config: JSON of a PriorRGConfig (empty = paper scale). vocabulary: tokens of the tokenizer to be trained.

    vision, context: starting points, a local folder or a hub name each; vision may be a .pt of stage 0. tokenizer: a
    tokenizer.json, a folder that holds one, or a hub name. Empty = from nothing, as the decoder always is (published).
    """

    config: dict[str, Any] = field(default_factory=dict)
    vocabulary: int = 1500
    image_mean: float = 0.5307  # RAD-DINO's preprocessor_config.json
    image_std: float = 0.2583
    vision: str = ""
    context: str = ""
    tokenizer: str = ""


@dataclass
class RunConfig:
    """Everything that a run needs; `seed` serves all stages."""

    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    vision: VisionConfig = field(default_factory=VisionConfig)
    stage1: StageConfig = field(default_factory=StageConfig)
    stage2: StageConfig = field(default_factory=StageConfig)


def load_config(path: str | Path, overrides: list[str] | None = None) -> RunConfig:
    """Read a YAML file; overrides such as `stage2.epochs=5` win. Raises DataError for an unknown key or no file.

    path: a file, or the bare name of one that comes with the package.
    """
    file = Path(path)
    if not file.is_file() and file.name == str(path):
        file = CONFIGS / file
    if not file.is_file():
        known = ", ".join(sorted(one.name for one in CONFIGS.glob("*.yaml")))
        raise DataError(f"There is no configuration file {path}. PriorRG comes with {known}.")
    tree = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    for override in overrides or []:
        name, _, value = override.partition("=")
        *sections, key = name.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = yaml.safe_load(value) if value else ""  # `data.cache=` means no cache; YAML would read null
    config = _fill(RunConfig, tree, "")
    for name, stage in (("stage1", config.stage1), ("stage2", config.stage2)):
        if stage.keep_best and stage.save_steps:
            raise DataError(f"{name}.keep_best chooses between epochs: set {name}.save_steps to 0.")
    return config


def _fill(kind: type[T], tree: dict[str, Any], where: str) -> T:
    hints = get_type_hints(kind)
    unknown = sorted(set(tree) - set(hints))
    if unknown:
        raise DataError(f"The configuration has no key {where}{unknown[0]}. It knows: {', '.join(sorted(hints))}.")
    values = {
        name: _fill(hints[name], value, f"{where}{name}.")
        if dataclasses.is_dataclass(hints[name]) and isinstance(value, dict)
        else _typed(hints[name], value, f"{where}{name}")
        for name, value in tree.items()
    }
    return kind(**values)


def _typed(kind: Any, value: Any, where: str) -> Any:
    """`value` as the field's type. YAML reads 5e-5 as text: a number needs a point there, a reader does not know."""
    if kind is float and isinstance(value, int | str) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    wanted = get_origin(kind) or kind
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise DataError(f"The configuration's {where} is {value!r}, but it must be {_KINDS.get(wanted, 'a mapping')}.")
    return value


_KINDS = {float: "a number", int: "a whole number", bool: "true or false", str: "a text"}
