"""What an export is made of, and what every export says of itself, whatever its form. No files, no formats."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from pydicom.uid import UID

import priorrg
from priorrg import texts
from priorrg.errors import ExportError
from priorrg.explain.overlays import Overlay
from priorrg.imaging.burned_in import writing_in
from priorrg.imaging.orientation import told, window_number
from priorrg.model.configuration import COARSE_FROM_WHOLE
from priorrg.plain_text import plain_text
from priorrg.report.sentences import Sentence, split_sentences
from priorrg.reporting.reporter import WeightsCard
from priorrg.study import UNKNOWN_VIEW, ClinicalContext, DicomReference, Radiograph, Study

GAP = re.compile(r"_{2,}")
LATERAL = re.compile(
    r"\blateral (?:view|radiograph|projection|film|image|chest)|\bfrontal and lateral\b", re.IGNORECASE
)
LATERAL_VIEWS = ("LATERAL", "LL", "LLD", "RL")


@dataclass(frozen=True, eq=False)
class ReportExport:
    """A finished report with all that may be taken away of it.

    draft, report: as the model wrote them; sentences are the report's, overlays one a sentence (or none at all), by
    `method`. edited: the report as a human left it, None where nobody touched it. written_at: with its time zone.
    measures: side -> what the reader measured on that image and wants to be told, in a phrase. is_cut: the model's
    report ended at its limit.
    """

    study: Study
    draft: str
    report: str
    sentences: tuple[Sentence, ...]
    card: WeightsCard
    written_at: datetime.datetime
    edited: str | None = None
    overlays: tuple[Overlay, ...] = ()
    method: str = "attention"
    measures: Mapping[str, str] = field(default_factory=dict)
    is_cut: bool = False

    @property
    def is_edited(self) -> bool:
        return self.edited is not None and self.edited.strip() != self.report.strip()

    @property
    def text(self) -> str:
        """The report that is handed out: the human's where there is one."""
        return with_words_for_gaps(plain_text((self.edited or "") if self.is_edited else self.report).strip())

    @property
    def written_text(self) -> str:
        """The report as the model wrote it."""
        return with_words_for_gaps(self.report)

    @property
    def draft_text(self) -> str:
        return with_words_for_gaps(self.draft) or texts.export.NO_DRAFT

    @property
    def draft_heading(self) -> str:
        """A key of HEADINGS: what the draft is with these weights."""
        return "draft" if self.card.coarse_draft != COARSE_FROM_WHOLE else "greedy draft"

    def text_sentences(self) -> list[tuple[str, bool]]:
        """The sentences of `text`, each with whether it stands as the model wrote it."""
        written = {with_words_for_gaps(sentence.text) for sentence in self.sentences}
        return [(sentence.text, sentence.text in written) for sentence in split_sentences(self.text)]

    @property
    def ends_cut(self) -> bool:
        """Whether `text` ends where the model's report met its limit: a human may have written another end."""
        last = self.sentences[-1].text if self.sentences else self.report
        return self.is_cut and _bare_end(self.text).endswith(_bare_end(with_words_for_gaps(plain_text(last))))

    @property
    def context(self) -> ClinicalContext:
        """Indication and history as plain text, however the study was made."""
        given = self.study.context
        return ClinicalContext(plain_text(given.indication), plain_text(given.history))

    @property
    def model(self) -> str:
        """Name and version of what wrote the report."""
        return f"{self.card.name}, PriorRG {priorrg.__version__}"

    @property
    def written(self) -> str:
        return self.written_at.isoformat(sep=" ", timespec="minutes")

    @property
    def authorship(self) -> str:
        """Whether a human has edited the report, in a sentence."""
        return texts.export.EDITED if self.is_edited else texts.export.NOT_EDITED

    @property
    def training(self) -> str:
        """What the weights learned from; of weights of simulated images, what that means."""
        parts = [self.card.note.strip(), texts.export.SIMULATED if self.card.kind == "simulated" else ""]
        return " ".join(part for part in parts if part)

    def statements(self) -> list[str]:
        """What stands in every export: disclaimer, authorship, model, training, corrections, measures, date."""
        return [
            texts.report.DISCLAIMER,
            self.authorship,
            texts.export.MODEL.format(model=self.model),
            *([self.training] if self.training else []),
            *_remarks(self.study, self.text, self.report if self.ends_cut else ""),
            *self.corrections(),
            *self.measured(),
            texts.export.WRITTEN.format(written=self.written),
        ]

    def corrections(self) -> list[str]:
        """What the reader did to the images before they were read, in a sentence each; usually none."""
        found = []
        for side, image in (("current", self.study.current), ("prior", self.study.prior)):
            name = texts.export.FACTS[side]
            if image is not None and image.orientation:
                found.append(texts.export.CORRECTED.format(image=name, what=told(image.orientation)))
            if image is not None and window_number(image):
                found.append(texts.export.OTHER_WINDOW.format(image=name))
        return found

    def measured(self) -> list[str]:
        """What the reader measured on the images, in a sentence each; usually none."""
        return [
            texts.export.MEASURED.format(image=texts.export.FACTS[side], what=what)
            for side, what in self.measures.items()
            if what
        ]

    def file_name(self, suffix: str) -> str:
        """A name without any identifier; suffix with its point."""
        return f"priorrg-report-{self.written_at:%Y%m%d-%H%M}{suffix}"


