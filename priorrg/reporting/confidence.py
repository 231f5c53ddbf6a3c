"""How sure the model was of each sentence: from the probabilities of its words, and what they were worth when measured.

A probability of words is not one of facts: a sentence that can be worded in many ways is always an unlikely one. A
calibration beside the weights, measured on studies whose truth is known (`python -m train calibrate`), turns the one
into the other. Without it the bare number is given and says so.
"""

import hashlib
import itertools
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from priorrg.errors import CheckpointError
from priorrg.model.processing import PriorRGProcessor
from priorrg.report.facts import sentence_kind
from priorrg.report.sentences import Sentence
from priorrg.reporting.weights import file_beside

FILE = "calibration.json"
HIGH, MEDIUM = 0.9, 0.7  # from here on a mark says `high`, or `medium`
DEFAULT_SCORE = "mean"
ANY_KIND = "any"
GROUNDING = "grounding."  # names of the weights of PriorRGModel's head that says where sentences point
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Confidence:
    """probability: that the sentence's facts are right; where not is_calibrated, the mean probability of its words."""

    probability: float
    is_calibrated: bool

    @property
    def level(self) -> str:
        """`high`, `medium` or `low`."""
        return "high" if self.probability >= HIGH else "medium" if self.probability >= MEDIUM else "low"


@dataclass(frozen=True)
class Calibration:
    """Monotone maps from a score of a sentence to the probability that its facts are right.

    score: one of those of `sentence_scores`. knots: one map a kind of sentence (facts.sentence_kind), for what is easy
    to deny is hard to see; `any` serves kinds that were too rare. A map is (score, probability), both rising, joined
    by straight lines. error: the expected calibration error on `sentences` sentences of the split `measured_on`, which
    had no part in the maps.
    """

    score: str
    knots: dict[str, tuple[tuple[float, float], ...]]
    error: float
    sentences: int
    measured_on: str

    def probability(self, kind: str, scores: dict[str, float]) -> float:
        """kind: of the sentence; scores: as `sentence_scores` gives them."""
        places, values = zip(*self.knots.get(kind, self.knots[ANY_KIND]), strict=True)
        return float(np.interp(scores[self.score], places, values))


def sentence_scores(probabilities: Sequence[float]) -> dict[str, float]:
    """Scores in 0 to 1 of one sentence from its tokens' probabilities: geometric mean, least, product.

    A sentence without tokens scores 0.
    """
    if not probabilities:
        return {"mean": 0.0, "least": 0.0, "product": 0.0}
    logs = [math.log(max(p, 1e-12)) for p in probabilities]
    return {
        "mean": math.exp(sum(logs) / len(logs)),
        "least": min(probabilities),
        "product": math.exp(sum(logs)),
    }


def sentence_places(
    processor: PriorRGProcessor, tokens: Sequence[int], sentences: Sequence[Sentence]
) -> list[list[int]]:
    """Places in `tokens` that wrote each sentence; a token that spans a boundary counts to where it ends."""
    owners: list[list[int]] = [[] for _ in sentences]
    begin = 0
    for place in range(len(tokens)):
        end = len(processor.decode(list(tokens[: place + 1])))
        if end > begin:
            for number, sentence in enumerate(sentences):
                if sentence.start < end <= sentence.end:
                    owners[number].append(place)
        begin = end
    return owners


def sentence_confidences(
    processor: PriorRGProcessor,
    tokens: Sequence[int],
    probabilities: Sequence[float],
    sentences: Sequence[Sentence],
    calibration: Calibration | None,
) -> list[Confidence]:
    """One a sentence. probabilities: one a token."""
    found = []
    for sentence, places in zip(sentences, sentence_places(processor, tokens, sentences), strict=True):
        scores = sentence_scores([probabilities[place] for place in places])
        if calibration is None:
            found.append(Confidence(scores[DEFAULT_SCORE], False))
        else:
            found.append(Confidence(calibration.probability(sentence_kind(sentence.text), scores), True))
    return found


def weights_digest(model: torch.nn.Module, with_grounding: bool = False) -> str:
    """A short fingerprint of all weights that changes with any training, and not with storing at half precision.

    Of BatchNorm's statistics too, which decide what a model reads as much as what it learned. The grounding head is
    left out unless asked for: it has no part in what is written, and what was measured of reports holds without it.
    """
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        if name.startswith(GROUNDING) and not with_grounding:
            continue
        value = value.half() if value.is_floating_point() else value
        digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def read_calibration(source: str | Path, model: torch.nn.Module) -> Calibration | None:
    """The calibration of the weights in a folder; None where there is none.

    One that was measured on other weights is left out, with a line in the log. Raises CheckpointError for a file that
    holds no calibration.
    """
    file = file_beside(source, FILE)
    if file is None:
        return None
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
        maps = {
            kind: tuple((float(score), float(probability)) for score, probability in knots)
            for kind, knots in tree["knots"].items()
        }
        calibration = Calibration(
            tree["score"], maps, float(tree["error"]), int(tree["sentences"]), tree["measured_on"]
        )
        is_rising = all(a[0] < b[0] and a[1] <= b[1] for knots in maps.values() for a, b in itertools.pairwise(knots))
        if not maps[ANY_KIND] or not is_rising or calibration.score not in sentence_scores([]):
            raise ValueError("its knots do not rise, or its score is unknown")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"The {FILE} of {source} holds no calibration ({error}). Measure it anew: python -m train calibrate "
            f"--weights FOLDER; or delete it."
        ) from None
    if tree.get("weights") != weights_digest(model):
        log.warning("%s of %s was measured on other weights: confidences are shown uncalibrated.", FILE, source)
        return None
    return calibration
