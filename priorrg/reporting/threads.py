"""How many threads the model computes with.

Two threads on cores that others keep busy wait for each other at every product: they took 2.1 to 2.6 times as long as
one (python -m tests.benchmarks.threads 5, two cores under a load of 14). So torch's own choice holds on a machine that
is idle, and on a busy one as many as there are cores that are not busy all the time.
"""

from __future__ import annotations

import math
import os

import torch


def use_threads(asked: int) -> None:
    """asked: how many; 0 looks at the machine as it is now."""
    torch.set_num_threads(asked or fitting(torch.get_num_threads(), _load(), os.cpu_count() or 1))


def fitting(most: int, load: float, cores: int) -> int:
    """Of `most` threads those for which a machine of so many cores under this load has room; one at least."""
    return max(1, min(most, math.ceil(cores - load)))


def _load() -> float:
    """Processes that computed or waited for it during the last minute, on average; 0 where the system does not say."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows
        return 0.0
