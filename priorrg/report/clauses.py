"""What one clause says: everything it names, each with the words that belong to it, as facts.

A clause is lower case, with its changes marked (changes.py). facts.py cuts sentences into clauses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise

from priorrg.report import parts, places, scopes
from priorrg.report.changes import change_in, inverted
from priorrg.report.places import side_in
from priorrg.report.scopes import ABSENT, POSSIBLE, PRESENT, RESOLVED, UNSTATED
from priorrg.report.vocabulary import DEVICES, Mention, has_sides, mentions

_LIST_GAP = re.compile(
    r"\s*(?:,|and|or|nor|with|/|and/or|\s|the|a|an|pleural|associated|adjacent|overlying|underlying|subjacent"
    r"|compressive|concomitant|pulmonary|focal|diffuse|overt|frank|evidence|of|no|any|sided|layering|basilar|basal"
    r"|lower|upper|lobe|acute|lung|as well as)*\s*"
)
_CLOSES = re.compile(
    r"\s*(?:(?:on|in|at) (?:the )?\w+(?: \w+)? |bilaterally )?(?:also )?(?:(?:have|has|had|is|are|was|were|appears?"
    r"|SAME|LARGER|SMALLER|WORSE|BETTER|GONE|FRESH|NOSAME|cannot|may)\b|,?\s*(?:all|both)\b|(?:not|within|normal"
    r"|unremarkable)\b)"
)
_CLOSES_WITH_SIDE = re.compile(r"\s*(?:(?:on|in|at) (?:the |both )?(?:left|right|both)|bilaterally)\b")
_JOINTS = (
    re.compile(
        r"\b(?:and|with|without|or|nor|representing|reflecting|as well as|plus|consistent with|which may|suggest\w*"
        r"|likely|may|might|could|concerning for|compatible with|suspicious for)\b"
    ),
    re.compile(","),
)
_EXPLAINS = re.compile(
    r"\b(?:likely|probably|possibly|concerning for|suspicious for|compatible with|consistent with|suggest\w*"
    r"|represent\w*|reflect\w*|worrisome for|may be|could be|due to|in keeping with|favor\w*)\b"
)
_IS_GRADED = re.compile(r"\b(?:is|are|now|SAME|and|to|but) (?:now |still )?(?:\w+ to )?[\w-]+")
_ALL = re.compile(r"\b(?:all|both)\b[^,;]*$")


@dataclass(frozen=True)
class Fact:
    """One finding or device of a sentence.

    side: `right`, `left`, `bilateral` or ''. presence: one of PRESENCES (of devices `resolved` means removed).
    change: one of CHANGES against the prior study, or ''. severity: `mild`, `moderate`, `severe`, `mild to moderate`,
    ... or ''. zone: `upper`, `mid`, `lower` or ''. size: '2.5 cm' or ''. tip: where a device ends, '4 cm above the
    carina', or ''. What a finding is taken for ('consistent with pneumonia') is a fact of its own.
    """

    finding: str
    side: str
    presence: str
    change: str
    severity: str = ""
    zone: str = ""
    size: str = ""
    tip: str = ""


def clause_facts(clause: str) -> list[Fact]:
    tips: list[str] = []
    if any(set(mention.names) & set(DEVICES) for mention in mentions(clause)):
        tips, clause = places.tips(clause)
    found = mentions(clause)
    facts = _facts_at(clause, found, tips)
    # Lungs of which nothing is said are a place: 'the left lower lobe has developed a consolidation'
    silent = [one for one, group in zip(found, facts, strict=True) if one.part == "lungs" and not group]
    if silent:
        facts = _facts_at(clause, [one for one in found if one not in silent], tips)
    return [settled(fact) for group in facts for fact in group if fact.presence]


def _facts_at(clause: str, found: list[Mention], tips: list[str]) -> list[list[Fact]]:
    """The facts of each mention."""
    if not found:
        return []
    gaps = [clause[a.end : b.start] for a, b in pairwise(found)]
    splits = [_split(gap) for gap in gaps]
    before = [clause[: found[0].start], *(second for _, second in splits)]
    behind = [*(first for first, _ in splits), clause[found[-1].end :]]
    groups = [_facts_of(clause, *each) for each in zip(found, before, behind, strict=True)]
    _hand_back(groups, gaps, before, behind)
    _spread(groups, found, gaps, behind)
    _all_closed(groups, behind[-1])
    _place_tips(groups, tips, [clause[: found[0].end], *gaps, clause[found[-1].end :]])
    return groups


def _place_tips(groups: list[list[Fact]], tips: list[str], between: list[str]) -> None:
    """Each tip goes to the device before it, the first ones to the first. between: the words round the mentions."""
    for number, words in enumerate(between):
        count = words.count("TIP")
        told, tips = ", ".join(tips[:count]), tips[count:]
        place = max(number - 1, 0)
        if told:
            groups[place] = [
                replace(fact, tip=fact.tip or told) if fact.finding in DEVICES else fact for fact in groups[place]
            ]


def _facts_of(clause: str, mention: Mention, before: str, behind: str) -> list[Fact]:
    """The facts of one mention, from the words that belong to it. Presence '' where a part is named and no more."""
    if mention.part in parts.INVERTED:
        before, behind = inverted(before), inverted(behind)
    near = re.split(r",|\band\b|\bwith\b", before)[-1]
    change = _change(before, behind)
    if mention.part:
        return _part_facts(mention, near, behind, change)
    name = mention.names[0]
    own = clause[mention.start : mention.end]
    fact = Fact(
        name,
        (side_in(own) or _side(before, behind)) if has_sides(name) else "",
        POSSIBLE if "blunt" in own and change != "resolved" else "",
        change,
        places.grade_in(near) or places.grade_in(" ".join(_IS_GRADED.findall(behind))),
        places.zone_in(f"{near} {own} {behind}") if name not in DEVICES else "",
        places.size_in(f"{near} {own} {behind}") if name not in DEVICES else "",
    )
    said = scopes.presence(clause, mention.start, mention.end, behind)
    fact = replace(fact, presence=said if said == ABSENT or not fact.presence else fact.presence)
    by_side: dict[str, str] = {}
    if has_sides(name) and said != ABSENT:
        # 'worse left effusion with no change on the right' tells of either side in front and behind
        around = f"{before}, {behind}" if re.match(r"\s*with\b(?![^,;]*\blungs?\b)", behind) else ""
        by_side = _changes_by_side(before) or _changes_by_side(behind) or _changes_by_side(around)
    return [replace(fact, side=side, change=told) for side, told in by_side.items()] or [fact]


def _changes_by_side(words: str) -> dict[str, str]:
    """'unchanged on the right and improved on the left': side -> change; empty where a change is told of one only."""
    said = [(side_in(part), change_in(part)) for part in re.split(r",|\band\b|\bwhile\b|\bbut\b", words)]
    told = {side: change for side, change in said if side in ("right", "left") and change}
    return told if len(told) == 2 else {}


def _part_facts(mention: Mention, near: str, behind: str, change: str) -> list[Fact]:
    states = parts.states_of(mention.part, near, behind)
    side = side_in(near) or side_in(behind)
    grade = places.grade_in(near) or places.grade_in(behind)
    if states:
        return [
            Fact(
                state.finding,
                side if has_sides(state.finding) else "",
                _part_presence(state, change),
                change,
                grade if state.presence == PRESENT else "",
            )
            for state in states
        ]
    told = UNSTATED if change and mention.part != "lungs" else ""
    return [Fact(name, side if has_sides(name) else "", told, change if told else "") for name in mention.names]


def _part_presence(state: parts.State, change: str) -> str:
    """A blunted angle may be an effusion; what became smaller and is normal now has resolved."""
    if state.finding == "effusion" and state.presence == PRESENT:
        return POSSIBLE
    return RESOLVED if state.presence == ABSENT and change in ("smaller", "resolved") else state.presence


def _split(gap: str) -> tuple[str, str]:
    """What stands between two mentions, divided: the first part speaks of the one, the second of the other."""
    for joint in _JOINTS:
        joints = list(joint.finditer(gap))
        if joints:
            return gap[: joints[-1].start()], gap[joints[-1].start() :]
    return "", gap


def _change(before: str, behind: str) -> str:
    """From the nearest words that state one: 'unchanged effusion', 'effusion, stable to slightly increased'."""
    led = next((part for part in reversed(re.split(r",|\band\b", before)) if change_in(part)), "")
    follows = re.split(r"\bwith\b", behind)[0]
    return change_in(led, follows) or change_in(behind)


def _side(before: str, behind: str) -> str:
    """'on the left' right behind a finding goes before all else, then the nearest words: those of another part of the
    sentence speak of something else."""
    told = re.match(r"\s*(?:(?:is|are|seen|present|noted|SAME)\s+)*(?:on|in|at) the (right|left)\b", behind)
    if told and not side_in(behind[told.end() :]):
        return told.group(1)
    return side_in(re.split(r",|\band\b|\bwith\b", before)[-1]) or side_in(behind) or side_in(before)


def _spread(groups: list[list[Fact]], found: list[Mention], gaps: list[str], behind: list[str]) -> None:
    """What leads or closes a list holds for all of it: 'new effusion and atelectasis', 'both are unchanged'."""
    for number, gap in enumerate(gaps):
        first, second = groups[number], groups[number + 1]
        if not (first and second and _LIST_GAP.fullmatch(gap)) or found[number].part or found[number + 1].part:
            continue
        one, other = first[-1], second[0]
        if re.search(r"\b(?:no|without)\b", gap):
            continue
        is_alike = (one.finding in DEVICES) == (other.finding in DEVICES)
        if has_sides(other.finding) and not other.side and is_alike and not side_in(behind[number + 1]):
            other = replace(other, side=one.side)
        if not other.change and not change_in(behind[number]) and not re.search(r"\bwith\b", gap):
            other = replace(other, change=one.change)
        groups[number + 1] = [other, *second[1:]]
    for number in range(len(gaps) - 1, -1, -1):
        if not _LIST_GAP.fullmatch(scopes.without_sides_and_sizes(gaps[number])):
            continue
        last = groups[number + 1][-1] if groups[number + 1] else None
        if last is None or not (_CLOSES.match(behind[-1]) or found[number + 1].part):
            continue
        groups[number] = [_closed(fact, last, found[number], found[number + 1], behind[-1]) for fact in groups[number]]


def _hand_back(groups: list[list[Fact]], gaps: list[str], before: list[str], behind: list[str]) -> None:
    """'Opacity, likely pneumonia, larger than before': what is larger is the opacity, not what it is taken for."""
    for number in range(len(gaps) - 1, -1, -1):
        taken_for = groups[number + 1]
        is_said_later = change_in(behind[number + 1]) and not change_in(before[number + 1])
        if not (groups[number] and taken_for and is_said_later and _EXPLAINS.search(gaps[number])):
            continue
        change = taken_for[-1].change
        groups[number] = [replace(fact, change=fact.change or change) for fact in groups[number]]
        groups[number + 1] = [replace(fact, change="") for fact in taken_for]


def _all_closed(groups: list[list[Fact]], closing: str) -> None:
    """'..., all unchanged' speaks of everything before it."""
    told = _ALL.search(closing)
    change = change_in(told.group()) if told else ""
    for number, group in enumerate(groups if change else []):
        groups[number] = [replace(fact, change=fact.change or change) for fact in group]


def _closed(fact: Fact, last: Fact, mention: Mention, following: Mention, closing: str) -> Fact:
    """A fact of a list, with what closes the list: its change, and what is not said of it before."""
    if not fact.change:
        fact = replace(fact, change=last.change)
    if not fact.side and has_sides(fact.finding) and _CLOSES_WITH_SIDE.match(closing):
        fact = replace(fact, side=last.side)
    if mention.part:
        return fact if fact.presence else replace(fact, presence=last.presence)
    if fact.presence == PRESENT and not following.part and last.presence in (ABSENT, POSSIBLE):
        fact = replace(fact, presence=last.presence)
    return fact


def settled(fact: Fact) -> Fact:
    """What was taken back has no change, what is gone is resolved; only devices move."""
    if fact.change == "moved" and fact.finding not in DEVICES:
        fact = replace(fact, change="")
    if fact.presence == ABSENT:
        return replace(fact, change="", severity="", zone="", size="")
    if fact.presence == RESOLVED or (fact.change == "resolved" and fact.presence):
        return replace(fact, presence=RESOLVED, change="resolved")
    return fact
