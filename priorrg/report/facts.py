"""What a sentence of a chest report says: finding, side, presence and change. Rules over words, no model, no page.

General radiology wording, so that it reads what any weights write. It serves a table beside the report and the tags at
its sentences: where it cannot tell it says nothing. Scores are measured by other rules (train/measure/parsing.py),
which know the simulator's words and places.

Negation and doubt reach as far as a clause, forward from what opens them, in the manner of NegEx (Chapman et al. 2001).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise

PRESENT, POSSIBLE, ABSENT, RESOLVED = "present", "possible", "absent", "resolved"
CHANGES = ("new", "larger", "unchanged", "smaller", "resolved", "moved")  # moved: of devices alone
_FIRST = (PRESENT, RESOLVED, POSSIBLE, ABSENT)  # which one stands where a sentence says two of one finding

_FINDINGS = {
    "effusion": r"(?<!pericardial )effusions?|pleural fluid|hydropneumothora(?:x|ces)|blunting|blunted",
    "pneumothorax": r"(?:hydro)?pneumothora(?:x|ces)|ptx",
    "opacity": r"opacit(?:y|ies)|opacification|consolidations?|consolidative|infiltrates?|airspace disease|pneumonias?",
    "edema": r"o?edema|(?:vascular )?congestion",
    "atelectasis": r"atelecta\w+|volume loss|(?:lobe|lobar|lung) collapse",
    "cardiomegaly": r"cardiomegaly|(?:cardiac|heart) enlargement|enlargement of the (?:heart|cardiac silhouette)"
    r"|enlarged (?:heart|cardiac silhouette|cardiomediastinal silhouette)"
    r"|(?:heart|cardiac silhouette|cardiomediastinal silhouette)(?: size)?(?: \w+){1,3}? enlarged",
    "nodule": r"nodules?|mass(?:es)?(?! effect)",
    "hyperinflation": r"hyperinflat\w+|hyperexpan\w+",
    "fracture": r"fractures?|fractured",
    "endotracheal tube": r"endotracheal tube|et tube|ett",
    "central venous catheter": r"central (?:venous )?(?:catheter|line)|venous catheter|picc(?: line)?|port-a-cath",
    "nasogastric tube": r"(?:nasogastric|orogastric|enteric|feeding|ng|og) tube|dobbhoff(?: tube)?",
    "chest drain": r"chest (?:drain|tube)s?|pleural drain|pigtail catheter",
    "pacemaker": r"pacemaker|pacer|pacing device|defibrillator|icd",
    "sternotomy wires": r"sternotomy wires",
}
DEVICES = tuple(_FINDINGS)[9:]
_SIDELESS = {"cardiomegaly", "hyperinflation", "edema", "endotracheal tube", "nasogastric tube", "sternotomy wires"}
_MENTION = re.compile("|".join(f"(?P<f{n}>\\b(?:{words})\\b)" for n, words in enumerate(_FINDINGS.values())))
FINDINGS = tuple(_FINDINGS)

# Sentences that deny without naming what they deny.
_NORMAL_HEART = re.compile(
    r"\b(?:heart|cardiac silhouette|cardiomediastinal silhouette)(?: size)? (?:is|are|remains|appears)(?: \w+)?"
    r" (?:normal|unremarkable|within normal limits|not enlarged)|\bnormal (?:heart|cardiac) size"
    r"|\b(?:heart|cardiac silhouette|cardiomediastinal silhouette)(?: size)? (?:is |remains |appears )?"
    r"(?:normal|unremarkable|within normal limits|not enlarged)"
)
_CLEAR_LUNGS = re.compile(r"\blungs?\b(?: (?!not\b)[\w-]+){0,5} clear\b(?! of)|\bclear lungs\b")

# Phrases whose words would mislead one by one, and what they mean; upper case, so that no rule takes them apart.
_PHRASES = (
    (
        r"(?:no|without|not)(?: (?!longer\b|change|increase|worsening|decrease)\w+){0,2}"
        r" (?:change|increase|worsening)d?",
        "SAME",
    ),
    (r"not(?: \w+)? changed", "SAME"),
    (r"not (?:previously )?(?:seen|present) (?:before|previously|on the prior \w+)", "FRESH"),
    (r"(?:no|not any) longer(?: (?:present|seen|visible|visuali[sz]ed|evident|identified|appreciated))?", "GONE"),
    (r"no (?:residual|remaining)", "GONE"),
    (
        r"(?:(?:partial|incomplete|near|near-complete|interval partial) resolution|"
        r"(?:partially|partly|nearly|almost|incompletely)(?: completely| fully| entirely)? (?:resolved|cleared))",
        "LESS",
    ),
    (
        r"(?:cannot|can not|could not) (?:entirely |completely |fully )?(?:be )?(?:excluded?|ruled out|rule out)"
        r"|(?:is|are) not (?:entirely |completely )?(?:excluded|ruled out)|(?:difficult|hard) to exclude",
        "PERHAPS",
    ),
    (r"(?:right|left) (?:atri(?:um|al)|ventric(?:le|ular)|main(?:stem)? bronchus|heart)", "ORGAN"),
    (r"costophrenic angles? (?:is|are) (?:sharp|clear)", "no effusion"),
    (r"not (?:only|well)", "ONLY"),
)
_CLAUSE = re.compile(
    r";|\bbut\b|\bhowever\b|\balthough\b|\bwhile\b|\bwhereas\b|\bexcept\b|[.!?](?:\s|$)|\bthere (?:is|are)\b"
)
_DENIAL = re.compile(
    r"\b(?:no|without|neither|nor|negative for|free of|free from|clear of|absence of|lack of|(?:isn|aren|wasn|weren)'t"
    r"|not (?=(?:a|an|any|have|show|demonstrate)\b))\b"
)
_SIZE = r"(?:mild|moderate|small|large|severe|tiny|trace|subtle|new|stable|unchanged|persistent|increased|decreased)"
_DENIAL_ENDS = re.compile(r"\b(?:is|are|has|have|with|remains?|shows?|aside from|apart from|other than)\b")
# Ends a denial too, but not in a list that an 'or' closes.
_NEXT_ITEM = re.compile(rf"(?:,|\band)\s*(?:an? )?\b{_SIZE}\b")
_NOT_SEEN = re.compile(
    r"\bnot (?:clearly |definitely |definitively )?(?:seen|identified|present|visible|visuali[sz]ed|evident|detected"
    r"|demonstrated|appreciated)|\babsent\b|\b(?:is|are|was|were|been) (?:excluded|ruled out)|^s?\s*: none\b"
    r"|\b(?:cannot|can not|could not) be (?:seen|identified|visuali[sz]ed)"
)
_DOUBT_BEFORE = re.compile(
    r"\b(?:possibl[ey]|probabl[ey]|likely|suspected|suspicious for|suspicion of|concerning for|concern for|questionable"
    r"|question of|may|might|could|suggest\w*|versus|vs|potential|presumed|borderline|equivocal|PERHAPS"
    r"|rule out|r/o|evaluate for|assess for|history of|unlikely)\b"
)
_DOUBT_BEHIND = re.compile(
    r"^[^,]*?(?:\bPERHAPS\b"
    r"|\b(?:is|are|remains?) (?:possible|likely|suspected|probable|questioned|questionable|equivocal)"
    r"|\b(?:may|might|could) be present\b|\b(?:is|are|seems?) unlikely\b)"
)
_CHANGE = {
    "resolved": r"resolved|resolution|cleared|gone|GONE|removed|removal|discontinued",
    "unchanged": r"unchanged|stable|similar|persist\w*|remains?|remained|again(?: seen| noted| demonstrated)?"
    r"|redemonstrated|unaltered|constant|as before|SAME",
    "new": r"new|newly|FRESH|interval (?:development|appearance|placement)|developed|has been placed|appeared",
    "larger": r"larger|increas\w*|wors\w+|enlarging|progress\w*|more (?:extensive|prominent|pronounced)|grown",
    "smaller": r"smaller|decreas\w*|improv\w*|diminish\w*|reduced|reduction|resolving|clearing|regress\w*"
    r"|less (?:extensive|prominent|pronounced)|LESS",
    "moved": r"repositioned|advanced|withdrawn|retracted|pulled back",
}
_CHANGE_WORD = re.compile("|".join(f"(?P<{name}>\\b(?:{words})\\b)" for name, words in _CHANGE.items()))
_SHOULD_MOVE = re.compile(r"\b(?:should|could|needs? to|recommend\w*)\b[^,]*")  # advice is no change
_BOTH = r"bilateral(?:ly)?|both|bibasilar|bibasal|biapical"
_SIDE = re.compile(rf"\b(?:(?P<both>{_BOTH})|(?P<right>right)|(?P<left>left))\b")
_LIST_GAP = re.compile(r"\s*(?:,|and|or|nor|with|/|and/or|\s|the|a|an|pleural|associated|adjacent)*\s*")
_PREDICATE = re.compile(r"\s*(?:(?:have|has|is|are|remains?|appears?|persists?)\b|,?\s*(?:all|both)\b)")


@dataclass(frozen=True)
class Fact:
    """One finding or device of a sentence.

    side: `right`, `left`, `bilateral` or ''. presence: present, possible, absent or resolved (of devices: removed).
    change: one of CHANGES against the prior study, or ''.
    """

    finding: str
    side: str
    presence: str
    change: str


def read_facts(sentence: str) -> tuple[Fact, ...]:
    """The facts of one sentence, in the order of its words; none where it names no finding that is known here."""
    text = " ".join(sentence.lower().split())
    for words, meaning in _PHRASES:
        text = re.sub(rf"\b(?:{words})\b", meaning, text)
    found: list[Fact] = []
    if _NORMAL_HEART.search(text):
        found.append(Fact("cardiomegaly", "", ABSENT, ""))
    if _CLEAR_LUNGS.search(text):
        found.append(Fact("opacity", "", ABSENT, ""))
    for clause in _CLAUSE.split(text):
        found += _clause_facts(clause)
    return _merged(found)


def change_tag(facts: tuple[Fact, ...]) -> str:
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


def _clause_facts(clause: str) -> list[Fact]:
    mentions = list(_MENTION.finditer(clause))
    if not mentions:
        return []
    gaps = [clause[a.end() : b.start()] for a, b in pairwise(mentions)]
    splits = [_split(gap) for gap in gaps]
    before = [clause[: mentions[0].start()], *(second for _, second in splits)]
    behind = [*(first for first, _ in splits), clause[mentions[-1].end() :]]
    facts = []
    for number, mention in enumerate(mentions):
        name = FINDINGS[int(mention.lastgroup[1:])]  # type: ignore[index]
        change = _change(before[number], behind[number])
        side = "" if name in _SIDELESS else _side_of(before[number], behind[number])
        facts.append(Fact(name, side, _presence(clause, mention, before[number], behind[number]), change))
    for number, gap in enumerate(gaps):  # 'right effusion and atelectasis': what leads a list holds for all of it
        if _LIST_GAP.fullmatch(gap):
            first, second = facts[number], facts[number + 1]
            lends = second.finding not in _SIDELESS and not second.side and not _side(behind[number + 1])
            second = replace(second, side=first.side if lends else second.side)
            if not second.change:
                second = replace(second, change=first.change)
            facts[number + 1] = second
    for number in range(len(gaps) - 1, -1, -1):  # 'effusion and atelectasis are unchanged': so does what closes it
        if _LIST_GAP.fullmatch(re.sub(rf"\b{_SIZE}\b|{_SIDE.pattern}", "", gaps[number])):
            closing = behind[number + 1]
            if _PREDICATE.match(closing) and not facts[number].change:
                facts[number] = replace(facts[number], change=facts[number + 1].change)
            if facts[number + 1].presence != facts[number].presence == PRESENT and _PREDICATE.match(closing):
                facts[number] = replace(facts[number], presence=facts[number + 1].presence)
    return [_settled(fact) for fact in facts]


def _split(gap: str) -> tuple[str, str]:
    """What stands between two findings, divided: the first part speaks of the one, the second of the other."""
    places = list(re.finditer(r"\b(?:and|with|or|nor|representing|reflecting)\b", gap)) or list(re.finditer(",", gap))
    if not places:
        return "", gap
    return gap[: places[-1].start()], gap[places[-1].end() :]


def _presence(clause: str, mention: re.Match, before: str, behind: str) -> str:
    lead = clause[: mention.start()]
    denials = list(_DENIAL.finditer(lead))
    if denials:
        end = denials[-1].end()
        is_list = re.search(r"\b(?:or|nor)\b", clause[end:])
        if not _DENIAL_ENDS.search(lead, end) and (is_list or not _NEXT_ITEM.search(lead, end)):
            return ABSENT
    if _NOT_SEEN.search(behind):
        return ABSENT
    if mention.group().startswith("blunt"):
        return POSSIBLE
    doubts = list(_DOUBT_BEFORE.finditer(lead))
    in_doubt = doubts and not re.search(r"\b(?:and|with|is|are)\b", lead[doubts[-1].end() :])
    return POSSIBLE if in_doubt or _DOUBT_BEHIND.search(behind) else PRESENT


def _change(before: str, behind: str) -> str:
    behind = _SHOULD_MOVE.sub("", behind)
    later = _CHANGE_WORD.search(behind)
    words = [*_CHANGE_WORD.finditer(before)][-1:] + ([later] if later else [])
    kinds = [word.lastgroup or "" for word in words]
    for kind in ("resolved", "smaller", "larger", "new"):  # 'persistent but smaller': the stronger word counts
        if kind in kinds:
            return kind
    return kinds[0] if kinds else ""


def _side(words: str) -> str:
    sides = {match.lastgroup for match in _SIDE.finditer(words)}
    return "bilateral" if "both" in sides or len(sides) == 2 else next(iter(sides), None) or ""


def _side_of(before: str, behind: str) -> str:
    """'on the left' right behind a finding goes before all else, then the nearest words: those of another part of the
    sentence speak of something else."""
    told = re.match(r"\s*(?:(?:is|are|seen|present|noted)\s+)*(?:on|in|at) the (right|left)\b", behind)
    if told:
        return told.group(1)
    return _side(re.split(r",|\band\b|\bwith\b", before)[-1]) or _side(behind) or _side(before)


def _settled(fact: Fact) -> Fact:
    """What was taken back has no change, what is gone is resolved; only devices move."""
    if fact.change == "moved" and fact.finding not in DEVICES:
        fact = replace(fact, change="")
    if fact.presence == ABSENT:
        return replace(fact, change="")
    return replace(fact, presence=RESOLVED) if fact.change == "resolved" else fact


def _merged(facts: list[Fact]) -> tuple[Fact, ...]:
    """One fact for each finding and side: 'opacity that may be pneumonia' is an opacity."""
    merged: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        key = (fact.finding, fact.side)
        if not fact.side:  # a second word for what was already placed
            key = next((known for known in merged if known[0] == fact.finding), key)
        known = merged.get(key)
        if known is None:
            merged[key] = fact
            continue
        first = min(known, fact, key=lambda f: _FIRST.index(f.presence))
        merged[key] = replace(first, side=key[1], change=first.change or known.change or fact.change)
    return tuple(merged.values())
