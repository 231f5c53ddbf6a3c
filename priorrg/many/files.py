"""What a manifest's run writes beside its lines where it is asked to: overlays as arrays, and DICOM objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from priorrg import texts
from priorrg.errors import ExportError
from priorrg.explain.overlays import explain, methods_of
from priorrg.export.contents import ReportExport
from priorrg.reporting.events import ReportDone
from priorrg.reporting.reporter import Reporter
from priorrg.study import Study

OVERLAYS, SR, GSPS = KINDS = ("overlays", "sr", "gsps")
_ENDINGS = {OVERLAYS: ".overlays.npz", SR: ".sr.dcm", GSPS: ".gsps.dcm"}


def folder_of(output: Path) -> Path:
    """Where the files of `reports.jsonl` lie: the folder `reports.files` beside it."""
    return output.with_suffix(".files")


def write_files(
    reporter: Reporter, study: Study, draft: str, done: ReportDone, image: Path, stem: Path, kinds: Sequence[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Write the kinds that this study can have. Gives kind -> file name, and kind -> why there is none.

    image: the file of the current radiograph. stem: path of the files without their endings. The arrays of overlays are
    `current` (S, G, G) float32, a grid a sentence over the centred square that the model saw (docs/serving.md),
    `prior` alike, empty without one, `sentences` (S,), and `statements`, as in every export. Raises ExportError where a
    file cannot be written.
    """
    method = methods_of(reporter.config)[0]
    overlays = tuple(explain(reporter, study, done.tokens, done.sentences, method))
    now = datetime.now().astimezone()
    export = ReportExport(
        *(study, draft, done.text, done.sentences, reporter.card, now),
        overlays=overlays,
        method=method,
        is_cut=done.is_cut,
    )
    names, refused = {}, {}
    for kind in kinds:
        file = stem.with_name(stem.name + _ENDINGS[kind])
        try:
            if kind == OVERLAYS:
                _save_arrays(file, export)
            else:
                file.write_bytes(_writer(kind, image)(export))
            names[kind] = file.name
        except ExportError as error:
            refused[kind] = str(error)
        except OSError as error:
            raise ExportError(texts.many.UNWRITABLE.format(file=file, reason=error.strerror or error)) from None
    return names, refused


def _writer(kind: str, image: Path) -> Callable[[ReportExport], bytes]:
    from priorrg.export.dicom_gsps import write_gsps  # highdicom takes seconds to import
    from priorrg.export.dicom_sr import write_dicom_sr

    return write_dicom_sr if kind == SR else lambda export: write_gsps(export, image)


def _save_arrays(file: Path, export: ReportExport) -> None:
    prior = [overlay.prior for overlay in export.overlays if overlay.prior is not None]
    np.savez_compressed(
        file,
        current=np.array([overlay.current for overlay in export.overlays], dtype=np.float32),
        prior=np.array(prior, dtype=np.float32),
        sentences=np.array([overlay.sentence.text for overlay in export.overlays], dtype=str),
        method=np.array(export.method),
        statements=np.array(export.statements(), dtype=str),
    )
