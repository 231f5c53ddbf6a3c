"""Stage 0: the vision encoder learns to see on the simulator's own truth.

It stands in for RAD-DINO's public pre-training, which starts the encoder at paper scale. Per patch
token: which masks cover it, which landmarks and tips lie in it and where. Per image: which findings
and devices are present, how much of each, where tips lie. The heads live here and are thrown away;
the encoder is frozen from then on, as in the paper (section on implementation).
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Dinov2Model

from train.processes import bfloat16_is_fast
from train.roc import roc_auc
from train.simulate.anatomy import FIELD_CM
from train.simulate.truth import DEVICES, FINDING_KEYS, LANDMARKS, MASK_CHANNELS, POINTS, TIPPED, StudyTruth

CATHETER_SIDES = 1  # one more output: the catheter's side, right = 0, left = 1
_TIP_CM = 4.0  # tips in units of so many centimetres
_REACH = 1.5  # tokens: so near to a point a token is asked where it lies
_SMALL = [n for n, channel in enumerate(MASK_CHANNELS) if channel.split()[0] in ("nodule", "fracture")]
_SMALL_WEIGHT = 4.0  # of the tokens that small findings cover, against those of others


@dataclass(frozen=True)
class VisionTargets:
    """masks: (N, C, G, G) uint8. present: (N, F + D) uint8. amount: (N, F) float32.

    local: (N, C) float32, the amount of the finding that a mask channel shows (the larger of two zones); 0 for devices.
    tips: (N, T) float32 in cm, NaN where there is no such device.
    side: (N,) float32, 1 where the catheter comes from the left, NaN where there is none.
    points: (N, P, 2) float32, column and row of POINTS as parts of the film's edge, NaN where there is none.
    """

    masks: np.ndarray
    present: np.ndarray
    amount: np.ndarray
    local: np.ndarray
    tips: np.ndarray
    side: np.ndarray
    points: np.ndarray


def targets_of(truths: list[StudyTruth], mask_files: list[Path], grid: int) -> VisionTargets:
    """Training targets on a `grid` x `grid` token raster; a token is covered as far as its most covered mask cell."""
    masks = np.zeros((len(truths), len(MASK_CHANNELS), grid, grid), dtype=np.uint8)
    present = np.zeros((len(truths), len(FINDING_KEYS) + len(DEVICES)), dtype=np.uint8)
    amount = np.zeros((len(truths), len(FINDING_KEYS)), dtype=np.float32)
    local = np.zeros((len(truths), len(MASK_CHANNELS)), dtype=np.float32)
    tips = np.full((len(truths), len(TIPPED)), np.nan, dtype=np.float32)
    side = np.full(len(truths), np.nan, dtype=np.float32)
    points = np.full((len(truths), len(POINTS), 2), np.nan, dtype=np.float32)
    for row, (truth, file) in enumerate(zip(truths, mask_files, strict=True)):
        with np.load(file) as stored:
            cells = torch.from_numpy(stored["masks"]).float()
            points[row] = stored["points"]
        masks[row] = F.adaptive_max_pool2d(cells, grid).byte().numpy()
        for finding in truth.findings:
            place = FINDING_KEYS.index(finding.key)
            present[row, place], amount[row, place] = 1, finding.amount
            channel = MASK_CHANNELS.index(f"{finding.name} {finding.side}".strip())
            local[row, channel] = max(local[row, channel], finding.amount)
        for device in truth.devices:
            present[row, len(FINDING_KEYS) + DEVICES.index(device.name)] = 1
            if device.name in TIPPED and device.tip_cm is not None:
                tips[row, TIPPED.index(device.name)] = device.tip_cm
            if device.name == "central venous catheter":
                side[row] = float(device.side == "left")
    return VisionTargets(masks, present, amount, local, tips, side, points)


class VisionHeads(nn.Module):
    """Reads (B, P, H) tokens, CLS first.

    A token: mask logits and amounts, logits and offsets of points, a tip's place. An image: presence, amount, tips;
    the same once more of its CLS token alone, by one linear layer, so that this token is the image's summary: what two
    studies are compared by then lies in one place of each.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.mask = nn.Linear(hidden, len(MASK_CHANNELS))
        self.early_mask = nn.Linear(hidden, len(MASK_CHANNELS))
        self.local = nn.Linear(hidden, len(MASK_CHANNELS))
        self.points = nn.Linear(hidden, len(POINTS))
        self.offsets = nn.Linear(hidden, 2 * len(POINTS))
        self.tip = nn.Linear(hidden, len(TIPPED))
        outputs = 2 * len(FINDING_KEYS) + len(DEVICES) + len(TIPPED) + CATHETER_SIDES
        self.attend = nn.Linear(hidden, 8)
        self.image = nn.Sequential(nn.Linear(hidden * 9, 2 * hidden), nn.GELU(), nn.Linear(2 * hidden, outputs))
        self.summary = nn.Linear(hidden, outputs)

    def forward(self, last: Tensor, middle: Tensor) -> dict[str, Tensor]:
        patches = last[:, 1:]
        weights = self.attend(patches).softmax(dim=1)  # eight learned places to look at
        pooled = torch.einsum("bpk,bph->bkh", weights, patches).flatten(1)
        return {
            "mask": self.mask(patches).float(),
            "early_mask": self.early_mask(middle[:, 1:]).float(),
            "local": self.local(patches).float(),
            "points": self.points(patches).float(),
            "offsets": self.offsets(patches).float().unflatten(2, (len(POINTS), 2)),
            "tip": self.tip(patches).float(),
            **_image_outputs(self.image(torch.cat([last[:, 0], pooled], dim=1)).float()),
            **{f"summary {name}": out for name, out in _image_outputs(self.summary(last[:, 0]).float()).items()},
        }


