"""How fast the two stages train on this machine: from pixels and from the feature cache, and at the paper's scale.

Weights are random here, for they change no speed: nothing is downloaded and nothing is kept. Two measurements:
`from_data` takes a run's own records and says what the cache is worth; `at_scale` takes made-up inputs of the
configured size and counts operations too, from which the cost on other devices can be estimated.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from priorrg.errors import DataError
from priorrg.model.modeling import PriorRGModel
from train.batches import Collator, StudyDataset
from train.build import build, tokenizer_file, train_tokenizer, training_text
from train.config import RunConfig, StageConfig, model_configuration
from train.data import Record, image_paths, readable
from train.features import FeatureCache, row_shapes
from train.processes import processes
from train.stage1 import Stage1Task
from train.stage2 import Stage2Task
from train.trainer import Task

STAGES = ("stage1", "stage2")


class _Steps:
    """Training steps of one stage, as its run makes them: forward, backward, clipping, AdamW."""

    def __init__(self, model: PriorRGModel, name: str, stage: StageConfig, coarse_share: float = 0.0) -> None:
        model.requires_grad_(True)
        model.freeze_vision()
        self._device = processes().device or torch.device("cpu")
        self.task: Task = (
            Stage1Task(model, stage.auxiliary)
            if name == "stage1"
            else Stage2Task(model, stage.auxiliary, coarse_share, holds_statistics=True)
        )
        self.task.to(self._device).train()
        self._trained = [parameter for parameter in self.task.parameters() if parameter.requires_grad]
        self._optimiser = torch.optim.AdamW(self._trained, lr=1e-6)
        self._mixed = stage.mixed_precision

    def step(self, batch: dict[str, Tensor]) -> None:
        batch = {name: value.to(self._device) for name, value in batch.items()}
        self._optimiser.zero_grad(set_to_none=True)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._mixed):
            loss = self.task(**batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self._trained, 1.0)
        self._optimiser.step()

    def seconds(self, batch: dict[str, Tensor]) -> float:
        began = time.perf_counter()
        self.step(batch)
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    def operations(self, batch: dict[str, Tensor]) -> int:
        """Floating point operations of one step, a multiplication and an addition counted as two."""
        # The counter knows no fused attention of the CPU; the plain one has the same products.
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            self.step(batch)
        return counter.get_total_flops()


def from_data(
    config: RunConfig,
    records: dict[str, list[Record]],
    view_positions: dict[str, int],
    rounds: int = 5,
    steps: int = 4,
) -> dict[str, Any]:
    """Examples a second of each stage from pixels and from the cache, alternately; medians over `rounds`.

    A round is `steps` steps, images decoded in the training process. The cache is written to a temporary folder, for as
    many training images as the steps need. Raises DataError when the records fill no batch.
    """
    config.model.vision = config.model.context = ""
    root = Path(config.data.image_root)
    figures: dict[str, Any] = {"device": str(processes().device), "threads": torch.get_num_threads()}
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = Path(folder) / "tokenizer.json"
        if config.model.tokenizer:
            tokenizer = tokenizer_file(config.model.tokenizer)
        else:
            train_tokenizer(training_text(records["train"][:200], config.seed), config.model.vocabulary, tokenizer)
        model, processor = build(config, view_positions, tokenizer)
        largest = max(config.stage1.batch_size, config.stage2.batch_size)
        some = records["train"][: steps * largest]
        most = config.data.max_unreadable
        began, paths = time.perf_counter(), image_paths(some)
        cache = FeatureCache.open(
            Path(folder), model, processor, root, paths, most, with_layers=config.data.cache_layers
        )
        figures["images"] = len(paths)
        figures["images_a_second_while_caching"] = len(paths) / (time.perf_counter() - began)
        some = readable(some, cache, root, most, "train")
        dataset = StudyDataset(some, resample=config.data.resample_text, four_views=config.data.four_views)
        for name in STAGES:
            stage: StageConfig = getattr(config, name)
            if len(dataset) < stage.batch_size:
                raise DataError(
                    f"{len(dataset)} examples fill no batch of {stage.batch_size}: choose a smaller {name}.batch_size."
                )
            made = _Steps(model, name, stage, stage.coarse_share)
            is_stage1 = name == "stage1"
            ways = {
                way: Collator(
                    processor,
                    root,
                    found,
                    layers=not is_stage1,
                    stage1=is_stage1,
                    auxiliary=bool(stage.auxiliary),
                    context_length=model.config.stage1_tokens if is_stage1 else None,
                )
                for way, found in (("pixels", None), ("cache", cache))
            }
            figures[name] = _alternate(made, dataset, ways, stage.batch_size, rounds, steps)
    return figures


def _alternate(
    made: _Steps, dataset: StudyDataset, ways: dict[str, Collator], batch_size: int, rounds: int, steps: int
) -> dict[str, Any]:
    """Rounds of each way in turn, so that what else the machine does falls on both."""
    speeds: dict[str, list[float]] = {way: [] for way in ways}
    loading: dict[str, list[float]] = {way: [] for way in ways}
    rows = _batches(len(dataset), batch_size)
    for number in tqdm(range(rounds + 1), desc="rounds", unit="round"):  # the first one warms up
        for way, collate in ways.items():
            load = compute = 0.0
            for _ in range(steps):
                began = time.perf_counter()
                batch = collate([dataset[row] for row in next(rows)])
                load += time.perf_counter() - began
                compute += made.seconds(batch)
            if number:
                speeds[way].append(steps * batch_size / (load + compute))
                loading[way].append(load / (load + compute))
    found: dict[str, Any] = {
        way: {
            "examples_a_second": statistics.median(speeds[way]),
            "share_of_loading": statistics.median(loading[way]),
        }
        for way in ways
    }
    ratios = [cached / plain for plain, cached in zip(speeds["pixels"], speeds["cache"], strict=True)]
    return found | {"batch": batch_size, "cache_over_pixels": statistics.median(ratios)}


def _batches(count: int, size: int) -> Iterator[list[int]]:
    place = 0
    while True:
        yield [(place + number) % count for number in range(size)]
        place += size


def at_scale(config: RunConfig, batch_size: int = 1, rounds: int = 1) -> dict[str, Any]:
    """Seconds and operations of one step of each stage with the configured dimensions, on made-up inputs.

    Every study has a prior and texts of full length, so the figures are upper ones. `from_cache` is what the configured
    cache leaves to be computed: in stage 2 without data.cache_layers the current image is still encoded.
    """
    torch.manual_seed(config.seed)
    model = PriorRGModel(model_configuration(config.model))
    figures: dict[str, Any] = {
        "device": str(processes().device),
        "threads": torch.get_num_threads(),
        "batch": batch_size,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    with tqdm(total=2 * len(STAGES) * (1 + rounds), desc="steps", unit="step") as bar:
        for name in STAGES:
            made = _Steps(model, name, getattr(config, name))
            figures[name] = {}
            for way in ("pixels", "cache"):
                batch = _made_up(model, name, batch_size, way, config.data.cache_layers)
                operations = made.operations(batch)  # warms up as well
                bar.update()
                seconds = []
                for _ in range(rounds):
                    seconds.append(made.seconds(batch))
                    bar.update()
                found = {"seconds": statistics.median(seconds), "operations_an_example": operations / batch_size}
                figures[name][f"from_{way}"] = found
    return figures


def _made_up(model: PriorRGModel, name: str, batch: int, way: str, cache_layers: bool) -> dict[str, Tensor]:
    """Random inputs named as the collator names them, float16 features as the cache holds them."""
    config, vision = model.config, model.config.vision_config
    is_stage1, shapes = name == "stage1", row_shapes(model)

    def words(length: int) -> Tensor:
        return torch.randint(0, config.vocab_size, (batch, length))

    length = config.stage1_tokens if is_stage1 else config.max_context_tokens
    made = {
        "has_prior": torch.ones(batch, dtype=torch.bool),
        "view_ids": torch.zeros(batch, dtype=torch.long),
        "prior_view_ids": torch.zeros(batch, dtype=torch.long),
        "context_input_ids": words(length),
        "context_attention_mask": torch.ones(batch, length, dtype=torch.long),
    }
    report = words(config.stage1_tokens if is_stage1 else config.max_report_tokens)
    if is_stage1:
        made["report_input_ids"], made["report_attention_mask"] = report, torch.ones_like(report)
        made["study_numbers"] = torch.arange(batch)
    else:
        made["decoder_input_ids"] = report[:, :-1]
        made["labels"] = report[:, 1:]
    pixels = (batch, vision.num_channels, vision.image_size, vision.image_size)
    if way == "pixels":
        return made | {"pixel_values": torch.randn(pixels), "prior_pixel_values": torch.randn(pixels)}
    made["prior_last_hidden_state"] = torch.randn(batch, *shapes["last"]).half()
    if not is_stage1 and not cache_layers:
        return made | {"pixel_values": torch.randn(pixels)}
    made["current_last_hidden_state"] = torch.randn(batch, *shapes["last"]).half()
    if not is_stage1:
        made["current_hidden_states"] = torch.randn(batch, *shapes["layers"]).half()
    return made


def data_table(figures: dict[str, Any]) -> str:
    """What `from_data` found, as text."""
    lines = [
        f"{figures['device']}, {figures['threads']} threads; the cache was written at "
        f"{figures['images_a_second_while_caching']:.1f} images/s ({figures['images']} images)",
        f"{'':8}{'from pixels':>24}{'from the cache':>24}{'ratio':>8}",
    ]
    for name in STAGES:
        cells = [
            f"{figures[name][way]['examples_a_second']:.1f}/s ({figures[name][way]['share_of_loading']:.0%} loading)"
            for way in ("pixels", "cache")
        ]
        lines.append(f"{name:8}{cells[0]:>24}{cells[1]:>24}{figures[name]['cache_over_pixels']:>8.2f}")
    loading, computing = _times(figures["stage1"]["pixels"])
    lines.append(
        f"Loading from pixels keeps up with stage 1 from {max(1, math.ceil(loading / computing))} loading processes on "
        "(stage1.workers), if each has a core of its own."
    )
    return "\n".join(lines)


def _times(way: dict[str, float]) -> tuple[float, float]:
    """Seconds of loading and of computing an example."""
    whole = 1 / way["examples_a_second"]
    return whole * way["share_of_loading"], whole * (1 - way["share_of_loading"])


def scale_table(figures: dict[str, Any], config: RunConfig, tflops: float, examples: int) -> str:
    """What `at_scale` found, as text, and the hours that follow for a device of `tflops` and so many examples."""
    lines = [
        f"{figures['parameters'] / 1e6:.0f}M parameters; one step of {figures['batch']} studies with prior on "
        f"{figures['device']}, {figures['threads']} threads",
        f"hours: {examples} examples on one device at {tflops:g} TFLOP/s sustained (assumptions: --examples, --tflops)",
    ]
    for name in STAGES:
        epochs = getattr(config, name).epochs
        for way, found in figures[name].items():
            operations = found["operations_an_example"]
            hours = operations * examples * epochs / (tflops * 1e12) / 3600
            lines.append(
                f"{name} {way.replace('_', ' '):12}{found['seconds']:8.1f} s a step{operations / 1e12:8.2f} TFLOP an "
                f"example{hours:8.1f} hours for {epochs:g} epochs"
            )
    return "\n".join(lines)
