"""A model and its processor to start from: dimensions from the run's configuration, tokenizer trained or taken over."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import BertModel, Dinov2Model

from priorrg.errors import CheckpointError
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import BEGIN_END, PriorRGProcessor, make_image_processor, make_tokenizer
from train.config import RunConfig, StageConfig, model_configuration
from train.data import Record
from train.simulate.reports import write_context, write_report

_NOWHERE = (
    "{name} (model.{key}) is no local folder, and it cannot be had from the hub now. Download it where there is a "
    "connection and name its folder in the configuration."
)


def training_text(records: Sequence[Record], seed: int) -> Iterable[str]:
    """Contexts and reports from which a tokenizer is trained: as written, and of simulated studies once more anew."""
    rng = random.Random(seed)
    for record in records:
        yield f"{record.context.indication} {record.context.history} {record.findings}"
        if record.truth:
            context = write_context(record.truth, record.prior_truth, rng)
            report = write_report(record.truth, record.prior_truth, context, rng)
            yield f"{context.indication} {context.history} {report}"


def train_tokenizer(texts: Iterable[str], vocabulary: int, file: Path) -> None:
    """A GPT-2 style byte-level BPE of `vocabulary` tokens, written as tokenizer.json."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[BEGIN_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(file))


def stage_tokenizer(config: RunConfig, stage: StageConfig, records: Sequence[Record], *, is_new: bool) -> Path:
    """The tokenizer file of a stage: the configured one, that of the stage before, or one trained into its output.

    Training a tokenizer is not repeatable where words are equally frequent, and weights belong to their tokens: so a
    later stage, a resumed run and the other processes of this one read the same file. is_new: train it anew.
    """
    if config.model.tokenizer:
        return tokenizer_file(config.model.tokenizer)
    before = Path(stage.start_from) / "tokenizer.json"
    if stage.start_from and before.is_file():
        return before
    file = Path(stage.output) / "tokenizer.json"
    if is_new or not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        train_tokenizer(training_text(records, config.seed), config.model.vocabulary, file)
    return file


def tokenizer_file(name: str) -> Path:
    """The tokenizer.json that a configuration names: the file, the one in a folder, or the one of a hub repository.

    Raises CheckpointError when it is none of them, or the hub cannot be reached.
    """
    path = Path(name)
    if path.is_dir():
        path = path / "tokenizer.json"
    if path.is_file():
        return path
    if path.suffix == ".json" or Path(name).is_dir():
        raise CheckpointError(f"There is no tokenizer file {path}: model.tokenizer names a tokenizer.json.")
    try:
        return Path(hf_hub_download(name, "tokenizer.json"))
    except (OSError, ValueError):  # no connection, no such repository; a name that cannot be one
        raise CheckpointError(_NOWHERE.format(name=name, key="tokenizer")) from None


def build(
    config: RunConfig, view_positions: dict[str, int], tokenizer_json: Path
) -> tuple[PriorRGModel, PriorRGProcessor]:
    """A model with fresh weights, or with the starting points that the configuration names.

    Raises CheckpointError when a starting point is neither a local folder nor to be had from the hub.
    """
    torch.manual_seed(config.seed)
    settings = config.model
    tokenizer = make_tokenizer(tokenizer_json)
    numbers = tokenizer.get_vocab()
    model_config = model_configuration(
        settings,
        len(tokenizer),
        view_positions=view_positions,
        bos_token_id=numbers[str(tokenizer.bos_token)],
        eos_token_id=numbers[str(tokenizer.eos_token)],
        pad_token_id=numbers[str(tokenizer.pad_token)],
    )
    model = PriorRGModel(model_config)
    _start_from(model, settings.vision, settings.context)
    vision = model_config.vision_config
    image_processor = make_image_processor(
        vision.image_size, vision.num_channels, settings.image_mean, settings.image_std
    )
    return model, PriorRGProcessor(tokenizer, image_processor, model_config)


def _start_from(model: PriorRGModel, vision: str, context: str) -> None:
    if vision.endswith(".pt"):  # stage 0 of our own
        if not Path(vision).is_file():
            raise CheckpointError(f"There is no vision encoder {vision}. Train it first: python -m train vision.")
        model.image_encoder.load_state_dict(torch.load(vision, weights_only=True))
    elif vision:
        _take_over(model.image_encoder, _public(Dinov2Model, vision, "vision"), vision)
    if context:
        # Word embeddings belong to a tokenizer: those of another one have other rows, and ours start fresh (published).
        public = _public(BertModel, context, "context", add_pooling_layer=False)
        _take_over(model.text_encoder, public, context, fresh="embeddings.word_embeddings.weight")


def _take_over(own: torch.nn.Module, public: torch.nn.Module, name: str, fresh: str = "") -> None:
    """Fill `own` from a public model; layers beyond ours are left. fresh: may have another shape and is left then."""
    stored, wanted = public.state_dict(), own.state_dict()
    for key, tensor in wanted.items():
        if key != fresh and (key not in stored or stored[key].shape != tensor.shape):
            found = f"is {tuple(stored[key].shape)}" if key in stored else "is missing"
            raise CheckpointError(
                f"{name} does not fit the configured model: its {key} {found}, {tuple(tensor.shape)} is wanted. Change "
                "model.config or start from another one."
            )
    fitting = {key: stored[key] for key, tensor in wanted.items() if stored[key].shape == tensor.shape}
    own.load_state_dict(fitting, strict=False)


def _public(kind: Any, name: str, key: str, **settings: Any) -> torch.nn.Module:
    """A public model from a local folder or the hub. Masked-LM layouts (`bert.` before each name) are read too."""
    try:
        model, report = kind.from_pretrained(name, dtype=torch.float32, output_loading_info=True, **settings)
    except (OSError, ValueError) as error:
        if Path(name).is_dir():
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"The folder {name} (model.{key}) holds no model that loads: {reason}") from None
        raise CheckpointError(_NOWHERE.format(name=name, key=key)) from None
    if report["missing_keys"]:  # transformers would fill them with random numbers and go on
        missing, family = sorted(report["missing_keys"]), kind.__name__.removesuffix("Model")
        raise CheckpointError(
            f"{name} (model.{key}) is no {family} model: it lacks {len(missing)} weights, the first is {missing[0]}."
        )
    return model
