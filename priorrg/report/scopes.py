"""Whether what a sentence names is there: denial and doubt, each reaching as far as its clause lets it.

In the manner of NegEx (Chapman et al. 2001): words that open a scope forward ('no', 'possible') or back ('is not seen',
'cannot be excluded'), and words that end it.
"""

from __future__ import annotations

import re

from priorrg.report.places import SIDE, side_in

PRESENT, POSSIBLE, ABSENT, RESOLVED = "present", "possible", "absent", "resolved"
UNSTATED = "unstated"  # of a part of the chest that is compared, and not said to be normal or not
PRESENCES = (PRESENT, RESOLVED, POSSIBLE, ABSENT, UNSTATED)

CLAUSE = re.compile(
    r";|\bbut\b|\bhowever\b|\b(?:al)?though\b|\bwhile\b|\bwhereas\b|\bexcept(?: for)?\b|[.!?](?:\s|$)|(?:,? and|,"
    r"|,? with)? ?\bthere (?:is|are|has been|have been)\b|, (?:which|that|this|these|it)\b(?= (?:is|are|has|have|was"
    r"|SAME|GONE|LARGER|SMALLER|WORSE|BETTER))"
)
_DENIAL = re.compile(
    r"\b(?:no|without|neither|nor|negative for|free of|free from|clear of|absence of|lack of|rather than|instead of"
    r"|not (?=(?:a|an|any|have|show|demonstrate|represent|due|associated|accompanied|see)\b)|NONEW)\b"
)
_NOT = re.compile(r"\bnot(?: (?!cardiom)\w+ly)? $")
# 'no change', 'no increase' are marks by now (changes.py).
SIZES = (
    r"(?:mild|moderate|small|large|severe|tiny|trace|subtle|minimal|moderate-sized|FRESH|SAME|LARGER|SMALLER|WORSE"
    r"|BETTER|GONE|dense|slight|minor|left|right|bilateral|bibasilar)"
)
_DENIAL_ENDS = re.compile(
    r"\b(?:is|are|has|have|with|shows?|aside from|apart from|other than|besides|secondary to|due to|consistent with"
    r"|after|following|since|despite|status post|given|in the setting of|projects?|ends|terminates)\b"
    r"|\bSAME(?= (?:in|mild|moderate|small))"
)
# Ends a denial too, but not in a list that an 'or' closes.
_NEXT_ITEM = re.compile(rf"(?:,|\band\b)\s*(?:an? |the )?\b{SIZES}\b")
_NEXT_SUBJECT = re.compile(r"(?:,|\band the)\s*(?:the |a |an )?(?:\w+ ){0,3}$")
_NEXT_CHANGED = re.compile(r"\band (?:\w+ ){0,3}$")
_CHANGED = re.compile(r"\s*(?:\w+ )?(?:is|are|has|have)? ?(?:been )?(?:SAME|LARGER|SMALLER|WORSE|BETTER|GONE|FRESH)\b")
_PREDICATE = re.compile(r"\s*(?:\w+ )?(?:is|are|has|have|appears?|SAME|LARGER|SMALLER|WORSE|BETTER|GONE|FRESH)\b")
_NOT_SEEN = re.compile(
    r"\bnot (?:(?!cardiom)\w+ly )?(?:been )?(?:seen|identified|present|visible|visuali[sz]ed|evident|detected"
    r"|demonstrated|appreciated|noted|apparent|observed|found|there)|\babsent\b|\b(?:is|are|was|were"
    r"|been) (?:excluded|ruled out)|^s?\s*: ?none\b|\bcannot be (?:seen|identified|visuali[sz]ed|appreciated"
    r"|detected)|\bnot in place\b"
)
_DOUBT_BEFORE = re.compile(
    r"\b(?:possibl[ey]|probabl[ey]|likely|suspected|suspicious for|suspicion (?:of|for)|concerning for|concern for"
    r"|questionabl[ey]|question of|may|might|could|suggest\w*|versus|vs|potential|presumed|presumably|borderline"
    r"|equivocal|PERHAPS|rule out|r/o|evaluate for|assess for|history of|potentially|unlikely|worrisome for"
    r"|compatible with|in keeping with|indicative of|raises? the possibility of|possibility of|differential"
    r"|cannot (?:(?!cardiom)\w+ly )?(?:exclude|rule out)|perhaps|difficult to exclude|hard to exclude|not exclude"
    r"|favou?r\w*|MAYBEGONE|either|or even|doubtful|if (?:clinically|there))\b"
)
_DOUBT_BEHIND = re.compile(
    r"^[^,]*?(?:\b(?:cannot|could not)(?: be)?(?: (?!cardiom)\w+ly)?(?: be)? (?:excluded?|ruled out)|\b(?:is"
    r"|are)? ?not (?:(?!cardiom)\w+ly )?(?:excluded|ruled out)|\b(?:difficult|hard) to exclude\b|\b(?:is|are"
    r"|remains?|SAME|seems?)(?: (?!cardiom)\w+ly)?(?: a)? (?:possible"
    r"|likely(?! (?:due|related|secondary|attributable|explained|from)\b)|suspected|probable|questioned"
    r"|questionable|equivocal|possibility|considered|considerations?|suggested)|\b(?:may|might|could|would"
    r"|should)(?: also)?(?: have to)? be (?:present|considered)\b|\b(?:is|are|seems?"
    r"|appears?)(?: (?!cardiom)\w+ly)?(?: (?:felt|thought|considered|deemed|judged|believed))?(?: to be)?"
    r"(?: (?!cardiom)\w+ly)? (?:unlikely|less likely|not favou?red|not likely|not suspected)\b|MAYBEGONE)"
)
_DOUBT_ENDS = re.compile(r"\b(?:and|with|is|are|as well as)\b")


