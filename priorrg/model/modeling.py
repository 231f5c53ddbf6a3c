"""PriorRG: two radiographs and a sentence of context become a memory, and the memory becomes a report.

Tensors only. B studies, P vision tokens (CLS first), L vision layers, T context tokens, K latents, H width.
Wherever pixels go in, features of the (frozen) vision encoder that were computed before may go in instead.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import BertModel, GenerationConfig, GenerationMixin, GPT2LMHeadModel, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput
from transformers.utils import CONFIG_NAME, logging

from priorrg.errors import CheckpointError
from priorrg.model.configuration import PriorRGConfig
from priorrg.model.grounding import Grounding, GroundingHead
from priorrg.model.memory import Memory
from priorrg.model.perceiver import Perceiver
from priorrg.model.temporal import TemporalFusion
from priorrg.model.vision import LayerFusion, ProjectionHead, VisionEncoder, VisionFeatures

CURRENT, PRIOR = 0, 1  # rows of the temporal embedding
INITIAL_LOGIT_SCALE = math.log(1 / 0.07)  # published
IGNORED_LABEL = -100


@contextmanager
def without_bars() -> Iterator[None]:
    """Reading and writing weights without a bar in the terminal: it takes a second, and a report may stand there."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


class PriorRGPreTrainedModel(PreTrainedModel):
    config_class = PriorRGConfig
    base_model_prefix = "model"
    main_input_name = "pixel_values"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ["Dinov2Layer", "BertLayer", "GPT2Block", "PerceiverLayer", "FusionBlock"]  # noqa: RUF012

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Our own modules start as PyTorch starts them (the published code does); backbones start themselves."""
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            init.kaiming_uniform_(module.weight, a=math.sqrt(5))
            if module.bias is not None:
                bound = 1 / math.sqrt(module.weight[0].numel())
                init.uniform_(module.bias, -bound, bound)
        elif isinstance(module, Perceiver):
            init.normal_(module.latents)
        elif isinstance(module, PriorRGModel):
            init.normal_(module.vp_pos_embed, std=0.02)
            init.normal_(module.temp_pos_embed, std=0.02)
            init.constant_(module.logit_scale, INITIAL_LOGIT_SCALE)
        else:
            super()._init_weights(module)


class PriorRGModel(PriorRGPreTrainedModel, GenerationMixin):
    """The whole model. Parameters that are nobody's module keep their published names."""

    _tied_weights_keys = {"decoder.lm_head.weight": "decoder.transformer.wte.weight"}  # noqa: RUF012

    def __init__(self, config: PriorRGConfig):
        super().__init__(config)
        hidden, vision_size = config.hidden_size, config.vision_config.hidden_size
        self.image_encoder = VisionEncoder(config.vision_config, config.vision_stem_channels)
        self.layer_fusion = LayerFusion(config.vision_config.num_hidden_layers)
        self.text_encoder = BertModel(config.text_config, add_pooling_layer=False)
        self.image_projection = ProjectionHead(vision_size, hidden, normalise_input=True)
        self.text_projection = ProjectionHead(config.text_config.hidden_size, hidden, normalise_input=False)
        self.vp_pos_embed = nn.Parameter(torch.zeros(len(config.view_positions), 1, vision_size))
        self.temp_pos_embed = nn.Parameter(torch.zeros(2, 1, hidden))
        self.layer_norm = nn.LayerNorm(hidden)
        self.layer_norm_fusion = nn.LayerNorm(hidden)
        self.temporal_fusion = TemporalFusion(
            hidden, config.fusion_heads, config.fusion_head_size, config.fusion_blocks
        )
        self.perceiver = Perceiver(
            hidden,
            config.num_latents,
            config.perceiver_depth,
            config.perceiver_heads,
            config.perceiver_head_size,
            config.perceiver_ff_mult,
        )
        self.decoder = GPT2LMHeadModel(config.decoder_config)
        self.logit_scale = nn.Parameter(torch.tensor(INITIAL_LOGIT_SCALE))
        self.grounding = GroundingHead(vision_size, hidden, config.grounding_size) if config.grounding_size else None
        self.post_init()
        self.generation_config = GenerationConfig(
            bos_token_id=config.bos_token_id,
            eos_token_id=config.eos_token_id,
            pad_token_id=config.pad_token_id,
            decoder_start_token_id=config.decoder_start_token_id,
            max_length=config.max_report_tokens,
            num_beams=config.num_beams,
            do_sample=False,
            use_cache=True,
        )

    def save_pretrained(self, save_directory: str | Path, *args: Any, **options: Any) -> None:
        """As every model's. Whoever may read the configuration may read the weights, which safetensors makes private.

        Raises CheckpointError where they cannot be written.
        """
        folder = Path(save_directory)
        try:
            with without_bars():
                super().save_pretrained(folder, *args, **options)
            for file in folder.glob("*.safetensors"):
                file.chmod((folder / CONFIG_NAME).stat().st_mode)
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or str(error).rpartition("I/O error: ")[2].partition(" (os ")[0]
            raise CheckpointError(f"The weights cannot be written to {folder}: {reason}.") from error

    def get_encoder(self, modality: str | None = None) -> nn.Module:
        return self.image_encoder

    def get_decoder(self) -> nn.Module:
        return self.decoder

    def get_input_embeddings(self) -> nn.Module:
        return self.decoder.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        return self.decoder.lm_head

    def freeze_vision(self) -> None:
        """Train everything but the vision encoder, as both published stages do."""
        self.image_encoder.requires_grad_(False)
        self.image_encoder.eval()

    def train(self, mode: bool = True) -> "PriorRGModel":
        super().train(mode)
        if not any(parameter.requires_grad for parameter in self.image_encoder.parameters()):
            self.image_encoder.eval()  # frozen means its BatchNorm and drop path too
        return self

    # From inputs to features

    def encode_image(self, pixel_values: torch.Tensor, with_layers: bool = True) -> VisionFeatures:
        """pixel_values: (B, C, S, S), normalised. Features of each image alone: (B, P, H) and (B, L, P, H) or None."""
        return self.image_encoder.encode(pixel_values, with_layers)

    def encode_context(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """input_ids, attention_mask: (B, T). Returns (B, T, H) after the text projection."""
        hidden = self.text_encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return self.text_projection(hidden, attention_mask if self.config.mask_context_padding else None)

    def _project(self, features: torch.Tensor, view_ids: torch.Tensor, time: int) -> torch.Tensor:
        positioned = features.to(self.vp_pos_embed.dtype) + self.vp_pos_embed[view_ids]
        return self.image_projection(positioned) + self.temp_pos_embed[time]

    def spatiotemporal_features(
        self,
        current_last: torch.Tensor,
        view_ids: torch.Tensor,
        prior_last: torch.Tensor | None = None,
        prior_view_ids: torch.Tensor | None = None,
        has_prior: torch.Tensor | None = None,
        output_attentions: bool = False,
    ) -> torch.Tensor | tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Current features, in the light of the prior ones where there are any.

        current_last, prior_last: (B, P, H) last hidden states; view_ids, prior_view_ids: (B,); has_prior: (B,) bool,
        None = every row if prior_last is given. Rows of the prior tensors where has_prior is false are not read.
        Returns (B, P, H), and with output_attentions a pair: that and the weights (B, heads, P, P) of each fusion
        block (empty where no row has a prior).
        """
        current = self._project(current_last, view_ids, CURRENT)
        features = self.layer_norm(current)
        if prior_last is None or (has_prior is not None and not has_prior.any()):
            return (features, ()) if output_attentions else features
        if prior_view_ids is None:
            raise ValueError("prior_last needs prior_view_ids")
        if has_prior is None:
            has_prior = torch.ones(len(current), dtype=torch.bool, device=current.device)
        rows = has_prior.bool().nonzero().squeeze(1)
        prior = self._project(prior_last[rows], prior_view_ids[rows], PRIOR)
        fused, weights = self.temporal_fusion(current[rows], prior, with_weights=output_attentions)
        features = features.index_copy(0, rows, fused.to(features.dtype))
        if not output_attentions:
            return features
        batch = len(current)
        return features, tuple(w.new_zeros(batch, *w.shape[1:]).index_copy(0, rows, w) for w in weights)

    def joint_features(self, hidden_states: torch.Tensor, view_ids: torch.Tensor) -> torch.Tensor:
        """hidden_states: (B, L, P, H), all layers of the current image. Returns (B, P, H)."""
        return self.fine_features(self.fuse_layers(hidden_states), view_ids)

    def fuse_layers(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """All layers of an image (B, L, P, H) -> (B, P, H), which depends on nothing but the image."""
        return self.layer_fusion(hidden_states.to(self.vp_pos_embed.dtype))

    def fine_features(self, fused: torch.Tensor, view_ids: torch.Tensor) -> torch.Tensor:
        """The joint features (B, P, H) of current images whose layers are fused already, (B, P, H)."""
        return self.layer_norm_fusion(self._project(fused, view_ids, CURRENT))

    # From features to memory

    def build_memory(
        self,
        context: torch.Tensor,
        context_mask: torch.Tensor | None,
        spatiotemporal: torch.Tensor,
        joint: torch.Tensor | None = None,
        output_attentions: bool = False,
    ) -> Memory:
        """context: (B, T, H); context_mask: (B, T), used if the configuration masks padding; features: (B, P, H).

        joint may be None: then the coarse memory alone is built.
        """
        mask = context_mask if self.config.mask_context_padding else None
        context_latents, first = self.perceiver(context, None, mask, with_weights=output_attentions)
        seen_latents, second = self.perceiver(spatiotemporal, context_latents, with_weights=output_attentions)
        weights = {} if first is None or second is None else {"context": first, "spatiotemporal": second}
        memory = Memory(context_latents, seen_latents, weights=weights)
        return memory if joint is None else self.refine_memory(memory, joint, output_attentions)

    def refine_memory(self, memory: Memory, joint: torch.Tensor, output_attentions: bool = False) -> Memory:
        """A coarse memory and the joint features (B, P, H) -> the whole memory."""
        latents, weights = self.perceiver(joint, memory.spatiotemporal, with_weights=output_attentions)
        all_weights = memory.weights if weights is None else memory.weights | {"joint": weights}
        return replace(memory, joint=latents, weights=all_weights)

    def encode_study(
        self,
        *,
        context_input_ids: torch.Tensor,
        context_attention_mask: torch.Tensor | None = None,
        view_ids: torch.Tensor,
        prior_view_ids: torch.Tensor | None = None,
        has_prior: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        prior_pixel_values: torch.Tensor | None = None,
        current_last_hidden_state: torch.Tensor | None = None,
        current_hidden_states: torch.Tensor | None = None,
        current_fused_layers: torch.Tensor | None = None,
        prior_last_hidden_state: torch.Tensor | None = None,
        memory_level: str = "full",
        output_attentions: bool = False,
        output_tokens: bool = False,
    ) -> Memory:
        """Everything up to the memory. Vision features stand in for pixels wherever they are given, and in the place of
        all layers what fuse_layers made of them.

        Prior tensors are full batches (B, ...); rows where has_prior is false are not read. With memory_level
        `coarse` the joint features are not computed.
        """
        current_last, layers, fused = current_last_hidden_state, current_hidden_states, current_fused_layers
        if current_last is None or (layers is None and fused is None and memory_level == "full"):
            if pixel_values is None:
                raise ValueError("a study needs pixel_values or the vision features computed from them")
            features = self.encode_image(pixel_values, with_layers=memory_level == "full")
            current_last, layers = features.last_hidden_state, features.hidden_states
        prior_last = self._prior_features(prior_pixel_values, prior_last_hidden_state, has_prior)
        assert current_last is not None
        seen = self.spatiotemporal_features(
            current_last, view_ids, prior_last, prior_view_ids, has_prior, output_attentions
        )
        spatiotemporal, fusion = seen if isinstance(seen, tuple) else (seen, ())
        joint = None
        if memory_level == "full":
            fused = self.fuse_layers(layers) if fused is None and layers is not None else fused
            assert fused is not None
            joint = self.fine_features(fused, view_ids)
        context = self.encode_context(context_input_ids, context_attention_mask)
        memory = self.build_memory(context, context_attention_mask, spatiotemporal, joint, output_attentions)
        return replace(memory, fusion=fusion, tokens=spatiotemporal if output_tokens else None)

    def _prior_features(
        self, pixels: torch.Tensor | None, features: torch.Tensor | None, has_prior: torch.Tensor | None
    ) -> torch.Tensor | None:
        """(B, P, H) last hidden states of the prior images; only rows that have one are encoded."""
        if features is not None or pixels is None:
            return features
        if has_prior is None:
            return self.encode_image(pixels, with_layers=False).last_hidden_state
        rows = has_prior.bool().nonzero().squeeze(1)
        if len(rows) == 0:
            return None
        encoded = self.encode_image(pixels[rows], with_layers=False).last_hidden_state
        assert encoded is not None
        return encoded.new_zeros(len(pixels), *encoded.shape[1:]).index_copy(0, rows, encoded)

    # From memory to report

    def forward(
        self,
        pixel_values: torch.Tensor | None = None,
        prior_pixel_values: torch.Tensor | None = None,
        has_prior: torch.Tensor | None = None,
        view_ids: torch.Tensor | None = None,
        prior_view_ids: torch.Tensor | None = None,
        context_input_ids: torch.Tensor | None = None,
        context_attention_mask: torch.Tensor | None = None,
        current_last_hidden_state: torch.Tensor | None = None,
        current_hidden_states: torch.Tensor | None = None,
        prior_last_hidden_state: torch.Tensor | None = None,
        memory: Memory | torch.Tensor | None = None,
        encoder_outputs: BaseModelOutput | tuple | None = None,
        attention_mask: torch.Tensor | None = None,
        decoder_input_ids: torch.Tensor | None = None,
        decoder_attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        past_key_values=None,
        use_cache: bool | None = None,
        memory_level: str = "full",
        output_attentions: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        return_dict: bool | None = None,  # always a ModelOutput; generate passes it
    ) -> Seq2SeqLMOutput:
        """Logits (and loss) of a report, given a memory or a study.

        The memory comes from `memory` (a Memory, or (B, M, H)), from `encoder_outputs.last_hidden_state`, or from the
        study's inputs as in encode_study. labels: (B, T) are aligned with decoder_input_ids (label i follows input
        i), -100 is ignored; without decoder_input_ids they are shifted right behind the start token.
        attention_mask, (B, M), masks the memory; generate passes ones.
        With output_attentions the decoder runs on eager attention for this call and cross_attentions holds one
        (B, heads, T, M) a layer. Do not decode in another thread meanwhile.
        """
        if encoder_outputs is not None:
            encoded = encoder_outputs[0]
        elif isinstance(memory, torch.Tensor):
            encoded = memory
        else:
            if memory is None:
                if context_input_ids is None or view_ids is None:
                    raise ValueError("forward needs a memory, or a study with context_input_ids and view_ids")
                memory = self.encode_study(
                    context_input_ids=context_input_ids,
                    context_attention_mask=context_attention_mask,
                    view_ids=view_ids,
                    prior_view_ids=prior_view_ids,
                    has_prior=has_prior,
                    pixel_values=pixel_values,
                    prior_pixel_values=prior_pixel_values,
                    current_last_hidden_state=current_last_hidden_state,
                    current_hidden_states=current_hidden_states,
                    prior_last_hidden_state=prior_last_hidden_state,
                    memory_level=memory_level,
                )
            encoded = memory.level(memory_level)
        if decoder_input_ids is None:
            if labels is None:
                raise ValueError("forward needs decoder_input_ids or labels")
            decoder_input_ids = self.shift_right(labels)
        with self._eager_decoder(bool(output_attentions)):
            decoded = self.decoder(
                input_ids=decoder_input_ids,
                attention_mask=decoder_attention_mask,
                encoder_hidden_states=encoded,
                encoder_attention_mask=attention_mask,
                past_key_values=past_key_values,
                use_cache=use_cache,
                output_attentions=output_attentions,
                logits_to_keep=logits_to_keep,
            )
        loss = None
        if labels is not None:
            loss = nn.functional.cross_entropy(
                decoded.logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED_LABEL
            )
        return Seq2SeqLMOutput(
            loss=loss,
            logits=decoded.logits,
            past_key_values=decoded.past_key_values,
            decoder_attentions=decoded.attentions,
            cross_attentions=decoded.cross_attentions,
            encoder_last_hidden_state=encoded,
        )

    def shift_right(self, labels: torch.Tensor) -> torch.Tensor:
        """labels (B, T) -> decoder inputs (B, T): the start token, then the labels but the last."""
        start = labels.new_full((len(labels), 1), self.config.decoder_start_token_id)
        filler = self.config.pad_token_id if self.config.pad_token_id is not None else self.config.eos_token_id
        return torch.cat([start, labels[:, :-1].masked_fill(labels[:, :-1] == IGNORED_LABEL, filler)], dim=1)

    @contextmanager
    def _eager_decoder(self, wanted: bool) -> Iterator[None]:
        """sdpa returns no attention weights, and says nothing: switch the decoder for one call."""
        before = self.decoder.config._attn_implementation or "eager"
        if not wanted or before == "eager":
            yield
            return
        self.decoder.set_attn_implementation("eager")
        try:
            yield
        finally:
            self.decoder.set_attn_implementation(before)

    # Where sentences point

    def add_grounding(self, size: int) -> GroundingHead:
        """A new, untrained head for weights that have none, or in place of theirs."""
        self.config.grounding_size = size
        self.grounding = GroundingHead(self.config.vision_config.hidden_size, self.config.hidden_size, size)
        return self.grounding.to(self.device)

    def sentence_states(self, memory: Memory, input_ids: torch.Tensor, owned: torch.Tensor) -> torch.Tensor:
        """What the decoder has read of each sentence, in a teacher-forced pass: (B, N, H), a mean over its tokens.

        input_ids: (B, T), the start token first; owned: (B, N, T) bool, the places of each sentence's tokens in it.
        """
        read = self.decoder.transformer(
            input_ids=input_ids, attention_mask=torch.ones_like(input_ids), encoder_hidden_states=memory.full
        ).last_hidden_state
        share = owned.to(read.dtype)
        return share @ read / share.sum(dim=-1, keepdim=True).clamp(min=1)

    def ground(
        self, sentences: torch.Tensor, current_last: torch.Tensor, prior_last: torch.Tensor | None = None
    ) -> Grounding:
        """Where sentences (B, N, H), as sentence_states gives them, point on each image.

        current_last, prior_last: (B, P, D) last hidden states. Raises ValueError for weights without a grounding head.
        """
        if self.grounding is None:
            raise ValueError("these weights have no grounding head: train one with python -m train ground")
        return self.grounding(sentences, current_last, prior_last)

    # Stage 1

    def align(
        self, *, report_input_ids: torch.Tensor, report_attention_mask: torch.Tensor | None = None, **study
    ) -> tuple[torch.Tensor, torch.Tensor, Memory]:
        """What is seen and what was written, (B, H) each and not yet normalised, for contrastive_loss; and the memory.

        report_input_ids: (B, T) of `[CLS] [FINDINGS] report`. study: the arguments of encode_study.
        """
        memory = self.encode_study(**study, memory_level="coarse")
        report = self.encode_context(report_input_ids, report_attention_mask)[:, 0]
        return memory.coarse.mean(dim=1), report, memory