def _image_outputs(values: Tensor) -> dict[str, Tensor]:
    """(B, outputs): logits of presence and amounts of findings, logits of devices, tips, the catheter's side."""
    found, devices = len(FINDING_KEYS), len(DEVICES)
    return {
        "present": values[:, : found + devices],
        "amount": values[:, found + devices : 2 * found + devices],
        "tips": values[:, 2 * found + devices : -1],
        "side": values[:, -1],
    }


def vision_loss(out: dict[str, Tensor], batch: dict[str, Tensor]) -> Tensor:
    """Sum of the mask, presence, amount and tip losses; positives weigh more, for most of a film is normal."""
    masks = batch["masks"].flatten(2).transpose(1, 2).float() / 255  # (B, G*G, C)
    weight = 1 + 4 * masks
    weight[..., _SMALL] = 1 + 4 * _SMALL_WEIGHT * masks[..., _SMALL]
    loss = F.binary_cross_entropy_with_logits(out["mask"], masks, weight=weight)
    loss = loss + 0.3 * F.binary_cross_entropy_with_logits(out["early_mask"], masks, weight=weight)
    # How much of it there is, said where it is: what two studies are compared by lies in the tokens themselves.
    off = (out["local"] - batch["local"][:, None]) ** 2 * masks * (batch["local"][:, None] > 0)
    loss = loss + 0.5 * off.sum() / masks.sum().clamp(min=1)
    loss = 6 * loss + image_loss(out, batch, "", 0.3, 1.0) + image_loss(out, batch, "summary ", 1.0, 0.1)
    return loss + point_loss(out, batch)


def image_loss(out: dict[str, Tensor], batch: dict[str, Tensor], prefix: str, weight: float, beta: float) -> Tensor:
    """Of the outputs of that prefix. weight, beta: of tips; below beta, in units of 4 cm, errors count squared."""
    present = batch["present"].float()
    loss = F.binary_cross_entropy_with_logits(out[f"{prefix}present"], present, weight=1 + 2 * present)
    shown = present[:, : len(FINDING_KEYS)]
    # Where a finding is absent its amount is 0; where it is present the amount counts more.
    loss = loss + 2 * ((out[f"{prefix}amount"] - batch["amount"]) ** 2 * (0.25 + 8 * shown)).mean()
    for name, scale in (("tips", _TIP_CM), ("side", 1.0)):
        known = ~torch.isnan(batch[name])
        if known.any():
            off = F.smooth_l1_loss(out[f"{prefix}{name}"][known], batch[name][known] / scale, beta=beta)
            loss = loss + weight * off
    return loss


def point_loss(out: dict[str, Tensor], batch: dict[str, Tensor]) -> Tensor:
    """In which token each point lies, and of the tokens near it where: a tip must be told to a part of a token."""
    grid = math.isqrt(out["points"].shape[1])
    points = batch["points"] * grid  # in tokens
    known = ((points >= 0) & (points < grid)).all(dim=-1)  # (B, P); neither for NaN
    cell = points.nan_to_num().clamp(0, grid - 1).long()
    place = cell[..., 1] * grid + cell[..., 0]
    found = F.cross_entropy(out["points"].transpose(1, 2)[known], place[known])
    offsets = points[:, None] - _centres(grid)[None, :, None]  # (B, G*G, P, 2)
    near = known[:, None] & (offsets.abs() < _REACH).all(dim=-1)
    off = F.smooth_l1_loss(out["offsets"][near], offsets[near], beta=0.1)
    loss = 0.5 * found + 2 * off
    tips = (batch["tips"] / _TIP_CM)[:, None].expand_as(out["tip"])
    near_tip = near[..., len(LANDMARKS) :] & ~tips.isnan()
    if near_tip.any():
        loss = loss + 2 * F.smooth_l1_loss(out["tip"][near_tip], tips[near_tip], beta=0.1)
    return loss


