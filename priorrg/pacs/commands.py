"""`priorrg pacs`: a study from the hospital's server, read here.

On a clear yes its structured report goes back, and where its sentences point, as a presentation state.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import datetime

from priorrg import texts
from priorrg.errors import ExportError, PacsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("server", help="address of the DICOMweb service, such as https://pacs.example/dicom-web")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--study", metavar="UID", help="Study Instance UID; the patient's latest earlier films are its prior"
    )
    what.add_argument("--patient", metavar="ID", help="the two latest chest examinations of this patient")
    parser.add_argument("--indication", default="", help="why the study was asked for")
    parser.add_argument("--history", default="", help="what is known of the patient")
    parser.add_argument("--user", default="", help="login; its password is read from PACS_PASSWORD")
    parser.add_argument("--weights", help="`published`, a folder or a hub repository (default: those of `weights use`)")
    parser.add_argument(
        "--send", action="store_true", help="offer to send structured report and outlines back; asked first"
    )


def run(arguments: argparse.Namespace) -> int:
    from priorrg.explain.overlays import explain, methods_of
    from priorrg.export.contents import ReportExport
    from priorrg.export.dicom_gsps import write_gsps
    from priorrg.export.dicom_sr import write_dicom_sr
    from priorrg.imaging.open import read_radiograph
    from priorrg.imaging.pairs import sort_files
    from priorrg.pacs.server import Pacs
    from priorrg.reporting import kept
    from priorrg.reporting.events import read_to_end
    from priorrg.reporting.reporter import Reporter
    from priorrg.study import ClinicalContext, Study, check_context

    context = check_context(ClinicalContext(arguments.indication, arguments.history))
    server = Pacs(arguments.server, arguments.user, os.environ.get("PACS_PASSWORD", ""))
    files = server.with_prior(arguments.study) if arguments.study else server.latest(arguments.patient)
    films = [read_radiograph(file) for file in files]
    sorting = sort_files([("", film) for film in films])
    if sorting.current is None:
        raise PacsError(texts.pacs.NO_FILMS)
    study = Study(sorting.current, sorting.prior, context)
    reporter = Reporter.load(kept.resolve(arguments.weights or ""))
    print(f"{texts.report.DISCLAIMER}\nWeights: {reporter.card.name} ({reporter.card.kind})", file=sys.stderr)
    for side, film in (("Current", study.current), ("Prior", study.prior)):
        print(f"{side}: {film.view_position}, {film.study_date}" if film else f"{side}: none", file=sys.stderr)
    draft, done = read_to_end(reporter.stream(study))
    print(done.text)
    if arguments.send:
        print(texts.pacs.CONFIRM, file=sys.stderr)
        if sys.stdin.readline().strip().lower() != "yes":
            print(texts.pacs.NOT_SENT, file=sys.stderr)
            return 0
        now = datetime.now().astimezone()
        method = methods_of(reporter.config)[0]
        overlays = tuple(explain(reporter, study, done.tokens, done.sentences, method))
        export = ReportExport(
            *(study, draft, done.text, done.sentences, reporter.card, now),
            overlays=overlays,
            method=method,
            is_cut=done.is_cut,
        )
        objects = [write_dicom_sr(export)]
        try:
            current = next(file for film, file in zip(films, files, strict=True) if film is sorting.current)
            objects.append(write_gsps(export, current))
        except ExportError as error:
            print(texts.pacs.NO_OUTLINES.format(reason=error), file=sys.stderr)
        server.send(objects)
        print(texts.pacs.SENT, file=sys.stderr)
    return 0
