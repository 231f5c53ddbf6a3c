"""The Dinov2 image encoder, the fusion of its layers, and the projection heads.

At paper scale the encoder is RAD-DINO and stays frozen. Fusing and projecting are trained.
"""

from dataclasses import dataclass

import torch
from torch import nn
from transformers import Dinov2Config, Dinov2Model
from transformers.utils.generic import ModelOutput

from priorrg.model.configuration import PATCH_STRIDE


@dataclass
class VisionFeatures(ModelOutput):
    """What the encoder says of a batch of images.

    last_hidden_state: (B, P, H) after the final LayerNorm, CLS first.
    hidden_states: (B, L, P, H) the output of each layer, before the final LayerNorm.
    """

    last_hidden_state: torch.Tensor | None = None
    hidden_states: torch.Tensor | None = None


class ConvolutionalStem(nn.Sequential):
    """Patch embedding by 3x3 convolutions of stride 2: early convolutions let a small encoder learn from little."""

    def __init__(self, in_channels: int, channels: list[int], hidden_size: int):
        layers: list[nn.Module] = []
        for out_channels in channels:
            layers += [
                nn.Conv2d(in_channels, out_channels, 3, stride=PATCH_STRIDE, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.GELU(),
            ]
            in_channels = out_channels
        super().__init__(*layers, nn.Conv2d(in_channels, hidden_size, 3, stride=PATCH_STRIDE, padding=1))

    @property
    def weight(self) -> torch.Tensor:
        """Read by Dinov2's patch embedding, which casts the pixels to its type."""
        return self[-1].weight  # type: ignore[return-value]


class VisionEncoder(Dinov2Model):
    """Dinov2, with a convolutional stem where the configuration asks for one."""

    def __init__(self, config: Dinov2Config, stem_channels: list[int] | None = None):
        super().__init__(config)
        if stem_channels:
            stem = ConvolutionalStem(config.num_channels, stem_channels, config.hidden_size)
            self.embeddings.patch_embeddings.projection = stem  # type: ignore[assignment]
            self.post_init()

    def encode(self, pixel_values: torch.Tensor, with_layers: bool = True) -> VisionFeatures:
        """pixel_values: (B, C, S, S), normalised. Without layers hidden_states is None: a prior's are never read."""
        # An encoder that computes with fewer bits (precision.py) is one for itself: what it says is read as float32.
        is_lowered = self.dtype == torch.bfloat16 and not torch.is_autocast_enabled(pixel_values.device.type)
        outputs = self(pixel_values.to(self.dtype) if is_lowered else pixel_values, output_hidden_states=with_layers)
        last = outputs.last_hidden_state.float() if is_lowered else outputs.last_hidden_state
        if not with_layers:
            return VisionFeatures(last_hidden_state=last)
        layers = torch.stack(outputs.hidden_states[1:], dim=1)  # without the embedding output
        return VisionFeatures(last_hidden_state=last, hidden_states=layers)


class ChannelAttention(nn.Module):
    """Which layers matter: (B, L, P, H) -> (B, L, 1, 1) weights."""

    def __init__(self, channels: int, reduction: int = 4):
        super().__init__()
        narrow = max(channels // reduction, 1)
        self.squeeze = nn.Conv2d(channels, narrow, 1, bias=False)
        self.expand = nn.Conv2d(narrow, channels, 1, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        largest, average = features.amax(dim=(2, 3), keepdim=True), features.mean(dim=(2, 3), keepdim=True)
        return (self._bottleneck(largest) + self._bottleneck(average)).sigmoid()

    def _bottleneck(self, pooled: torch.Tensor) -> torch.Tensor:
        return self.expand(self.squeeze(pooled).relu())


class SpatialAttention(nn.Module):
    """Which tokens and features matter: (B, L, P, H) -> (B, 1, P, H) weights."""

    def __init__(self, kernel_size: int = 7):
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        pooled = torch.cat([features.amax(dim=1, keepdim=True), features.mean(dim=1, keepdim=True)], dim=1)
        return self.conv(pooled).sigmoid()


class LayerFusion(nn.Module):
    """One feature map out of all layers: attention over layers and places (CBAM), then two 1x1 convolutions."""

    def __init__(self, num_layers: int):
        super().__init__()
        narrow = max(num_layers // 2, 1)
        self.channel_attention = ChannelAttention(num_layers)
        self.spatial_attention = SpatialAttention()
        self.projection = nn.Sequential(
            nn.Conv2d(num_layers, narrow, 1), nn.BatchNorm2d(narrow), nn.ReLU(), nn.Conv2d(narrow, 1, 1)
        )

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """hidden_states: (B, L, P, H), read as an L-channel image of P x H. Returns (B, P, H)."""
        weighed = hidden_states * self.channel_attention(hidden_states)
        places = self.spatial_attention(weighed)
        if torch.is_grad_enabled():
            weighed = weighed * places + hidden_states
        else:  # the same numbers in the same place: at paper scale all layers of an image are 50 MB
            weighed = weighed.mul_(places).add_(hidden_states)
        return self.projection(weighed).squeeze(1)


class ProjectionHead(nn.Module):
    """Two linear layers with BatchNorm over all tokens of the batch between them.

    The published heads are 1x1 convolutions over the token axis, which is the same function.
    """

    def __init__(self, in_size: int, out_size: int, normalise_input: bool):
        super().__init__()
        narrow = out_size // 2
        self.norm = nn.LayerNorm(in_size) if normalise_input else nn.Identity()
        self.head = nn.Sequential(
            nn.Linear(in_size, narrow), nn.BatchNorm1d(narrow), nn.ReLU(), nn.Linear(narrow, out_size)
        )

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """tokens: (B, N, in_size); mask: (B, N), where it is 0 the result is 0 and BatchNorm sees nothing."""
        tokens = self.norm(tokens)
        if mask is None:
            return self.head(tokens.flatten(0, 1)).unflatten(0, tokens.shape[:2])
        real = mask.bool()
        projected = self.head(tokens[real])
        return projected.new_zeros(*tokens.shape[:2], projected.shape[-1]).masked_scatter(real[..., None], projected)
