"""Every dimension of PriorRG, and the few choices in which published and own weights differ.

The defaults are the paper's scale (arXiv 2508.05353). The embedded model is another file of the same kind.
Nothing here knows how the parts compute.
"""

from dataclasses import field
from typing import Any

from transformers import BertConfig, Dinov2Config, GPT2Config, PretrainedConfig
from transformers.configuration_utils import SubConfigSpec

VOCABULARY = 50264  # GPT-2's 50257 tokens and the seven that the published code adds
PATCH_STRIDE = 2  # of every convolution of the vision stem

COARSE_FROM_MEMORY = "coarse_memory"  # the decoder was taught to report from context and spatiotemporal latents
COARSE_FROM_WHOLE = "whole_memory"  # it was not (published): the coarse draft is a greedy reading of everything


class PriorRGConfig(PretrainedConfig):
    """Configuration of a PriorRGModel.

    vision_config, text_config, decoder_config: the three backbones, as dictionaries or configuration objects.
    hidden_size: width shared by projections, fusion, perceiver and decoder.
    fusion_*: temporal fusion of current and prior. fusion_head_size defaults to hidden_size // 4 (published).
    num_latents, perceiver_*: the one perceiver.
    view_positions: name -> row of the view-position embedding; `unk` must be among them.
    mask_context_padding: False (published) lets the perceiver see the padding of a batch's shorter contexts. True
        hides it, and takes the text head's BatchNorm statistics over real tokens only.
    coarse_draft: which memory the coarse draft is decoded from, one of the two names above.
    max_context_tokens, max_report_tokens, num_beams: how a study is read (published: 300, 100, 3).
    vision_stem_channels: empty for Dinov2's linear patch embedding (published); otherwise the widths of a small
        convolutional stem, which makes a small encoder trainable from scratch. 2 ** (len + 1) must be the patch size.
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
    coarse_draft: str = COARSE_FROM_WHOLE
    max_context_tokens: int = 300
    max_report_tokens: int = 100
    num_beams: int = 3
    vision_stem_channels: list[int] = field(default_factory=list)
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
        if self.coarse_draft not in (COARSE_FROM_MEMORY, COARSE_FROM_WHOLE):
            raise ValueError(f"coarse_draft is {self.coarse_draft!r}, not {COARSE_FROM_MEMORY} or {COARSE_FROM_WHOLE}")
        if "unk" not in self.view_positions:
            raise ValueError("view_positions has no 'unk', the name of a view position that is not stated")
        if self.decoder_config.hidden_size != self.hidden_size:
            raise ValueError(f"the decoder is {self.decoder_config.hidden_size} wide, the memory {self.hidden_size}")
        if self.decoder_config.vocab_size != self.text_config.vocab_size:
            raise ValueError("context encoder and decoder share one tokenizer, their vocabularies differ")
        if self.vision_stem_channels:
            patch = PATCH_STRIDE ** (len(self.vision_stem_channels) + 1)
            if patch != self.vision_config.patch_size:
                raise ValueError(f"this vision stem makes patches of {patch}, not {self.vision_config.patch_size}")

    @property
    def vocab_size(self) -> int:
        return self.decoder_config.vocab_size

    def get_text_config(self, decoder: bool | None = None, encoder: bool | None = None) -> PretrainedConfig:
        """The text that is generated is the decoder's; transformers would otherwise guess text_config."""
        return self.text_config if encoder and not decoder else self.decoder_config

    def _get_generation_parameters(self) -> dict[str, Any]:
        # num_beams is how these weights are meant to be read, so it travels with them; transformers would refuse it.
        return {name: value for name, value in super()._get_generation_parameters().items() if name != "num_beams"}
