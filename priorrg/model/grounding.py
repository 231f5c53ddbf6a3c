"""Where a sentence points: a small head that the paper has not, beside the model and never in the way of a report.

What the decoder has read of a sentence asks the patches of the current and of the prior image. It is trained when all
else stands still (`python -m train ground`); weights without it (grounding_size 0, as published) have no such maps.
"""

from dataclasses import dataclass

import torch
from torch import nn

IMAGES = ("current", "prior")


@dataclass(frozen=True)
class Grounding:
    """B studies, N sentences, I images (current, then prior where there is one), P patches without the CLS token.

    patches: (B, N, I, P) logits: is what the sentence names in this patch. shows: (B, N, I) logits: does this image
    show any of it; low for sentences about nothing, for what is new on the prior, for what has gone on the current.
    """

    patches: torch.Tensor
    shows: torch.Tensor

    @property
    def maps(self) -> torch.Tensor:
        """(B, N, I, P) from 0 to 1: the likeliest patch is as bright as it is likely that the image shows any."""
        likely = self.patches.float().sigmoid()
        peak = likely.amax(dim=-1, keepdim=True).clamp(min=1e-6)
        return self.shows.float().sigmoid()[..., None] * likely / peak


class GroundingHead(nn.Module):
    """vision_size: width of the vision encoder's tokens; hidden_size: of the decoder; size: in which the two meet."""

    def __init__(self, vision_size: int, hidden_size: int, size: int):
        super().__init__()
        self.size = size
        self.read_sentences = nn.Sequential(
            nn.LayerNorm(hidden_size),
            nn.Linear(hidden_size, 2 * size),
            nn.GELU(),
            nn.Linear(2 * size, len(IMAGES) * (size + 1)),
        )
        self.read_patches = nn.Sequential(
            nn.LayerNorm(vision_size), nn.Linear(vision_size, 2 * size), nn.GELU(), nn.Linear(2 * size, size)
        )
        self.shows = nn.Sequential(nn.Linear(2 * size + 1, size), nn.GELU(), nn.Linear(size, 1))

    def forward(self, sentences: torch.Tensor, current: torch.Tensor, prior: torch.Tensor | None = None) -> Grounding:
        """sentences: (B, N, hidden) states of the decoder, a mean over a sentence's tokens.

        current, prior: (B, P + 1, vision) last hidden states of the vision encoder, CLS first.
        """
        images = [current] if prior is None else [current, prior]
        asked = self.read_sentences(sentences).unflatten(-1, (len(IMAGES), self.size + 1))
        found = [self._look(asked[:, :, place], tokens[:, 1:]) for place, tokens in enumerate(images)]
        patches, shows = (torch.stack(parts, dim=2) for parts in zip(*found, strict=True))
        return Grounding(patches, shows)

    def _look(self, asked: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, N, size + 1), (B, P, vision) -> logits (B, N, P) and (B, N)."""
        keys = self.read_patches(tokens.to(asked.dtype))
        queries, offset = asked[..., : self.size], asked[..., self.size :]
        patches = queries @ keys.transpose(1, 2) * self.size**-0.5 + offset
        seen = patches.softmax(dim=-1) @ keys
        shows = self.shows(torch.cat([queries, seen, patches.amax(dim=-1, keepdim=True)], dim=-1))
        return patches, shows.squeeze(-1)
