"""Reads a report of the simulator's vocabulary back into facts: findings, changes, devices, denials.

It also reads what a model wrote, right or wrong, so it looks for words, not for templates. Words
that are not of this vocabulary are passed over; for real reports use CheXbert or RadGraph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Key = tuple[str, str, str]  # name, side, zone

_FINDING_WORDS = {
    "effusion": r"\beffusions?\b",
    "pneumothorax": r"\bpneumothora(?:x|ces)\b",
    "opacity": r"\bopacit(?:y|ies)\b|\bconsolidations?\b",
    "atelectasis": r"\batelectasis\b",
    "nodule": r"\bnodules?\b|\bmass\b",
    "edema": r"\bedema\b",
    "cardiomegaly": r"\bcardiomegaly\b|\benlargement of the heart\b|\bheart is \w+ enlarged\b|\bcardiac enlargement\b",
    "hyperinflation": r"\bhyperinflat(?:ion|ed)\b",
    "fracture": r"\bfractures?\b",
}
_DEVICE_WORDS = {
    "endotracheal tube": r"\bendotracheal tube\b",
    "central venous catheter": r"\bcentral venous catheter\b",
    "nasogastric tube": r"\bnasogastric tube\b",
    "chest drain": r"\bchest (?:drain|tube)\b",
    "pacemaker": r"\bpacemaker\b",
    "sternotomy wires": r"\bsternotomy wires\b",
}
_CHANGE_WORDS = {
    "resolved": r"\bresolved\b|\bresolution\b|\bno longer (?:present|seen)\b",
    "new": r"\bnew\b|\bnot seen before\b|\binterval development\b",
    "larger": r"\bincreased\b|\blarger\b|\bworse\b|\bworsening\b",
    "unchanged": r"\bunchanged\b|\bstable\b|\bsimilar to before\b",
    "smaller": r"\bdecreased\b|\bsmaller\b|\bimproved\b|\bimprovement\b",
}
_DEVICE_CHANGES = {
    "new": r"\bnew\b",
    "unchanged": r"\bunchanged\b",
    "moved": r"\brepositioned\b",
    "removed": r"\bremoved\b|\bremoval\b",
}
_COMPARISON = re.compile(
    "|".join(
        [
            *_CHANGE_WORDS.values(),
            r"\brepositioned\b|\bremoved\b|\bprior study\b|\bpreviously\b|\bbefore\b|\binterval\b",
        ]
    )
)
_SEVERITIES = {
    1: r"\bsmall\b|\btiny\b|\bmild(?:ly)?\b|\bsubtle\b|\bminor\b",
    2: r"\bmoderate(?:ly)?\b|\bmedium-sized\b|\bintermediate\b",
    3: r"\blarge\b|\bsizable\b|\bextensive\b|\bdense\b|\bmarked\b|\bpronounced\b|\bsevere(?:ly)?\b",
}
_DENIAL = re.compile(r"^(?:no\b(?! longer)|there is no\b|there are no\b)")
_NORMAL_HEART = re.compile(r"heart size is normal|heart is normal|normal heart size")
_TIP = re.compile(
    r"(\d+) cm above the carina|right main bronchus|superior vena cava|cavoatrial|right atrium|stomach|esophagus"
    r"|at the apex|at the base"
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")


@dataclass
class ParsedReport:
    """findings: key -> severity 1 to 3, None where unsaid. changes: key -> change, of findings present or resolved.

    denied: names of findings and devices said to be absent. devices: name -> side, '' where it has none or it is
    unsaid; removed ones are not among them. device_changes and tips: by device name. compares: any comparison word.
    first: the names that the first sentence speaks of.
    """

    findings: dict[Key, int | None] = field(default_factory=dict)
    changes: dict[Key, str] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    devices: dict[str, str] = field(default_factory=dict)
    device_changes: dict[str, str] = field(default_factory=dict)
    tips: dict[str, str] = field(default_factory=dict)
    compares: bool = False
    first: set[str] = field(default_factory=set)
    interpretations: set[str] = field(default_factory=set)


_INTERPRETATIONS = ("pneumonia", "contusion", "aspiration", "metastasis", "ct is advised")


def parse_report(text: str) -> ParsedReport:
    """Facts of one report; an empty report has none."""
    parsed = ParsedReport()
    lowered = text.strip().lower()
    parsed.compares = bool(_COMPARISON.search(lowered))
    parsed.interpretations = {word for word in _INTERPRETATIONS if word in lowered}
    for number, sentence in enumerate(_SENTENCE.split(text.strip())):
        names = _read_sentence(sentence.lower(), parsed)
        if number == 0:
            parsed.first = names
    return parsed


def _read_sentence(sentence: str, parsed: ParsedReport) -> set[str]:
    names = {name for name, words in _FINDING_WORDS.items() if re.search(words, sentence)}
    devices = {name for name, words in _DEVICE_WORDS.items() if re.search(words, sentence)}
    if _NORMAL_HEART.search(sentence):
        parsed.denied.add("cardiomegaly")
        return {"cardiomegaly"}
    if _DENIAL.search(sentence):
        parsed.denied |= names | devices
        return names | devices
    change = next((c for c, words in _CHANGE_WORDS.items() if re.search(words, sentence)), None)
    for name in names:
        for key in _keys(name, sentence):
            if change != "resolved":
                parsed.findings[key] = next((s for s, w in _SEVERITIES.items() if re.search(w, sentence)), None)
            if change:
                parsed.changes[key] = change
    for name in devices:
        status = next((c for c, words in _DEVICE_CHANGES.items() if re.search(words, sentence)), None)
        if status:
            parsed.device_changes[name] = status
        if status != "removed":
            side = re.search(r"\b(right|left)\b(?= central| pacemaker| chest)", sentence)
            parsed.devices[name] = side.group(1) if side else ""
        tip = _TIP.search(sentence)
        if tip:
            parsed.tips[name] = tip.group(1) or tip.group(0)
    return names | devices


def _keys(name: str, sentence: str) -> list[Key]:
    if name in ("edema", "cardiomegaly"):
        return [(name, "", "")]
    sides = re.findall(r"\b(right|left|bilateral)\b", sentence)
    side = sides[0] if sides else ""
    zone = ""
    if name in ("opacity", "nodule"):
        found = re.search(r"\b(upper|mid|lower)\b", sentence)
        zone = found.group(1) if found else ""
    return [(name, s, zone) for s in (("right", "left") if side == "bilateral" else (side,))]
