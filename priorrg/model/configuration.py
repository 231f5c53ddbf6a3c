"""Every dimension of PriorRG, and the few choices in which published and own weights differ.

The defaults are the paper's scale (arXiv 2508.05353). The embedded model is another file of the same kind.
Nothing here knows how the parts compute.
"""

import re
from dataclasses import field
from typing import Any

from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassError
from transformers import BertConfig, Dinov2Config, GPT2Config, PretrainedConfig
from transformers.activations import ACT2FN
from transformers.configuration_utils import SubConfigSpec

from priorrg.errors import CheckpointError
from priorrg.study import UNKNOWN_VIEW

VOCABULARY = 50264  # GPT-2's 50257 tokens and the seven that the published code adds
PATCH_STRIDE = 2  # of every convolution of the vision stem

COARSE_FROM_MEMORY = "coarse_memory"  # the decoder was taught to report from context and spatiotemporal latents
COARSE_FROM_WHOLE = "whole_memory"  # it was not (published): the coarse draft is a greedy reading of everything
WEIGHTS_KINDS = ("simulated", "published", "own")
# The least that each dimension can be. A report has its start token and one more.
LEAST = {
    "hidden_size": 2,
    "fusion_heads": 1,
    "fusion_head_size": 1,
    "fusion_blocks": 0,
    "num_latents": 1,
    "perceiver_depth": 1,
    "perceiver_heads": 1,
    "perceiver_head_size": 1,
    "perceiver_ff_mult": 1,
    "max_context_tokens": 8,  # the markers of an empty context, and a word
    "max_report_tokens": 2,
    "num_beams": 1,
    "grounding_size": 0,
}
POSITIVE = {  # in each backbone
    "vision_config": (
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "image_size",
        "patch_size",
        "num_channels",
    ),
    "text_config": ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings"),
    "decoder_config": (
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "max_position_embeddings",
    ),
}


