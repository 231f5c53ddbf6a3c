"""The report's column: status line, draft and report, sentences, findings at a glance (assets/ui/report.js and its
neighbours). And DISCLAIMER, which stands wherever a report does."""

DISCLAIMER = (
    "PriorRG is a research demonstration, not a medical device. "
    "A report written here must not be used for patient care."
)

# The status line; what it says while a study is read is in reading.py

READY = "Ready. Press Generate."
NO_CURRENT = "Upload a current image to begin."
STARTING = "Starting"
TRACING = "Tracing each sentence to the images"
FINISHED = "Finished. Not a medical device: check every sentence against the images."
EMPTY = "The model wrote no sentence. That is not a normal report: nothing was found and nothing was ruled out."
CUT = "The report ends in the middle of a sentence: it had reached the length that these weights write at most."
CUT_AFTER_SENTENCE = "The report had reached the length that these weights write at most: more might have followed."
NOT_WRITTEN_ON = "Nothing was added. The report stands as it was."
LEFT_OUT = "[date or name left out of the training data]"
LEFT_OUT_REMARK = (
    "___ in the report stands for a date or name that was left out of the training data. It says nothing about this "
    "patient."
)
NO_LATERAL = "The report speaks of a lateral view, and none was read."
EMPTY_READING = "The model wrote no sentence here."
STOPPED = "Stopped. What was written until then stands below; it is not a whole report."
STOPPED_BEFORE = "Stopped before its turn came."
TRACING_STOPPED = (
    "Finished; its overlays were stopped: change the method under the images to have some. Not a medical device: check "
    "every sentence against the images."
)
OVERLAYS_FAILED = "Finished, but the overlays could not be computed. Not a medical device: check every sentence."
FAILED = "The reading failed. Your images and texts are still here: press Generate again."

# Round draft and report

DRAFT_FROM_MEMORY = "Draft: context and comparison. Refined: with fine detail."
DRAFT_FROM_WHOLE = (
    "These weights were never taught a coarse memory: the draft is a greedy reading of the whole memory, the refined "
    "report its beam search."
)
RECEIVED_PRIOR = "View position: current {view}, prior {prior_view}"
RECEIVED_ALONE = "View position: current {view}; no prior image"

# Sentences, and what they say

CONFIDENCE = "Confidence: {level}, {percent} %"
CONFIDENCE_LEVELS = {"high": "high", "medium": "medium", "low": "low"}
CALIBRATED = (
    "{percent} % of sentences written as surely had their facts right, as measured on held-out simulated studies."
)
UNCALIBRATED = (
    "How sure the model was of its words, {percent} %. How often such sentences are right was never measured."
)
NOT_FOR_THIS_FILM = "Measured on simulated films alone: it says nothing of this one."
# Beside a report on a film that does not come from the simulator, by weights that learned from nothing else
REAL_FILM = (
    "These weights learned from simulated films alone. An image here is none, so what is written below means nothing."
)
REPORT_FINDINGS = {
    "effusion": "pleural effusion",
    "pneumothorax": "pneumothorax",
    "opacity": "opacity, consolidation",
    "edema": "edema",
    "atelectasis": "atelectasis",
    "cardiomegaly": "cardiomegaly",
    "nodule": "nodule, mass",
    "hyperinflation": "hyperinflation",
    "fracture": "fracture",
    "vascular congestion": "vascular congestion",
    "heart failure": "heart failure, fluid overload",
    "pleural collection": "hemothorax, empyema",
    "pneumonia": "pneumonia",
    "aspiration": "aspiration",
    "contusion": "contusion",
    "hemorrhage": "hemorrhage",
    "malignancy": "malignancy",
    "interstitial change": "interstitial change, scarring",
    "emphysema": "emphysema",
    "low lung volumes": "low lung volumes",
    "pleural thickening": "pleural thickening",
    "mediastinal widening": "mediastinal widening",
    "mediastinal shift": "mediastinal shift",
    "hilar enlargement": "hilar enlargement",
    "aortic tortuosity": "tortuous or wide aorta",
    "aortic calcification": "calcified aorta",
    "subcutaneous emphysema": "subcutaneous emphysema",
    "pneumomediastinum": "pneumomediastinum",
    "free air": "free air below the diaphragm",
    "elevated hemidiaphragm": "elevated hemidiaphragm",
    "hiatal hernia": "hiatal hernia",
    "bone abnormality": "bones: other than fracture",
    "prior surgery": "earlier surgery",
    "endotracheal tube": "endotracheal tube",
    "tracheostomy tube": "tracheostomy tube",
    "central venous catheter": "central venous catheter",
    "pulmonary artery catheter": "pulmonary artery catheter",
    "nasogastric tube": "nasogastric tube",
    "chest drain": "chest drain",
    "pacemaker": "pacemaker",
    "balloon pump": "heart pump",
    "sternotomy wires": "sternotomy wires",
    "prosthetic valve": "prosthetic valve",
    "surgical clips": "surgical clips",
    "support devices": "lines and tubes as a group",
}
REPORT_SIDES = {"right": "right", "left": "left", "bilateral": "both sides", "": ""}
REPORT_PRESENCE = {
    "present": "present",
    "possible": "possible",
    "absent": "absent",
    "resolved": "resolved",
    "unstated": "not stated",
}
REPORT_CHANGES = {
    "new": "new",
    "larger": "larger",
    "unchanged": "unchanged",
    "smaller": "smaller",
    "resolved": "resolved",
    "moved": "moved",
}

