"""How many threads the model computes with.

Two threads on cores that others keep busy wait for each other at every product: they took 2.1 to 2.6 times as long as
one (python -m tests.benchmarks.threads 5, two cores under a load of 14). So torch's own choice holds on a machine that
is idle, and on a busy one as many as there are cores that are not busy all the time.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import torch

CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2, as seen in a container: microseconds, or max, of each period


def use_threads(asked: int) -> None:
    """asked: how many; 0 looks at the machine as it is now."""
    cores = os.cpu_count() or 1
    lent = max(1, math.floor(min(cores_allowed(), cores_of_container(CPU_LIMIT, cores))))
    torch.set_num_threads(asked or fitting(min(torch.get_num_threads(), lent), _load(), cores))


def fitting(most: int, load: float, cores: int) -> int:
    """Of `most` threads those for which a machine of so many cores under this load has room; one at least."""
    return max(1, min(most, math.ceil(cores - load)))


def cores_allowed() -> int:
    """How many cores this process may run on (taskset, a set of a container's); all where the system does not say."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def cores_of_container(limit: Path, cores: int) -> float:
    """How many cores' time the container that this runs in may take; `cores` where nothing bounds it.

    torch counts the cores of the machine: as many threads in a container of two cores' time would be halted in turn.
    """
    try:
        allowed, period = limit.read_text(encoding="utf-8").split()
        return min(cores, int(allowed) / int(period))
    except (OSError, ValueError, ZeroDivisionError):  # no such limit, or `max`
        return cores


def _load() -> float:
    """Processes that computed or waited for it during the last minute, on average; 0 where the system does not say."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows
        return 0.0
