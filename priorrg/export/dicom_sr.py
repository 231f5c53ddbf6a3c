"""The report as a DICOM structured report (Enhanced SR, template TID 2000) in the study that it reports on.

highdicom writes it: it knows content trees and evidence as the standard wants them (PS3.3 A.35.2, PS3.16 TID 2000).
There is none for PNG and JPEG: a structured report lives in a study, and one in a made-up study would reach an archive
as a report on nobody, which no system could ever match with its patient.
"""

from __future__ import annotations

import io
import logging

import pydicom
from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    EnhancedSR,
    ImageContentItem,
    LanguageOfContentItemAndDescendants,
    RelationshipTypeValues,
    TextContentItem,
    UIDRefContentItem,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid
from pydicom.valuerep import DA, TM

from priorrg import texts
from priorrg.errors import ExportError
from priorrg.export.contents import ReportExport, check_reference, described, equipment
from priorrg.report.facts import PRESENT, Fact, read_facts
from priorrg.study import DicomReference, Radiograph

# It logs the UIDs of what it copies from.
logging.getLogger("highdicom").setLevel(logging.WARNING)

CONTAINS, PROPERTY = RelationshipTypeValues.CONTAINS, RelationshipTypeValues.HAS_PROPERTIES
# SNOMED CT, as far as the dictionary of the DICOM standard holds a code for what reports name.
CODED = {
    "effusion": codes.SCT.PleuralEffusion,
    "pneumothorax": codes.SCT.Pneumothorax,
    "edema": codes.SCT.PulmonaryEdema,
    "cardiomegaly": codes.SCT.Cardiomegaly,
    "nodule": codes.SCT.Nodule,
    "pneumomediastinum": codes.SCT.Pneumomediastinum,
}
SIDES = {"left": codes.SCT.Left, "right": codes.SCT.Right, "bilateral": codes.SCT.RightAndLeft}


def write_dicom_sr(export: ReportExport) -> bytes:
    """A DICOM file (PS3.10) with one Enhanced SR object: preliminary, partial, unverified, without a patient.

    Raises ExportError where the current image did not come as a DICOM object with UIDs.
    """
    reference = check_reference(export.study.current)
    prior = export.study.prior.reference if export.study.prior else None
    evidence = [_evidence(found) for found in (reference, prior) if found is not None]
    try:
        report = EnhancedSR(
            evidence=evidence,
            content=_content(export, reference, prior),
            series_instance_uid=generate_uid(prefix=None),
            series_number=9900,
            sop_instance_uid=generate_uid(prefix=None),
            instance_number=1,
            **equipment(export.card),
            series_description=texts.export.SERIES_DESCRIPTION,
            specific_character_set="ISO_IR 192",  # UTF-8: a human may have written anything
        )
    except KeyError:  # highdicom looks up the modules of the object that it points at
        raise ExportError(texts.exports.PRIVATE_KIND) from None
    moment = export.written_at
    report.ContentDate, report.ContentTime = DA(moment.date()), TM(moment.time().replace(microsecond=0))
    report.TimezoneOffsetFromUTC = moment.strftime("%z") or "+0000"
    report.CompletionFlagDescription = texts.export.COMPLETION
    report.PatientIdentityRemoved = "YES"
    report.DeidentificationMethod = texts.export.DEIDENTIFICATION  # LO
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, report, enforce_file_format=True)
    return stream.getvalue()


def _evidence(reference: DicomReference) -> Dataset:
    """As much of the object pointed at as highdicom asks for; the patient and the visit are empty."""
    data = Dataset()
    data.StudyInstanceUID, data.SeriesInstanceUID = reference.study_uid, reference.series_uid
    data.SOPInstanceUID, data.SOPClassUID = reference.instance_uid, reference.sop_class_uid
    data.PatientID = data.PatientName = data.PatientBirthDate = data.PatientSex = ""
    data.AccessionNumber = data.StudyID = data.StudyDate = data.StudyTime = data.ReferringPhysicianName = ""
    return data


