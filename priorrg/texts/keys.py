"""The keys of reading and reporting (assets/ui/keys.js); those of the viewer are in viewer.py."""

KEYS = {
    "skip": "Skip to the upload",
    "keys": {
        "Ctrl Enter": "Generate",
        "j": "Next sentence",
        "k": "Sentence before",
        "a": "The sentence is right: no mark on it, on to the next",
        "m": "Mark the sentence as wrong: choose why",
        "e": "Edit the sentence (Enter keeps it, Escape takes it back)",
        "v": "What the model was given: the next of the switch",
        "1 … 5": "Rating of the report",
        "n": "Next case: the next example",
    },
}
