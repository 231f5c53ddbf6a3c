"""Start the app: read settings, load weights, build the page, serve it. Spaces runs this file."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

# Before gradio is imported: no analytics, and uploads in a folder that only this user can read.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
if "GRADIO_TEMP_DIR" not in os.environ:
    os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="priorrg-")
    atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)


def main() -> int:
    from priorrg.errors import PriorRGError
    from priorrg.settings import Settings, unknown_variables

    try:
        settings = Settings.read(sys.argv[1:], "python app.py")  # before the libraries that take seconds to import
        print("\n".join(settings.lines()))
        for sentence in unknown_variables(os.environ):
            print(sentence, file=sys.stderr)
        settings.check_address()

        from priorrg import texts
        from priorrg.reporting import zero_gpu  # before torch

        import torch  # isort: skip
        import uvicorn

        from priorrg.reporting.reporter import Reporter
        from priorrg.ui import uploads
        from priorrg.ui.serve import build_app

        if settings.threads:
            torch.set_num_threads(settings.threads)
        reporter = Reporter.load(settings.weights or None)
        app = build_app(settings, reporter)
        uploads.watch(Path(os.environ["GRADIO_TEMP_DIR"]))
        zero_gpu.start(app.state.page.blocks, settings.port)
    except PriorRGError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"weights loaded: {reporter.card.name}. {reporter.card.note}\n{texts.report.DISCLAIMER}")
    print(f"Open http://{'localhost' if settings.host in ('127.0.0.1', '0.0.0.0') else settings.host}:{settings.port}")
    # uvicorn shuts down and then raises the signal again: an ordinary exit lets the upload folder go.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level,
        access_log=False,  # names of uploaded files stand in addresses
        timeout_graceful_shutdown=3,
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
