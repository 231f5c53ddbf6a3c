"""Where something is and how much of it: side, zone, grade, size, and the tip of a device. Words alone, lower case."""

from __future__ import annotations

import re

_BOTH = r"bilateral(?:ly)?|both|bibasilar|bibasal|biapical|bihilar|bi-?lateral"
SIDE = re.compile(rf"\b(?:(?P<both>{_BOTH})|(?P<ends>bases|apices)|(?P<right>right|rt)|(?P<left>left|lt))\b")


def side_in(words: str) -> str:
    """`right`, `left`, `bilateral` where both are named, or ''."""
    sides = {match.lastgroup for match in SIDE.finditer(words)}
    if "ends" in sides:  # of both lungs, unless a side is named
        sides = sides - {"ends"} or {"both"}
    return "bilateral" if "both" in sides or len(sides) == 2 else next(iter(sides), None) or ""


_GRADES = {
    "mild": r"mild(?:ly)?|minimal(?:ly)?|small|tiny|trace|slight(?:ly)?|subtle|minor|faint|miniscule|minute",
    "moderate": r"moderate(?:ly)?|medium(?:-sized)?|intermediate|moderate-sized",
    "severe": r"severe(?:ly)?|large|marked(?:ly)?|massive(?:ly)?|extensive|dense|pronounced|sizable|huge|gross(?:ly)?"
    r"|substantial",
}
GRADES = tuple(_GRADES)
_GRADE = re.compile("|".join(rf"(?P<{name}>\b(?:{words})\b)" for name, words in _GRADES.items()))


def grade_in(words: str) -> str:
    """`mild`, `moderate`, `severe`, a range such as `mild to moderate`, or ''."""
    named = [GRADES.index(match.lastgroup or "") for match in _GRADE.finditer(words)]
    if not named:
        return ""
    low, high = min(named), max(named)
    return GRADES[low] if low == high else f"{GRADES[low]} to {GRADES[high]}"


_ZONES = {
    "upper": r"upper|apical|apex|apices|biapical",
    "mid": r"mid|middle|lingula\w*|perihilar|mid-?lung",
    "lower": r"lower|basal|basilar|bases?|bibasilar|bibasal|retrocardiac|infrahilar|costophrenic",
}
_ZONE = re.compile("|".join(rf"(?P<{name}>\b(?:{words})\b)" for name, words in _ZONES.items()))


def zone_in(words: str) -> str:
    """`upper`, `mid`, `lower`, or '' where none or several are named."""
    zones = {match.lastgroup or "" for match in _ZONE.finditer(words)}
    return zones.pop() if len(zones) == 1 else ""


_SIZE = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)[ -]?(cm|mm)\b(?! (?:above|below|from|beyond|proximal|distal|of the))")


def size_in(words: str) -> str:
    """The size that is given, in cm: '2.5 cm'; or ''."""
    found = _SIZE.search(words)
    return f"{_cm(*found.groups()):g} cm" if found else ""


def _cm(number: str, unit: str) -> float:
    return float(number) / (10 if unit == "mm" else 1)


# Landmarks by their usual name -> how reports write them.
_LANDMARKS = {
    "carina": r"carina",
    "right main bronchus": r"right main(?:-?stem)?(?: bronchus)?",
    "left main bronchus": r"left main(?:-?stem)?(?: bronchus)?",
    "cavoatrial junction": r"cavo-?atrial junction|(?:svc|superior vena cava)[-/ ](?:right )?(?:atrial|atrium"
    r"|ra) junction",
    "superior vena cava": r"svc|superior vena cava",
    "brachiocephalic vein": r"(?:right |left )?(?:brachiocephalic|innominate)(?: vein)?",
    "subclavian vein": r"(?:right |left )?subclavian vein",
    "axilla": r"(?:right |left )?axilla(?:ry vein)?",
    "right atrium": r"right atri(?:um|al appendage)",
    "right ventricle": r"right ventric(?:le|ular apex)",
    "coronary sinus": r"coronary sinus",
    "pulmonary artery": r"(?:main |right |left )?pulmonary (?:artery|outflow tract)",
    "gastroesophageal junction": r"(?:gastroesophageal|ge|esophagogastric) junction",
    "stomach": r"stomach|gastric (?:body|fundus|antrum)",
    "duodenum": r"duodenum|pylorus|small bowel|jejunum",
    "esophagus": r"(?:distal |mid |upper |lower )?o?esophagus",
    "diaphragm": r"diaphragm",
    "thoracic inlet": r"thoracic inlet",
    "clavicles": r"clavic(?:les?|ular heads?)|clavicular heads",
    "aortic knob": r"aortic (?:knob|arch)",
    "apex": r"(?:lung |right |left )*apex",
    "base": r"(?:lung |right |left )*base",
    "trachea": r"(?:mid|upper|lower)?[ -]?trachea",
}
_LANDMARK = "|".join(f"(?P<l{number}>{words})" for number, words in enumerate(_LANDMARKS.values()))
_TIP = re.compile(
    r"(?:(?P<number>\d+(?:\.\d+)?)(?: ?(?:to|-) ?\d+(?:\.\d+)?)?[ -]?(?P<unit>cm|mm|centimeters?"
    r"|millimeters?)(?: \w+)? )?\b(?P<where>above|below|from|beyond|past|proximal to|distal to|over|in|into|at"
    r"|within|near|to|through|reaching|toward|overlying"
    r"|projecting over) (?:the )?(?:level of (?:the )?)?(?:(?:(?P<level>low|lower|mid|middle|high|upper|distal"
    r"|proximal)(?: to (?:mid|low|lower|upper|distal))?|left|body of"
    rf"|region of|expected|region|location|of|the)[ -])*(?:{_LANDMARK})\b"
    r"(?:,? and (?:the )?(?P<second>right ventricle|left ventricle|coronary sinus|right atrium))?"
)
_NEAR = {"in": "in", "into": "in", "within": "in", "at": "at", "above": "above", "below": "below", "from": "above"}


def tips(clause: str) -> tuple[list[str], str]:
    """(words, clause): where devices end, '4 cm above the carina', in their order; the clause with TIP in their place.

    What is taken out would otherwise be read as the side of a finding ('ends in the right atrium').
    """
    told, places = [], []
    for match in _TIP.finditer(clause):
        landmark = next(name for number, name in enumerate(_LANDMARKS) if match.group(f"l{number}") is not None)
        where = _NEAR.get(match.group("where"), "near")
        level = {"low": "lower", "distal": "lower", "high": "upper", "proximal": "upper", "middle": "mid"}.get(
            match.group("level") or "", match.group("level") or ""
        )
        distance = ""
        if match.group("number"):
            distance = (
                f"{_cm(match.group('number'), match.group('unit')[:2].replace('ce', 'cm').replace('mi', 'mm')):g} cm "
            )
        second = f" and {match.group('second')}" if match.group("second") else ""
        told.append(f"{distance}{where} the {level + ' ' if level else ''}{landmark}{second}")
        places.append(match.span())
    for start, end in reversed(places):
        clause = f"{clause[:start]}TIP{clause[end:]}"
    return told, clause
