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


def gathered(found: Mapping[str, str]) -> dict[str, str]:
    """What all processes found, the same in each: their mappings as one, in rank order."""
    if processes().num_processes == 1:
        return dict(found)
    return dict(gather_object(list(found.items())))