def _centres(grid: int) -> Tensor:
    """(G*G, 2) column and row of each token's centre, in tokens."""
    rows, columns = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    return torch.stack([columns, rows], dim=-1).flatten(0, 1) + 0.5


def augment(pixels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(B, 1, S, S) in [0, 1]: another exposure, some noise, a shift below half a token. No flips: sides matter.

    With it the shift, (2,) as part of the edge: masks may stay where they are, points go with it.
    """
    batch = pixels.shape[0]

    def draw(low: float, high: float) -> Tensor:
        return torch.rand(batch, 1, 1, 1, generator=generator) * (high - low) + low

    pixels = pixels.clamp(1e-4, 1) ** draw(0.8, 1.25)
    pixels = pixels * draw(0.85, 1.15) + draw(-0.05, 0.05)
    pixels = pixels + torch.randn(pixels.shape, generator=generator) * draw(0.0, 0.03)
    dx, dy = (int(torch.randint(-6, 7, (1,), generator=generator)) for _ in range(2))
    moved = torch.roll(pixels, (dy, dx), dims=(2, 3)).clamp(0, 1)
    return moved, torch.tensor([dx, dy]) / pixels.shape[-1]


@dataclass
class VisionRun:
    """What stage 0 needs: pixels (N, S, S) uint8 through the app's own image path, and the truth."""

    pixels: np.ndarray
    targets: VisionTargets

    def batch(self, rows: np.ndarray) -> dict[str, Tensor]:
        return {
            "pixels": torch.from_numpy(self.pixels[np.sort(rows)]).unsqueeze(1).float() / 255,
            **{
                name: torch.from_numpy(getattr(self.targets, name)[np.sort(rows)])
                for name in ("masks", "present", "amount", "local", "tips", "side", "points")
            },
        }


def train_vision(
    encoder: Dinov2Model,
    train: VisionRun,
    held_out: VisionRun,
    output: Path,
    *,
    mean: float,
    std: float,
    epochs: float,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.05,
    seed: int = 0,
    resume: bool = False,
) -> dict[str, Any]:
    """Train `encoder` (a Dinov2Model of one channel) and return its held-out figures; checkpoints every 200 steps.

    `output/vision.pt` holds the encoder's weights, `output/last.pt` everything that a resumed run needs.
    """
    output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    heads = VisionHeads(encoder.config.hidden_size)
    parameters = [*encoder.parameters(), *heads.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay, betas=(0.9, 0.98))
    count = len(train.pixels)
    steps = int(epochs * count / batch_size)
    warm_up = min(200, steps // 10 + 1)

    def rate(step: int) -> float:
        return min((step + 1) / warm_up, 0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    start = 0
    if not resume:
        (output / "last.pt").unlink(missing_ok=True)  # or a later resume would go on from another run
    if resume and (output / "last.pt").exists():
        state = torch.load(output / "last.pt", weights_only=True)
        encoder.load_state_dict(state["encoder"])
        heads.load_state_dict(state["heads"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        start = state["step"]
    began, running = time.time(), 0.0
    for step in range(start, steps):
        encoder.train()
        # Batch and augmentation depend on the step alone, so that a resumed run sees what an unbroken one sees.
        rng = np.random.default_rng((seed, step))
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        batch = train.batch(rng.choice(count, batch_size, replace=False))
        pixels, shift = augment(batch["pixels"], generator)
        batch["points"] = batch["points"] + shift
        pixels = (pixels - mean) / std
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16_is_fast("cpu")):
            seen = encoder(pixels.to(memory_format=torch.channels_last), output_hidden_states=True)
            middle = seen.hidden_states[len(seen.hidden_states) // 2]
            loss = vision_loss(heads(seen.last_hidden_state, middle), batch)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        running += loss.item()
        if (step + 1) % 50 == 0:
            speed = (step + 1 - start) * batch_size / (time.time() - began)
            left = (steps - step - 1) * batch_size / speed / 60
            print(
                f"step {step + 1}/{steps} loss {running / 50:.4f} {speed:.0f} images/s {left:.1f} min left", flush=True
            )
            running = 0.0
        if (step + 1) % 200 == 0 or step + 1 == steps:
            state = {"encoder": encoder.state_dict(), "heads": heads.state_dict(), "step": step + 1}
            state |= {"optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()}
            torch.save(state, output / "last.tmp")
            (output / "last.tmp").replace(output / "last.pt")
        if (step + 1) % 800 == 0 or step + 1 == steps:
            figures = evaluate_vision(encoder, heads, held_out, mean, std)
            print(json.dumps({"step": step + 1, **figures["summary"]}), flush=True)
    torch.save(encoder.state_dict(), output / "vision.pt")
    figures = evaluate_vision(encoder, heads, held_out, mean, std)
    figures["minutes"] = (time.time() - began) / 60
    (output / "vision_metrics.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return figures


@torch.no_grad()
def evaluate_vision(encoder: nn.Module, heads: VisionHeads, run: VisionRun, mean: float, std: float) -> dict[str, Any]:
    """Held-out figures: area under the ROC curve a label, correlation of amounts, how often the mask's peak hits."""
    encoder.eval()
    collected: dict[str, list[Tensor]] = {
        name: [] for name in ("present", "amount", "tips", "mask", "side", "points", "offsets", "tip", "summary tips")
    }
    for start in range(0, len(run.pixels), 64):
        batch = run.batch(np.arange(start, min(start + 64, len(run.pixels))))
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16_is_fast("cpu")):
            seen = encoder((batch["pixels"] - mean) / std, output_hidden_states=True)
            out = heads(seen.last_hidden_state, seen.hidden_states[len(seen.hidden_states) // 2])
        for name, values in collected.items():
            values.append(out[name])
    got = {name: torch.cat(values).numpy() for name, values in collected.items()}
    names = [" ".join(filter(None, key)) for key in FINDING_KEYS] + list(DEVICES)
    auc = {
        name: roc_auc(got["present"][:, column], run.targets.present[:, column]) for column, name in enumerate(names)
    }
    correlation = {}
    for column, name in enumerate(names[: len(FINDING_KEYS)]):
        shown = run.targets.present[:, column] == 1
        if shown.sum() > 4:
            correlation[name] = float(
                np.corrcoef(got["amount"][shown, column], run.targets.amount[shown, column])[0, 1]
            )
    tips, near, summed, points_off = {}, {}, {}, {}
    for column, name in enumerate(TIPPED):
        known = ~np.isnan(run.targets.tips[:, column])
        if known.any():
            error = np.abs(got["tips"][known, column] * _TIP_CM - run.targets.tips[known, column])
            tips[name] = float(error.mean())
            peak = got["points"][known, :, len(LANDMARKS) + column].argmax(axis=1)
            said = got["tip"][known, peak, column] * _TIP_CM
            near[name] = float((np.abs(said - run.targets.tips[known, column]) < 1).mean())
            off = np.abs(got["summary tips"][known, column] * _TIP_CM - run.targets.tips[known, column])
            summed[name] = float((off < 1).mean())
    centres, grid = _centres(math.isqrt(got["points"].shape[1])).numpy(), math.isqrt(got["points"].shape[1])
    for column, name in enumerate(POINTS):
        known = ~np.isnan(run.targets.points[:, column, 0])
        if known.any():
            peak = got["points"][known, :, column].argmax(axis=1)
            place = (centres[peak] + got["offsets"][known, peak, column]) / grid
            off = np.linalg.norm(place - run.targets.points[known, column], axis=1) * FIELD_CM
            points_off[name] = float(np.median(off))
    hits = {}
    for channel, name in enumerate(MASK_CHANNELS):
        rows = np.nonzero(run.targets.masks[:, channel].max(axis=(1, 2)) > 128)[0]
        if len(rows):
            peak = got["mask"][rows, :, channel].argmax(axis=1)
            covered = run.targets.masks[rows, channel].reshape(len(rows), -1)[np.arange(len(rows)), peak] > 128
            hits[name] = float(covered.mean())
    values = [v for v in auc.values() if v is not None]
    summary = {
        "auc": round(float(np.mean(values)), 3),
        "amount_correlation": round(float(np.mean(list(correlation.values()))), 3) if correlation else None,
        "peak_in_mask": round(float(np.mean(list(hits.values()))), 3) if hits else None,
        "tips_within_1_cm": round(float(np.mean(list(near.values()))), 3) if near else None,
        "summary_tips_within_1_cm": round(float(np.mean(list(summed.values()))), 3) if summed else None,
    }
    return {
        "summary": summary,
        "auc": auc,
        "amount_correlation": correlation,
        "tip_error_cm": tips,
        "tip_within_1_cm": near,
        "summary_tip_within_1_cm": summed,
        "point_error_cm": points_off,
        "peak_in_mask": hits,
    }
