"""Which knowledge spoke: how much less likely a sentence is with the prior, the context or the current film withheld.

Exact, not a trace: the same sentence is read once more by the same weights from what is left, and its log-probability
compared. A sentence may hang on several of them, or on none: then the weights would have said it of anybody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from priorrg.report.sentences import Sentence
from priorrg.reporting.confidence import sentence_places
from priorrg.reporting.reporter import Reporter
from priorrg.reporting.zero_gpu import on_gpu
from priorrg.study import ClinicalContext, Study

PRIOR, CONTEXT, CURRENT = SOURCES = ("prior", "context", "current")
HANGS = math.log(10)  # nats: a sentence hangs on what makes it ten times as likely


@dataclass(frozen=True)
class Knowledge:
    """lost: source -> nats of the sentence's log-probability that are lost without it; no `prior` without a prior."""

    sentence: Sentence
    lost: dict[str, float]

    @property
    def hangs_on(self) -> tuple[str, ...]:
        """Those of SOURCES that the sentence hangs on, the strongest first."""
        strong = [source for source, nats in self.lost.items() if nats >= HANGS]
        return tuple(sorted(strong, key=lambda source: -self.lost[source]))


@on_gpu()
def knowledge_of(
    reporter: Reporter, study: Study, tokens: tuple[int, ...], sentences: tuple[Sentence, ...]
) -> list[Knowledge]:
    """One for each sentence of a refined report that `reporter` wrote about `study` (ReportDone.tokens, .sentences).

    Withheld are: the prior image, as if there were none; indication and history, left empty; the current film, a film
    of even grey in its place. Costs one encoding of that film and one teacher-forced pass over the readings.
    """
    if not sentences:
        return []
    owners = sentence_places(reporter.processor, tokens, sentences)
    readings = _readings(reporter, study)
    ids = torch.tensor([[reporter.config.decoder_start_token_id, *tokens[:-1]]], device=reporter.device)
    said = torch.tensor(tokens, device=reporter.device)
    with reporter.lock, torch.no_grad():
        memory = torch.cat([reporter.model.encode_study(**inputs).full for inputs in readings.values()])
        logits = reporter.model(memory=memory, decoder_input_ids=ids.expand(len(readings), -1)).logits
    likely = logits.float().log_softmax(dim=-1).gather(2, said.expand(len(readings), -1)[..., None])[..., 0]
    found = []
    for sentence, places in zip(sentences, owners, strict=True):
        whole, *others = likely[:, places].sum(dim=1).tolist()
        lost = {source: whole - other for source, other in zip([*readings][1:], others, strict=True)}
        found.append(Knowledge(sentence, lost))
    return found


def _readings(reporter: Reporter, study: Study) -> dict[str, dict[str, Any]]:
    """Arguments of encode_study: of everything first, then by what is withheld."""
    whole = reporter.study_inputs(study)
    readings = {"": whole}
    if study.has_prior:
        readings[PRIOR] = {name: value for name, value in whole.items() if not name.startswith("prior_")}
    ids, mask = reporter.processor.context([reporter.processor.context_text(ClinicalContext())])
    readings[CONTEXT] = whole | {
        "context_input_ids": ids.to(reporter.device),
        "context_attention_mask": mask.to(reporter.device),
    }
    blank = reporter.blank_film
    readings[CURRENT] = whole | {"current_last_hidden_state": blank.last, "current_fused_layers": blank.fused}
    return readings
