"""One YAML file a run, read into dataclasses that pydantic checks.

A key that nobody knows, a value of the wrong kind and one that cannot be are refused with their name and their line,
before anything else is read.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import yaml
from pydantic import BeforeValidator, ConfigDict, Field, Strict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from transformers import SchedulerType

from priorrg.errors import CheckpointError, DataError
from priorrg.model.configuration import VOCABULARY, PriorRGConfig, configuration_of, unknown_keys

CONFIGS = Path(__file__).parent / "configs"


def _number(value: Any) -> Any:
    """YAML reads 5e-5 as text: a number needs a point there, which nobody knows who writes one."""
    try:
        return float(value) if isinstance(value, int | str) and not isinstance(value, bool) else value
    except ValueError:
        return value


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Whole = Annotated[int, Strict()]
Count = Annotated[Whole, Field(ge=1)]
CountOrNone = Annotated[Whole, Field(ge=0)]
Flag = Annotated[bool, Strict()]

CHECKED = ConfigDict(extra="forbid")


@dataclass(config=CHECKED)
class DataConfig:
    """annotation: see docs/training.md, The annotation file; image paths in it are relative to image_root.

    view_positions: empty = those of the weights that the stage starts from.

    cache: folder of the frozen vision encoder's features; empty = train from pixels. cache_layers: false keeps the
    last hidden states alone, a twelfth of the room at paper scale; stage 2 then encodes current images itself.
    resample_text and four_views need simulated records: new wording each epoch, and the pair forward, backward and
    apart. max_unreadable: so many images may be unreadable, and so many records unusable; they are named and left out.
    """

    annotation: str = "data/sim/annotation.json"
    image_root: str = "data/sim"
    view_positions: str = "data/sim/view_positions.json"
    cache: str = "data/sim/features"
    cache_layers: Flag = True
    resample_text: Flag = True
    four_views: Flag = True
    max_unreadable: CountOrNone = 100


@dataclass(config=CHECKED)
class VisionConfig:
    """Stage 0. epochs may be a fraction. start_from: folder of a model whose vision encoder is trained further."""

    epochs: Positive = 5
    batch_size: Count = 32
    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 0.05
    output: str = "runs/embedded/vision"
    start_from: str = ""


@dataclass(config=CHECKED)
class StageConfig:
    """One of the two stages of the paper. learning_rate: of all but decoder and heads, whose is the other.

    start_from: folder of a model whose weights of equal name and shape are taken over; of its vision encoder only where
    model.vision names no other. `published` = those of the paper's authors, fetched where they are not there.
    epochs: may be a fraction; 0 measures the validation loss alone.
    auxiliary: weight of the simulator's change and amount heads (0 in the paper; needs simulated records).
    contrastive: weight of the paper's loss of stage 1 (1 in the paper).
    coarse_share: part of the steps that decode from the coarse memory alone (0 in the paper).
    word_weight: of words that grade and compare, in the decoder's loss (1 in the paper; needs simulated records).
    latent_each: each place that the heads ask for is read from a latent of its own, in both stages' heads.
    more_contexts: so many further contexts an example for the auxiliary heads of stage 2 (0 in the paper).
    strange_share: so many indications that are written anew get words in between that mean nothing (0 in the paper).
    hold_statistics: stage 2 keeps stage 1's BatchNorm statistics in the projection heads (published: it does not).
    frozen: further parts of the model that the stage leaves as they are, by name (published: the vision encoder alone).
    schedule, schedule_settings: transformers' name of a learning rate schedule and its arguments.
    save_steps: steps between checkpoints; 0 = one an epoch. keep_best: end with the epoch of the lowest validation
    loss rather than with the last one; needs save_steps 0. workers: processes that load batches, on each device.
    """

    output: str = ""
    start_from: str = ""
    epochs: NotNegative = 3
    batch_size: Count = 32
    gradient_accumulation: Count = 1
    learning_rate: NotNegative = 5e-5
    decoder_learning_rate: NotNegative = 5e-5
    weight_decay: NotNegative = 0.01
    warmup_steps: CountOrNone = 100
    schedule: str = "cosine"
    schedule_settings: dict[str, Any] = field(default_factory=dict)
    auxiliary: NotNegative = 0.0
    contrastive: NotNegative = 1.0
    coarse_share: Share = 0.0
    word_weight: Positive = 1.0
    more_contexts: CountOrNone = 0
    strange_share: Share = 0.0
    latent_each: Flag = False
    hold_statistics: Flag = True
    frozen: list[str] = field(default_factory=list)
    save_steps: CountOrNone = 500
    keep_best: Flag = False
    mixed_precision: Flag = True
    workers: CountOrNone = 0


@dataclass(config=CHECKED)
class WordingsConfig:
    """The text encoder of start_from learns other wordings of what it understands (train/learn_wordings.py).

    lowercase: the weights that come out read contexts in small letters. strange_share: so many indications get words
    in between that mean nothing, so that a word which no training knew is read past.
    """

    output: str = "runs/embedded/wordings"
    start_from: str = "runs/embedded/stage2"
    steps: Count = 1200
    batch_size: Count = 64
    learning_rate: Positive = 1e-3
    lowercase: Flag = True
    strange_share: Share = 0.0


@dataclass(config=CHECKED)
class GroundingConfig:
    """The head that says where a sentence points, learned behind the finished weights of start_from (train/ground.py).

    size: its width. patients: so many simulated pairs at most, each read forward, backward and apart.
    """

    output: str = "runs/embedded/grounding"
    start_from: str = "runs/embedded/wordings"
    size: Count = 128
    patients: Count = 1200
    steps: Count = 1200
    batch_size: Count = 32
    learning_rate: Positive = 2e-3


@dataclass(config=CHECKED)
class ModelConfig:
    """config: JSON of a PriorRGConfig (empty = paper scale). vocabulary: tokens of the tokenizer to be trained.

    vision, context: starting points, a local folder or a hub name each; vision may be a .pt of stage 0. tokenizer: a
    tokenizer.json, a folder that holds one, or a hub name. Empty = from nothing, as the decoder always is (published).
    """

    config: dict[str, Any] = field(default_factory=dict)
    vocabulary: Count = 1500
    image_mean: Number = 0.5307  # RAD-DINO's preprocessor_config.json
    image_std: Positive = 0.2583
    vision: str = ""
    context: str = ""
    tokenizer: str = ""


@dataclass(config=CHECKED)
class RunConfig:
    """Everything that a run needs; `seed` serves all stages."""

    seed: Whole = 0
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    vision: VisionConfig = field(default_factory=VisionConfig)
    stage1: StageConfig = field(default_factory=StageConfig)
    stage2: StageConfig = field(default_factory=StageConfig)
    wordings: WordingsConfig = field(default_factory=WordingsConfig)
    grounding: GroundingConfig = field(default_factory=GroundingConfig)


def load_config(path: str | Path, overrides: list[str] | None = None) -> RunConfig:
    """Read a YAML file; overrides such as `stage2.epochs=5` win. Raises DataError for whatever cannot be.

    path: a file, or the bare name of one that comes with the package.
    """
    file = Path(path)
    if not file.is_file() and file.name == str(path):
        file = CONFIGS / file
    if not file.is_file():
        known = ", ".join(sorted(one.name for one in CONFIGS.glob("*.yaml")))
        raise DataError(f"There is no configuration file {path}. PriorRG comes with {known}.")
    text = file.read_text(encoding="utf-8")
    try:
        tree = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise DataError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from None
    for override in overrides or []:
        _overrule(tree, override)
    try:
        config = TypeAdapter(RunConfig).validate_python(tree)
    except ValidationError as error:
        raise DataError(_sentence(error, text, [name.partition("=")[0] for name in overrides or []])) from None
    for name, stage in (("stage1", config.stage1), ("stage2", config.stage2)):
        if stage.keep_best and stage.save_steps:
            raise DataError(f"{name}.keep_best chooses between epochs: set {name}.save_steps to 0.")
        if stage.schedule not in list(SchedulerType):
            known = ", ".join(SchedulerType)
            raise DataError(f"The configuration's {name}.schedule is {stage.schedule!r}; it must be one of {known}.")
    try:
        model_configuration(config.model)
    except CheckpointError as error:
        raise DataError(str(error)) from None
    return config


def model_configuration(settings: ModelConfig, vocabulary: int = VOCABULARY, **others: Any) -> PriorRGConfig:
    """The configured model's dimensions; vocabulary: the tokenizer's size, others: what data and tokenizer decide.

    Raises CheckpointError for dimensions that no model can have, and for a key that nobody knows.
    """
    unknown = unknown_keys(settings.config)
    if unknown:
        raise CheckpointError(f"The configuration has no key model.config.{unknown[0]}.")
    tree = {**settings.config, **others}
    for part in ("text_config", "decoder_config"):
        given = tree.get(part, {})
        if isinstance(given, dict) and (given or vocabulary != VOCABULARY):  # else the paper's
            tree[part] = {**given, "vocab_size": vocabulary}
    return configuration_of(tree, "model.config")


def _overrule(tree: Any, override: str) -> None:
    name, is_set, value = override.partition("=")
    *sections, key = name.split(".")
    if not is_set:
        raise DataError(f"--override {override} says no value. Write {name}=VALUE, or {name}= for none.")
    place = tree
    for section in sections:
        place = place.setdefault(section, {}) if isinstance(place, dict) else None
    if not isinstance(place, dict):
        raise DataError(f"The configuration has no key {name}: {'.'.join(sections) or 'it'} holds no keys.")
    try:
        place[key] = yaml.safe_load(value) if value else ""  # `data.cache=` means no cache; YAML would read null
    except yaml.YAMLError:
        raise DataError(f"--override {override}: the value is not valid YAML.") from None


def _sentence(error: ValidationError, text: str, overruled: list[str]) -> str:
    """The first thing that is wrong: its name, its value, what it must be, and where it stands."""
    first = error.errors()[0]
    keys = [str(key) for key in first["loc"]]
    name, limits = ".".join(keys), first.get("ctx", {})
    line = _line(text, keys)
    where = " (--override)" if name in overruled else f" (line {line} of the file)" if line else ""
    if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"The configuration has no key {name}{where}. It knows: {', '.join(_known(keys[:-1]))}."
    kind = first["type"].removesuffix("_type").removesuffix("_parsing")
    must = _KINDS.get(kind) or _LIMITS.get(kind, "{}").format(*limits.values())
    named = f"The configuration's {name}" if name else "The configuration"
    return f"{named} is {first['input']!r}{where}, but it must be {must}."


def _known(keys: list[str]) -> list[str]:
    kind = get_type_hints(RunConfig)[keys[0]] if keys else RunConfig
    return sorted(kind.__dataclass_fields__)


def _line(text: str, keys: list[str]) -> int:
    """The line of a key, from 1; 0 where it does not stand in the file, as an override does not."""
    node = yaml.compose(text)
    line = 0
    for key in keys:
        found = [pair for pair in getattr(node, "value", []) if isinstance(pair, tuple) and pair[0].value == key]
        if not found:
            return 0
        line, node = found[-1][0].start_mark.line + 1, found[-1][1]
    return line


_KINDS = {
    "float": "a number",
    "finite_number": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "string": "a text",
    "dict": "names with their values",
    "dataclass": "names with their values",
}
_LIMITS = {
    "greater_than": "greater than {}",
    "greater_than_equal": "at least {}",
    "less_than_equal": "at most {}",
}
