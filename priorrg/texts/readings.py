"""What the prior knowledge changed: the study read again with something withheld (priorrg/ui/readings.py)."""

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

# The switch beside the report's title (priorrg/ui/switch.py, switch_payload.py)

IN_REPORT = {
    "switch": {
        "all": "Everything",
        "prior": "No prior",
        "context": "No context",
        "stranger": "Other prior",
    },
    "switchEach": {
        "all": "The report itself: read with everything that was given",
        "prior": "The same study, read without the prior",
        "context": "The same study, read without indication and history",
        "stranger": "The same study, read with another patient's prior in place of its own",
    },
    "switchAbout": "What the model was given",
    "switchNote": (
        "Another reading is in sight, for comparison. What you edit, mark, copy, export and rate is the report itself "
        "(Everything)."
    ),
    "switchStranger": (
        "The prior was that of a simulated patient of the examples; it is not among the films on this page, so nothing "
        "is drawn on the prior."
    ),
    "switchWaiting": "Not read yet.",
    "switchGone": "not said here",
    "chooseOther": "Select a sentence: the images show where it came from in this reading.",
    "captions": "What this report was written from",
    "captionsClose": "Close, and do not show this again",
    "captionActs": {
        "context": "Withhold the context",
        "prior": "Withhold the prior",
        "draft": "Replay the draft",
    },
}
# Over the reading that the page opens on (priorrg/ui/opening.py)
OPENING = {
    "context": "The question is answered.",
    "prior": "The films are compared.",
    "draft": "Fine detail comes last.",
}
SWITCH_TITLES = {
    "prior": "Without the prior",
    "context": "Without the context",
    "stranger": "With another patient's prior",
    "draft": "In the draft",
}
SWITCH_BUSY = {
    "prior": "Reading again without the prior",
    "context": "Reading again without the context",
    "stranger": "Reading again with another patient's prior",
}
SWITCH_NOTHING = {
    "prior": "No prior was given, so there is nothing to withhold. With one, what compares with it would change here.",
    "context": (
        "No indication and no history were given, so there is nothing to withhold. A question in the indication, such "
        "as '?pneumothorax', would be answered in the report and not here."
    ),
    "stranger": "There is no other patient's film at hand.",
}

LINE = "{title}: {said}"
LINE_CHANGE_GONE = '"{before}" is not said of {finding}'
LINE_CHANGE_SAID = '"{after}" is said of {finding}'
LINE_CHANGE_OTHER = '{finding} is "{after}", not "{before}"'
LINE_STATE = '{finding} is "{after}", not "{before}"'
LINE_GONE = {
    "present": "{finding} is not named",
    "possible": "{finding} is not named as possible",
    "absent": "{finding} is not ruled out",
    "resolved": "{finding} is not said to have resolved",
    "unstated": "{finding} is not named",
}
LINE_SAID = "{finding} is said here alone ({state})"
LINE_MORE = "; and {count} more"
LINE_SAME = "nothing changes, word for word."
LINE_SAME_FACTS = "other words, the same facts."
LINE_WOULD = {
    "prior": "Something that grew, shrank or went since the prior would have changed.",
    "context": "A question that only the indication raises would have changed.",
    "stranger": "A comparison with the prior would have changed.",
    "draft": "Refining added no fact here.",
}
LINE_SIDES = {
    "right": "the right {finding}",
    "left": "the left {finding}",
    "bilateral": "the {finding} on both sides",
    "": "the {finding}",
}
SHORT_FINDINGS = {
    "opacity": "opacity",
    "nodule": "nodule",
    "heart failure": "heart failure",
    "aortic tortuosity": "aorta",
}
