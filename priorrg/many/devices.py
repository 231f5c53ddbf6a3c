"""Which share of a manifest is this process's, where `accelerate launch` (or torchrun) started several.

accelerate says who this process is and lets it wait for the others. Started alone it is not asked, and need not be
there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from priorrg import texts
from priorrg.errors import StudyError

PATIENCE = timedelta(days=7)  # that one process waits for the others at the end; torch's own would be 10 to 30 minutes


@dataclass(frozen=True)
class Share:
    """number: which of `count` processes this is, from 0. wait: returns when all of them have called it.

    leave: to be called at the end, behind the last wait.
    """

    number: int = 0
    count: int = 1
    wait: Callable[[], None] = lambda: None
    leave: Callable[[], None] = lambda: None


def share() -> Share:
    """This process's; of several it sees one GPU alone, if this is called before anything asks for one.

    Raises StudyError where several were started, but accelerate is missing or did not join them.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if "LOCAL_RANK" not in os.environ or started < 2:
        return Share()
    # Threads of a process begin on its first GPU, whichever the process chose: so there is only one.
    here, seen = int(os.environ["LOCAL_RANK"]), os.environ.get("CUDA_VISIBLE_DEVICES")
    if seen != "":
        gpus = seen.split(",") if seen else [str(gpu) for gpu in range(here + 1)]
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus[here % len(gpus)]
    try:
        from accelerate import PartialState
    except ImportError:
        raise StudyError(texts.many.NO_ACCELERATE) from None
    state = PartialState(cpu=True, timeout=PATIENCE)  # to wait takes no GPU
    if state.num_processes != started:  # each would take itself for the only one
        raise StudyError(texts.many.APART.format(started=started, joined=state.num_processes))
    return Share(state.process_index, state.num_processes, state.wait_for_everyone, state.destroy_process_group)
