"""From the features of a study's images to the memory that its texts are written from; those of readers who wait at the
same moment in one batch.

What does not depend on the context is remembered for a few pairs of images, until somebody says to forget it. Nothing
here changes the model, so it needs no lock. Where the weights let padding be seen (published), contexts of different
lengths never share a batch.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from priorrg.model.modeling import Memory, PriorRGModel
from priorrg.reporting.batches import Batches

MOST = 8  # studies of a batch: of more each takes as long
Key = tuple[str | int, ...]


class SeenFeatures(NamedTuple):
    """Spatiotemporal and joint features of a pair of images, (1, P, H) each."""

    spatiotemporal: torch.Tensor
    joint: torch.Tensor


class _Beginning(NamedTuple):
    """A context, (1, T) each, and the spatiotemporal features (1, P, H)."""

    ids: torch.Tensor
    mask: torch.Tensor
    spatiotemporal: torch.Tensor


class Memories:
    """most_pairs: whose features are remembered; those that were not asked for longest go first."""

    def __init__(self, model: PriorRGModel, most_pairs: int) -> None:
        self._model, self._most_pairs = model, most_pairs
        self._remembered: OrderedDict[Key, SeenFeatures] = OrderedDict()
        self._lock = threading.Lock()
        self._fusions = Batches(self._fuse, MOST, kind=lambda inputs: "prior_view_ids" in inputs)
        self._beginnings = Batches(self._begin, MOST, kind=self._length)
        self._refinements = Batches(self._refine, MOST)

    def seen(self, key: Key, inputs: dict[str, Any]) -> SeenFeatures:
        """key: fingerprints of the images and what else they depend on. inputs: as of PriorRGModel.encode_study."""
        with self._lock:
            found = self._remembered.get(key)
        if found is None:
            found = self._fusions.of(inputs)
        with self._lock:
            self._remembered[key] = found
            self._remembered.move_to_end(key)
            while len(self._remembered) > self._most_pairs:
                self._remembered.popitem(last=False)
        return found

    def coarse(self, inputs: dict[str, Any], seen: SeenFeatures) -> Memory:
        """The memory without its joint part."""
        ids, mask = inputs["context_input_ids"], inputs["context_attention_mask"]
        return self._beginnings.of(_Beginning(ids, mask, seen.spatiotemporal))

    def whole(self, memory: Memory, seen: SeenFeatures) -> Memory:
        """A coarse memory with its joint part."""
        return self._refinements.of((memory, seen.joint))

    def forget(self, fingerprints: set[str]) -> None:
        with self._lock:
            for key in [key for key in self._remembered if fingerprints.intersection(key)]:
                del self._remembered[key]

    @torch.no_grad()
    def _fuse(self, studies: Sequence[dict[str, Any]]) -> list[SeenFeatures]:
        def of_all(name: str) -> torch.Tensor | None:
            return torch.cat([study[name] for study in studies]) if name in studies[0] else None

        views = of_all("view_ids")
        current, fused = of_all("current_last_hidden_state"), of_all("current_fused_layers")
        assert current is not None and fused is not None and views is not None
        prior = of_all("prior_last_hidden_state")
        seen = self._model.spatiotemporal_features(current, views, prior, of_all("prior_view_ids"))
        assert isinstance(seen, torch.Tensor)
        joint = self._model.fine_features(fused, views)
        # Copies: a part of a batch that is remembered would keep all of it.
        parts = zip(seen.split(1), joint.split(1), strict=True)
        return [SeenFeatures(spatiotemporal.clone(), fine.clone()) for spatiotemporal, fine in parts]

    def _length(self, one: _Beginning) -> Hashable:
        return None if self._model.config.mask_context_padding else one.ids.shape[1]

    @torch.no_grad()
    def _begin(self, studies: Sequence[_Beginning]) -> list[Memory]:
        longest = max(one.ids.shape[1] for one in studies)
        filler = self._model.config.pad_token_id or 0

        def of_all(rows: Sequence[torch.Tensor], value: int) -> torch.Tensor:
            return torch.cat([nn.functional.pad(row, (0, longest - row.shape[1]), value=value) for row in rows])

        ids, mask = of_all([one.ids for one in studies], filler), of_all([one.mask for one in studies], 0)
        seen = torch.cat([one.spatiotemporal for one in studies])
        memory = self._model.build_memory(self._model.encode_context(ids, mask), mask, seen)
        parts = zip(memory.context.split(1), memory.spatiotemporal.split(1), strict=True)
        return [Memory(context, spatiotemporal) for context, spatiotemporal in parts]

    @torch.no_grad()
    def _refine(self, studies: Sequence[tuple[Memory, torch.Tensor]]) -> list[Memory]:
        context = torch.cat([memory.context for memory, _ in studies])
        coarse = Memory(context, torch.cat([memory.spatiotemporal for memory, _ in studies]))
        whole = self._model.refine_memory(coarse, torch.cat([joint for _, joint in studies]))
        assert whole.joint is not None
        parts = zip(*(part.split(1) for part in (whole.context, whole.spatiotemporal, whole.joint)), strict=True)
        return [Memory(*three) for three in parts]
