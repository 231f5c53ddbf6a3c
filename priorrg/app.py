"""Start the app: read settings, load weights, build the page, serve it. `priorrg app` and app.py come here.

What cannot be is refused in the order in which it costs: settings, the address, the logins and the feedback's file
before any library that takes seconds is imported, weights after it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from priorrg.errors import PriorRGError
from priorrg.settings import Settings, unknown_variables
from priorrg.ui.server import logs, scratch

MOST_CONNECTIONS = 1000  # an open page keeps two


def main(arguments: Sequence[str], program: str = "priorrg app") -> int:
    """Serve until somebody stops it. Exit status 0, or 2 with a sentence on stderr about what cannot be."""
    try:
        settings = Settings.read(arguments, program)
        print("\n".join(settings.lines()))
        for sentence in unknown_variables(os.environ):
            print(sentence, file=sys.stderr)
        settings.check_address()
        serve(settings)
    except PriorRGError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def serve(settings: Settings) -> None:
    """Raises a PriorRGError for whatever keeps it from starting."""
    folder = prepare_environment()
    from priorrg import texts
    from priorrg.feedback.store import FeedbackStore
    from priorrg.ui.login import Logins

    logins = Logins.read(settings.auth) if settings.auth else None
    feedback = FeedbackStore(settings.feedback)

    import uvicorn

    from priorrg.reporting import (
        kept,
        zero_gpu,  # before torch
    )
    from priorrg.reporting.heap import give_back_large_blocks
    from priorrg.reporting.on_device import is_gpu
    from priorrg.reporting.reporter import Reporter
    from priorrg.reporting.threads import use_threads
    from priorrg.ui.serve import build_app
    from priorrg.ui.server import metrics
    from priorrg.ui.server.bounds import PatientProtocol

    give_back_large_blocks()
    use_threads(settings.threads)
    reporter = Reporter.load(kept.resolve(settings.weights), settings.report_tokens, settings.precision)
    if is_gpu(reporter.device):
        reporter.warm_up()  # seconds that would otherwise be the first reader's
    logs.keep_texts_out(settings.log_level)  # until now there was no reader whose text could be told
    app = build_app(settings, reporter, logins, feedback, folder)
    if settings.metrics:
        metrics.serve(settings.metrics)
    if settings.session_dataset:
        from priorrg.sessions.hub import Sender

        Sender(settings.session_folder, settings.session_database, settings.session_dataset).start()
    zero_gpu.start(app.state.page.blocks, settings.port)
    print(f"weights loaded: {reporter.card.name}. {reporter.card.note}\n{texts.report.DISCLAIMER}")
    address = f"http://{'localhost' if settings.host in ('127.0.0.1', '0.0.0.0') else settings.host}:{settings.port}"
    print(f"Open {address}\n{texts.operator.AT_START.format(address=address + app.state.operator)}", flush=True)
    # uvicorn shuts down and then raises the signal again: an ordinary exit lets the upload folder go.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,  # logs.py says what is logged, and how
        access_log=False,  # names of uploaded files stand in addresses
        timeout_graceful_shutdown=3,
        http=PatientProtocol,
        ws="none",
        limit_concurrency=MOST_CONNECTIONS,
        proxy_headers=False,  # network.py reads them
        server_header=False,
    )


def prepare_environment() -> Path:
    """Before gradio is imported: no analytics, and uploads in a folder that only this user can read. Gives that folder.

    GRADIO_TEMP_DIR says where that folder is made; without it, where the system keeps what is temporary.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    parent = os.environ.get("GRADIO_TEMP_DIR")
    folder = scratch.claim(Path(parent) if parent else None)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    return folder
