"""What the referrer writes, and what it asks of the report. Neither answer can be guessed from the question.

The report must be a function of what the model sees, so `read_context` recovers the questions and the
setting from the text alone. A side or a diagnosis that the referrer names is a claim: mostly true, in hard cases false,
and never a reason to write anything that the image does not show.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from priorrg.study import ClinicalContext
from train.simulate.truth import SIDES, StudyTruth, one_sided

# Topic -> how a referrer asks for it. No phrase contains another topic's phrase. {side} is filled in where it stands.
QUESTIONS = {
    "pneumothorax": (
        "evaluate for pneumothorax",
        "rule out pneumothorax",
        "question of pneumothorax",
        "evaluate for {side} pneumothorax",
        "assess for residual pneumothorax",
    ),
    "effusion": (
        "evaluate for pleural effusion",
        "rule out effusion",
        "question of pleural effusion",
        "evaluate for {side} pleural effusion",
        "assess amount of pleural fluid",
    ),
    "opacity": (
        "evaluate for pneumonia",
        "rule out pneumonia",
        "question of consolidation",
        "question of {side} pneumonia",
        "assess for infiltrate",
    ),
    "atelectasis": ("evaluate for atelectasis", "question of lung collapse", "question of {side} basilar atelectasis"),
    "edema": (
        "evaluate for pulmonary edema",
        "assess volume status",
        "question of fluid overload",
        "rule out heart failure",
    ),
    "nodule": (
        "evaluate for pulmonary nodule",
        "rule out lung mass",
        "question of nodule",
        "question of {side} lung lesion",
    ),
    "cardiomegaly": ("assess heart size", "evaluate for cardiomegaly", "question of enlarged heart"),
    "hyperinflation": ("evaluate for COPD", "question of hyperinflation", "assess for emphysema"),
    "fracture": ("rule out rib fracture", "evaluate for {side} rib fracture", "question of fracture"),
    "endotracheal tube": ("evaluate endotracheal tube position", "status post intubation", "check ETT placement"),
    "central venous catheter": ("evaluate central line placement", "status post line placement", "check catheter tip"),
    "nasogastric tube": ("evaluate nasogastric tube placement", "check NG tube position", "status post NGT placement"),
    "chest drain": ("check chest tube position", "status post chest tube placement", "evaluate chest drain"),
    "pacemaker": ("check pacemaker leads", "status post pacemaker placement", "evaluate lead position"),
}
DEVICE_TOPICS = ("endotracheal tube", "central venous catheter", "nasogastric tube", "chest drain", "pacemaker")
REASONS = (
    "Shortness of breath",
    "Chest pain",
    "Hypoxia",
    "Follow-up",
    "Weakness",
    "Preoperative study",
    "Tachypnea",
    "Desaturation",
    "Dizziness",
    "Syncope",
)

# Setting -> how a history says it. Infection, trauma and aspiration change what an opacity is called; smoking and
# malignancy what a nodule calls for; the rest changes nothing.
HISTORIES = {
    "infection": ("fever and cough", "fever and leukocytosis", "productive cough and chills", "sepsis"),
    "trauma": ("motor vehicle collision", "fall from height", "blunt chest trauma", "fall down stairs"),
    "aspiration": ("witnessed aspiration", "vomiting and altered mental status", "dysphagia with aspiration risk"),
    "malignancy": ("known colon cancer", "metastatic melanoma", "history of breast cancer", "renal cell carcinoma"),
    "smoking": ("heavy smoker", "40 pack-year smoking history", "current smoker"),
    "other": (
        "hypertension",
        "diabetes",
        "atrial fibrillation",
        "congestive heart failure",
        "prior CABG",
        "renal failure",
        "liver cirrhosis",
        "chronic anemia",
    ),
}
# What the referrer believes to be there; the image decides.
CLAIMS = {
    "effusion": "known {side} pleural effusion",
    "pneumothorax": "recent {side} pneumothorax",
    "opacity": "treated for {side} pneumonia",
    "edema": "known pulmonary edema",
    "cardiomegaly": "known cardiomegaly",
    "nodule": "known {side} lung nodule",
    "fracture": "known {side} rib fracture",
}


@dataclass(frozen=True)
class ContextReading:
    """asked: topics in the order in which they are asked. settings: keys of HISTORIES that the text mentions."""

    asked: tuple[str, ...]
    settings: frozenset[str]


_PHRASES = {
    topic: sorted({phrase.format(side=side).lower() for phrase in phrases for side in SIDES})
    for topic, phrases in QUESTIONS.items()
}


def read_context(context: ClinicalContext) -> ContextReading:
    """Questions and settings in a context's text; both empty for an empty context."""
    text = f"{context.indication} {context.history}".lower()
    places = []
    for topic, phrases in _PHRASES.items():
        found = [text.find(phrase) for phrase in phrases if phrase in text]
        if found:
            places.append((min(found), topic))
    settings = frozenset(name for name, phrases in HISTORIES.items() if any(p.lower() in text for p in phrases))
    return ContextReading(tuple(topic for _, topic in sorted(places)), settings)


