"""A program that reads on ZeroGPU as far as that goes without one; test_where_it_runs.py starts it and looks at what it
prints. The package `spaces` is the real one: it forks workers and pickles what goes in and out. Stood in for are the
service that lends GPUs and the moving of weights between main memory and the GPU.
"""

import json
import multiprocessing
import sys
import threading
import types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

asked = []


class Lender(BaseHTTPRequestHandler):
    def do_POST(self):
        asked.append(self.path.split("?")[0])
        body = b"{}"
        if self.path.startswith("/schedule"):
            body = json.dumps({"idle": True, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "token"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main(weights: str, current: str, prior: str) -> None:
    import os

    lender = ThreadingHTTPServer(("127.0.0.1", 0), Lender)
    threading.Thread(target=lender.serve_forever, daemon=True).start()
    os.environ |= {
        "SPACES_ZERO_GPU": "true",
        "SPACES_ZERO_DEVICE_API_URL": f"http://127.0.0.1:{lender.server_port}",
        "OMP_NUM_THREADS": "1",
    }
    moving = types.ModuleType("spaces.zero.torch")
    for name in ("enter_mode", "patch", "unpatch", "pack", "init", "size", "move", "is_in_bad_fork"):
        setattr(moving, name, lambda *_, name=name, **__: 0 if name in ("pack", "size") else None)
    sys.modules["spaces.zero.torch"] = moving

    from priorrg.errors import StudyError
    from priorrg.explain.overlays import explain
    from priorrg.reporting import zero_gpu
    from priorrg.reporting.reporter import Reporter, read_study
    from priorrg.reporting.stopping import Stop
    from priorrg.study import ClinicalContext, Study

    reporter = Reporter.load(weights)
    page = types.SimpleNamespace()
    zero_gpu.start(page, 7860)
    found = {"at the start": list(asked), "port": page.server.config.port}

    def never(*_, **__):
        raise AssertionError("the model was called outside of a worker")

    main_process = os.getpid()
    forward = reporter.model.encode_image
    reporter.model.encode_image = lambda *a, **k: never() if os.getpid() == main_process else forward(*a, **k)

    study = read_study(current, prior, "Fever.")
    events = list(reporter.stream(study))
    done = events[-1]
    found["events"] = [type(event).__name__ for event in events]
    found["sentences"] = len(done.sentences)
    found["overlays"] = len(explain(reporter, study, done.tokens, done.sentences, "gradient"))
    found["encoded ahead"] = reporter.encode_ahead(study.current, lambda: True).result()
    found["remembered"] = reporter.images.holds(study.current)

    stop, words = Stop(), []
    for event in reporter.stream(study, stop):
        words.append(type(event).__name__)
        if words.count("DraftWord") == 2:
            stop.set()
    found["stopped"] = [words[-1], len(event.draft.split()), event.report]

    try:
        list(reporter.stream(Study(study.current, None, ClinicalContext("cough " * 9000))))
    except StudyError as error:
        found["error"] = str(error)
    found["lent"], found["given back"] = asked.count("/schedule"), asked.count("/release")
    print("FOUND", json.dumps(found))
    sys.stdout.flush()
    for worker in multiprocessing.active_children():  # or they would keep the output open, and whoever reads it waits
        worker.kill()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
