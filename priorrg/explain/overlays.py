"""Per sentence: where on the current and on the prior image the reading came from.

Three methods, one result. `grounding` asks the head that learned where sentences point (weights that have one): it says
where what the sentence names is likely to be, and shows nothing for what names nothing. `attention` follows the
attention of the decoder to the latents, of the latents to the image tokens, and through the temporal fusion to the
prior: it says where the model looked, not what mattered. `gradient` is captum's input x gradient on the image features:
which patches the sentence's probability hangs on. None is proof that the sentence is right. All sentences of a report
attend to much the same places; that common part recedes.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from captum.attr import InputXGradient

from priorrg.model.configuration import PriorRGConfig
from priorrg.model.memory import Memory
from priorrg.model.perceiver import PerceiverWeights
from priorrg.report.facts import remark_of, sentence_kind
from priorrg.report.remarks import ADVICE, COMPARISON, NORMAL, TECHNIQUE
from priorrg.report.sentences import Sentence
from priorrg.reporting.confidence import sentence_places
from priorrg.reporting.reporter import Reporter
from priorrg.reporting.zero_gpu import on_gpu
from priorrg.study import Study

GROUNDING, ATTENTION, GRADIENT = METHODS = ("grounding", "attention", "gradient")
_ABOUT_NOTHING = (NORMAL, TECHNIQUE, COMPARISON, ADVICE)  # remarks that point at no place


def methods_of(config: PriorRGConfig) -> tuple[str, ...]:
    """The methods that these weights have, the one to begin with first."""
    return METHODS if config.grounding_size else METHODS[1:]


@dataclass(frozen=True)
class Overlay:
    """current, prior: (G, G) float32 >= 0 over the square that the model saw; prior is None without a prior study.

    method: by which it was made. Of `grounding` the brightest patch is as large as it is likely that the image shows
    what the sentence names, 0 to 1; grids of the others compare within one report and image only.
    shares: how the gradient's evidence divides between current and prior image (they sum to 1); None without a prior,
    and for the other methods, which say nothing of the kind: attention's rollout favours whatever lies fewer layers
    away.
    """

    sentence: Sentence
    current: np.ndarray
    prior: np.ndarray | None
    shares: tuple[float, float] | None = None
    method: str = ATTENTION


@on_gpu()
def explain(
    reporter: Reporter,
    study: Study,
    tokens: tuple[int, ...],
    sentences: tuple[Sentence, ...],
    method: str = "",
    *,
    is_specific: bool = True,
    stop: threading.Event | None = None,
) -> list[Overlay]:
    """One overlay a sentence of a refined report that `reader` wrote about `study` (ReportDone.tokens, .sentences).

    method: the first of `methods_of` unless named. is_specific: let what all sentences of the report have in common
    recede (see `specific`), of attention and gradient; False leaves it in.
    stop: when set, the computation ends after the sentence that it is at, and nothing is given; not on ZeroGPU.
    A sentence that only says that all else is normal, or how the image was taken, is about no place: its grids are 0.
    Costs one teacher-forced pass for all sentences (grounding, attention) or one backward pass a sentence (gradient).
    Raises ValueError for a method that is none of METHODS, or that these weights do not have.
    """
    method = _checked(reporter, method)
    if not sentences:
        return []
    owners = sentence_places(reporter.processor, tokens, sentences)
    stop = stop or threading.Event()
    found = _found(reporter, study, tokens, owners, method, stop)
    return [] if stop.is_set() else _overlays(found, sentences, method, is_specific)


@on_gpu()
def explain_phrases(
    reporter: Reporter, study: Study, phrases: Sequence[str], method: str = "", stop: threading.Event | None = None
) -> list[Overlay]:
    """One overlay for each phrase that a reader typed, or sentence that he edited: each is read as a report of its own.

    stop, method and what is raised: as in `explain`. What of a phrase is behind the longest report that these weights
    read is left out.
    """
    method = _checked(reporter, method)
    stop = stop or threading.Event()
    found: list[Parts] = []
    for phrase in phrases:
        ids, owned = reporter.processor.spans_read([phrase], [[(0, len(phrase))]])
        places = [place - 1 for place in owned[0, 0].nonzero().flatten().tolist()]
        found += _found(reporter, study, tuple(ids[0, 1:].tolist()), [places], method, stop)
        if stop.is_set():
            return []
    return _overlays(found, [Sentence(phrase, 0, len(phrase)) for phrase in phrases], method, is_specific=False)


def _checked(reporter: Reporter, method: str) -> str:
    known = methods_of(reporter.config)
    if method and method not in known:
        raise ValueError(f"method is {method!r}, not one of {known}")
    return method or known[0]


def _found(
    reporter: Reporter,
    study: Study,
    tokens: tuple[int, ...],
    owners: list[list[int]],
    method: str,
    stop: threading.Event,
) -> list[Parts]:
    if method == GROUNDING:
        return _grounding(reporter, study, tokens, owners)
    if method == ATTENTION:
        return _attention(reporter, study, tokens, owners)
    return _gradient(reporter, study, tokens, owners, stop)


def _overlays(found: list[Parts], sentences: Sequence[Sentence], method: str, is_specific: bool) -> list[Overlay]:
    overlays = [
        Overlay(
            sentence,
            _grid(current),
            None if prior is None else _grid(prior),
            _shares(current, prior) if method == GRADIENT else None,
            method,
        )
        for sentence, (current, prior) in zip(sentences, found, strict=True)
    ]
    if is_specific and method != GROUNDING:
        currents = specific([overlay.current for overlay in overlays])
        priors = specific([overlay.prior for overlay in overlays if overlay.prior is not None])
        overlays = [
            replace(overlay, current=current, prior=prior)
            for overlay, current, prior in zip(overlays, currents, priors or [None] * len(overlays), strict=True)
        ]
    return [_dark(overlay) if is_about_nothing(overlay.sentence.text) else overlay for overlay in overlays]


def is_about_nothing(sentence: str) -> bool:
    """Whether a sentence names no finding and no device, and is one of those that never do: 'Otherwise normal.'"""
    return sentence_kind(sentence) == "none" and remark_of(sentence) in _ABOUT_NOTHING


def _dark(overlay: Overlay) -> Overlay:
    prior = None if overlay.prior is None else np.zeros_like(overlay.prior)
    return replace(overlay, current=np.zeros_like(overlay.current), prior=prior, shares=None)


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


def _grounding(reporter: Reporter, study: Study, tokens: tuple[int, ...], owners: list[list[int]]) -> list[Parts]:
    inputs = reporter.study_inputs(study)
    most = reporter.config.decoder_config.max_position_embeddings
    ids = torch.tensor([[reporter.config.decoder_start_token_id, *tokens][:most]], device=reporter.device)
    owned = torch.zeros(1, len(owners), ids.shape[1], dtype=torch.bool, device=reporter.device)
    for number, places in enumerate(owners):
        owned[0, number, [place + 1 for place in places if place + 1 < ids.shape[1]]] = True  # behind the start token
    with reporter.lock, torch.no_grad():
        memory = reporter.model.encode_study(**inputs)
        states = reporter.model.sentence_states(memory, ids, owned)
        maps = reporter.model.ground(
            states, inputs["current_last_hidden_state"], inputs.get("prior_last_hidden_state")
        ).maps[0]
        maps = torch.nn.functional.pad(maps, (1, 0))  # nothing on the CLS token
    return [(images[0], images[1] if len(images) > 1 else None) for images in maps]


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
    inputs = reporter.study_inputs(study) | {"current_hidden_states": reporter.layers(study.current)}
    del inputs["current_fused_layers"]  # evidence is asked of every layer
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
