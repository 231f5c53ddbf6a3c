"""Feedback on a report: its form (priorrg/ui/feedback.py), the reasons at a sentence, and why it could not be kept."""

FEEDBACK = {
    "title": "Feedback on this report",
    "how": "Mark sentences as wrong beside the report above; then:",
    "rating": "Rating",
    "corrected": "Corrected report",
    "comment": "Comment",
    "unsent": "Written about the report before and not sent",
    "send": "Send feedback",
    "send change": "Send the change",
    "change": "Change it",
    "changing": "You are changing what is kept as number {number}. Until you send, that stands.",
    "no report": (
        "There is no finished report to give feedback on: none was written yet, or its images were changed since. What "
        "you wrote is still here."
    ),
    "no rating": "Choose a rating from 1 to 5 before sending. Everything else you wrote is still here.",
    "thanks": "Thank you. Kept as number {number}: {what}.",
    "revised": "It stands in the place of number {number}, which stays in the file.",
    "kept": "Kept as number {number}.",
}
# What was sent, after 'Kept as number 12:'
SENT = {"rating": "rating {rating} of 5", "corrected": "the report corrected", "comment": "a comment"}
SENT_MARKS = ("1 sentence marked as wrong", "{count} sentences marked as wrong")
RATINGS = {1: "1 useless", 2: "2", 3: "3", 4: "4", 5: "5 could sign"}
# At a sentence that is marked as wrong (assets/ui/sentences.js). What is kept is the reason's key.
REASONS = {
    "wrong finding": "wrong finding",
    "missed finding": "missed finding",
    "wrong side or place": "wrong side or place",
    "wrong severity": "wrong severity",
    "wrong comparison with the prior": "wrong comparison with the prior",
    "hallucinated device": "hallucinated device",
    "other": "other",
}

# Why feedback is not kept (priorrg/feedback/store.py)

RATING_OUTSIDE = "The rating is {rating}; it must be a whole number from 1 to 5."
TOO_LONG = {
    "report": "The corrected report has {length:,} characters, and {most:,} are kept at most. Shorten it, send again.",
    "comment": "The comment has {length:,} characters, and {most:,} are kept at most. Shorten it and send again.",
}
NOT_KEPT = {
    "locked": (
        "The feedback was not kept: another program holds its file. All that you wrote is still here; send it again."
    ),
    "disk full": (
        "The feedback was not kept: the disk of this server is full. All that you wrote is still here; tell whoever "
        "runs the server, and send it again."
    ),
    "damaged": (
        "The feedback was not kept: its file on this server is damaged. All that you wrote is still here; tell whoever "
        "runs the server."
    ),
    "unusable": (
        "The feedback was not kept: its file on this server cannot be used. All that you wrote is still here; tell "
        "whoever runs the server."
    ),
}
FILE_UNUSABLE = (
    "The feedback file {path} cannot be used ({reason}). Choose a file in a folder that can be written to, with "
    "PRIORRG_FEEDBACK. Nothing that was kept before is lost."
)
FILE_IS_A_FOLDER = "PRIORRG_FEEDBACK names a folder, {path}. Name a file in it, such as {path}/feedback.sqlite3."
FILE_OF_ANOTHER = (
    "The file {path} is another program's database. Choose another file with PRIORRG_FEEDBACK. Nothing was changed."
)
FILE_OF_NEWER_VERSION = (
    "The feedback file {path} was written by a newer PriorRG. Update this one, or choose another file with "
    "PRIORRG_FEEDBACK. Nothing was changed."
)
NO_FEEDBACK_FILE = "{path} is no feedback file of PriorRG. Name the one the app wrote with --database."
