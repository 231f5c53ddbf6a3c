"""What the encoder hands to the decoder. Tensors only; B, K, P, H as in modeling.py."""

from dataclasses import dataclass, field

import torch

from priorrg.model.perceiver import PerceiverWeights


@dataclass(frozen=True)
class Memory:
    """What the decoder reads: latents (B, K, H) of context, spatiotemporal and joint features.

    joint is None where only the coarse memory was built. tokens (B, P, H): the spatiotemporal features that the latents
    were read from, only where they were asked for. weights: per call of the perceiver (`context`,
    `spatiotemporal`, `joint`), and fusion: per block of the temporal fusion, (B, heads, P, P), rows of studies without
    a prior zero; both only where attentions were asked for.
    """

    context: torch.Tensor
    spatiotemporal: torch.Tensor
    joint: torch.Tensor | None = None
    tokens: torch.Tensor | None = None
    weights: dict[str, PerceiverWeights] = field(default_factory=dict)
    fusion: tuple[torch.Tensor, ...] = ()

    @property
    def coarse(self) -> torch.Tensor:
        """(B, 2K, H)"""
        return torch.cat([self.context, self.spatiotemporal], dim=1)

    @property
    def full(self) -> torch.Tensor:
        """(B, 3K, H)"""
        if self.joint is None:
            raise ValueError("this memory was built without joint features: only its coarse part exists")
        return torch.cat([self.context, self.spatiotemporal, self.joint], dim=1)

    def level(self, memory_level: str) -> torch.Tensor:
        """The `coarse` or the `full` memory."""
        if memory_level not in ("coarse", "full"):
            raise ValueError(f"memory_level is {memory_level!r}, not 'coarse' or 'full'")
        return self.coarse if memory_level == "coarse" else self.full
