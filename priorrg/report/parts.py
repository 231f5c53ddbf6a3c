"""Parts of the chest whose state a report tells: 'the heart is enlarged', 'cardiac contours are stable'. Words alone.

They are told in the words of the finding that they would be: a heart of normal size is cardiomegaly that is absent.
Words in capitals are marks that changes.py has set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """A part of the chest whose state a report tells, in the words of the finding that it would be.

    abnormal: finding -> the words for it. normal: what denies all of them. implied: what a bare change speaks of.
    """

    words: str
    abnormal: dict[str, str]
    normal: str
    implied: tuple[str, ...]


_NORMAL = r"without (?:\w+ ){0,2}abnormalit(?:y|ies)|normal(?:ly)?|unremarkable|within normal limits|wnl|negative"
_SHAPES = r"(?:contours?|silhouettes?|structures?|borders?|sizes?|shadows?|outlines?|configuration|margins?)"
_LISTED = r"(?:,|,? and|,? or|/|\s)+(?:heart|cardiac|mediastinal|hilar|pleural|aortic|pulmonary)"
_BIG = r"enlarged|dilated|globular|prominent|big|magnified"
PARTS = {
    "cardiomediastinum": Part(
        rf"cardio-?mediastinal(?=(?:{_LISTED})* {_SHAPES})(?: {_SHAPES})?|cardiomediastinum",
        {"cardiomegaly": _BIG, "mediastinal widening": r"widened|wide|widening"},
        _NORMAL,
        ("cardiomegaly", "mediastinal widening"),
    ),
    "lung volumes": Part(
        r"(?:lung|inspiratory) volumes?|volumes of the lungs|inspiration|inspiratory effort",
        {
            "low lung volumes": r"low(?:er)?|reduced|small|diminished|limited|shallow|poor|suboptimal",
            "hyperinflation": r"high|large",
        },
        rf"{_NORMAL}|adequate|preserved|good|full|maintained|appropriate|satisfactory",
        ("low lung volumes",),
    ),
    "heart": Part(
        rf"(?:cardiac|heart)(?=(?:{_LISTED})* {_SHAPES})(?: {_SHAPES})?|cardiac silhouette|heart(?: size)?"
        rf"|cardiac size",
        {"cardiomegaly": _BIG},
        rf"{_NORMAL}|not (?:\w+ )?enlarged|small|top[- ]normal",
        ("cardiomegaly",),
    ),
    "vasculature": Part(
        r"pulmonary (?:vasculature|vascularity|vessels|vascular (?:markings|pattern|caliber)|arteries|blood flow)"
        r"|(?:perihilar |central )?(?:vasculature|vascularity|vessels|vascular markings)",
        {
            "vascular congestion": r"engorged|congested|prominent|indistinct|ill[- ]defined|cephalized|enlarged|hazy"
            r"|plethoric|full|distended|redistributed|crowded"
        },
        _NORMAL,
        ("vascular congestion",),
    ),
    "hila": Part(
        rf"hilar(?=(?:{_LISTED})* {_SHAPES})(?: {_SHAPES})?|hil(?:a|um|i)",
        {"hilar enlargement": r"enlarged|prominent|full|bulky|congested|lobulated"},
        _NORMAL,
        ("hilar enlargement",),
    ),
    "mediastinum": Part(
        rf"mediastinal(?=(?:{_LISTED})* {_SHAPES})(?: {_SHAPES})?|(?:superior |upper )?mediastinum",
        {
            "mediastinal widening": r"widened|wide|prominent|enlarged|broad(?:ened)?",
            "mediastinal shift": r"shifted|displaced|deviated",
        },
        rf"{_NORMAL}|not (?:\w+ )?widened|midline",
        ("mediastinal widening",),
    ),
    "aorta": Part(
        r"(?:thoracic |descending |ascending |descending thoracic )?aorta|aortic(?: (?:knob|arch|contour|knuckle))+",
        {
            "aortic tortuosity": r"tortuous|unfolded|ectatic|dilated|aneurysmal|elongated|enlarged|prominent|uncoiled",
            "aortic calcification": r"calcified|calcifications?|atherosclerotic",
        },
        _NORMAL,
        ("aortic tortuosity",),
    ),
    "costophrenic angles": Part(
        r"(?:costophrenic|cp) (?:angles?|sulc(?:us|i)|sinus(?:es)?|recess(?:es)?)|pleural (?:surfaces?|spaces?|sulci"
        r"|margins?)|pleura",
        {"effusion": r"blunted|blunting|obscured|effaced", "pleural thickening": r"thickened"},
        rf"{_NORMAL}|sharp|clear|well[- ]defined|preserved",
        ("effusion",),
    ),
    "trachea": Part(
        r"trachea",
        {"mediastinal shift": r"deviated|shifted|displaced"},
        rf"{_NORMAL}|midline|central",
        ("mediastinal shift",),
    ),
    "diaphragm": Part(
        r"(?:hemi)?diaphragms?",
        {"elevated hemidiaphragm": r"elevated|raised|high", "hyperinflation": r"flattened|flat"},
        rf"{_NORMAL}|sharp|not (?:\w+ )?elevated",
        ("elevated hemidiaphragm",),
    ),
    "bones": Part(
        r"(?:(?:visuali[sz]ed |visible |imaged |surrounding |regional )?(?:osseous|bony|skeletal) (?:structures?"
        r"|thorax|elements?|anatomy))|bones|(?:bony )?ribs(?= (?:are|appear|is)\b)|bony thorax|rib cage"
        r"|(?:thoracic )?spine|skeleton",
        {"bone abnormality": r"demineralized|osteopenic|abnormal", "fracture": r"fractured|broken"},
        rf"{_NORMAL}|intact|grossly intact",
        ("bone abnormality",),
    ),
    "lungs": Part(
        r"(?:lung|lungs|lung fields?|(?:lung )?(?:parenchyma|bases?|apices|apex)|(?:\w+ )lobes?)(?! volumes?)",
        {
            "hyperinflation": r"hyper-?inflated|hyper-?expanded|over-?inflated",
            "low lung volumes": r"(?:poorly|under-?|incompletely|less well )(?:inflated|expanded|aerated)",
        },
        _NORMAL,
        (),
    ),
    "aeration": Part(
        r"(?:lung )?aeration|(?:re)?expansion of the (?:\w+ )?lung", {"opacity": r"poor"}, _NORMAL, ("opacity",)
    ),
}
# Of these more is better: a change of the part is the opposite change of the finding.
INVERTED = {"lung volumes", "aeration"}
_CLEAR = re.compile(r"\b(?<!not )clear\b(?! of)")
_EXPANDED = re.compile(r"\b(?:well|fully|normally|adequately|symmetrically)[- ](?:expanded|inflated|aerated)\b")
_BORDERLINE = re.compile(
    r"\b(?:top[- ]normal|borderline|upper (?:limits?|range|limit) of normal|upper normal|high[- ]normal"
    r"|upper limits? normal|(?:at the )?upper limits?)\b"
)
_ABNORMAL = {
    name: {finding: re.compile(rf"\b(?:{words})\b") for finding, words in part.abnormal.items()}
    for name, part in PARTS.items()
}
_IS_NORMAL = {name: re.compile(rf"\b(?:{part.normal})\b") for name, part in PARTS.items()}
_NOT_THAT = re.compile(r"\b(?:not|no|nor|neither|without)\b(?: \w+){0,2} ?$")


@dataclass(frozen=True)
class State:
    """What a sentence says of a part: finding, and whether it is present, possible or absent."""

    finding: str
    presence: str


def states_of(part: str, before: str, behind: str) -> list[State]:
    """What the words before and behind a part say of it; empty where they say nothing of its state."""
    for words in (behind, before):
        found = _states(part, words)
        if found:
            return found
    return []


def _states(part: str, words: str) -> list[State]:
    implied = PARTS[part].implied
    if _BORDERLINE.search(words):
        return [State(name, "possible") for name in implied[:1]]
    found = []
    for finding, pattern in _ABNORMAL[part].items():
        match = pattern.search(words)
        if match:
            is_denied = _NOT_THAT.search(words[: match.start()]) is not None
            found.append(State(finding, "absent" if is_denied else "present"))
    if found:
        return found
    if part == "lungs":
        if _CLEAR.search(words):
            found.append(State("opacity", "absent"))
        if _EXPANDED.search(words):
            found.append(State("low lung volumes", "absent"))
        if _IS_NORMAL[part].search(words) and not found:
            found.append(State("opacity", "absent"))
        return found
    match = _IS_NORMAL[part].search(words)
    if match and not re.search(r"\b(?:not|ab) ?$", words[: match.start()]):
        return [State(name, "absent") for name in implied]
    return []
