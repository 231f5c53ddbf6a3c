"""Auxiliary heads of our own training, thrown away when it ends: what the simulator knows, asked of the model's parts.

The paper has none of them. `PlaceHeads` ask for each place what is there, how it changed and how much of it there is,
once of the tokens in which both images are fused and once of the latents that are read from them. `AskedHead` asks the
context's latents what the text asks for and mentions. What is asked of them is made in `targets_of_place` and
`targets_of_context`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.simulate.context import QUESTIONS, ContextReading
from train.simulate.terms import HISTORIES
from train.simulate.truth import CHANGES, DEVICES, FINDING_KEYS, Device, StudyTruth, change_of, same_place

if TYPE_CHECKING:
    from priorrg.model.memory import Memory

# What a place holds: nothing, something without a prior to compare with, one of CHANGES, a device that was moved.
ABSENT, NOT_COMPARED = 0, 1
MOVED = 2 + len(CHANGES)
CLASSES = MOVED + 1
PLACES = len(FINDING_KEYS) + len(DEVICES)
UNKNOWN = float("nan")
_CM = 4.0  # tips in units of so many centimetres, as large as amounts are
_SETTINGS = tuple(HISTORIES)


def targets_of_place(now: StudyTruth, before: StudyTruth | None) -> tuple[list[int], list[list[float]]]:
    """(class, [amount now, before]) of each of PLACES: findings, then devices, whose amount is their tip's place."""
    classes, amounts = [], []
    for key in FINDING_KEYS:
        pair = now.finding(key), before.finding(key) if before else None
        change = change_of(*pair) if before else None
        classes.append(2 + CHANGES.index(change) if change else NOT_COMPARED if pair[0] else ABSENT)
        amounts.append([finding.amount if finding else 0.0 for finding in pair])
    for name in DEVICES:
        devices = now.device(name), before.device(name) if before else None
        classes.append(_device_class(*devices, has_prior=before is not None))
        amounts.append([UNKNOWN if d is None or d.tip_cm is None else d.tip_cm / _CM for d in devices])
    return classes, amounts


def _device_class(now: Device | None, before: Device | None, has_prior: bool) -> int:
    if now is None:
        return ABSENT if before is None else 2 + CHANGES.index("resolved")
    if not has_prior:
        return NOT_COMPARED
    if before is None:
        return 2 + CHANGES.index("new")
    return 2 + CHANGES.index("unchanged") if same_place(now, before) else MOVED


def targets_of_context(reading: ContextReading) -> list[float]:
    """1 for each of QUESTIONS that is asked, then for each setting that is mentioned."""
    return [float(t in reading.asked) for t in QUESTIONS] + [float(s in reading.settings) for s in _SETTINGS]


class PlaceHeads(nn.Module):
    """One learned query a place looks at rows (B, N, H) and says what is there: class logits and amounts.

    row_each: the place's query sees one row alone, that of its own number, so that the rows learn to stand for places.
    """

    def __init__(self, hidden: int, row_each: bool = False) -> None:
        super().__init__()
        self.row_each = row_each
        self.queries = nn.Parameter(torch.randn(PLACES, hidden) * 0.02)
        self.norm = nn.LayerNorm(hidden)
        self.keys_values = nn.Linear(hidden, 2 * hidden)
        self.read = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(0.1))
        self.classes = nn.Linear(hidden, CLASSES)
        self.amounts = nn.Linear(hidden, 2)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(B, F, CLASSES) logits, (B, F, 2) amounts now and before."""
        keys, values = self.keys_values(self.norm(rows)).chunk(2, dim=-1)
        queries = self.queries.to(keys.dtype).expand(len(rows), -1, -1)
        seen = values[:, :PLACES] if self.row_each else F.scaled_dot_product_attention(queries, keys, values)
        seen = seen + queries
        read = self.read(seen)
        return self.classes(read).float(), self.amounts(read).float()

    def loss(self, rows: Tensor, classes: Tensor, amounts: Tensor) -> Tensor:
        """classes: (B, F) int64; amounts: (B, F, 2) float, NaN where there is none to know."""
        logits, guessed = self(rows)
        # Most places hold nothing: without a weight the heads would settle on that.
        weight = torch.full((CLASSES,), 3.0, device=logits.device)
        weight[ABSENT] = 1.0
        said = F.cross_entropy(logits.flatten(0, 1), classes.flatten(), weight=weight)
        parts = (len(FINDING_KEYS), len(DEVICES))
        (found, tips), (guessed_found, guessed_tips) = amounts.split(parts, dim=1), guessed.split(parts, dim=1)
        off = _mean_square(guessed_found, found, 0.25 + 6 * (found.nan_to_num() != 0))
        # Tips have a mean of their own: most are not there, and among the amounts of findings they would hardly weigh.
        return said + 2 * off + 2 * _mean_square(guessed_tips, tips, torch.ones_like(tips))


def _mean_square(guessed: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """Of what is known: wanted is NaN elsewhere."""
    known = ~wanted.isnan()
    return ((guessed - wanted.nan_to_num()) ** 2 * weights * known).sum() / known.sum().clamp(min=1)


class AskedHead(nn.Module):
    """What a text asks and mentions, from the latents (B, K, H) that the perceiver read from it."""

    def __init__(self, hidden: int, queries: int = 4) -> None:
        super().__init__()
        self.attend = nn.Linear(hidden, queries)
        self.read = nn.Linear(queries * hidden, len(QUESTIONS) + len(_SETTINGS))

    def forward(self, latents: Tensor) -> Tensor:
        """(B, questions and settings) logits."""
        weights = self.attend(latents).softmax(dim=1)
        return self.read(torch.einsum("bkq,bkh->bqh", weights, latents).flatten(1)).float()

    def loss(self, latents: Tensor, asked: Tensor) -> Tensor:
        """asked: (B, questions and settings), 0 or 1. Most are 0: what is asked weighs more."""
        logits = self(latents)
        return 4 * F.binary_cross_entropy_with_logits(logits, asked, weight=1 + 2 * asked)


class Heads(nn.Module):
    """All heads of a stage. latent_each: each place is read from a latent of its own, coarse and fine."""

    def __init__(self, hidden: int, latent_each: bool = False) -> None:
        super().__init__()
        self.latent_each = latent_each
        self.tokens, self.latents, self.asked = PlaceHeads(hidden), PlaceHeads(hidden, latent_each), AskedHead(hidden)

    def loss(self, memory: Memory, classes: Tensor, amounts: Tensor, asked: Tensor) -> Tensor:
        """memory: with its tokens. classes, amounts: as in PlaceHeads; asked: as in AskedHead."""
        assert memory.tokens is not None
        read = [(self.tokens, memory.tokens), (self.latents, memory.spatiotemporal)]
        if self.latent_each and memory.joint is not None:
            read.append((self.latents, memory.joint))
        places = [head.loss(rows, classes, amounts) for head, rows in read]
        return sum(places) / 2 + self.asked.loss(memory.context, asked)


def stacked(
    truths: Sequence[tuple[StudyTruth, StudyTruth | None]], readings: Sequence[ContextReading]
) -> dict[str, Tensor]:
    """The heads' targets of a batch, by the names under which a stage's forward takes them."""
    places = [targets_of_place(*pair) for pair in truths]
    return {
        "change_classes": torch.tensor([classes for classes, _ in places]),
        "amounts": torch.tensor([amounts for _, amounts in places], dtype=torch.float32),
        "asked": torch.tensor([targets_of_context(reading) for reading in readings]),
    }
