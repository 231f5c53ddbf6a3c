"""Per sentence: where on the current and on the prior image the reading came from.

Two methods, one result. `attention` follows the attention of the decoder to the latents, of the latents to the image
tokens, and through the temporal fusion to the prior: it says where the model looked, not what mattered. `gradient`
is captum's input x gradient on the image features: which patches the sentence's probability hangs on. Neither is proof
that the sentence is right. All sentences of a report attend to much the same places; that common part recedes.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from captum.attr import InputXGradient

from priorrg.model.modeling import Memory
from priorrg.model.perceiver import PerceiverWeights
from priorrg.report.sentences import Sentence
from priorrg.reporting.confidence import sentence_places
from priorrg.reporting.reporter import Reporter
from priorrg.reporting.zero_gpu import on_gpu
from priorrg.study import Study

METHODS = ("attention", "gradient")


@dataclass(frozen=True)
class Overlay:
    """current, prior: (G, G) float32 >= 0 over the square that the model saw; prior is None without a prior study.

    shares: how the gradient's evidence divides between current and prior image (they sum to 1); None without a prior,
    and for attention, whose rollout favours whatever lies fewer layers away and so says nothing of the kind.
    """

    sentence: Sentence
    current: np.ndarray
    prior: np.ndarray | None
    shares: tuple[float, float] | None = None


@on_gpu()
def explain(
    reporter: Reporter,
    study: Study,
    tokens: tuple[int, ...],
    sentences: tuple[Sentence, ...],
    method: str = "attention",
    *,
    is_specific: bool = True,
    stop: threading.Event | None = None,
) -> list[Overlay]:
    """One overlay a sentence of a refined report that `reader` wrote about `study` (ReportDone.tokens, .sentences).

    is_specific: let what all sentences of the report have in common recede (see `specific`); False leaves it in.
    stop: when set, the computation ends after the sentence that it is at, and nothing is given; not on ZeroGPU.
    Costs one teacher-forced pass for all sentences (attention) or one backward pass a sentence (gradient).
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}, not one of {METHODS}")
    if not sentences:
        return []
    owners = sentence_places(reporter.processor, tokens, sentences)
    stop = stop or threading.Event()
    if method == "attention":
        found = _attention(reporter, study, tokens, owners)
    else:
        found = _gradient(reporter, study, tokens, owners, stop)
    if stop.is_set():
        return []
    overlays = [
        Overlay(sentence, _grid(current), None if prior is None else _grid(prior))
        for sentence, (current, prior) in zip(sentences, found, strict=True)
    ]
    if method == "gradient":
        overlays = [replace(overlay, shares=_shares(*parts)) for overlay, parts in zip(overlays, found, strict=True)]
    if not is_specific:
        return overlays
    currents = specific([overlay.current for overlay in overlays])
    priors = specific([overlay.prior for overlay in overlays if overlay.prior is not None])
    return [
        replace(overlay, current=current, prior=prior)
        for overlay, current, prior in zip(overlays, currents, priors or [None] * len(overlays), strict=True)
    ]


def specific(grids: list[np.ndarray]) -> list[np.ndarray]:
    """Each grid divided by the report's average grid plus its mean, so that what every sentence points to recedes.

    `python -m train localise` measures what it is worth: how often the peak of a finding's overlay lies on the finding.
    """
    if len(grids) < 2:
        return grids
    average = np.mean(grids, axis=0)
    return [grid / np.maximum(average + average.mean(), 1e-12) for grid in grids]


def _decoder_inputs(reporter: Reporter, tokens: tuple[int, ...]) -> torch.Tensor:
    return torch.tensor([[reporter.config.decoder_start_token_id, *tokens[:-1]]], device=reporter.device)


Parts = tuple[torch.Tensor, torch.Tensor | None]  # current (P,), prior (P,) or None


def _attention(reporter: Reporter, study: Study, tokens: tuple[int, ...], owners: list[list[int]]) -> list[Parts]:
    with reporter.lock, torch.no_grad():
        memory = reporter.memory(study, output_attentions=True)
        output = reporter.model(
            memory=memory.full, decoder_input_ids=_decoder_inputs(reporter, tokens), output_attentions=True
        )
    looked = torch.stack([layer[0].float().mean(dim=0) for layer in output.cross_attentions]).mean(dim=0)  # (T, 3K)
    flow = memory_flow(memory)
    found = []
    for places in owners:
        weights = looked[places].mean(dim=0) if places else looked.mean(dim=0)
        current, prior = flow
        found.append((weights @ current, None if prior is None else weights @ prior))
    return found


