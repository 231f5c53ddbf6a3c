"""Phrases as a reader types them to ask where something is: 'left effusion', 'PTX?', 'no fracture', 'free air'.

The grounding head reads them beside the sentences of reports, or it would know the simulator's wordings alone. Words
are those of referrers (train/simulate/terms.py), less those that name a lobe or a side in a way of their own.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from train.masks import Channels, channels_named
from train.simulate.terms import ASKED_ELSEWHERE, DEVICE_TERMS, TERMS, Words
from train.simulate.truth import MASK_CHANNELS, SIDED, SIDES

_NAMES = {  # as reports have them, which referrers do not always
    "effusion": ("pleural effusion", "effusion", "effusions"),
    "opacity": ("airspace opacity", "consolidation", "opacity", "opacification", "infiltrate"),
    "nodule": ("nodule", "mass", "pulmonary nodule"),
    "edema": ("pulmonary edema", "edema", "interstitial edema"),
    "cardiomegaly": ("cardiomegaly", "enlarged heart", "cardiac enlargement"),
    "hyperinflation": ("hyperinflation", "hyperinflated lungs"),
    "fracture": ("rib fracture", "fracture"),
    "sternotomy wires": ("sternotomy wires", "median sternotomy wires", "sternal wires", "wires"),
}
_OWN_PLACE = re.compile(
    r"\b[RL](?:[UML]L|IJ)?\b|b/l|bilateral|sided|placement|position|intubation|size|status|volume|amount|#"
)
_FORMS = ("{}", "{}", "{}", "{}.", "{}.", "there is {}.", "{}?", "where is the {}?", "{} is seen.", "{} is present.")
_DENIALS = ("no {}", "no {}.", "no evidence of {}.", "there is no {}.", "without {}", "no {} is seen.")
_OF_SIDE = (
    "{side} {x}",
    "{side} {x}",
    "{x} on the {side}",
    "{side}-sided {x}",
    "{x}, {side}",
    "{x} in the {side} lung",
)
_NOTHING = (
    "normal chest",
    "unremarkable",
    "the lungs are clear",
    "no acute abnormality",
    "normal heart size",
    "stable",
)


@dataclass(frozen=True)
class Phrase:
    """text; channels: what of the masks it names, on whichever image shows it; none for a phrase about nothing."""

    text: str
    channels: Channels


def write_phrase(shown: set[int], rng: random.Random, kept_back: bool = False) -> Phrase:
    """One phrase: half of them about something that is shown (channels), the others about anything or nothing.

    kept_back: in words of referrers that no training reads.
    """
    kind = rng.random()
    if kind < 0.08:
        return Phrase(_typed(rng.choice((*_NOTHING, *ASKED_ELSEWHERE.of(kept_back))), rng), ())
    channel = rng.choice(sorted(shown)) if shown and kind < 0.6 else rng.randrange(len(MASK_CHANNELS))
    name, _, last = MASK_CHANNELS[channel].rpartition(" ")
    name, side = (name, last) if name in SIDED and last in SIDES else (MASK_CHANNELS[channel], "")
    side = "" if rng.random() < 0.15 else side  # of both sides, then
    text = _named(name, side, rng, kept_back)
    if kind > 0.9:
        return Phrase(_typed(rng.choice(_DENIALS).format(text), rng), ())
    return Phrase(_typed(rng.choice(_FORMS).format(text), rng), channels_named(name, side))


def _named(name: str, side: str, rng: random.Random, kept_back: bool) -> str:
    words = (TERMS | DEVICE_TERMS).get(name, Words(()))
    terms = [term for term in words.of(kept_back) if not _OWN_PLACE.search(term)]
    if name in _NAMES and (not terms or (not kept_back and rng.random() < 0.5)):
        terms = list(_NAMES[name])
    term = rng.choice(terms or [name])
    if "{side}" in term:
        if rng.random() < 0.6:
            return term.format(side=f"{side} " if side else "")
        term = term.format(side="")
    return rng.choice(_OF_SIDE).format(side=side, x=term) if side else term


def _typed(text: str, rng: random.Random) -> str:
    return text[0].upper() + text[1:] if rng.random() < 0.6 else text