def check_reference(current: Radiograph) -> DicomReference:
    """What a DICOM structured report would point at. Raises ExportError where there is nothing to point at."""
    if current.reference is not None:
        if not UID(current.reference.sop_class_uid).keyword:  # none of the standard's: before the study is read
            raise ExportError(texts.exports.PRIVATE_KIND)
        return current.reference
    if current.source == "DICOM":
        raise ExportError(texts.exports.NO_UIDS)
    raise ExportError(texts.exports.NO_DICOM.format(source=current.source or texts.exports.AN_IMAGE))


class Equipment(TypedDict):
    """Enhanced General Equipment (PS3.3 C.7.5.2), by the arguments of highdicom's classes."""

    manufacturer: str
    manufacturer_model_name: str
    software_versions: str
    device_serial_number: str


def equipment(card: WeightsCard) -> Equipment:
    """What every DICOM object of ours says that it was made with."""
    return Equipment(
        manufacturer="PriorRG",
        manufacturer_model_name=card.name[:64],  # (0008,1090) is an LO
        software_versions=priorrg.__version__,
        device_serial_number="none",
    )


def remarks_before(study: Study) -> list[str]:
    """What whoever takes a report on this study away has to know first: which of its images may show a name."""
    said = []
    for side, radiograph in (("current", study.current), ("prior", study.prior)):
        found = writing_in(radiograph) if radiograph is not None else ""
        if found:
            said.append(texts.exports.MAY_NAME[found].format(side=texts.exports.IMAGES[side]))
    return said


def remarks_after(study: Study, text: str, is_cut: bool) -> list[str]:
    """What to know of a report that was written: it is empty, ends too early, or speaks of what nobody gave it."""
    if not text.strip():
        return [texts.report.EMPTY]
    said = _remarks(study, text, text if is_cut else "")
    if GAP.search(text):
        said.append(texts.report.LEFT_OUT_REMARK)
    return said


def _remarks(study: Study, text: str, cut: str) -> list[str]:
    """What of these holds of the file that a report is exported to, too. cut: the model's report if it ended early."""
    said = []
    if cut:
        is_whole = cut.rstrip().endswith((".", "!", "?"))
        said.append(texts.report.CUT_AFTER_SENTENCE if is_whole else texts.report.CUT)
    if LATERAL.search(text) and study.current.view_position.upper() not in LATERAL_VIEWS:
        said.append(texts.report.NO_LATERAL)
    return said


def _bare_end(text: str) -> str:
    """Without the point that an edited report is given where the model had none."""
    return text.rstrip().rstrip(".")


def with_words_for_gaps(text: str) -> str:
    """What de-identification left of the training reports' dates and names, in words: nobody shall fill it in."""
    return GAP.sub(texts.report.LEFT_OUT, text)


def described(radiograph: Radiograph) -> str:
    """A radiograph in words: view, date, size and source, as far as its file says so."""
    rows, columns = radiograph.pixels.shape
    facts = [
        radiograph.view_position if radiograph.view_position != UNKNOWN_VIEW else texts.export.VIEW_NOT_STATED,
        radiograph.study_date.isoformat() if radiograph.study_date else texts.export.DATE_NOT_STATED,
        f"{columns} x {rows}",
        radiograph.source or texts.export.SOURCE_NOT_STATED,
    ]
    return plain_text(", ".join(facts))


def facts(export: ReportExport) -> list[tuple[str, str]]:
    """(name, value) of what was read, in words: images and context."""
    study, given = export.study, export.context
    values = {
        "current": described(study.current),
        "prior": described(study.prior) if study.prior else texts.export.NO_PRIOR,
        "indication": given.indication or texts.export.NO_CONTEXT,
        "history": given.history or texts.export.NO_CONTEXT,
    }
    return [(texts.export.FACTS[name], value) for name, value in values.items()]


def fact(name: str, value: str) -> str:
    """One of these in a line."""
    return texts.export.FACT.format(name=name, value=value)
