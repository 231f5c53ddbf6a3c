"""Feedback sessions: how a judgement is worded where a protocol says nothing else, and why something is refused.

The keys are what is stored and exported; a protocol may replace every wording and keeps the keys.
"""

# The six categories of ReXVal (Yu et al., Patterns 2023), shortened.
CATEGORIES = {
    "false_finding": "False finding: it is not there",
    "missing_finding": "Missing finding: it is there and not mentioned",
    "wrong_location": "Wrong location or side",
    "wrong_severity": "Wrong severity or size",
    "false_comparison": "Comparison that the images do not support",
    "missing_comparison": "Change since the prior left out",
}
SIGNIFICANCES = {
    "none": "Not significant",
    "minor": "Minor",
    "significant": "Significant",
    "critical": "Critical",
}
VERDICTS = {"right": "Right", "edited": "Edited", "struck": "Struck"}
DEVICE = "It is about a device"
QUESTIONS = {
    "acceptability": "Would you sign this report?",
    "answers_indication": "Does it answer the indication?",
    "usefulness": "How useful is it?",
    "overlay_helpful": "Did the overlay help?",
    "preference": "Which report is better?",
    "comment": "Comment",
}
ACCEPTABILITY = {
    "as_is": "As it is",
    "minor": "After minor revision",
    "major": "After major revision",
    "unacceptable": "Unacceptable",
}
YES_NO = {"yes": "Yes", "partly": "Partly", "no": "No"}
HELPFUL = {"yes": "Yes", "no": "No", "misleading": "Misleading"}
USEFULNESS = {"1": "1 useless", "2": "2", "3": "3", "4": "4", "5": "5 very useful"}
PREFERENCE = {"left": "Left", "equivalent": "Equivalent", "right": "Right"}
SKIP_REASONS = {
    "know_case": "I know this case",
    "outside": "Outside of what I read",
    "technical": "Something on the page does not work",
    "other": "Another reason",
}

# Said to the organiser, and on every report and export
REHEARSAL_ONLY = (
    "The embedded weights are for rehearsals of a study, not for findings about care: they were trained on simulated "
    "images alone."
)

# Why something is refused

NO_SUCH_LINK = "This link opens no session: it is not whole, or it was revoked. Ask the organiser for a new one."
SESSION_CLOSED = "This session is closed. What you judged before is kept."
NOT_OPEN_YET = "This session is not open yet. Ask the organiser when it begins."
NOT_KEPT = (
    "The answers were not kept: the session's database cannot be used now. They stay on this page, which sends them "
    "again."
)
UNUSABLE = "The session's database cannot be used now ({reason}). Tell the organiser. Nothing that was kept is lost."
UNKNOWN_EVENT = "An answer of a kind that this server does not know was sent. Reload the page."
EVENT_TOO_LARGE = "One answer is larger than {most:,} characters. Shorten it."
TOO_MANY_EVENTS = "{count:,} answers were sent at once, and {most:,} are taken. The page sends them in parts."
