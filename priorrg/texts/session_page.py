"""The reading page of a feedback session, and the organiser's (priorrg/ui/session). What is asked is the protocol's."""

REHEARSAL = (
    "The embedded weights are for rehearsals of a study, not for findings about care: they were trained on simulated "
    "images alone."
)

# In the box of the films' keys: here nothing turns or corrects them
FILMS_NOTE = (
    "Window and level are in the values of the file, act on its full depth, and change the screen only. Linked images "
    "change in proportion, each from its own start."
)

CONSENT_FIRST = "Read the instructions and give your consent first."
NOT_PREPARED = (
    "The report of this case is not there yet. Tell the organiser, who generates reports with `priorrg session open`."
)
NO_MODEL = (
    "The report of this case is not there yet, and this server has no model to write it. Tell the organiser, who "
    "serves this session by `priorrg app`."
)
NOT_WRITTEN = (
    "The report of this case could not be written: {reason} Reload the page to try once more, or tell the organiser."
)

# What assets/ui/session*.js say; they fill {name} and know no other form.
READING = {
    "tab": "Reading session",
    "notice": "A reader study of a research demonstration, not a medical device. Nothing here may be used for care.",
    "case": "Case {number} of {total}",
    "practice": "Practice {number} of {total}",
    "progress": "{done} of {total} cases done",
    # Saved or not
    "saved": "Saved",
    "saving": "Saving",
    "offline": "No connection. What you judge is kept in this browser and sent when the line is back: {count} waiting.",
    "offlineNoStore": (
        "No connection, and this browser lets the page keep nothing: leave it open until the line is back. "
        "{count} waiting."
    ),
    "refused": "Not saved: {why}",
    # Buttons of the frame
    "pause": "Pause",
    "pausedTitle": "Paused",
    "paused": "The clock stands still and the films are covered. What you judged is kept.",
    "resume": "Go on",
    "instructions": "Instructions",
    "keys": "Keys",
    "theme": "Light / dark",
    "close": "Close",
    # Before and after
    "opening": "Opening the session",
    "welcome": "Reading session",
    "consentTitle": "Consent",
    "consent": "I have read this and take part",
    "begin": "Begin",
    "goOn": "Go on with case {number}",
    "doneTitle": "All cases are done",
    "done": "Thank you. Every answer is saved; you may close this page.",
    "doneWaiting": "Thank you. {count} answers still wait for the line: leave this page open until they are saved.",
    "notYet": "The next cases open on {day}, after the pause between two visits. Your link stays the same.",
    "again": "Try again",
    "noLine": "The server cannot be reached. Try again when the line is back; what you judged is kept in this browser.",
    "noSlot": "This case cannot be loaded now. What you judged is kept.",
    # The case
    "films": "Films",
    "indication": "Indication",
    "history": "History",
    "nothing": "none given",
    "noPriorGiven": "No prior image",
    "report": "Report",
    "left": "Left report",
    "right": "Right report",
    "draft": "Coarse draft",
    "weights": "Weights: {name}",
    "noSentence": "This report holds no sentence.",
    "ownTitle": "Your findings first",
    "own": "Write what you see, in a few words. The report is shown when this is saved.",
    "ownKept": "Your findings, before the report",
    "ownShow": "Save, and show the report",
    "ownWaits": "Saved in this browser. The report comes when the line is back.",
    "coming": "The report is being written. It comes by itself; look at the films meanwhile.",
    "write": "Your report",
    "writeScratch": "Write the report.",
    "writeDraft": "Correct this draft until you would sign it.",
    # Sentences
    "allRight": "All others right",
    "allRightAbout": "Mark every sentence that is not judged yet as right",
    "verdictAbout": "{verdict}: {text}",
    "editing": "Corrected sentence {number}",
    "keep": "Keep",
    "cancel": "Cancel",
    "why": "What is wrong?",
    "significance": "How much does it matter?",
    "undo": "Undo",
    "undoAbout": "Undo the judgement of: {text}",
    "was": "was: {text}",
    # Missed findings
    "missedTitle": "Missed findings",
    "addMissed": "Add a finding that is missing",
    "missedText": "Missed finding {number}: what is it?",
    "place": "Draw its place",
    "placeAgain": "Draw again",
    "drawing": "Drag over the finding on a film, or press on it. Escape leaves it.",
    "placed": "Place drawn on the {side} film",
    "missedIn": "Which report leaves it out?",
    "removeMissed": "Remove missed finding {number}",
    "remove": "Remove",
    # Questions and the foot
    "questions": "Questions",
    "optional": "(optional)",
    "submit": "Submit and next",
    "submitPractice": "Submit and show the answer",
    "next": "Next case",
    "back": "Back",
    "skip": "Skip",
    "unreadable": "Image not readable",
    "unreadableSure": "Leave this case out because its images cannot be read?",
    "skipTitle": "Why do you skip this case?",
    "leave": "Leave it out",
    "openSentences": "sentences ({count})",
    "openMissed": "what was missed and how much it matters ({count})",
    "openText": "the report",
    "openQuestions": "questions ({count})",
    "openBefore": "Still to do: {list}.",
    "answerTitle": "The answer",
    "answerReference": "Reference report",
    "answerPlanted": "Planted errors",
    "comment": "Comment",
    "answerNone": "This practice case has no answer on file.",
    "planted": "{said} (right: {right})",
    "plantedOnly": "{said}",
    # Keys, in the order in which they are listed
    "keysTitle": "Keys of this page",
    "keyList": [
        ["A", "All sentences that are not judged yet are right"],
        ["↑ ↓", "Sentence before, sentence after"],
        ["V", "This sentence is right"],
        ["E", "Edit this sentence"],
        ["X", "Strike this sentence"],
        ["1 to 6", "The answer that is asked for: what is wrong, how much it matters, the next question"],
        ["D", "It is about a device, yes or no"],
        ["N", "Add a finding that is missing"],
        ["Enter", "Submit, when nothing is open"],
        ["?", "Mouse and keys of the films"],
    ],
}

