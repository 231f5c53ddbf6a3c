"""What depends on where a model runs: how the steps of its reports are taken, and how many studies are read at once."""

from __future__ import annotations

import torch

from priorrg.model.configuration import PriorRGConfig
from priorrg.model.decoding import ReportDecoder
from priorrg.model.fixed_steps import FixedDecoder, captured
from priorrg.model.modeling import PriorRGModel
from priorrg.reporting import zero_gpu
from priorrg.reporting.together import Decoder

MOST_AT_ONCE = 16  # readings; a step for more of them takes as much longer
FEATURES_AT_ONCE = 512 << 20  # bytes that the image features of all readings at once may take
IMAGES_AT_ONCE = 8  # of a batch: of more each takes as long
TOKENS_AT_ONCE = 1600  # of a batch on a CPU: of more each image takes as long, and all layers of all lie in memory
PART_FOR_FEATURES = 16  # or the 16th part of a GPU's memory, where that is more


def is_gpu(device: torch.device) -> bool:
    """Whether it is one that is there for good. ZeroGPU lends one to forks, in which nothing captured lives on."""
    return device.type == "cuda" and not zero_gpu.IS_ON


def studies_at_once(config: PriorRGConfig, device: torch.device) -> int:
    """How many may well be read at once: as many as their image features leave room for."""
    if zero_gpu.IS_ON:
        return 1
    vision, room = config.vision_config, FEATURES_AT_ONCE
    tokens = (vision.image_size // vision.patch_size) ** 2 + 1
    of_study = 2 * (vision.num_hidden_layers + 1) * tokens * vision.hidden_size * 4  # float32, with a prior
    if is_gpu(device):
        room = max(room, torch.cuda.get_device_properties(device).total_memory // PART_FOR_FEATURES)
    return max(1, min(MOST_AT_ONCE, room // of_study))


def images_at_once(config: PriorRGConfig, device: torch.device) -> int:
    """How many images are encoded as one batch: 8, on a CPU one of the paper's 1,370 tokens."""
    if device.type != "cpu":
        return IMAGES_AT_ONCE
    vision = config.vision_config
    tokens = (vision.image_size // vision.patch_size) ** 2 + 1
    return max(1, min(IMAGES_AT_ONCE, TOKENS_AT_ONCE // tokens))


def decoder_of(model: PriorRGModel, device: torch.device, precision: str) -> Decoder:
    """On a GPU one whose usual steps are captured here, before the first text."""
    if not is_gpu(device):
        return ReportDecoder(model.decoder, precision)
    config: PriorRGConfig = model.config  # type: ignore[assignment]
    rows, memory = studies_at_once(config, device) * config.num_beams, 3 * config.num_latents
    decoder = FixedDecoder(model.decoder, rows, config.max_report_tokens, memory, captured)
    decoder.warm_up()
    return decoder