def memory_flow(memory: Memory) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(3K, P) to the current image and (3K, P) to the prior image or None, B = 1.

    Attention rollout (Abnar and Zuidema 2020): every residual step counts half for what was there and half for what
    was attended to. Rows sum to at most 1; what is missing stayed with the context and the learned latents.
    """
    seen, _ = perceiver_flow(memory.weights["spatiotemporal"])
    joint, joint_before = perceiver_flow(memory.weights["joint"])
    nothing = torch.zeros_like(seen)
    if not memory.fusion:
        return torch.cat([nothing, seen, joint + joint_before @ seen]), None
    kept = 1.0
    to_prior = torch.zeros_like(memory.fusion[0][0, 0]).float()
    for block in memory.fusion:
        to_prior = 0.5 * to_prior + 0.5 * block[0].float().mean(dim=0)
        kept *= 0.5
    seen_prior = seen @ to_prior
    current = torch.cat([nothing, kept * seen, joint + joint_before @ (kept * seen)])
    return current, torch.cat([nothing, seen_prior, joint_before @ seen_prior])


def perceiver_flow(weights: PerceiverWeights) -> tuple[torch.Tensor, torch.Tensor]:
    """(K, N) of one call's latents to its data, and (K, K) to the latents that it started from; B = 1."""
    size = weights.own[0].shape[-1]
    start = torch.eye(size, device=weights.own[0].device)
    data = torch.zeros(size, weights.cross[0].shape[-1], device=start.device)
    for cross, own in zip(weights.cross, weights.own, strict=True):
        data, start = 0.5 * data + 0.5 * cross[0].float().mean(dim=0), 0.5 * start
        mixed = 0.5 * torch.eye(size, device=start.device) + 0.5 * own[0].float().mean(dim=0)
        data, start = mixed @ data, mixed @ start
    return data, start


def _gradient(
    reporter: Reporter, study: Study, tokens: tuple[int, ...], owners: list[list[int]], stop: threading.Event
) -> list[Parts]:
    inputs = reporter.study_inputs(study)
    names = [
        n for n in ("current_last_hidden_state", "current_hidden_states", "prior_last_hidden_state") if n in inputs
    ]
    fixed = {name: value for name, value in inputs.items() if name not in names}
    features = tuple(inputs[name].detach().clone().float().requires_grad_() for name in names)
    ids = _decoder_inputs(reporter, tokens)
    targets = torch.tensor(tokens, device=reporter.device)

    def score(*values: torch.Tensor, places: list[int]) -> torch.Tensor:
        study_inputs: dict[str, Any] = fixed | dict(zip(names, values, strict=True))
        memory = reporter.model.encode_study(**study_inputs)
        logits = reporter.model(memory=memory.full, decoder_input_ids=ids).logits[0].float().log_softmax(dim=-1)
        return logits[places, targets[places]].sum()[None]

    found: list[Parts] = []
    for places in owners:
        if stop.is_set():
            break
        with reporter.lock, torch.enable_grad():
            attributed = InputXGradient(lambda *v, p=places: score(*v, places=p)).attribute(features)
        last, layers, *prior = (part.detach().abs() for part in attributed)
        current = last[0].sum(dim=-1) + layers[0].sum(dim=(0, -1))
        found.append((current, prior[0][0].sum(dim=-1) if prior else None))
    return found


def _shares(current: torch.Tensor, prior: torch.Tensor | None) -> tuple[float, float] | None:
    if prior is None:
        return None
    masses = float(current.sum()), float(prior.sum())
    total = sum(masses) or 1.0
    return masses[0] / total, masses[1] / total


def _grid(tokens: torch.Tensor) -> np.ndarray:
    """(P,) with CLS first -> (G, G); the CLS token has no place on the image."""
    patches = tokens[1:].float().cpu().numpy()
    edge = round(len(patches) ** 0.5)
    return patches.reshape(edge, edge)
