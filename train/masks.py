"""What a sentence names, as the simulator's masks have it: channel of a mask, on which image and patches."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from priorrg.report.facts import ABSENT, RESOLVED, read_facts
from train.simulate.truth import DEVICES, FINDINGS, MASK_CHANNELS, SIDED, SIDES

COVERED = 0.25  # part of a patch that must lie on the finding for the patch to count as on it

Channels = tuple[int, ...]


@lru_cache(maxsize=65536)
def channels_of(sentence: str) -> tuple[Channels, Channels]:
    """Channels of what a sentence says is on the current image, and of what it says was on the prior one.

    What is new was not there before, what has resolved is there no more; a sentence that denies names nothing.
    """
    current: list[int] = []
    prior: list[int] = []
    for fact in read_facts(sentence):
        if fact.presence == ABSENT or fact.finding not in (*FINDINGS, *DEVICES):
            continue
        channels = channels_named(fact.finding, fact.side)
        current += channels if fact.presence != RESOLVED and fact.change != "resolved" else ()
        prior += channels if fact.change != "new" else ()
    return tuple(dict.fromkeys(current)), tuple(dict.fromkeys(prior))


def channels_named(name: str, side: str) -> Channels:
    """Channels of a finding or device; side: `right`, `left`, or anything else for both. Devices have one each."""
    if name not in SIDED:
        return (MASK_CHANNELS.index(name),)
    sides = (side,) if side in SIDES else SIDES
    return tuple(MASK_CHANNELS.index(f"{name} {one}") for one in sides)


def mask_grid(file: Path, size: int) -> np.ndarray:
    """(C, size, size) in [0, 1]: what part of each patch a mask covers, from (C, M, M) uint8 as the simulator wrote."""
    with np.load(file) as stored:
        masks = stored["masks"].astype(np.float32) / 255
    edge = masks.shape[-1]
    places = (np.arange(size * 8) * edge) // (size * 8)
    fine = masks[:, places][:, :, places]
    return fine.reshape(len(masks), size, 8, size, 8).mean(axis=(2, 4))