def write_context(current: StudyTruth, prior: StudyTruth | None, rng: random.Random) -> ClinicalContext:
    """Indication and history for a study; about one in eight has neither. A trap always stands in one of the two."""
    trapped = rng.choice(sorted(one_sided(current.findings))) if current.hard == "wrong side" else ""
    in_history = trapped in CLAIMS and rng.random() < 0.5
    kind = 1.0 if current.hard in ("wrong side", "contradiction") else rng.random()
    if kind < 0.12:
        return ClinicalContext()
    history = _history(current, prior, trapped if in_history else "", rng)
    if kind < 0.20:
        return ClinicalContext("", history)
    indication = _indication(current, prior, "" if in_history else trapped, rng)
    return ClinicalContext(indication, "" if kind < 0.35 else history)


def _indication(current: StudyTruth, prior: StudyTruth | None, trapped: str, rng: random.Random) -> str:
    """trapped: a finding that is asked for on its wrong side."""
    parts = [rng.choice(REASONS)] if rng.random() < 0.5 else []
    shown = {f.name for f in current.findings}
    devices = {d.name for d in current.devices} & set(DEVICE_TOPICS)
    asked: list[str] = []
    if rng.random() < (0.45 if devices else 0.12):
        # One device in five that is asked for is not there: removed, never placed, or another patient's.
        absent = set(DEVICE_TOPICS) - devices
        there = bool(devices) and (not absent or rng.random() < 0.8)
        asked.append(rng.choice(sorted(devices if there else absent)))
    if trapped:
        asked.append(trapped)
    elif not asked or rng.random() < 0.4:
        # Two questions in five are about something that is there, the others about something that is not.
        findings = [topic for topic in QUESTIONS if topic not in DEVICE_TOPICS]
        there = rng.random() < 0.4
        pool = sorted(shown) if there and shown else [topic for topic in findings if topic not in shown]
        asked.append(rng.choice(pool))
    for topic in asked:
        wordings = [w for w in QUESTIONS[topic] if topic != trapped or "{side}" in w]
        parts.append(rng.choice(wordings).format(side=_named_side(current, prior, topic, topic == trapped, rng)))
    return _sentence(parts)


def _named_side(current: StudyTruth, prior: StudyTruth | None, topic: str, is_trap: bool, rng: random.Random) -> str:
    """The side that a referrer names: the finding's own, now or before; in a trap the other one."""
    for study in (current, prior):
        side = one_sided(study.findings).get(topic) if study else None
        if side:
            return SIDES[1 - SIDES.index(side)] if is_trap else side
    return rng.choice(SIDES)


def _history(current: StudyTruth, prior: StudyTruth | None, trapped: str, rng: random.Random) -> str:
    """trapped: a finding that is claimed on its wrong side."""
    names = rng.sample(sorted(HISTORIES), 1 if rng.random() < 0.6 else 2)
    parts = [rng.choice(HISTORIES[name]) for name in names]
    shown = {f.name for study in (current, prior) if study for f in study.findings} & CLAIMS.keys()
    claimed = trapped
    if current.hard == "contradiction":
        claimed = rng.choice([name for name in CLAIMS if name not in shown])
    elif shown and not trapped and rng.random() < 0.15:
        claimed = rng.choice(sorted(shown))
    if claimed:
        parts.append(CLAIMS[claimed].format(side=_named_side(current, prior, claimed, bool(trapped), rng)))
    return _sentence(parts)


def _sentence(parts: list[str]) -> str:
    text = ", ".join(parts)
    return text[0].upper() + text[1:] + "." if text else ""
