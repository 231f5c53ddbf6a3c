"""Sentences that state no finding, and what they are: technique, comparison, a normal chest, advice. Words alone.

A report holds many of them. They are recognised so that what is left over is what the rules cannot read.
"""

from __future__ import annotations

import re

TECHNIQUE, COMPARISON, NORMAL, UNCHANGED, LIMITED, ADVICE = KINDS = (
    "technique",
    "comparison",
    "normal",
    "unchanged",
    "limited",
    "advice",
)

# The whole chest as before. It gives every finding of the report its change (facts.py).
_THE_REST = (
    r"(?:the )?(?:chest radiograph|chest x-?ray|chest|radiograph|exam(?:ination)?|study|film"
    r"|appearance(?: of the (?:chest|lungs|heart and lungs|heart, lungs and mediastinum))?|findings"
    r"|cardiopulmonary (?:findings|status|appearance|structures)|remainder of (?:the )?(?:exam(?:ination)?|study"
    r"|chest|findings)|remaining findings|other findings|overall appearance|cardiac and pulmonary findings"
    r"|radiographic appearance|heart and lungs|everything|all else|rest)"
)
_WHOLE_CHEST = re.compile(
    r"(?:^|[,;]|\bthere (?:is|are|has been|have been)\b) *(?:again |overall,? |otherwise,? )?(?:NO)?SAME\b(?! (?:in"
    r"|of|to)\b(?! (?:the )?(?:appearance|findings|chest|study|exam|cardiopulmonary|overall|radiographic"
    r"|heart and lungs|heart, lungs|prior|previous|interval|comparison)))"
)
_STUDY_WIDE = (
    rf"\b{_THE_REST} (?:is |are |has |have |appears? |shows? |otherwise |essentially )*(?:SAME|NOSAME)",
    r"\botherwise,? (?:(?:is|are|has|have|there is|all|findings|stable) )*(?:SAME|NOSAME)",
)
_IS_STUDY_WIDE = re.compile("|".join(f"(?:{words})" for words in _STUDY_WIDE))

_KINDS = {
    LIMITED: r"\b(?:limited|(?<!normal )limits(?! of)|suboptimal|degraded|difficult to (?:assess|evaluate)"
    r"|not (?:\w+ )?(?:assessed|evaluated|included|imaged)|exclud\w+|overl(?:ying|ie|ies)|cut off|artifacts?"
    r"|accentuat\w+|(?:cannot|not) be (?:(?!cardiom)\w+ly )?(?:assessed|evaluated))\b",
    TECHNIQUE: r"\b(?:pa|ap|frontal|lateral|portable|single|upright|supine|semi-?erect|semi-?upright|erect|two"
    r"|bedside)\b[\w ,./()-]{0,60}\b(?:views?|projections?|radiographs?|images?|films?|x-?rays?|exam(?:ination)?"
    r"|study|technique|chest|position(?:ing|ed)?)\b|\b(?:views?|images?|radiographs?) (?:of the chest )?(?:were|was"
    r"|are|is) (?:obtained|provided|acquired|submitted|reviewed|presented|performed)|\bpatient (?:is"
    r"|was)? ?(?:\w+ )?rotat\w+|\brotat(?:ed|ion)\b|\blordotic\b|\bdigital (?:radiograph|image)|^technique"
    r"|\bwas (?:obtained|performed|taken) (?:at|with|in)\b",
    COMPARISON: r"\b(?:comparison|compared|as compared|comparisons?)\b|\b(?:prior"
    r"|previous)(?: \w+){0,3} (?:radiographs?|study|studies|exams?|examinations?|film|images?|ct|dated|from|of)\b"
    r"|\bno (?:prior|previous|comparison)\b",
    NORMAL: r"\bno (?:other |additional |new |definite |evidence of |radiographic |significant |convincing |relevant "
    r"|further )*(?:acute |active |pathologic |pathological |abnormal )*(?:(?:cardio-?(?:pulmonary|thoracic)"
    r"|intra-?thoracic|pulmonary|cardiac|pleural|chest|thoracic|lung|disease)(?: |/|-|or |and )*)*(?:process(?:es)?"
    r"|abnormalit(?:y|ies)|disease|findings?|changes?|pathology|events?|problem|concern|complications?)\b"
    r"|\b(?:normal|unremarkable|negative)\b|\bwithin normal limits\b|\bnothing else|\bof note\b|\bclear\b"
    r"|\bno complications?\b|\bno (?:radiopaque |radio-opaque )?foreign bod(?:y|ies)\b|\bintact\b|\bmidline\b",
    ADVICE: r"\b(?:recommend\w*|advised?|suggest(?:ed)?|consider|correlat\w+|follow-?up|discussed|communicated"
    r"|notified|informed|telephone\w*|paged?|conveyed|reported to|findings were|findings (?:discussed|communicated"
    r"|conveyed)|dr\.?|please|ADVICE|should be|would be helpful|may be obtained|further (?:evaluation|assessment"
    r"|imaging))\b",
}
_KIND = {name: re.compile(words) for name, words in _KINDS.items()}
_NOTHING_SAID = re.compile(r"^[\W_\d]*(?:(?:date|time|findings|impression|ap|pa|wet read)[\W_\d]*)*$")


def is_study_wide(text: str, names_findings: bool = False) -> bool:
    """Whether a sentence, lower case and with its changes marked (changes.marked), says that all is as before.

    names_findings: then only 'otherwise unchanged' and its like mean more than those findings.
    """
    return bool(_IS_STUDY_WIDE.search(text) or (not names_findings and _WHOLE_CHEST.search(text)))


def remark_of(text: str) -> str:
    """One of KINDS, or '' for a sentence that is none of them; UNCHANGED is for `is_study_wide`. text: as there."""
    if _NOTHING_SAID.match(text):
        return TECHNIQUE
    return next((kind for kind, pattern in _KIND.items() if pattern.search(text)), "")
