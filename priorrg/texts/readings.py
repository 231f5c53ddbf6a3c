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
