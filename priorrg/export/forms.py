"""The forms in which a report can be taken away, by the ending of the file's name."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from priorrg import texts
from priorrg.errors import ExportError
from priorrg.export.contents import ReportExport, check_reference
from priorrg.study import Study


@dataclass(frozen=True)
class Form:
    """suffix and media type (RFC 6838) of a file; `module` and `function` write its text or bytes."""

    suffix: str
    media_type: str
    module: str
    function: str

    def write(self, export: ReportExport) -> bytes:
        """The file's bytes. Raises ExportError where this report cannot take this form."""
        # Imported when first needed: the FHIR and DICOM libraries take a second, and most readers want neither.
        function: Callable[[ReportExport], str | bytes] = getattr(importlib.import_module(self.module), self.function)
        written = function(export)
        return written.encode() if isinstance(written, str) else written


FORMS = {
    "text": Form(".txt", "text/plain", "priorrg.export.text", "write_text"),
    "pdf": Form(".pdf", "application/pdf", "priorrg.export.pdf", "write_pdf"),
    "dicom": Form(".dcm", "application/dicom", "priorrg.export.dicom_sr", "write_dicom_sr"),
    "fhir": Form(".json", "application/fhir+json", "priorrg.export.fhir", "write_fhir"),
}


def form_of(path: str | Path) -> Form:
    """The form that a file's ending asks for. Raises ExportError for an ending that asks for none."""
    suffix = Path(path).suffix.lower()
    for form in FORMS.values():
        if form.suffix == suffix:
            return form
    raise ExportError(texts.export.UNKNOWN_ENDING.format(path=path))


def check_form(form: Form, study: Study) -> None:
    """Raises ExportError where a report on this study could not take this form; before the study is read."""
    if form.suffix == ".dcm":
        check_reference(study.current)


def refusals(study: Study) -> dict[str, str]:
    """Which forms a report on this study cannot take -> why, for whoever has not asked for one yet."""
    found = {}
    for name, form in FORMS.items():
        try:
            check_form(form, study)
        except ExportError as error:
            found[name] = str(error)
    return found


def warm_up() -> None:
    """Import what the forms need, in a thread of its own: the libraries of DICOM and FHIR take seconds. Returns at
    once; whoever asks for a form meanwhile waits for it."""

    def run() -> None:
        for form in FORMS.values():
            importlib.import_module(form.module)

    threading.Thread(target=run, name="forms of export", daemon=True).start()
