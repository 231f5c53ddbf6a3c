"""While a study is read: progress, what of the context was left out, and why a study cannot be read as it stands."""

# What the status line says (priorrg/reporting/reporter.py)

READING_IMAGES = "Reading the images"
READING_IMAGE = "Reading the image"
ENCODING = "Putting images and context together"
DRAFTING = "Writing the coarse draft"
REFINING = "Refining the report"
COMPARING = "Comparing {versions} versions of the report"

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
CONTEXT_CUT_WORDS = {
    "indication": (
        "The last word of the indication is not read: {rest}",
        "The last {count} words of the indication are not read: {rest}",
    ),
    "history": (
        "The last word of the history is not read: {rest}",
        "The last {count} words of the history are not read: {rest}",
    ),
}
CONTEXT_CUT_LETTERS = {  # of text without spaces
    "indication": (
        "The last letter of the indication is not read: {rest}",
        "The last {count} letters of the indication are not read: {rest}",
    ),
    "history": (
        "The last letter of the history is not read: {rest}",
        "The last {count} letters of the history are not read: {rest}",
    ),
}
AND = " and "  # between two parts of a sentence

# What a program asked for that is not there (priorrg/model/processing.py, priorrg/ui/api.py)

UNKNOWN_VIEW = "The view position {name!r} is not known. These weights know: {known}."
UNKNOWN_METHOD = "The method {name!r} is not known. There are: {known}."
NO_PHRASE = (
    "{count} sentences were given as `text`. Give one phrase, such as `left effusion`, or up to {most} sentences."
)
CALLER_LEFT = "Nobody waited for this reading any more, so it was ended."
NO_CURRENT_FILE = "There is no current image. Give a DICOM, PNG or JPEG file as `current`."
