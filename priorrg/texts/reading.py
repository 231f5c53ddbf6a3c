"""While a study is read: progress, what of the context was left out, and why a study cannot be read as it stands."""

# What the status line says (priorrg/reporting/reporter.py)

READING_IMAGES = "Reading the images"
READING_IMAGE = "Reading the image"
ENCODING = "Putting images and context together"
DRAFTING = "Writing the coarse draft"
REFINING = "Refining the report"
COMPARING = "Comparing {versions} versions, {length} of at most {most} tokens"

# Indication and history (priorrg/study.py, priorrg/model/processing.py)

CONTEXT_TOO_LONG = {
    "indication": (
        "The indication is {length:,} characters long and PriorRG reads at most {most:,}. Shorten it to what matters "
        "for this image."
    ),
    "history": (
        "The history is {length:,} characters long and PriorRG reads at most {most:,}. Shorten it to what matters for "
        "this image."
    ),
}
CONTEXT_CUT = "These weights read {most} tokens of context: only the first {parts} were read."
CONTEXT_CUT_PARTS = {
    "indication": "{kept} of {words} words of the indication",
    "history": "{kept} of {words} words of the history",
}
CONTEXT_CUT_LETTERS = {  # of text without spaces
    "indication": "{kept} of {letters} letters of the indication",
    "history": "{kept} of {letters} letters of the history",
}
AND = " and "  # between two of these parts

# What a program asked for that is not there (priorrg/model/processing.py, priorrg/ui/api.py)

UNKNOWN_VIEW = "The view position {name!r} is not known. These weights know: {known}."
UNKNOWN_METHOD = "The method {name!r} is not known. There are: {known}."
NO_PHRASE = (
    "{count} sentences were given as `text`. Give one phrase, such as `left effusion`, or up to {most} sentences."
)
CALLER_LEFT = "Nobody waited for this reading any more, so it was ended."
NO_CURRENT_FILE = "There is no current image. Give a DICOM, PNG or JPEG file as `current`."
