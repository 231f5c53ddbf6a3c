"""Taking the report away (priorrg/ui/exports.py), and why it cannot be. What stands in the files is in export.py."""

EXPORTS = {
    "about": "Take the report away",
    "working": "Writing {form}: {seconds} s",
    "notCopied": "The browser keeps its clipboard closed to this page. Download the report as text.",
    "forms": {
        "copy": ["Copy", "Copy the report"],
        "text": ["Text", "Download as text"],
        "pdf": ["PDF", "Download as PDF, with both images and the overlays"],
        "dicom": ["DICOM SR", "Download as DICOM structured report"],
        "fhir": ["FHIR", "Download as FHIR R4 DiagnosticReport"],
    },
}
EXPORT_COPIED = "Copied, with the statement of what wrote it."
EXPORT_SAVED = "Saved as {name}."
EXPORT_FAILED = "The file could not be written. The report is still here; try another form."
EXPORT_UNKNOWN = "The report cannot be taken away in this form. Choose one of the buttons."
EXPORT_NO_REPORT = "There is no finished report to take away: none was written yet, or its images were changed since."
EXPORT_EMPTY = "There is nothing to take away: the report holds no sentence any more."

# Before anything is taken away (contents.py)

MAY_NAME = {
    "header": "The {side} may show a name: by its header there is writing in its pixels, and a PDF or an overlay shows "
    "it too.",
    "looks": "The {side} may show a name: there seems to be writing at its edge, and a PDF or an overlay shows it too. "
    "(A simple check; it errs.)",
}
IMAGES = {"current": "current image", "prior": "prior image"}

# Why a report cannot be taken away in the form that was asked for (dicom_sr.py, forms.py)

PRIVATE_KIND = (
    "No DICOM object can be written: the current image is a DICOM object of a private or unknown kind. "
    "Export it as a Digital X-Ray or Computed Radiography image, or take the report as PDF, text or FHIR."
)
NO_UIDS = (
    "No DICOM object can be written: the current image's DICOM file lacks its study, series or instance "
    "UID, so there is no study that the report could belong to. Export the image again, or take the report as PDF, "
    "text or FHIR."
)
NO_DICOM = (
    "No DICOM object can be written: the current image came as {source}, without a DICOM study that the report could "
    "belong to, and one in a made-up study would match no patient. Upload the image as DICOM, or take the report as "
    "PDF, text or FHIR."
)
AN_IMAGE = "an image"  # in the place of a source that is not known