def _content(export: ReportExport, current: DicomReference, prior: DicomReference | None) -> ContainerContentItem:
    """The content tree: language, observer, study, then a section (CID 7001) for each thing that a report says."""
    study = export.study
    context = RelationshipTypeValues.HAS_OBS_CONTEXT
    items: list[ContentItem] = [
        *LanguageOfContentItemAndDescendants(CodedConcept("en", "RFC5646", "English")),
        CodeContentItem(codes.DCM.ObserverType, codes.DCM.Device, relationship_type=context),
        *DeviceObserverIdentifyingAttributes(
            uid=generate_uid(entropy_srcs=[export.model]),  # the same for the same model and version
            name=export.model,
            manufacturer_name="PriorRG",
            model_name=export.card.name,
        ),
        UIDRefContentItem(codes.DCM.ProcedureStudyInstanceUID, current.study_uid, relationship_type=context),
    ]
    procedure = codes.cid7002.ProcedureDescription
    about = [*export.statements(), texts.export.MATCHING, texts.export.CODES_NOTE]
    sections = [
        (codes.cid7001.Summary, [_text(codes.cid7002.Summary, said) for said in about]),
        (codes.cid7001.IndicationsForProcedure, _texts(codes.cid7002.Request, export.context.indication)),
        (codes.cid7001.History, _texts(codes.cid7002.History, export.context.history)),
        (
            codes.cid7001.CurrentProcedureDescriptions,
            [_text(procedure, described(study.current)), _image(codes.DCM.SourceImage, current)],
        ),
        (codes.cid7001.PriorProcedureDescriptions, _prior(study.prior, prior)),
        (codes.cid7001.Findings, [_finding(text, is_models) for text, is_models in export.text_sentences()]),
    ]
    for name, found in sections:
        if found:
            section = ContainerContentItem(name, is_content_continuous=False, relationship_type=CONTAINS)
            section.ContentSequence = ContentSequence(found)
            items.append(section)
    root = ContainerContentItem(codes.cid7000.DiagnosticImagingReport, is_content_continuous=False, template_id="2000")
    root.ContentSequence = ContentSequence(items)
    return root


def _text(name: Code, value: str) -> ContentItem:
    return TextContentItem(name, value, relationship_type=CONTAINS)


def _texts(name: Code, value: str) -> list[ContentItem]:
    return [_text(name, value)] if value else []


def _image(name: Code, reference: DicomReference) -> ContentItem:
    return ImageContentItem(name, reference.sop_class_uid, reference.instance_uid, relationship_type=CONTAINS)


def _prior(radiograph: Radiograph | None, reference: DicomReference | None) -> list[ContentItem]:
    if radiograph is None:
        return [_text(codes.cid7002.ProcedureDescription, texts.export.NO_PRIOR_READ)]
    said = described(radiograph)
    if reference is None:
        said = texts.export.PRIOR_WITHOUT_REFERENCE.format(described=said)
        return [_text(codes.cid7002.ProcedureDescription, said)]
    return [_text(codes.cid7002.ProcedureDescription, said), _image(codes.cid7003.Baseline, reference)]


def _finding(text: str, is_models: bool) -> ContentItem:
    """One sentence with the findings in it that have a code.

    The document's observer is the model, so what a human wrote says so itself.
    """
    finding = _text(codes.cid7002.Finding, text)
    inside: list[ContentItem] = [_coded(fact) for fact in read_facts(text) if _has_code(fact, text)]
    if not is_models:
        inside.append(TextContentItem(codes.DCM.Comment, texts.export.HUMAN_SENTENCE, relationship_type=PROPERTY))
    if inside:
        finding.ContentSequence = ContentSequence(inside)
    return finding


def _has_code(fact: Fact, text: str) -> bool:
    if fact.finding == "nodule" and "nodul" not in text.lower():  # masses have no code here
        return False
    # Denied and doubted findings stay words: whoever overlooks a code's modifier would take it for the finding.
    return fact.presence == PRESENT and fact.finding in CODED


def _coded(fact: Fact) -> ContentItem:
    item = CodeContentItem(codes.cid7002.Finding, CODED[fact.finding], relationship_type=PROPERTY)
    if fact.side in SIDES:
        modifier = RelationshipTypeValues.HAS_CONCEPT_MOD
        side = CodeContentItem(codes.SCT.Laterality, SIDES[fact.side], relationship_type=modifier)
        item.ContentSequence = ContentSequence([side])
    return item
