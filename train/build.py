"""A model and its processor to start from: dimensions from the run's configuration, tokenizer trained or taken over."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import BertModel, Dinov2Model

from priorrg.errors import CheckpointError
from priorrg.model.configuration import PriorRGConfig
from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import BEGIN_END, PriorRGProcessor, make_image_processor, make_tokenizer
from train.config import RunConfig, StageConfig
from train.data import Record
from train.simulate.reports import write_context, write_report


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
        return Path(config.model.tokenizer)
    before = Path(stage.start_from) / "tokenizer.json"
    if stage.start_from and before.is_file():
        return before
    file = Path(stage.output) / "tokenizer.json"
    if is_new or not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        train_tokenizer(training_text(records, config.seed), config.model.vocabulary, file)
    return file


def build(
    config: RunConfig, view_positions: dict[str, int], tokenizer_file: Path
) -> tuple[PriorRGModel, PriorRGProcessor]:
    """A model with fresh weights, or with the starting points that the configuration names.

    Raises CheckpointError when a starting point is neither a local folder nor to be had from the hub.
    """
    torch.manual_seed(config.seed)
    settings = config.model
    if not tokenizer_file.is_file():
        raise CheckpointError(f"There is no tokenizer file {tokenizer_file}: model.tokenizer names a tokenizer.json.")
    tokenizer = make_tokenizer(tokenizer_file)
    tree = dict(settings.config)
    for part in ("text_config", "decoder_config"):
        tree[part] = {**tree.get(part, {}), "vocab_size": len(tokenizer)}
    numbers = tokenizer.get_vocab()
    model_config = PriorRGConfig(
        **tree,
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
        model.image_encoder.load_state_dict(_public(Dinov2Model, vision).state_dict())
    if context:
        stored = _public(BertModel, context).state_dict()
        own = model.text_encoder.state_dict()
        # The word embeddings belong to another tokenizer and start fresh; layers beyond ours are left.
        model.text_encoder.load_state_dict(
            {n: t for n, t in stored.items() if n in own and own[n].shape == t.shape}, strict=False
        )


def _public(kind: type, name: str) -> torch.nn.Module:
    try:
        return kind.from_pretrained(name, dtype=torch.float32)
    except OSError:
        raise CheckpointError(
            f"{name} is no local model folder, and it cannot be had from the hub now. "
            "Download it where there is a connection and name its folder in the configuration."
        ) from None
