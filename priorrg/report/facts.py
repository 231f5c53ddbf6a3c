"""What the sentences of a chest report say: findings, where, how much, whether they are there, and how they changed.

Rules over words, no model, no page. General radiology wording, so that it reads what any weights write. It serves tags,
the table beside the report, the comparison of readings and the exports: where it cannot tell it says nothing.
How often it is wrong is measured by `python -m tests.facts_error`. Scores of models are measured by other rules
(train/measure/parsing.py), which know the simulator's words and places.

vocabulary.py and parts.py know the names, places.py where and how much, changes.py the changes, scopes.py denial and
doubt; clauses.py puts them together for a clause, and here clauses become sentences and sentences a report. remarks.py
knows the sentences that state no finding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from priorrg.report import remarks, scopes
from priorrg.report.changes import CHANGE_OF, CHANGES, change_in, marked
from priorrg.report.clauses import Fact, clause_facts, settled
from priorrg.report.places import side_in
from priorrg.report.scopes import ABSENT, POSSIBLE, PRESENCES, PRESENT, RESOLVED, UNSTATED
from priorrg.report.vocabulary import DEVICES, FINDINGS, has_sides

__all__ = [
    "ABSENT",
    "CHANGES",
    "DEVICES",
    "FINDINGS",
    "POSSIBLE",
    "PRESENCES",
    "PRESENT",
    "RESOLVED",
    "UNSTATED",
    "Fact",
    "change_tag",
    "read_facts",
    "read_report",
    "remark_of",
    "sentence_kind",
]

MOST_CHARACTERS = 600  # of a sentence that are read: some rules take time with the square of its length

# The beginning of a sentence in which no line or tube stands.
_NONE_NAMED = (
    r"^(?P<before>(?:(?!\b(?:tubes?|lines?|catheters?|dobb?hoff|swan|trach|picc|ngt|ogt|ett|cvc|drain|pigtail))[^;])*?)"
    r"\b"
)

# Phrases whose words would mislead one by one.
_PHRASES = tuple(
    (re.compile(words), meaning)
    for words, meaning in (
        (r"\b(?:o?edema) of the (?:leg|arm|soft)\w*", ""),
        (r"\bhydro-?pneumothorax\b", "effusion and pneumothorax"),
        (r"\bhydropneumothoraces\b", "effusions and pneumothoraces"),
        (
            r"\b(?P<a>endotracheal|et|enteric|nasogastric|ng) and (?P<b>enteric|nasogastric|orogastric|feeding|ng"
            r"|og) tubes\b",
            r"\g<a> tube and \g<b> tube",
        ),
        (
            r"\b(?P<side>right|left) and (?P<other>right|left) (?P<thing>pleural effusions?|chest tubes?)",
            r"bilateral \g<thing>",
        ),
        # A line or tube goes by where it ends, unless its sentence has named one before it or says where it is no more.
        (
            rf"{_NONE_NAMED}(?P<the>the|this) (?:line|catheter)\b(?![^;]*\b(?:pulmonary arter|no longer))"
            r"(?=[^;]*\b(?:svc|superior vena cava|cavo-?atrial)\b)",
            r"\g<before>\g<the> cvc",
        ),
        (
            rf"{_NONE_NAMED}(?P<the>the|this) tube\b(?=(?:(?!\btubes?\b|\b(?:stomach|o?esophag|bronch|no longer))[^;])*"
            r"\bcarina\b)",
            r"\g<before>\g<the> et tube",
        ),
        (
            rf"{_NONE_NAMED}(?P<the>the|this) tube\b(?![^;]*\bno longer\b)"
            r"(?=[^;]*\b(?:stomach|gastric|gastro-?esophageal|duoden\w+|pylor\w+)\b)",
            r"\g<before>\g<the> ng tube",
        ),
        (r"\bnot (?:yet )?(?:been )?extubated\b", "has endotracheal tube"),
        (r"\bnot (?:been )?intubated\b", "no endotracheal tube"),
        (
            r"\b(?:has|have) been extubated\b|\bextubated\b|\b(?:interval |status post )?extubation\b",
            "endotracheal tube has been removed",
        ),
        (
            r"\b(?:interval |status post )intubation\b|\b(?:has|have) been (?:interval(?:ly)? )?(?:re-?)?intubated\b"
            r"|\bnewly intubated\b|\binterval intubation\b",
            "endotracheal tube is new",
        ),
        (r"\b(?:is|remains|was) (?P<how>still |now )?intubated\b|\bintubated\b", r"has endotracheal tube"),
        (r"\bbut (?P<how>otherwise |essentially |grossly )?clear\b", "but lungs clear"),
        (r"\b(?:is|are) (?P<how>better|less well|less) aerated\b", r"has \g<how> aeration"),
        (
            r"\bvolumes (?P<verb>are|remain|appear)(?: \w+ly)? (?:reduced|decreased|diminished)(?! (?:compared|since"
            r"|from|in the interval))",
            r"volumes \g<verb> low",
        ),
        (r"\bmass effect\b", ""),
        (r"\bright heart\b|\bleft heart\b", "ORGAN"),
    )
)
_ELLIPSIS = re.compile(r"^[\s,]*(?:and |the |that |one |on |at |in |of )*(?:right|left|bilateral)\b")


@lru_cache(maxsize=4096)
def read_facts(sentence: str) -> tuple[Fact, ...]:
    """The facts of one sentence, in the order of its words; none where it names nothing that is known here."""
    found: list[Fact] = []
    for clause in filter(str.strip, scopes.CLAUSE.split(_prepared(sentence))):
        facts = clause_facts(clause)
        if not facts and found:
            found = _taken_up(found, clause)
        found += facts
    return _merged(found)


def read_report(sentences: Sequence[str]) -> list[tuple[Fact, ...]]:
    """The facts of each sentence of a report. 'No relevant change' gives every finding its change that has none of its
    own."""
    facts = [read_facts(sentence) for sentence in sentences]
    if not any(map(_is_study_wide, sentences)):
        return facts
    return [tuple(_unchanged(fact) for fact in found) for found in facts]


def _unchanged(fact: Fact) -> Fact:
    return replace(fact, change="unchanged") if not fact.change and fact.presence in (PRESENT, POSSIBLE) else fact


def remark_of(sentence: str) -> str:
    """What a sentence is that states no finding: one of remarks.KINDS, or ''."""
    return remarks.UNCHANGED if _is_study_wide(sentence) else remarks.remark_of(_prepared(sentence))


def _is_study_wide(sentence: str) -> bool:
    return remarks.is_study_wide(_prepared(sentence), names_findings=bool(read_facts(sentence)))


def change_tag(facts: Sequence[Fact]) -> str:
    """The change that a sentence is marked with: the first one that it states, or ''."""
    return next((fact.change for fact in facts if fact.change), "")


def sentence_kind(sentence: str) -> str:
    """What a sentence is about: a `finding`, a `device`, only what is `absent`, or `none` of what is known here."""
    facts = read_facts(sentence)
    if not facts:
        return "none"
    if all(fact.presence == ABSENT for fact in facts):
        return "absent"
    return "device" if facts[0].finding in DEVICES else "finding"


@lru_cache(maxsize=4096)
def _prepared(sentence: str) -> str:
    text = " ".join(sentence[:MOST_CHARACTERS].lower().replace("’", "'").split())
    for pattern, meaning in _PHRASES:
        text = pattern.sub(meaning, text)
    return marked(text)


def _taken_up(found: list[Fact], clause: str) -> list[Fact]:
    """Facts with what a clause without a finding of its own adds: 'but it is smaller', 'while the left is stable'."""
    change, last = change_in(clause), found[-1]
    if not change or last.presence == ABSENT:
        return found
    side = side_in(clause)
    if side and has_sides(last.finding) and side != last.side and (last.side or _ELLIPSIS.match(clause)):
        return [*found, settled(replace(last, side=side, change=change, severity="", size="", zone=""))]
    stronger = change_in(*(mark for mark, name in CHANGE_OF.items() if name in (last.change, change)))
    return [*found[:-1], settled(replace(last, change=stronger))]


def _merged(facts: list[Fact]) -> tuple[Fact, ...]:
    """One fact for each finding and side."""
    merged: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        key = (fact.finding, fact.side)
        if not fact.side:  # a second word for what was already placed
            key = next((known for known in merged if known[0] == fact.finding), key)
        known = merged.get(key)
        if known is None:
            merged[key] = fact
            continue
        first, other = sorted((known, fact), key=lambda one: PRESENCES.index(one.presence))
        told = {
            name: getattr(first, name) or getattr(other, name) for name in ("change", "severity", "zone", "size", "tip")
        }
        merged[key] = replace(first, side=key[1], **told)
    return tuple(merged.values())
