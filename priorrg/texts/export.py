"""What stands in a report that is taken away, for whoever reads it later (priorrg/export), and why one cannot be.

Meanings of codes are the standards' own words and stay beside their codes, in English.
"""

# In every form (contents.py); the disclaimer before all of it is in report.py

TITLE = "Chest radiograph: preliminary report of a research model"
SIMULATED = "These weights learned from simulated images: on a real radiograph their report means nothing."
NOT_EDITED = "Written by the model alone: no human has edited this report."
EDITED = "Written by the model and then edited by a human; edited is not the same as approved."
HUMAN_SENTENCE = "Written or changed by a human."
MODEL = "Model: {model}."
CORRECTED = "{image}: corrected by the reader before it was read ({what})."
OTHER_WINDOW = "{image}: read through another window of its file, which the reader chose."
MEASURED = "{image}, measured by the reader: {what}."
MEASURES = {
    "mm": "{mm} mm",
    "pixels": "{pixels} pixels (the file gives no pixel spacing)",
    "distance": "distance {length}",
    "ratio": "cardiothoracic ratio {ratio} (heart {heart}, chest {chest})",
    "detector": "millimetres are those at the detector, larger than in the patient",
}
WRITTEN = "Written on {written}."

# What was read

FACT = "{name}: {value}"
FACTS = {
    "current": "Current image",
    "prior": "Prior image",
    "indication": "Indication",
    "history": "History",
}
NO_PRIOR = "none"
NO_CONTEXT = "none given"
VIEW_NOT_STATED = "view not stated"
DATE_NOT_STATED = "date not stated"
SOURCE_NOT_STATED = "source not stated"

# Headings (pdf.py), and those in plain text (text.py), where nothing else sets them off

HEADINGS = {
    "report": "Report",
    "as written": "As the model wrote it",
    "draft": "Coarse draft, before the model refined it",
    "greedy draft": "Draft: a greedy reading of the whole memory, before the beam search",
}
PLAIN_HEADINGS = {
    "report": "REPORT",
    "as written": "AS THE MODEL WROTE IT",
    "draft": "COARSE DRAFT, BEFORE THE MODEL REFINED IT",
    "greedy draft": "DRAFT: A GREEDY READING OF THE WHOLE MEMORY, BEFORE THE BEAM SEARCH",
}
NO_DRAFT = "none"

# The pages of the PDF (pdf.py)

SIDES = {"current": "Current", "prior": "Prior"}
NOTHING_COMPARED = "No prior image: nothing was compared."
SEEN_SQUARE = "Dashed: the square that the model was given."
MISSING_LETTERS = "Letters that this PDF's font lacks are boxes here; the report as text or FHIR has them."
OVERLAYS = "Where each sentence came from"
OVERLAYS_BEFORE_EDIT = "These are the model's own sentences, before a human edited the report."
METHODS = {
    "grounding": "Finding: where what the sentence names is likely to be; no outline where the image does not show it.",
    "attention": "Attention: where the model looked while it wrote the sentence.",
    "gradient": "Gradient: the patches that the sentence's probability hangs on.",
}
NO_PROOF = "No overlay is proof that a sentence is right."
LEGEND = (
    "70 % of what an overlay shows lies inside its outline, which is dashed on the prior. The weaker an overlay is, "
    "the paler is its line, on one scale for the report."
)
SHARE = "{image}: {percent} %"
FOOT = "{written}, page {number} of {count}"

# The DICOM structured report (dicom_sr.py). SERIES_DESCRIPTION, COMPLETION and DEIDENTIFICATION: 64 characters at most.

MATCHING = (
    "This object carries no patient: name, identifier, birth date and sex are left empty, because PriorRG keeps none. "
    "The receiving system must match it by its Study Instance UID."
)
SERIES_DESCRIPTION = "PriorRG, research only: match by Study Instance UID"
COMPLETION = "Preliminary and unverified; not for patient care"
DEIDENTIFICATION = "PriorRG keeps no patient data"
CODES_NOTE = "Coded findings were read out of the sentences by rules; the sentences count."
NO_PRIOR_READ = "No prior image was read."
PRIOR_WITHOUT_REFERENCE = "{described}; it was no DICOM object that could be pointed at."

# The DICOM presentation state (dicom_gsps.py). GSPS_DESCRIPTION, GSPS_LAYER: 64 characters at most.

GSPS_DESCRIPTION = "Where each sentence came from; no proof that one is right"
GSPS_LAYER = "Research demonstration, not a medical device"
GSPS_SENTENCE = "{number}. {sentence}"
GSPS_TURNED = (
    "No presentation state can be written: the current image was turned, mirrored or resampled while it was read, so "
    "outlines would not lie where they belong on its stored pixels."
)
GSPS_HEADER = (
    "No presentation state can be written: the header of the current image does not say as the DICOM standard wants it "
    "how its stored numbers become grey."
)
GSPS_NOTHING = "No presentation state can be written: no sentence of this report points at a place."

# The FHIR report (fhir.py)

NOBODY = "Patient not known to PriorRG: match by the Study Instance UID of the imaging study, if any"
OBSERVATION = "Sentence of the report"

# Which form a file's ending asks for (forms.py)

UNKNOWN_ENDING = (
    "'{path}' does not say in which form to write the report. End the name with .txt (text), .pdf (PDF), .dcm (DICOM "
    "structured report) or .json (FHIR R4 DiagnosticReport)."
)
