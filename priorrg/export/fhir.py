"""The report as a FHIR R4 DiagnosticReport in JSON, with the images and the model that wrote it inside.

fhir.resources builds it, and so checks every value against the definitions of R4B (4.3.0), which are those of R4
(4.0.1) for all that is used here. There is no Patient: PriorRG keeps none.
"""

from __future__ import annotations

import base64
import uuid
from html import escape
from typing import Any

from fhir.resources.R4B.diagnosticreport import DiagnosticReport

import priorrg
from priorrg import texts
from priorrg.export.contents import ReportExport, described, fact
from priorrg.export.text import write_text
from priorrg.study import DicomReference, Radiograph

NOBODY = {"display": texts.export.NOBODY}
LOINC = "http://loinc.org"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
URI = "urn:ietf:rfc:3986"
STUDY_UID = "urn:dicom:uid"


def write_fhir(export: ReportExport) -> str:
    """The resource as JSON: preliminary, labelled as test data, each sentence an Observation.

    Images that came as DICOM objects are contained ImagingStudy resources; others are described in words.
    """
    study = export.study
    images = [("current", study.current), *([("prior", study.prior)] if study.prior else [])]
    imaging = [
        _imaging_study(side, radiograph, radiograph.reference) for side, radiograph in images if radiograph.reference
    ]
    observations = [
        _observation(number, text, is_models)
        for number, (text, is_models) in enumerate(export.text_sentences(), start=1)
    ]
    report: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "meta": {
            "security": [_coding("http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST", "test health data")]
        },
        "language": "en",
        "text": {"status": "generated", "div": _narrative(export)},
        "contained": [*imaging, _device(export), *observations],
        "identifier": [{"system": URI, "value": f"urn:uuid:{uuid.uuid4()}"}],
        "status": "preliminary",
        "category": [{"coding": [_coding("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology")]}],
        "code": {"coding": [_coding(LOINC, "18748-4", "Diagnostic imaging study")], "text": texts.export.TITLE},
        "subject": NOBODY,
        "issued": export.written_at.isoformat(timespec="seconds"),
        "result": [{"reference": f"#{observation['id']}"} for observation in observations],
        "imagingStudy": [{"reference": f"#{found['id']}"} for found in imaging],
        # Systems that show the conclusion alone still show what it is.
        "conclusion": "\n\n".join([export.text, *export.statements()]),
        "presentedForm": [
            {
                "contentType": "text/plain; charset=utf-8",
                "language": "en",
                "data": base64.b64encode(write_text(export).encode()).decode(),
                "title": texts.export.TITLE,
                "creation": export.written_at.isoformat(timespec="seconds"),
            }
        ],
    }
    if study.current.study_date:
        report["effectiveDateTime"] = study.current.study_date.isoformat()
    checked = DiagnosticReport.model_validate({name: value for name, value in report.items() if value})
    return checked.model_dump_json(indent=2)


def _coding(system: str, code: str, display: str) -> dict[str, str]:
    return {"system": system, "code": code, "display": display}


def _device(export: ReportExport) -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "id": "model",
        "manufacturer": "PriorRG",
        "deviceName": [{"name": export.card.name, "type": "model-name"}],
        "version": [{"value": priorrg.__version__}],
        "note": [{"text": said} for said in export.statements()],
    }


def _imaging_study(side: str, radiograph: Radiograph, reference: DicomReference) -> dict[str, Any]:
    modality = {"system": DICOM, "code": reference.modality}
    found: dict[str, Any] = {
        "resourceType": "ImagingStudy",
        "id": f"{side}-study",
        "identifier": [{"system": STUDY_UID, "value": f"urn:oid:{reference.study_uid}"}],
        "status": "available",
        "subject": NOBODY,
        "modality": [modality],
        "description": fact(texts.export.FACTS[side], described(radiograph)),
        "series": [
            {
                "uid": reference.series_uid,
                "modality": modality,
                "instance": [
                    {
                        "uid": reference.instance_uid,
                        "sopClass": {"system": URI, "code": f"urn:oid:{reference.sop_class_uid}"},
                    }
                ],
            }
        ],
    }
    if radiograph.study_date:
        found["started"] = radiograph.study_date.isoformat()
    return found


def _observation(number: int, text: str, is_models: bool) -> dict[str, Any]:
    """One sentence. Only what stands as the model wrote it names the model as its device."""
    human = {"note": [{"text": texts.export.HUMAN_SENTENCE}]}
    origin: dict[str, Any] = {"device": {"reference": "#model"}} if is_models else human
    return {
        "resourceType": "Observation",
        "id": f"sentence-{number}",
        "status": "preliminary",
        "code": {
            "coding": [_coding(LOINC, "59776-5", "Procedure findings Narrative")],
            "text": texts.export.OBSERVATION,
        },
        "subject": NOBODY,
        "valueString": text,
        **origin,
    }


def _narrative(export: ReportExport) -> str:
    """XHTML for a human: what this is stands before what it says."""
    context = export.context
    said = [
        *export.statements(),
        fact(texts.export.FACTS["indication"], context.indication) if context.indication else "",
        fact(texts.export.FACTS["history"], context.history) if context.history else "",
        *export.text.splitlines(),
    ]
    body = "".join(f"<p>{escape(part)}</p>" for part in said if part.strip())
    return f'<div xmlns="http://www.w3.org/1999/xhtml"><h2>{escape(texts.export.TITLE)}</h2>{body}</div>'