@strict
class PriorRGConfig(PretrainedConfig):
    """Configuration of a PriorRGModel. A value of the wrong type, and dimensions that no model can have, are refused.

    vision_config, text_config, decoder_config: the three backbones, as dictionaries or configuration objects.
    hidden_size: width shared by projections, fusion, perceiver and decoder.
    fusion_*: temporal fusion of current and prior. fusion_head_size defaults to hidden_size // 4 (published).
    num_latents, perceiver_*: the one perceiver.
    view_positions: name -> row of the view-position embedding; `unk` must be among them.
    mask_context_padding: False (published) lets the perceiver see the padding of a batch's shorter contexts. True
        hides it, and takes the text head's BatchNorm statistics over real tokens only.
    lowercase_context: True reads indication and history in small letters (published: False, as they were typed).
    coarse_draft: which memory the coarse draft is decoded from, one of the two names above.
    max_context_tokens, max_report_tokens, num_beams: how a study is read (published: 300, 100, 3).
    vision_stem_channels: empty for Dinov2's linear patch embedding (published); otherwise the widths of a small
        convolutional stem, which makes a small encoder trainable from scratch. 2 ** (len + 1) must be the patch size.
    grounding_size: width of the head that says where a sentence points (0, published: there is none).
    weights_kind, weights_name, training_note: what the reader is told about these weights; `simulated` (trained on
        simulated studies), `published` (imported from the authors), `own` (trained by the user).
    """

    model_type = "priorrg"
    keys_to_ignore_at_inference = ["past_key_values"]  # noqa: RUF012 (transformers declares it without ClassVar)
    sub_configs_defaults = {  # noqa: RUF012
        "vision_config": SubConfigSpec(config_class=Dinov2Config, init_kwargs={"image_size": 518, "patch_size": 14}),
        "text_config": SubConfigSpec(
            config_class=BertConfig, init_kwargs={"vocab_size": VOCABULARY, "num_hidden_layers": 6}
        ),
        "decoder_config": SubConfigSpec(config_class=GPT2Config, init_kwargs={"vocab_size": VOCABULARY, "n_layer": 6}),
    }

    vision_config: Any = None
    text_config: Any = None
    decoder_config: Any = None
    hidden_size: int = 768
    fusion_heads: int = 8
    fusion_head_size: int = 0  # 0: hidden_size // 4
    fusion_blocks: int = 3
    num_latents: int = 128
    perceiver_depth: int = 3
    perceiver_heads: int = 8
    perceiver_head_size: int = 64
    perceiver_ff_mult: int = 4
    view_positions: dict[str, int] = field(default_factory=lambda: {"PA": 0, "AP": 1, "LATERAL": 2, "unk": 3})
    mask_context_padding: bool = False
    lowercase_context: bool = False
    coarse_draft: str = COARSE_FROM_WHOLE
    max_context_tokens: int = 300
    max_report_tokens: int = 100
    num_beams: int = 3
    vision_stem_channels: list[int] = field(default_factory=list)
    grounding_size: int = 0
    weights_kind: str = "own"
    weights_name: str = ""
    training_note: str = ""
    bos_token_id: int | None = 50256  # GPT-2's <|endoftext|>, which is both begin and end
    eos_token_id: int | None = 50256
    pad_token_id: int | None = None  # its id depends on the tokenizer library: read it there
    decoder_start_token_id: int | None = None
    tie_word_embeddings: bool = True

    def __post_init__(self, **kwargs):
        # Given before the backbones are made: each checks that its special tokens lie within its vocabulary.
        if isinstance(self.text_config, dict):
            self.text_config = self.text_config | {"pad_token_id": self.pad_token_id}
        if isinstance(self.decoder_config, dict):
            self.decoder_config = self.decoder_config | self._special_tokens() | {"add_cross_attention": True}
        super().__post_init__(**kwargs)
        self.is_encoder_decoder = True
        if self.decoder_start_token_id is None:
            self.decoder_start_token_id = self.bos_token_id
        self.fusion_head_size = self.fusion_head_size or self.hidden_size // 4
        self.text_config.pad_token_id = self.pad_token_id
        for name, token_id in self._special_tokens().items():
            setattr(self.decoder_config, name, token_id)
        self.decoder_config.add_cross_attention = True
        self._check()

    def _special_tokens(self) -> dict[str, int | None]:
        return {name: getattr(self, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}

    def _check(self) -> None:
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, but it must be at least {least}")
        self._check_backbones()
        if self.weights_kind not in WEIGHTS_KINDS:
            raise ValueError(f"weights_kind is {self.weights_kind!r}, but it must be one of {', '.join(WEIGHTS_KINDS)}")
        if self.coarse_draft not in (COARSE_FROM_MEMORY, COARSE_FROM_WHOLE):
            raise ValueError(f"coarse_draft is {self.coarse_draft!r}, not {COARSE_FROM_MEMORY} or {COARSE_FROM_WHOLE}")
        if UNKNOWN_VIEW not in self.view_positions:
            raise ValueError(f"view_positions has no {UNKNOWN_VIEW!r}, the name of a view position that is not stated")
        if sorted(self.view_positions.values()) != list(range(len(self.view_positions))):
            raise ValueError("view_positions must be numbered from 0 without gaps")
        if self.decoder_config.hidden_size != self.hidden_size:
            raise ValueError(f"the decoder is {self.decoder_config.hidden_size} wide, the memory {self.hidden_size}")
        if self.decoder_config.vocab_size != self.text_config.vocab_size:
            raise ValueError("context encoder and decoder share one tokenizer, their vocabularies differ")
        if self.vision_stem_channels:
            patch = PATCH_STRIDE ** (len(self.vision_stem_channels) + 1)
            if patch != self.vision_config.patch_size:
                raise ValueError(f"this vision stem makes patches of {patch}, not {self.vision_config.patch_size}")

    def _check_backbones(self) -> None:
        """What transformers would only meet as an error in the middle of a reading, or not at all."""
        vision, text, decoder = self.vision_config, self.text_config, self.decoder_config
        for backbone, numbers in POSITIVE.items():
            for number in numbers:
                value = getattr(getattr(self, backbone), number)
                if not isinstance(value, int) or value < 1:
                    raise ValueError(f"{backbone}.{number} is {value!r}, but it must be a whole number above 0")
        for backbone in (vision, text, decoder):
            if backbone.hidden_size % backbone.num_attention_heads:
                raise ValueError(
                    f"{backbone.num_attention_heads} heads cannot share a width of {backbone.hidden_size} "
                    f"({backbone.model_type})"
                )
        for backbone, named in (
            (vision, vision.hidden_act),
            (text, text.hidden_act),
            (decoder, decoder.activation_function),
        ):
            if isinstance(named, str) and named not in ACT2FN:
                raise ValueError(f"there is no activation function {named!r} ({backbone.model_type})")
        for name, number in self._special_tokens().items():
            if number is not None and not 0 <= number < self.vocab_size:
                raise ValueError(f"{name} is {number}, but the vocabulary has {self.vocab_size} tokens")
        if vision.image_size % vision.patch_size:
            raise ValueError(
                f"images of {vision.image_size} pixels are no whole number of patches of {vision.patch_size}"
            )
        for name, limit, places in (
            ("max_report_tokens", self.max_report_tokens, decoder.max_position_embeddings),
            ("max_context_tokens", self.max_context_tokens, text.max_position_embeddings),
        ):
            if limit > places:
                raise ValueError(f"{name} is {limit}, but the position table of these weights has {places} places")

    @property
    def stage1_tokens(self) -> int:
        """What stage 1 reads of a context and of a report: of both as much (published), in the context's encoder."""
        return min(self.max_report_tokens, self.text_config.max_position_embeddings)

    @property
    def vocab_size(self) -> int:
        return self.decoder_config.vocab_size

    def get_text_config(self, decoder: bool | None = None, encoder: bool | None = None) -> PretrainedConfig:
        """The text that is generated is the decoder's; transformers would otherwise guess text_config."""
        return self.text_config if encoder and not decoder else self.decoder_config

    def _get_generation_parameters(self) -> dict[str, Any]:
        # num_beams is how these weights are meant to be read, so it travels with them; transformers would refuse it.
        return {name: value for name, value in super()._get_generation_parameters().items() if name != "num_beams"}


def configuration_of(tree: Any, where: str) -> PriorRGConfig:
    """A configuration as it stands in a file or was typed, checked before anything is built of it.

    where: what a message calls it. Raises CheckpointError that names the key, its value and what it must be.
    """
    if not isinstance(tree, dict):
        raise CheckpointError(f"{where} is no configuration: expected are names with their values.")
    for name in POSITIVE:
        backbone = tree.get(name) or {}
        if not isinstance(backbone, dict):
            raise CheckpointError(f"{where}: {name} is {backbone!r}, but it must be names with their values.")
        kind = PriorRGConfig.sub_configs_defaults[name].config_class
        try:
            kind(**backbone)
        except (StrictDataclassError, ValueError, TypeError, AttributeError) as error:
            raise CheckpointError(f"{where}: {_reason(error, kind, backbone, f'{name}.')}.") from None
    try:
        return PriorRGConfig(**tree)
    except (StrictDataclassError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{where}: {_reason(error, PriorRGConfig, tree)}.") from None


def unknown_keys(tree: dict[str, Any]) -> list[str]:
    """Keys of a configuration typed by hand that mean nothing: transformers would keep them and do nothing."""
    found = []
    for kind, given, prefix in [
        (PriorRGConfig, tree, ""),
        *((PriorRGConfig.sub_configs_defaults[name].config_class, tree.get(name), f"{name}.") for name in POSITIVE),
    ]:
        known = {*kind.__dataclass_fields__, *kind.attribute_map}
        found += [f"{prefix}{key}" for key in given if key not in known] if isinstance(given, dict) else []
    return found


def _reason(error: Exception, kind: type, tree: dict[str, Any], prefix: str = "") -> str:
    """In words where one value is of the wrong type; else what was raised, which is a sentence of ours most often."""
    named = re.match(r"Validation error for field '(\w+)'", str(error))
    if named and named[1] in tree:
        wanted = kind.__dataclass_fields__[named[1]].type  # type: ignore[attr-defined]
        return f"{prefix}{named[1]} is {tree[named[1]]!r}, but it must be {_WORDS.get(wanted, wanted)}"
    return prefix + " ".join(str(error).split()).rstrip(".")


_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    list[int]: "a list of whole numbers",
    dict[str, int]: "names with whole numbers",
    int | None: "a whole number or null",
    int | list[int] | tuple[int, int]: "a whole number",
}
