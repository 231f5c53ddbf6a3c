"""The interpreter ends while something is computed: it waits for what somebody waits for, and nothing aborts it.

A daemon that is in torch at that moment, be it only to free a tensor, is made to leave by pthread_exit, at which C++
ends the process: "terminate called without an active exception".
"""

import subprocess
import sys

PROGRAM = """
import atexit, sys, threading
import numpy as np
import torch
from priorrg.reporting.batches import Batches
from priorrg.reporting.events import DraftWord
from priorrg.reporting.reporter import Reporter
from priorrg.study import Radiograph, Study

torch.set_num_threads(1)
film = Radiograph(np.full((64, 64), 2048, np.uint16), (2048.0, 4096.0), "PA", source="PNG", bits=12)
reporter, study = Reporter.load(sys.argv[1]), Study(film, film)

def powers(items):
    for _ in range(2000):
        items = [item @ item for item in items]
    return items

def read():
    threading.main_thread().join()
    *_, done = reporter.stream(study, with_draft=False, with_words=False)
    print("read after the end:", len(done.tokens))
    left.append(reporter.stream(study))
    assert any(isinstance(event, DraftWord) for event in left[0])
    begun.append(Batches(powers, 8).begin(torch.eye(50)))

@atexit.register
def tell():
    print("threads:", *[thread.name for thread in threading.enumerate()])
    print("computed:", begun[0].done())
    try:
        next(left[0])
    except RuntimeError as error:
        print("left:", error)

left, begun = [], []
threading.Thread(target=read, name="reader").start()
"""


def test_what_is_computed_when_the_interpreter_ends_is_over_before_it(save_small_model):
    weights = save_small_model(max_report_tokens=600)  # of so many none is over by then
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, weights], capture_output=True, encoding="utf-8", timeout=300, check=False
    )
    assert "terminate" not in ran.stderr and "Traceback" not in ran.stderr and ran.returncode == 0, ran.stderr
    told = dict(line.split(": ", 1) for line in ran.stdout.splitlines())
    assert told["read after the end"] == "599", "whoever reads on has all of it"
    assert told["left"] == "Nobody read on when the interpreter ended."
    assert told["computed"] == "True"
    assert told["threads"].split()[0] == "MainThread" and not {"writing", "batches"} & set(told["threads"].split())
