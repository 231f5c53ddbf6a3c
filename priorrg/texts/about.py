"""About these weights, and where data goes (priorrg/ui/about.py)."""

ABOUT = {
    "weights": "Weights",
    "trained": "Trained on",
    "measured": "Measured",
    "confidence": "Confidence",
    "not measured": "No evaluation lies beside these weights.",
    "others": "Other weights",
    "how others": (
        "Start the app with PRIORRG_WEIGHTS=published: the authors' checkpoint is fetched and read with; a folder of "
        "your own does as well. docs/serving.md says more."
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
    "Images and text stay in this server's memory until you end the session, {away} minutes after you close the page "
    "or lose the connection, or for {minutes} idle minutes at most. Only what you send as feedback is kept: the texts, "
    "your rating and a digest of the pixels, never an image. An upload that you leave before it is read is deleted "
    "within half an hour. Use no patient data that you are not allowed to use here."
)
