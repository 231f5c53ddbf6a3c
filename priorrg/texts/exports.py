"""Taking the report away (priorrg/ui/exports.py); what stands inside the files is in export.py."""

EXPORTS = {
    "about": "Take the report away",
    "working": "Writing",
    "notCopied": "The browser keeps its clipboard closed to this page. Download the report as text.",
    "forms": [
        ["copy", "Copy", "Copy the report"],
        ["text", "Text", "Download as text"],
        ["pdf", "PDF", "Download as PDF, with both images and the overlays"],
        ["dicom", "DICOM SR", "Download as DICOM structured report"],
        ["fhir", "FHIR", "Download as FHIR R4 DiagnosticReport"],
    ],
}
EXPORT_COPIED = "Copied, with the statement of what wrote it."
EXPORT_SAVED = "Saved as {name}."
EXPORT_FAILED = "The file could not be written. The report is still here; try another form."
EXPORT_UNKNOWN = "The report cannot be taken away in this form. Choose one of the buttons."
EXPORT_NO_REPORT = "There is no finished report to take away: none was written yet, or its images were changed since."
EXPORT_EMPTY = "There is nothing to take away: the report holds no sentence any more."
