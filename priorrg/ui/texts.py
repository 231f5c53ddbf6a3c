"""The page's own texts, in one file that can be translated: constants and templates for str.format, by their part.

What the layers below say stands where it is said: reasons why a file cannot be read (imaging), the disclaimer
(report.py), what stands inside exported files (export), progress and truncation (reading.py, model/processing.py).
"""

# The page round the parts (priorrg/ui/page.py)

PAGE = {
    "tab": "PriorRG: reading a chest X-ray against its prior",
    "title": "PriorRG: chest X-ray and prior",
    "theme": "Light / dark",
    "weights": "Weights: {name}. {note}",
    "upload": "{side}: DICOM, PNG, JPEG",
    "current": "Current",
    "prior": "Prior",
    "view": "{side}: view",
    "remove": "Remove {side}",
    "not stated": "not stated",
    "examples": "Three simulated studies; none was in the training.",
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
QUEUE_FULL = "The queue is full: {count} at most may wait here. Nothing of yours is lost; try again in a minute."
TRACING_STOPPED = "The report is finished; its overlays were stopped. Choose a method under the images to have them."
LOST_UPLOAD = "The upload did not arrive whole. Upload the file once more."
NO_CURRENT_IMAGE = (
    "There is no current image. Upload one, or load an example study. (A session that was idle for long is forgotten.)"
)

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

# Feedback

FEEDBACK = {
    "title": "Feedback on this report",
    "how": "Mark sentences as wrong beside the report above; then:",
    "rating": "Rating",
    "corrected": "Corrected report",
    "comment": "Comment",
    "unsent": "Written about the report before and not sent",
    "send": "Send feedback",
    "no report": (
        "There is no finished report to give feedback on: none was written yet, or its images were changed since. What "
        "you wrote is still here."
    ),
    "no rating": "Choose a rating from 1 to 5 before sending. Everything else you wrote is still here.",
    "thanks": "Thank you. Your feedback is kept as number {number}; you can send another for the same report.",
}
RATINGS = {1: "1 useless", 2: "2", 3: "3", 4: "4", 5: "5 could sign"}

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
        "PRIORRG_WEIGHTS=that/folder. The README says more."
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
WEAK_FINDINGS = "Hardly seen: {findings}."
WEAK_FINDING = "{finding} (F1 {f1})"
DATA_NOTICE = (
    "Images and text stay in this server's memory until you end the session, two minutes after you close the page, or "
    "for {minutes} idle minutes at most. Only what you send as feedback is kept: the texts, your rating and a digest "
    "of the pixels, never an image. An upload that you leave before it is read is deleted within half an hour. Use no "
    "patient data that you are not allowed to use here."
)

# The viewer (assets/ui/viewer.js, tools.js)

VIEWER = {
    "current": "Current",
    "prior": "Prior",
    "noCurrent": "No current image yet",
    "noPrior": "No prior image: the report will not compare",
    "loading": "Loading the image",
    "failed": "The image did not reach the viewer. The model has it all the same.",
    "again": "Try again",
    "canvas": "{side} radiograph, {caption}",
    "window": "W {width}  L {level}",
    "scale": "{percent} %",
    "oneToOne": "1:1",
    "wholeLoading": "{scale} · loading all {width} x {height} pixels",
    "wholeFailed": "{scale} · coarse: not all of {width} x {height} pixels came, zoom again",
    "tools": "Viewer tools",
    "dragWindow": "Window",
    "dragPan": "Pan",
    "dragWindowAbout": "Dragging changes window and level",
    "dragPanAbout": "Dragging moves the image",
    "zoomIn": "+",
    "zoomInAbout": "Zoom in",
    "zoomOut": "−",
    "zoomOutAbout": "Zoom out",
    "fit": "Fit",
    "fitAbout": "Fit the whole image",
    "oneToOneAbout": "One pixel of the file on one pixel of the screen",
    "invert": "Invert",
    "invertAbout": "Exchange black and white",
    "reset": "Reset",
    "resetAbout": "Window, level, zoom and position as at the start",
    "link": "Linked",
    "linkAbout": "Both images move and change together",
    "wipe": "Wipe",
    "wipeAbout": "Lay the prior over the current image, with a line to drag",
    "flicker": "Flicker",
    "flickerAbout": "Show current and prior in turn at one place",
    "flickerByHand": "Your system asks for little motion: click the image to change it.",
    "swap": "Swap sides",
    "swapAbout": "Prior on the other side; remembered in this browser",
    "overlay": "Overlay",
    "overlayAbout": "Show the selected sentence's overlay",
    "opacity": "Overlay strength",
    "legendLow": "little",
    "legendHigh": "most, within each image",
    "notAligned": "Laid over each other by their frames: the anatomy is not aligned. Unlink to move one of them.",
    "divider": "Line between prior and current",
    "help": "?",
    "helpAbout": "Mouse, touch and keyboard",
    "helpTitle": "Viewer: mouse, touch and keyboard",
    "close": "Close",
    "shortcuts": "Single-key shortcuts are on",
    "opacityUp": "Stronger overlay",
    "opacityDown": "Weaker overlay",
    "moveKeys": "With an image in focus: move it",
    "toneKeys": "With an image in focus: window narrower or wider, image brighter or darker",
    "gestures": [
        ["Drag", "Window (left narrower, right wider) and level (up brighter, down darker), or move, as chosen"],
        ["Shift and drag, or the right or middle button", "The other of the two"],
        ["Wheel, or two fingers", "Zoom"],
        ["Double click", "Reset"],
        ["One finger", "Scrolls the page; once zoomed in, moves the image"],
    ],
    "helpNote": (
        "Window and level are in the values of the file and act on its full depth. Linked images change in "
        "proportion, each from its own start. A new image starts afresh; a new report changes nothing here."
    ),
}

# Notes on the two images, and several files at once (priorrg/ui/awareness.py)

NOTES = {
    "mark": "Check:",
    "exchange": "Exchange current and prior",
    "facts": "What the files say",
    "several": "Several files or a folder: sorted by date",
    "folder": "Choose a folder",
    "file": "File {number} of {count}",
    "none read": "None of these files could be read as a radiograph; the images on the page are kept.",
    "and": "; ",
    "current": "current image",
    "prior": "prior image",
    "": "current and the prior image",
}
SPANS = {
    "minutes": ("1 minute", "{count} minutes"),
    "hours": ("1 hour", "{count} hours"),
    "days": ("1 day", "{count} days"),
    "months": ("about 1 month", "about {count} months"),
    "years": ("about 1 year", "about {count} years"),
}
SIDES = {"L": "left", "R": "right", "B": "both", "U": "unpaired"}
REMARKS = {
    "older": "The prior is {span} older.",
    "swapped": "The prior is {span} younger than the current image: the two seem to be swapped.",
    "same day": "Both images are of the same day, and their times do not say which came first.",
    "no date": "No date for the {side}: which came first is as you placed them.",
    "same image": "Current and prior are the same image: a comparison will find no change.",
    "same examination": "Both images are of one examination: the prior is no earlier one.",
    "different people": "By their patient identifiers the two images are of different people.",
    "lateral": "The {side} is a lateral view. PriorRG compares frontal views (PA or AP): read its report with doubt.",
    "other modality": "By its header the {side} is no radiograph (modality {modality}): its report means nothing.",
    "other part": "By its header the {side} shows another part of the body ({part}): PriorRG reads chests only.",
    "one side": "By its header the {side} shows one side alone ({laterality}).",
    "looks": "The {side} does not look like an upright frontal chest radiograph: {reasons}. (A simple check; it errs.)",
    "used as current": "{file}{described} is the current image.",
    "used as prior": "{file}{described} is the prior.",
    "no prior among files": "None of the files can serve as its prior.",
    "no dates": "The files have no dates: they were taken in the order in which they came, the first as current image.",
    "some dates": "Files without a date were put behind those with one.",
    "aside: older": "{file}{described} is not used: PriorRG compares with the most recent prior.",
    "aside: lateral": "{file}{described} is set aside: a lateral view.",
    "aside: other modality": "{file}{described} is set aside: no radiograph, by its header.",
    "aside: other part": "{file}{described} is set aside: another part of the body, by its header.",
    "aside: copy": "{file}{described} is set aside: the same image once more.",
    "aside: same examination": "{file}{described} is set aside: of the same examination as the current image.",
    "aside: different people": "{file}{described} is set aside: by its identifier, of another person than the current "
    "image.",
    "not read": "{reason}",
    "no images": "{count} other files are no DICOM, PNG or JPEG and were left alone.",
    "too many": "{read} of the {count} files were looked at; the others were not. Choose those of one patient.",
}
DOUBTS = {
    "colour": "it is in colour",
    "few tones": "it has too few tones",
    "shape": "it is too long or too wide",
    "turned": "it seems to lie on its side",
    "inverted": "it seems inverted, dark where a chest is bright",
    "one-sided": "its two sides are not alike",
    "no lungs": "no two dark lung fields beside a bright middle were found",
}
FACTS = {
    "current": "Current",
    "prior": "Prior",
    "modality": "Modality",
    "part": "Body part",
    "view": "View position",
    "laterality": "Side",
    "date": "Study",
    "acquired": "Acquired",
    "size": "Size",
    "bits": "Depth",
    "assumed": "Assumed on reading",
    "missing": "not stated",
    "nothing": "nothing",
    "pixels": "{rows} rows, {columns} columns",
    "depth": "{bits} bit, {source}",
}

# The report: status line, draft and report, sentences, findings at a glance (assets/ui/report.js and its neighbours)

READY = "Ready. Press Generate."
NO_CURRENT = "Upload a current image to begin."
STARTING = "Starting"
WAITING_FOR_TURN = "Waiting for its turn"
ONE_BEFORE = "1 reading before yours. Yours begins by itself."
SEVERAL_BEFORE = "{count} readings before yours. Yours begins by itself."
DRAFTING = "Writing the coarse draft"
REFINING = "Refining the report"
TRACING = "Tracing each sentence to the images"
FINISHED = "Finished. Not a medical device: check every sentence against the images."
STOPPED = "Stopped. What was written until then stands below; it is not a whole report."
STOPPED_BEFORE = "Stopped before its turn came."
OVERLAYS_FAILED = "Finished, but the overlays could not be computed. Not a medical device: check every sentence."
FAILED = "The reading failed. Your images and texts are still here: press Generate again."
DRAFT_FROM_MEMORY = (
    "The draft is written from the context and the comparison of current and prior image; the refined report also "
    "from fine detail of the current image."
)
DRAFT_FROM_WHOLE = (
    "These weights were never taught a coarse memory: the draft is a greedy reading of the whole memory, the refined "
    "report its beam search."
)
RECEIVED_PRIOR = "View position: current {view}, prior {prior_view}"
RECEIVED_ALONE = "View position: current {view}; no prior image"
CONFIDENCE = "Confidence: {level}, {percent} %"
CONFIDENCE_LEVELS = {"high": "high", "medium": "medium", "low": "low"}
CALIBRATED = (
    "{percent} % of sentences written as surely had their facts right, as measured on held-out simulated studies."
)
UNCALIBRATED = "Mean probability of its words, {percent} %: not calibrated, it says little about the facts."
REPORT_FINDINGS = {
    "effusion": "pleural effusion",
    "opacity": "opacity, consolidation",
    "nodule": "nodule, mass",
}
REPORT_SIDES = {"right": "right", "left": "left", "bilateral": "both sides", "": ""}
REPORT_PRESENCE = {"present": "present", "possible": "possible", "absent": "absent", "resolved": "resolved"}
REPORT_CHANGES = {name: name for name in ("new", "larger", "unchanged", "smaller", "resolved", "moved")}
REPORT = {
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
    "views": "Which text is shown",
    "showChanges": "Show changes",
    "onlyDraft": "only in the draft",
    "empty": "The report will stand here.",
    "choose": "Select a sentence: both images show where it came from, and you can edit it or mark it as wrong.",
    "attention": "Attention: where the model looked while it wrote this sentence.",
    "gradient": "Gradient: the patches that this sentence's probability hangs on.",
    "shares": " Current image {current} %, prior image {prior} %.",
    "noProof": " No proof that the sentence is right.",
    "noOverlay": "This sentence is yours: the overlay belonged to the model's words.",
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
    "markAbout": "Mark as wrong: {text}",
    "mark": "mark wrong …",
    "received": "What the model was given beside the images",
    "glance": "Findings at a glance",
    "columns": ["Finding", "Side", "Presence", "Change", "Sentence"],
    "glanceNote": "Read from the sentences by rules; they are not the model's own opinion.",
}

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
READINGS_BUSY = "Reading again: {what}"
READINGS_DONE = "The readings differ in what the model was given, in nothing else. Read again in {seconds} s."
READINGS_FAILED = "Reading again failed. The report itself stands; press the button once more."
READINGS_STOPPED = "Stopped. What was read until then stands below."

# Taking the report away (assets/ui/exports.js); what stands inside the files is in priorrg/export/contents.py

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
