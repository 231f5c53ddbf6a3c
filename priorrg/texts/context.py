"""Indication and history, and what the model is given of them (priorrg/ui/context.py)."""

CONTEXT = {
    "indication": "Indication",
    "indication asks": "Why was this study asked for? (may stay empty)",
    "history": "History",
    "history asks": "What is known of the patient? (may stay empty)",
    "examples": "Examples",
    "received": "What the model is given of it",
    "all read": "The model reads all of it.",
    "unknown": "These weights were never taught the words that are underlined:",
}
# What the model reads, and so in English in every language
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
