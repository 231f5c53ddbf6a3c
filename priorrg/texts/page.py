"""The page's frame: title, images, buttons, waiting for a turn."""

# The frame round the parts (priorrg/ui/page.py, head.py, method.py, actions.py)

PAGE = {
    "tab": "PriorRG: reading a chest X-ray against its prior",
    "title": "PriorRG: chest X-ray and prior",
    "theme": "Light / dark",
    "log out": "Log out",
    "weights": "Weights: {name}. {note}",
    "current": "Current",
    "prior": "Prior",
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
LANGUAGE = "Language of the page"
# Beside the report, where the page is in another language
REPORT_IN_ENGLISH = "The report is written in English, the language that the model learned."
METHODS = {
    "grounding": "Finding",
    "attention": "Attention",
    "gradient": "Gradient (slower)",
}
# Beside Generate, once something of the study was changed after its report
OUTDATED = {
    "indication": "The report below was written before you changed the indication. Generate again to have it read.",
    "history": "The report below was written before you changed the history. Generate again to have it read.",
    "view": "The report below was written before you changed a view position. Generate again to have it read.",
    "several": "The report below was written for another study: you changed {what}. Generate again to have it read.",
}
OUTDATED_PARTS = {"indication": "the indication", "history": "the history", "view": "a view position"}
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

# The examples, by their folders: what the page calls them, and what is to be seen in them (train/choose_examples.py)

EXAMPLE_TITLES = {
    "question-answered": "Question answered",
    "growing-effusion": "Growing effusion",
    "new-tube": "Tube check, no prior",
    "resolved-pneumothorax": "Pneumothorax after treatment",
    "fine-detail": "Fine detail",
    "here-it-fails": "Where it fails",
}
EXAMPLE_SHOWS = {
    "question-answered": "The indication asks, and the report rules it out. Without the context it says nothing of it.",
    "question-answered-all": "The indication asks, and the report rules it out; the prior tells what has changed; "
    "refining puts a detail right.",
    "growing-effusion": "With the prior the effusion is larger; without it nothing is said of a change.",
    "new-tube": "There is no prior, so nothing is compared; why the film was taken decides what is said of the tube.",
    "resolved-pneumothorax": "What is gone can only be said by who has seen it: the prior.",
    "fine-detail": 'The draft says "{before}". Refined with fine detail it is "{after}", and that is right.',
    "fine-detail-added": 'Of "{after}" the draft says nothing: it came with the fine detail, and is right.',
    "misled-by-context": 'Here it fails: "{sentence}" is wrong, and without the context it is not said. The model took '
    "the word of the indication for it.",
    "misled-by-prior": 'Here it fails: "{sentence}" is wrong, and without the prior it is not said. The model carried '
    "over what the earlier film shows.",
}