ORGANISER = {
    "tab": "Organise sessions",
    "title": "Organise sessions",
    "notice": "Reader studies of a research demonstration, not a medical device.",
    "secret": "The organiser's secret",
    "enter": "Open",
    "leave": "Leave",
    "wrong": "This is not the organiser's secret.",
    "secretAbout": "It stands in organiser.txt in the folder of the sessions.",
    "secretFirst": "Give the organiser's secret first.",
    "noAct": "That cannot be done with this session now. Reload the page.",
    "none": "No session lies in this server's folder. `priorrg session new` makes one.",
    "state": "State",
    "open": "open",
    "closed": "closed",
    "draft": "not opened yet",
    "unblinded": "unblinded on {day}",
    "blinded": "blinded",
    "readers": "Readers",
    "reader": "Reader",
    "link": "Link",
    "done": "Done",
    "skipped": "of these left out",
    "pushed": "Last sent to the data set: {when}",
    "seconds": "Median active s a case",
    "last": "Last answer",
    "never": "none yet",
    "agreement": "Agreement so far",
    "agreementAbout": (
        "Over all arms together, so that nothing is unblinded: cases that at least two readers submitted, and how "
        "often two of them gave the same answer."
    ),
    "agreementNone": "No case was submitted by two readers yet.",
    "question": "Question",
    "answers": "Answers",
    "pairs": "Pairs of readings",
    "same": "Same answer",
    "sameOf": "{same} of {pairs} ({percent} %)",
    "arms": "Answers by arm",
    "arm": "Arm",
    "close": "Close",
    "reopen": "Reopen",
    "unblind": "Unblind",
    "unblindSure": "Type the session's name to unblind it. It is recorded and cannot be taken back.",
    "acts": "What was done",
    "act": "Act",
    "when": "When",
    "reload": "Reload",
    "cancel": "Cancel",
    "noLine": "The server cannot be reached. Try again when the line is back.",
}
LINKS = {"yes": "open", "no": "none, or revoked", "withdrawn": "withdrawn"}
ACTS = {
    "session_opened": "Opened",
    "session_closed": "Closed",
    "session_reopened": "Reopened",
    "unblinded": "Unblinded",
    "link_made": "Link made",
    "link_revoked": "Link revoked",
    "withdrawn": "Reader withdrawn",
    "exported": "Exported",
    "pushed": "Pushed to the data set",
}
