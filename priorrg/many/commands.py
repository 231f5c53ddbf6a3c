"""The command line of many studies: `priorrg manifest FOLDER` and `priorrg report --manifest FILE`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from priorrg import texts
from priorrg.errors import ExportError, StudyError


def add_manifest_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a tree of DICOM files")
    parser.add_argument("--out", type=Path, help="CSV file to write (default: studies.csv in that folder)")


def manifest(arguments: argparse.Namespace) -> int:
    from priorrg.many.manifest import Row, studies_in, write_manifest

    rows, aside = studies_in(arguments.folder)
    output = arguments.out or arguments.folder / "studies.csv"
    here = output.absolute().parent

    def placed(path: str) -> str:
        absolute = (arguments.folder / path).absolute()
        return absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else absolute.as_posix()

    rows = [Row(row.id, placed(row.current), row.prior and placed(row.prior)) for row in rows]
    try:
        write_manifest(rows, output)
    except OSError as error:
        raise ExportError(texts.many.UNWRITABLE.format(file=output, reason=error.strerror or error)) from None
    print(texts.many.WRITTEN.format(file=output, studies=len(rows), priors=sum(bool(row.prior) for row in rows)))
    for why, count in aside.items():
        print(f"{count}: {texts.many.ASIDE[why]}")
    return 0


def report_all(arguments: argparse.Namespace) -> int:
    """One study of the manifest that cannot be read is a line with its error, and no failure of the run."""
    if (
        len(arguments.out) != 1
        or not arguments.out[0].endswith(".jsonl")
        or arguments.current
        or arguments.json
        or arguments.tokens
        or arguments.write_on
    ):
        raise StudyError(texts.many.USAGE)
    from priorrg.many import devices

    share = devices.share()
    from priorrg.many.manifest import read_manifest
    from priorrg.many.reports import job_of, write_reports
    from priorrg.reporting import kept
    from priorrg.reporting.reporter import Reporter
    from priorrg.reporting.threads import use_threads

    use_threads(0)
    file, output = Path(arguments.manifest), Path(arguments.out[0])
    rows = read_manifest(file)
    if arguments.cluster and share.count > 1:
        raise StudyError(texts.many.ONE_WAY)
    reporter = Reporter.load(kept.resolve(arguments.weights or ""), precision=arguments.precision)
    views = {view for row in rows for view in (row.view, row.prior_view) if view}
    for view in sorted(views):
        reporter.processor.check_view(view)
    job = job_of(reporter, file.parent, output, arguments.beams, arguments.files)
    is_main = share.number == 0
    if is_main:
        print(texts.report.DISCLAIMER, file=sys.stderr)
    on_progress = _progress(share.count) if is_main else lambda *_: None
    if arguments.cluster:
        from priorrg.many.cluster import Worker, write_reports_on

        del reporter  # the workers have their own
        worker = Worker(_known_everywhere(arguments.weights or ""), arguments.precision, job, Path.cwd())
        done, failed = write_reports_on(arguments.cluster, worker, rows, output, on_progress)
    else:
        done, failed = write_reports(reporter, rows, job, output, on_progress, share)
        share.leave()
    if is_main:
        print(texts.many.DONE.format(file=output, done=done, failed=failed))
    return 0


def _progress(processes: int) -> Callable[[int, int, int, int], None]:
    """Says how far a run is; of several processes that share what is missing, how far the first is with its own."""
    began = time.monotonic()

    def progress(done: int, failed: int, since: int, of: int) -> None:
        rate = (done - since) / (time.monotonic() - began)
        left = f"{(of - done) / rate / 60:.0f}"
        told = {"done": done, "studies": of, "failed": failed, "rate": f"{rate:.1f}", "minutes": left}
        said = texts.many.PROGRESS.format(**told)
        print(texts.many.FIRST_OF.format(processes=processes, said=said) if processes > 1 else said, file=sys.stderr)

    return progress


def _known_everywhere(weights: str) -> str:
    """What the workers load: a word or repository as it is, a folder by its whole path."""
    from priorrg.reporting import kept

    name = weights or kept.chosen() or kept.EMBEDDED
    return str(Path(name).absolute()) if Path(name).is_dir() else name
