"""What the referrer writes, and what it asks of the report. Asking for a finding says nothing about its presence.

The report must be a function of what the model sees, so `read_context` recovers the questions and the
setting from the text alone.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from priorrg.study import ClinicalContext
from train.simulate.truth import StudyTruth

# Topic -> how a referrer asks for it. No phrase contains another topic's phrase.
QUESTIONS = {
    "pneumothorax": ("evaluate for pneumothorax", "rule out pneumothorax", "question of pneumothorax"),
    "effusion": ("evaluate for pleural effusion", "rule out effusion", "question of pleural effusion"),
    "opacity": ("evaluate for pneumonia", "rule out pneumonia", "question of consolidation"),
    "edema": ("evaluate for pulmonary edema", "assess volume status", "question of fluid overload"),
    "nodule": ("evaluate for pulmonary nodule", "rule out lung mass", "question of nodule"),
    "cardiomegaly": ("assess heart size", "evaluate for cardiomegaly"),
    "endotracheal tube": ("evaluate endotracheal tube position", "status post intubation", "check ETT placement"),
    "central venous catheter": ("evaluate central line placement", "status post line placement", "check catheter tip"),
    "nasogastric tube": ("evaluate nasogastric tube placement", "check NG tube position", "status post NGT placement"),
}
REASONS = ("Shortness of breath", "Chest pain", "Hypoxia", "Follow-up", "Weakness", "Preoperative study", "Tachypnea")

# Setting -> how a history says it. Infection, trauma and aspiration change what an opacity is called; smoking and
# malignancy what a nodule calls for; the rest changes nothing.
HISTORIES = {
    "infection": ("fever and cough", "fever and leukocytosis", "productive cough and chills"),
    "trauma": ("motor vehicle collision", "fall from height", "blunt chest trauma"),
    "aspiration": ("witnessed aspiration", "vomiting and altered mental status", "dysphagia with aspiration risk"),
    "malignancy": ("known colon cancer", "metastatic melanoma", "history of breast cancer"),
    "smoking": ("heavy smoker", "40 pack-year smoking history"),
    "other": (
        "hypertension",
        "diabetes",
        "atrial fibrillation",
        "congestive heart failure",
        "prior CABG",
        "renal failure",
    ),
}


@dataclass(frozen=True)
class ContextReading:
    """asked: topics in the order in which they are asked. settings: keys of HISTORIES that the text mentions."""

    asked: tuple[str, ...]
    settings: frozenset[str]


def read_context(context: ClinicalContext) -> ContextReading:
    """Questions and settings in a context's text; both empty for an empty context."""
    text = f"{context.indication} {context.history}".lower()
    places = [
        (min(text.find(p.lower()) for p in phrases if p.lower() in text), topic)
        for topic, phrases in QUESTIONS.items()
        if any(p.lower() in text for p in phrases)
    ]
    settings = frozenset(name for name, phrases in HISTORIES.items() if any(p.lower() in text for p in phrases))
    return ContextReading(tuple(topic for _, topic in sorted(places)), settings)


def write_context(current: StudyTruth, prior: StudyTruth | None, rng: random.Random) -> ClinicalContext:
    """Indication and history for a study; about one in eight has neither."""
    kind = rng.random()
    if kind < 0.12:
        return ClinicalContext()
    history = _history(rng)
    if kind < 0.20:
        return ClinicalContext("", history)
    indication = _indication(current, prior, rng)
    return ClinicalContext(indication, "" if kind < 0.35 else history)


def _indication(current: StudyTruth, prior: StudyTruth | None, rng: random.Random) -> str:
    parts = [rng.choice(REASONS)] if rng.random() < 0.5 else []
    shown = {f.name for f in current.findings} & QUESTIONS.keys()
    devices = {d.name for d in current.devices} & QUESTIONS.keys()
    asked: list[str] = []
    if devices and rng.random() < 0.55:
        asked.append(rng.choice(sorted(devices)))
    if not asked or rng.random() < 0.4:
        # Half of the questions are about something that is there, half about something that is not.
        findings = [topic for topic in QUESTIONS if topic not in DEVICE_TOPICS]
        there = rng.random() < 0.5
        pool = sorted(shown) if there and shown else [topic for topic in findings if topic not in shown]
        asked.append(rng.choice(pool))
    parts += [rng.choice(QUESTIONS[topic]) for topic in asked]
    return _sentence(parts)


DEVICE_TOPICS = ("endotracheal tube", "central venous catheter", "nasogastric tube")


def _history(rng: random.Random) -> str:
    names = rng.sample(sorted(HISTORIES), 1 if rng.random() < 0.6 else 2)
    return _sentence([rng.choice(HISTORIES[name]) for name in names])


def _sentence(parts: list[str]) -> str:
    text = ", ".join(parts)
    return text[0].upper() + text[1:] + "." if text else ""
