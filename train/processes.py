"""The processes of a run, one a GPU under torchrun, and what they tell each other besides gradients."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import torch
from accelerate import PartialState
from accelerate.utils import gather_object

# Reading every image or encoding it once takes hours at paper scale; torch's ten minutes would end the waiting ones.
PATIENCE = timedelta(days=2)


def processes() -> PartialState:
    """The processes of this run. Without a GPU accelerate must be told, or each would think that it is alone."""
    return PartialState(cpu=not torch.cuda.is_available(), timeout=PATIENCE)


def bfloat16_is_fast(device_type: str) -> bool:
    """Whether bfloat16 saves time: on GPUs and on processors with AVX-512. Others emulate it, tens of times slower."""
    return device_type != "cpu" or torch.backends.cpu.get_cpu_capability().startswith("AVX512")


def gathered(found: Mapping[str, str]) -> dict[str, str]:
    """What all processes found, the same in each: their mappings as one, in rank order."""
    if processes().num_processes == 1:
        return dict(found)
    return dict(gather_object(list(found.items())))
