"""The page's frame: uploads, context, waiting, what these weights are, readings again, taking the report away."""

# The frame round the parts (priorrg/ui/page.py)

PAGE = {
    "tab": "PriorRG: reading a chest X-ray against its prior",
    "title": "PriorRG: chest X-ray and prior",
    "theme": "Light / dark",
    "log out": "Log out",
    "weights": "Weights: {name}. {note}",
    "upload": "{side}: DICOM, PNG, JPEG",
    "current": "Current",
    "prior": "Prior",
    "view": "{side}: view",
    "remove current": "Remove current",
    "remove prior": "Remove prior",
    "not stated": "not stated",
    "examples": "Simulated, and in no training. An image of your own replaces them.",
    "method": "Overlays show",
    "generate": "Generate",
    "stop": "Stop",
    "end": "End session",
    "ended": "The session is ended: its images and texts are forgotten.",
    "about": "About these weights, and where your data goes",
    "refused": "{side} image: {reason}",
    "kept": " The image before it is kept.",
}
METHODS = {
    "attention": "Attention: where the model looked",
    "gradient": "Gradient (slower): what the sentence hangs on",
}
LOST_UPLOAD = "The upload did not arrive whole. Upload the file once more."
NO_CURRENT_IMAGE = (
    "There is no current image. Upload one, or load an example study. (A session that was idle for long is forgotten.)"
)
LOG_IN_FIRST = "Log in first."

# Waiting for a turn (priorrg/ui/queue.py)

QUEUE_FULL = "The queue is full: {count} at most may wait here. Nothing of yours is lost; try again in a minute."
CLIENT_WAITS = (
    "{count} of your readings wait here already, as many as one reader or program may. Nothing of yours is lost; try "
    "again when one of them is done."
)
GROUP_WAITS = (
    "{count} readings from your address or login wait here already, and more of them may not. Nothing of yours is "
    "lost; try again in a minute."
)
WAITING_FOR_TURN = "Waiting for its turn"
ONE_BEFORE = "1 reading before yours. Yours begins by itself."
SEVERAL_BEFORE = "{count} readings before yours. Yours begins by itself."

# Indication and history (priorrg/ui/context.py)

CONTEXT = {
    "indication": "Indication",
    "indication asks": "Why was this study asked for? (may stay empty)",
    "history": "History",
    "history asks": "What is known of the patient? (may stay empty)",
    "examples": "Examples",
    "received": "What the model is given of it",
}
CONTEXT_LENGTH = (
    "{indication} and {history} of {characters} characters; together {tokens} of the {most} tokens that these weights "
    "read."
)
CONTEXT_EXAMPLES = {
    "indication": [
        "Shortness of breath, evaluate for pleural effusion.",
        "Chest pain, rule out pneumothorax.",
        "Follow-up, assess volume status.",
        "Check ETT placement.",
        "Fall down stairs, rule out rib fracture.",
    ],
    "history": [
        "Congestive heart failure.",
        "Fever and cough.",
        "Known colon cancer.",
        "Heavy smoker.",
    ],
}

# About these weights, and where data goes (priorrg/ui/about.py)

ABOUT = {
    "weights": "Weights",
    "trained": "Trained on",
    "measured": "Measured",
    "confidence": "Confidence",
    "not measured": "No evaluation lies beside these weights.",
    "others": "Other weights",
    "how others": (
        "python -m priorrg import-checkpoint brings the published checkpoint into a folder; start the app with "
        "PRIORRG_WEIGHTS=that/folder. docs/serving.md says more."
    ),
    "use": "Use",
    "research": (
        "Research and teaching only. This is not a medical device: no authority has cleared it, nobody has shown that "
        "it helps a patient, and a sentence, an overlay or a confidence may be wrong without any sign of it."
    ),
    "data": "Your data",
    "card": "The whole model card: recipe, figures, weak points (in a new tab)",
    "no card": "No model card lies beside these weights.",
}
WEIGHTS_KINDS = {
    "simulated": "Simulated radiographs alone, in this project.",
    "published": "The published checkpoint of the paper's authors.",
    "own": "Data of whoever trained them.",
}
CONFIDENCE_ERROR = (
    "Calibrated: over {sentences} sentences of the split '{measured_on}' the stated probability differs from the share "
    "that was right by {error} on average (expected calibration error)."
)
NO_CALIBRATION = "Not calibrated: the mean probability of a sentence's words."
MEASURED_ON = "On {studies} held-out studies, by `python -m train evaluate`: {figures}."
MEASURED = {
    "finding_micro_f1": "findings (micro-F1)",
    "change_macro_f1": "changes against the prior (macro-F1)",
    "laterality": "side right",
    "severity": "severity right",
    "answered": "questions of the indication answered",
}
EVALUATED_FINDINGS = {
    "effusion": "effusion",
    "pneumothorax": "pneumothorax",
    "opacity": "opacity",
    "edema": "edema",
    "atelectasis": "atelectasis",
    "cardiomegaly": "cardiomegaly",
    "nodule": "nodule",
    "hyperinflation": "hyperinflation",
    "fracture": "fracture",
    "endotracheal tube": "endotracheal tube",
    "central venous catheter": "central venous catheter",
    "nasogastric tube": "nasogastric tube",
    "chest drain": "chest drain",
    "pacemaker": "pacemaker",
    "sternotomy wires": "sternotomy wires",
}
WEAK_FINDINGS = "Hardly seen: {findings}."
WEAK_FINDING = "{finding} (F1 {f1})"
DATA_NOTICE = (
    "Images and text stay in this server's memory until you end the session, two minutes after you close the page, or "
    "for {minutes} idle minutes at most. Only what you send as feedback is kept: the texts, your rating and a digest "
    "of the pixels, never an image. An upload that you leave before it is read is deleted within half an hour. Use no "
    "patient data that you are not allowed to use here."
)

# What the prior knowledge changed (assets/ui/readings.js)

COMPARE = "What did the prior knowledge change?"
READINGS = {
    "about": (
        "The same study, read again with something withheld. Struck out: said in the full report and not here; "
        "underlined: said here alone."
    ),
    "reports": "The four reports",
    "differs": "Different facts",
    "same": "The same report, word for word.",
    "sameFacts": "Other words, the same facts.",
    "gone": "not said: {fact}",
    "said": "said here alone: {fact}",
    "changed": "{fact}",
    "stopped": "Stopped before this one was read.",
    "waiting": "Not read yet",
}
READINGS_WITH = "With prior and context"
READINGS_WITHOUT = {
    "prior": "Without the prior",
    "context": "Without the context",
    "both": "Without both",
}
READINGS_NOTHING = {
    "prior": "This study has no prior image: there is nothing to withhold.",
    "context": "This study has no indication and no history: there is nothing to withhold.",
    "both": "This study has neither prior nor context: there is nothing to withhold.",
}
READINGS_CHANGED = "{finding}: {before} → {after}"
READINGS_NO_COMPARISON = "{presence}, not compared"
READINGS_NONE = "There is no finished report to compare with. Press Generate first."
READINGS_BUSY = {
    "prior": "Reading again: without the prior",
    "context": "Reading again: without the context",
    "both": "Reading again: without both",
}
READINGS_DONE = "The readings differ in what the model was given, in nothing else. Read again in {seconds} s."
READINGS_FAILED = "Reading again failed. The report itself stands; press the button once more."
READINGS_STOPPED = "Stopped. What was read until then stands below."

# Taking the report away (assets/ui/exports.js); what stands inside the files is in export.py

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