def presence(clause: str, start: int, end: int, behind: str) -> str:
    """PRESENT, POSSIBLE or ABSENT for what a clause names from start to end. behind: the words that belong to it."""
    lead = clause[:start]
    if _NOT.search(lead):
        return ABSENT
    denials = list(_DENIAL.finditer(lead))
    if denials and not _has_ended(clause, lead, end, denials[-1].end()):
        return ABSENT
    not_seen = _NOT_SEEN.search(behind)
    if not_seen and not _is_of_the_other_side(lead, behind[not_seen.end() :]):
        return ABSENT
    if _DOUBT_BEHIND.search(behind):
        return POSSIBLE
    doubts = list(_DOUBT_BEFORE.finditer(lead))
    return POSSIBLE if doubts and not _DOUBT_ENDS.search(lead, doubts[-1].end()) else PRESENT


def _is_of_the_other_side(lead: str, following: str) -> bool:
    """'Small right effusion, not seen on the left': what is not seen is another one."""
    told = re.match(r" (?:on|in|at) the (right|left)\b", following)
    own = side_in(lead)
    return bool(told and own and told.group(1) != own)


def _has_ended(clause: str, lead: str, end: int, opened: int) -> bool:
    """Whether a denial that was opened ends before the mention that `lead` leads to."""
    if _DENIAL_ENDS.search(lead, opened):
        return True
    if re.search(r"\b(?:or|nor)\b", clause[opened:]):
        return False
    if _NEXT_ITEM.search(lead, opened):
        return True
    # 'no pneumothorax, the effusion is unchanged': another subject with a verb of its own
    said = lead[opened:]
    return bool(
        (_NEXT_SUBJECT.search(said) and _PREDICATE.match(clause, end))
        or (_NEXT_CHANGED.search(said) and _CHANGED.match(clause, end))
    )


def without_sides_and_sizes(words: str) -> str:
    """The words between two findings without what may stand before the second one of a list."""
    return re.sub(rf"\b(?:{SIZES}|{SIDE.pattern})\b", "", words)
