"""The text encoder of trained weights learns every wording of what the weights understand in one.

Two readings of the same question should leave the same latents behind: those that the weights, as they were, read from
its plain wording (`plainly`) are what the text encoder learns to give for any other. Everything behind the context's
latents stays as it was, so that reports, findings and changes do not depend on the words of a question. Text alone:
no image is read, and nothing but the text encoder and its projection learns. The published model has no such stage.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from priorrg.model.modeling import PriorRGModel
from priorrg.model.processing import PriorRGProcessor
from priorrg.study import ClinicalContext
from train.config import WordingsConfig
from train.data import Record
from train.simulate.context import ContextReading, plainly, read_context, write_context
from train.simulate.typed import with_strange_words

_LOG_STEPS = 50
_SAVE_STEPS = 200


class _Plain:
    """Latents that the weights, as they came, read from the plain wording; each wording is read once."""

    def __init__(self, model: PriorRGModel, processor: PriorRGProcessor) -> None:
        self._model, self._processor = deepcopy(model).eval(), processor
        self._known: dict[ClinicalContext, Tensor] = {}

    @torch.no_grad()
    def latents(self, readings: Sequence[ContextReading]) -> Tensor:
        """(B, K, H)"""
        wanted = [plainly(reading) for reading in readings]
        new = [context for context in dict.fromkeys(wanted) if context not in self._known]
        if new:
            # As typed: whether small letters are read is the learner's setting, not that of the weights that teach.
            texts = [f"[INDICATION] {c.indication} [SEP] [HISTORY] {c.history}" for c in new]
            self._known |= dict(zip(new, context_latents(self._model, self._processor, texts), strict=True))
        return torch.stack([self._known[context] for context in wanted])


def context_latents(model: PriorRGModel, processor: PriorRGProcessor, texts: Sequence[str]) -> Tensor:
    """(B, K, H) of context texts, as `encode_study` reads them."""
    ids, mask = processor.context(texts)
    latents, _ = model.perceiver(model.encode_context(ids, mask), None, mask)
    return latents


def learn_wordings(
    model: PriorRGModel,
    processor: PriorRGProcessor,
    records: Sequence[Record],
    settings: WordingsConfig,
    seed: int,
    resume: bool = False,
) -> dict[str, Any]:
    """Train in place and return figures; `output/last.pt` holds what a resumed run needs.

    records: simulated ones, whose truths say what could be asked. Written reports need none of it.
    """
    output = Path(settings.output)
    output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    plain = _Plain(model, processor)
    model.requires_grad_(False)
    model.eval()  # also the BatchNorm of the text projection: the report's own words are not read here
    learning = [model.text_encoder, model.text_projection]
    parameters = [p for part in learning for p in part.parameters()]
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=settings.steps, pct_start=0.05
    )
    start = 0
    if resume and (output / "last.pt").exists():
        state = torch.load(output / "last.pt", weights_only=True)
        for part, stored in zip(learning, state["parts"], strict=True):
            part.load_state_dict(stored)
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        start = state["step"]
    began, losses = time.time(), []
    for step in range(start, settings.steps):
        rng = random.Random(f"{seed} {step}")
        contexts = []
        for _ in range(settings.batch_size):
            record = rng.choice(records)
            assert record.truth is not None
            context = write_context(record.truth, record.prior_truth, rng)
            if rng.random() < settings.strange_share:  # what is asked stays the same, whatever else is written
                context = replace(context, indication=with_strange_words(context.indication, rng))
            contexts.append(context)
        wanted = plain.latents([read_context(context) for context in contexts])
        got = context_latents(model, processor, [processor.context_text(context) for context in contexts])
        loss = F.mse_loss(got, wanted) / wanted.var()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if (step + 1) % _LOG_STEPS == 0:
            recent = sum(losses[-_LOG_STEPS:]) / len(losses[-_LOG_STEPS:])
            speed = (step + 1 - start) * settings.batch_size / (time.time() - began)
            print(f"step {step + 1}/{settings.steps} loss {recent:.4f} {speed:.0f} texts/s", flush=True)
        if (step + 1) % _SAVE_STEPS == 0:
            state = {"parts": [part.state_dict() for part in learning], "optimiser": optimiser.state_dict()}
            torch.save(state | {"schedule": schedule.state_dict(), "step": step + 1}, output / "last.tmp")
            (output / "last.tmp").replace(output / "last.pt")
    model.requires_grad_(True)
    recent = losses[-_LOG_STEPS:]
    return {
        "finished": True,
        "first_loss": losses[0] if losses else None,
        "loss": sum(recent) / len(recent) if recent else None,
        "steps": settings.steps,
        "texts": settings.steps * settings.batch_size,
        "minutes": (time.time() - began) / 60,
    }


def start_again(folder: Path) -> None:
    """A new run begins without what an earlier one left to be resumed."""
    (folder / "last.pt").unlink(missing_ok=True)