REPORT_SEVERITIES = {
    "mild": "mild",
    "moderate": "moderate",
    "severe": "severe",
    "mild to moderate": "mild to moderate",
    "mild to severe": "mild to severe",
    "moderate to severe": "moderate to severe",
}
REPORT_SIZES = {  # the same of what is large or small
    "mild": "small",
    "moderate": "moderate",
    "severe": "large",
    "mild to moderate": "small to moderate",
    "mild to severe": "small to large",
    "moderate to severe": "moderate to large",
}
REPORT_ZONES = {"upper": "upper zone", "mid": "mid zone", "lower": "lower zone"}
REPORT_TIP = "tip {where}"

# What a sentence hangs on (priorrg/explain/knowledge.py)

SOURCES = {"prior": "the prior image", "context": "indication and history", "current": "the current image"}
HANGS_ON = " It hangs on {what}: withheld, it would have been less than a tenth as likely."
HANGS_ON_NONE = " It hangs on none of current image, prior image and context alone."

# The column itself

REPORT = {
    "changes": REPORT_CHANGES,
    "steps": {
        "waiting": "Waiting",
        "images": "Reading images",
        "encoding": "Encoding",
        "drafting": "Drafting",
        "refining": "Refining",
        "tracing": "Tracing",
    },
    "stepsAbout": "Progress of the reading",
    "draft": "Coarse draft",
    "refined": "Refined report",
    "replay": "Replay: from the draft to the refined report",
    "held": "The draft. The refined report takes its place",
    "views": "Which text is shown",
    "showChanges": "Show changes",
    "onlyDraft": "only in the draft",
    "choose": "Select a sentence: both images show where it came from, and you can edit it or mark it as wrong.",
    "grounding": (
        "Finding: where what this sentence names is likely to be; nothing is drawn where the image does not show it."
    ),
    "attention": "Attention: where the model looked while it wrote this sentence.",
    "gradient": "Gradient: the patches that this sentence's probability hangs on.",
    "shares": " Current image {current} %, prior image {prior} %.",
    "noProof": " No proof that the sentence is right.",
    "notTraced": "No overlay was computed for this sentence.",
    "noOverlay": "This sentence is yours: there is no overlay of it, or not yet.",
    "edit": "Edit",
    "editAbout": "Edit: {text}",
    "editing": "Sentence {number}, being edited. Enter keeps it, Escape takes it back.",
    "remove": "Delete",
    "removeAbout": "Delete: {text}",
    "restore": "Restore",
    "restoreAbout": "Restore: {text}",
    "undo": "Undo",
    "undoAbout": "Undo: back to the model's sentence, {text}",
    "edited": "edited",
    "own": "added",
    "removed": "deleted",
    "add": "Add a sentence",
    "unfinished": "unfinished",
    "writeOn": "Write on",
    "writeOnAbout": "Write on: let the model go on with the report from where it ended",
    "markAbout": "Mark as wrong: {text}",
    "mark": "mark wrong …",
    "received": "What the model was given beside the images",
    "glance": "Findings at a glance",
    "glanceDraft": "Findings of the draft",
    "columns": ["Finding", "Side", "Presence", "Change", "Sentence"],
    "glanceNote": (
        "Read from the sentences by rules; they are not the model's own opinion. Of 186 sentences in radiologists' "
        "words that they had not met they read 8.6 % wrongly, of 105 in the manner of hospital reports 5.7 %."
    ),
}
