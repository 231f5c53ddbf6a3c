"""What a sentence says of change: its words become marks, negated ones the marks of what they mean.

In the manner of NegEx and ConText (Chapman et al. 2001, Harkema et al. 2009): a trigger, its scope, what ends it; a
phrase that only looks like a trigger is taken first ('no longer', 'not only'). A mark stands in capitals, so that no
later rule takes it apart. 'has not decreased' is SAME, and its 'not' denies nothing else any more.
"""

from __future__ import annotations

import re

# Marks. NOSAME: unchanged by a 'no' or 'without' that reaches on over 'or' ('no increase in effusion or new edema').
# WORSE, BETTER: apart from LARGER and SMALLER, for larger lung volumes are better ones.
SAME, NOSAME, LARGER, SMALLER, WORSE, BETTER = "SAME", "NOSAME", "LARGER", "SMALLER", "WORSE", "BETTER"
GONE, FRESH, MOVED = "GONE", "FRESH", "MOVED"
# There, and no word of how it changed; perhaps gone.
STILL, MAYBEGONE = "STILL", "MAYBEGONE"
CHANGE_OF = {
    GONE: "resolved",
    SMALLER: "smaller",
    BETTER: "smaller",
    LARGER: "larger",
    WORSE: "larger",
    FRESH: "new",
    MOVED: "moved",
    SAME: "unchanged",
    NOSAME: "unchanged",
}
CHANGES = ("new", "larger", "unchanged", "smaller", "resolved", "moved")  # moved: of devices alone
MARK = re.compile(r"\b(?:SAME|NOSAME|LARGER|SMALLER|WORSE|BETTER|GONE|FRESH|MOVED|STILL|MAYBEGONE)\b")
_STRENGTH = ("resolved", "smaller", "larger", "new", "moved", "unchanged")


def any_of(words: str) -> str:
    """One of several words or patterns, written with commas between them."""
    return "(?:" + "|".join(re.split(r",\s+", words)) + ")"


LY = r"(?!cardiom)\w+ly"  # an adverb, which cardiomegaly is not
_ADJECTIVES = any_of(
    "extensive, prominent, pronounced, conspicuous, apparent, confluent, dense, severe, marked, evident, visible, "
    "widespread, obvious, diffuse, consolidated, distinct, opaque, numerous, well[- ]defined"
)
_WORDS = {
    LARGER: any_of(
        r"larger, bigger, greater, increas(?:es?|ed|ing|ingly), enlarging, enlarges, grow(?:n|th|ing|s)?, grew, "
        r"progress(?:ion|ed|es|ing|ive|ively)?, (?:re-?)?accumulat(?:ed?|ion"
        r"|ing), expanding, denser, wider, heavier, "
        rf"higher(?= than), (?:has|have|had)(?: {LY})? enlarged, more {_ADJECTIVES}, "
        r"more(?= (?:engorged|congested|fluid|pleural|air|tortuous|enlarged|hazy|nodular|volume"
        r"|edema)), (?<!well )(?<!fully )(?<!are )(?<!is )(?<!ally )(?<!ely )(?<!-)expanded(?! and), (?:interval"
        r"|further|progressive|continued) enlargement(?! of (?:the )?(?:heart|card)), enlargement(?= (?:of"
        r"|in))(?! (?:of|in) (?:the |this |a )?(?:\w+ )?(?:\w+ )?(?:heart|card|hil|aort|pulm|vasc|med))"
    ),
    WORSE: any_of(
        r"wors(?:e|en|ens|ened|ening), deteriorat(?:e|ed|es|ing|ion), aggravat(?:ed|ion), exacerbat(?:ed|ion)"
    ),
    BETTER: any_of(r"improv(?:e|es|ed|ing|ements?), better, ameliorat\w+"),
    SMALLER: any_of(
        r"smaller, decreas(?:es?|ed|ing), diminish(?:ed|es|ing)?, lessen(?:ed|ing)?, diminution, "
        r"reduc(?:ed?|tion|ing|es), resolving, clearing, regress(?:ed|ion|ing|es)?, reced(?:ed?|ing), subsid(?:ed?"
        r"|ing), shrunk, shrinks?, shrinking, shrunken, milder, lower(?= than), fewer, declin(?:ed?|ing), abat(?:ed?"
        r"|ing), "
        rf"less {_ADJECTIVES}, "
        r"less(?= (?!than|likely|well|clear|specific|typical|characteristic|favored|compatible)\w+)"
    ),
    GONE: any_of(
        "resolv(?:ed|es|e), resolution, cleared, gone, disappear(?:ed|ance)?, vanished, removed?, removal, "
        "discontinued, taken out, explanted, normali[sz]ed, (?:complete|full) clearing"
    ),
    FRESH: any_of(
        r"new(?:ly)?, interval (?:development|appearance|placement|insertion|occurrence), development(?= of), "
        rf"placement of, (?:has|have|had)(?: {LY})?(?: since| now)? (?:developed|appeared|occurred|arisen|emerged), "
        r"(?:has|have|had) been (?:placed|inserted|introduced), (?:was|were) (?:placed|inserted), "
        r"recurr(?:ed?|ent|ence|ing), reappear(?:ed|ance)?, now (?:present|seen|visible|apparent"
        r"|evident), now developed, developed(?= (?:a|an|new|in the))"
    ),
    MOVED: any_of(
        "reposition(?:ed|ing), advanced, advancement, withdrawn, withdrawal, retracted, retraction, pulled back, "
        "migrat(?:ed|ion), moved, chang(?:e|ed) (?:in )?(?:its )?position, dislodged, exchanged, replaced"
    ),
    SAME: any_of(
        r"unchanged, stable, stability, similar(?:ly)?, persist(?:s|ed|ent|ently|ing|ence)?, remain(?:s|ed)?, "
        r"re-?demonstrat\w+, unaltered, constant, as before, as previously, identical, static, comparable, "
        r"the same, same, still, again, ongoing, continu(?:ed|es|ing)"
    ),
}
_ANY = {mark: rf"\b{words}\b" for mark, words in _WORDS.items()}
_UP_OR_DOWN = any_of(", ".join(_ANY[mark] for mark in (LARGER, SMALLER, WORSE, BETTER)))
_MORE_OR_LESS = any_of(f"{_UP_OR_DOWN}, {_ANY[GONE]}, {_ANY[MOVED]}")
_CHANGE_NOUN = r"\b(?:chang(?:es?|ed|ing)|alter(?:ed|ation)|differen(?:t|ces?)|evolution)\b"
_ANY_CHANGE = any_of(rf"{_MORE_OR_LESS}, {_CHANGE_NOUN}, clear\b")

_NEGATION = any_of(
    r"\bnot\b, \bno\b, \bwithout\b, \bnever\b, \bneither\b, \bnor\b, \bfail(?:s|ed|ing)? to\b, "
    r"\bfailure (?:to|of)\b, \black of\b, \babsence of\b, \blittle\b, \bhardly\b, \bbarely\b, \bscarcely\b, "
    r"\byet to\b, \bnone\b, "
    r"\bby no means\b, \bin no way\b, \bfar from\b, \banything but\b, \bcannot be said to\b"
)
# What may stand between a negation and the change that it negates.
_FILL = (
    "(?:,? "
    + any_of(
        r"a, an, any, the, been, be, being, is, are, become, yet, as yet, appear(?:s|ed|ing)?, seem(?:s|ed)?, "
        r"look(?:s|ed)?, to, have, has, had, shown?, shows, demonstrated?, undergone, evidence, signs?, suggestion, "
        r"indication, of, if any, interval, further, overall, significant, relevant, substantial, appreciable, "
        r"definite, clear, convincing, obvious, marked, major, much, material, measurable, notable, meaningful, "
        r"noticeable, visible, considerable, real, short-term, short, radiographic, in size, in extent, great, "
        r"large, subsequent, continued, dramatic, perceptible, discernible, detectable, important, other, "
        r"in the interval, since then, also, gotten, got, single, "
        rf"(?!only|complete|full|entire|total|whole){LY}"
    )
    + ")"
)
_HOW_MUCH = r"\b" + any_of(
    r"slight, mild, minimal, marked, moderate, significant, substantial, considerable, dramatic, definite, subtle, "
    r"modest, "
    rf"partial, continued, further, overall, interval, gradual, some, minor, progressive, {LY}, somewhat, much, "
    rf"a little, "
    r"even, since, very"
)
# Of nouns a grade belongs to the change: 'a small increase'. Else it is the finding's: 'small stable effusion'.
_GRADE = any_of("mild, slight, minimal, small, moderate, marked, large, subtle, tiny, modest")
_NOUN = any_of("increase, decrease, improvement, worsening, progression, reduction, growth, enlargement, resolution")
_SEEN = any_of(
    "present, seen, visible, visuali[sz]ed, evident, identified, appreciated, noted, apparent, detected, demonstrated, "
    "there, in place, in situ, observed, discernible, recogni[sz]able, shown, perceptible, depicted"
)
_BEFORE = (
    r"(?:before|previously|earlier|on (?:the )?(?:prior|previous|earlier|preceding|most recent)\b(?: (?:study|exam"
    r"|film|image|radiographs?|examination))?)"
)
_KNOWN = any_of(
    "seen, noted, described, identified, visuali[sz]ed, visible, reported, mentioned, demonstrated, questioned, present"
)
_PERHAPS = (
    r"\b(?:may|might|could|apparent|possibly|perhaps|questionabl[ey]|possible|cannot (?:exclude|rule out)"
    r"|(?:difficult|hard) to exclude|question of)(?: (?:have|be|has|been|also|well|a|an|some))*"
)
_LIKELY = r"\b(?:likely|probably|probable|presumably|presumed|appears?(?: to (?:be|have))?|seems?(?: to (?:be|have))?)"
_SIDE = "(?:right|left)"
_COMPARED = any_of(r"larger, greater, worse, bigger, smaller, more(?: \w+)?, less(?: \w+)?")
_MOVE = any_of("advanced?, withdr[ao]wn?, retract(?:ed)?, pulled back, repositioned, removed, replaced, exchanged")

# What only looks like a change, or like its negation.
_NO_CHANGES = (
    (r"n['’]t\b", " not"),
    (r"\bcan not\b", "cannot"),
    (
        r"\b(?:nothing|no (?:features|findings|signs?)) (?:here )?(?:(?:to|that would|which would) (?:suggest|indicate"
        r"|imply)|suggests|indicates|(?:suggestive|indicative) of|suggesting|indicating)\b(?! that)",
        "no evidence of",
    ),
    (r"\bno more than\b", "at most"),
    (r"\bremains? (?:with)?in the (?P<side>(?:right|left) )?pleural (?:space|cavity)\b", r"remains in place \g<side>"),
    (r"\blittle,? if any,? (?:residual )?(?=\w*(?:pneumo|eff|edema|atel|opac|congest|fluid|consol))", "possible "),
    (r"\b(?:do|does|did) not (?:suggest|indicate|imply)\b(?! that)", "show no"),
    (r"\bneither (?:lung|side|hemithorax) (?:shows?|demonstrates|contains)\b", "no"),
    (r"\b(?:is|are) (?:seen|identified|present|noted|evident) to (?=suggest|indicate)", "to "),
    (rf"\bnot only (?:the )?{_SIDE} but also (?:the )?{_SIDE}\b", "bilateral"),
    (r"\bnot (?:only|just)\b", "ONLY"),
    # Where it is most, which is neither its side nor a change
    (
        r",? (?:particularly|especially|predominantly|mainly|mostly|more so|most \w+|greatest|worst|more marked)"
        rf" (?:on|at|in) the {_SIDE}(?: \w+)?\b",
        "",
    ),
    (
        rf"\b{_SIDE}(?:-sided)?(?: side| one| lung)?(?: being| is| are)?(?: {LY})? {_COMPARED} than(?: on| in"
        rf"| that on)?(?: the)? {_SIDE}\b",
        "bilateral",
    ),
    (rf"\b{_COMPARED} (?:on|at|in) the {_SIDE}(?: \w+)? than(?: on| in| at)?(?: the)? {_SIDE}\b", "bilateral"),
    (
        rf"\b(?P<both>bilateral|both|bibasilar)\b(?P<x>[^.;]*?),? {_COMPARED} (?:on|at|in) the {_SIDE}\b",
        r"\g<both>\g<x>",
    ),
    # Seen better, which is not being better
    (
        r"\b(?:better|best|less well|not well|more clearly|less clearly|not as (?:well|clearly)) (?:seen"
        r"|visuali[sz]ed|appreciated|evaluated|assessed|demonstrated|depicted|delineated|characterized|defined)\b",
        "SEEN",
    ),
    # Advice, and what had been so before the prior study
    (
        rf"\b(?:should|could|needs? to|must|may|might)(?: also)?(?: be)?(?: {LY})?(?: further)? {_MOVE}\b[^,;]*",
        "ADVICE",
    ),
    (
        r"\b(?:recommend\w*|consider|suggest|advise)(?: \w+)? (?:advanc|withdraw|retract|pull|reposition|remov"
        r"|replac)\w*",
        "ADVICE",
    ),
    (
        r"\b(?:advancement|withdrawal|retraction|repositioning|removal)\b[^,;]*? (?:is|are) (?:recommended|advised"
        r"|suggested)",
        "ADVICE",
    ),
    (rf"\bhad(?: been)?(?: {LY})? {_MORE_OR_LESS}", "EARLIER"),
)
# Gone, there for the first time, and neither.
_COMING_AND_GOING = (
    (r"\bno (?P<x>[\w ]+?) (?:remains|persists|is left)\b", r"\g<x> GONE"),
    (
        rf"\b(?:no longer|not)(?: {LY})? (?:as|so|quite as) (?:large|extensive|severe|prominent|conspicuous|dense"
        rf"|marked|big"
        r"|apparent|pronounced|confluent|evident|bad)\b",
        SMALLER,
    ),
    (r"\bno longer (?:in(?! place| situ)|at|within|over|projecting|coiled|malpositioned)\b", MOVED),
    (r"\b(?:no|not|cannot)\b(?P<x>[^,;]*?) any ?(?:longer|more)\b(?! [a-z]+(?: than|\.|$))", r"\g<x> GONE"),
    (rf"\bno longer(?: {_HOW_MUCH})* {_UP_OR_DOWN}", SAME),
    (rf"\b(?:no|not any) longer(?: be)?(?: (?:{LY}|well))?(?: {_SEEN})?", GONE),
    (r"\b(?:no|without|absence of)(?: \w+)? (?:residual|remaining|persistent|persisting)\b", GONE),
    (rf"\bnot (?:{LY} )?(?:{_SEEN} )?{_BEFORE}|\bnot previously {_SEEN}", FRESH),
    # 'The previously seen nodule is not identified': it was there
    (
        rf"\b(?:(?:previously|formerly|earlier) {_KNOWN}|{_KNOWN} {_BEFORE})\b(?P<x>[^,;]*?) (?:is|are|was|were)"
        rf"(?: now| currently)? not(?: now| currently)? {_SEEN}"
        rf"(?! {_BEFORE}| to have\b| (?:below|beyond)\b| (?:on|in|at) the {_SIDE}\b[^;]* but\b)",
        r"\g<x> GONE",
    ),
    (rf"\b(?:previously|formerly) (?:not {_SEEN}|absent|unseen)|\babsent {_BEFORE}", FRESH),
    (rf"\b(?:is|are|was|were) not(?: {LY})? new\b", f"is {STILL}"),
    (rf"\bnot(?: {LY})? (?:developed|recur(?:red)?|reappear(?:ed)?|re-?accumulated?|appeared)\b", "not seen"),
    (r"\b(?:non-?|never[- ])resolving\b", SAME),
    (
        r"\b(?:resolution|clearing) (?P<x>of [^,;]*?) (?:is|remains|was) (?:still )?(?:only )?(?:incomplete|partial)",
        rf"{SMALLER} \g<x>",
    ),
    (r"\b(?:resolution|clearing) (?P<x>of [^,;]*?) (?:is|remains|was) not(?: yet)? complete", rf"\g<x> {STILL}"),
    (
        r"\b(?:partial|part|large|most|near|substantial|great)(?:ly)? (?:but|though|although|if|yet) not"
        r"(?: yet)? (?:complete|full|entire|total|whol)(?:ly|ely|l?y)? (?:resolved|cleared|gone)\b",
        SMALLER,
    ),
    # 'not completely resolved': it is there, and nothing is said of how it changed
    (
        rf"{_NEGATION}{_FILL}* (?:complete|full|entire|total|whol)(?:ly|ely|e|l)?(?:ly)?(?: been)? (?:{_ANY[GONE]}"
        rf"|{_UP_OR_DOWN})",
        STILL,
    ),
    (rf"{_NEGATION}{_FILL}* {_ANY[GONE]} (?:completely|fully|entirely|totally)", STILL),
    (rf"\bnot all(?: of)? (?P<x>[^,;]*?){_ANY[GONE]}", rf"\g<x>{SMALLER}"),
    (
        r"\b(?:partial(?:ly)?|partly|incomplete(?:ly)?|near(?:ly)?|almost|near-complete|largely|mostly"
        r"|substantial(?:ly)?|some|virtual(?:ly)?)(?: (?:completely|totally|entirely|fully|complete"
        r"|interval))* (?:resolution|resolved|clearing|cleared|gone|disappeared)\b",
        SMALLER,
    ),
    (
        rf"(?P<first>{_UP_OR_DOWN}),? (?:but|although|though|yet)(?: still| now)? (?:not(?: yet)?(?: complete(?:ly)?)?"
        r" (?:resolution|resolved)|persist\w+|residual|incomplete\w*(?: resolved)?),?",
        r"\g<first>",
    ),
)
# Changes that are only possible: the finding is there, its change left open.
_POSSIBLE = (
    (rf"{_PERHAPS}(?: {_HOW_MUCH})* {_ANY[GONE]}", MAYBEGONE),
    (rf"{_PERHAPS}(?: {_HOW_MUCH}| small)* (?:{_UP_OR_DOWN}|{_ANY[SAME]})", STILL),
    (
        rf"(?:(?:{_HOW_MUCH}|small) )*{_UP_OR_DOWN}(?P<x>(?: (?:in|of) [\w ]+?)?) (?:(?:is|are|seems) (?:unlikely"
        rf"|doubtful|questionable|possible|uncertain)|(?:cannot be|is not|are not)(?: {LY})? (?:excluded|ruled out"
        rf"|certain))",
        rf"{STILL}\g<x>",
    ),
    (
        r"\b(?:unclear|uncertain|not clear|unsure|difficult to (?:say|know|determine|tell)|unlikely|not (?:excluded"
        r"|certain)|cannot be (?:excluded|ruled out)|possible|conceivable) (?:whether|if|that|to)\b(?P<x>[^,;]*?)"
        rf"(?:{_UP_OR_DOWN}|{_ANY[GONE]})",
        rf"\g<x>{STILL}",
    ),
)
_NEGATED = (
    (
        r"\b(?:no|without|not)\b(?: \w+){0,2} (?:evidence|signs?|suggestion|indication|proof|clear|evident|apparent)"
        rf" that (?P<x>[^,;]*?)(?:{_MORE_OR_LESS}|{_CHANGE_NOUN})",
        rf"\g<x>{SAME}",
    ),
    (
        r"\b(?:nothing to suggest|nothing suggests|not the case|does not (?:suggest|indicate|mean)) that (?P<x>[^,;]*?)"
        rf"(?:{_MORE_OR_LESS}|{_CHANGE_NOUN})",
        rf"\g<x>{SAME}",
    ),
    (rf"\bnot(?: {LY})?(?: yet)? (?:re-?)expanded\b", SAME),
    # 'An increase in the effusion is not appreciated', 'removal of the tube has not taken place'
    (
        rf"\b(?:any |an? |the )?(?:{_HOW_MUCH} )*(?:{_NOUN}|removal|withdrawal|advancement|repositioning|regression"
        r"|clearing|change(?! of)) (?!of (?:the )?(?:heart|cardi|hil|mediastin))"  # which are findings of their own
        r"(?P<x>(?:of|in) (?:(?!\b(?:and|with)\b)[^,;])*?) (?:has|have|is|are|was|were) not"
        rf"(?: {LY})?(?: yet)?(?: been)? (?:{_SEEN}|taken place|occurred|happened|performed|carried out|undertaken)",
        rf"{SAME} \g<x>",
    ),
    (rf"\bfailure of (?P<x>[^,;]*?) to {_ANY_CHANGE}", rf"\g<x> {SAME}"),
    # 'No larger effusions' denies sizable ones: it compares nothing
    (
        r"\bno (?:larger|major|bigger) (?=(?:\w+ )?(?:effusions?|pneumothora\w+|consolidations?"
        r"|opacit\w+))(?!.*\bthan\b)",
        "no ",
    ),
    (rf"\bneither new nor {_MORE_OR_LESS}", SAME),
    (
        rf"\bneither (?P<one>[^,;]*?) nor (?P<other>[^,;]*?) (?:has|have|is|are|had|was"
        rf"|were){_FILL}* (?:{_MORE_OR_LESS}|{_CHANGE_NOUN})",
        rf"\g<one> and \g<other> are {SAME}",
    ),
    (rf"\b(?:not|never)(?: {LY})? {_ANY[SAME]}", STILL),
    (rf"\b(?:has|have|had|did|does) not{_FILL}* enlarged?\b", SAME),
    (
        rf"\b(?:no|without|neither|lack of|absence of)\b{_FILL}{{0,6}} (?:{_MORE_OR_LESS}|{_CHANGE_NOUN})(?:,? (?:or"
        rf"|nor){_FILL}* (?:{_MORE_OR_LESS}|{_CHANGE_NOUN}))*",
        NOSAME,
    ),
    (rf"\b(?:no|without) new (?:or|and) {_MORE_OR_LESS}", f"NONEW {NOSAME}"),
    (rf"{_NEGATION}{_FILL}{{0,6}} {_ANY_CHANGE}(?:,? (?:or|nor){_FILL}* {_ANY_CHANGE})*", SAME),
    (r"\bminimal(?:ly)? (?:interval )?(?:change|changed)\b", SAME),
    (
        r"\b(?:equally|as) (?:large|extensive|severe|prominent|big|dense) as (?:before|previously|on the prior)\b",
        SAME,
    ),
)
_STATED = (
    (rf"{_LIKELY}(?=(?: {_HOW_MUCH})* (?:{_UP_OR_DOWN}|{_ANY[SAME]}|{_ANY[GONE]}))", ""),
    *(
        (rf"(?:\b{_GRADE}(?: interval)? (?={_NOUN}))?(?:{_HOW_MUCH} )*{_ANY[mark]}", mark)
        for mark in (SMALLER, LARGER, WORSE, BETTER, GONE)
    ),
    (rf"(?:\b(?!new){LY} )?{_ANY[MOVED]}", MOVED),
    (_ANY[FRESH], FRESH),
    (rf"(?:\b(?:overall|{LY}) )?{_ANY[SAME]}", SAME),
    # 'no increase in effusion or new edema', 'or decrease in opacity'
    (
        rf"(?P<first>\b{NOSAME}\b[^.;]*?\b(?:or|nor) )(?:{LARGER}|{SMALLER}|{WORSE}|{BETTER}|{GONE}|{MOVED})\b",
        rf"\g<first>{NOSAME}",
    ),
    (rf"(?P<first>\b{NOSAME}\b[^.;]*?\b(?:or|nor) ){FRESH}\b", r"\g<first>no"),
)
# In this order: what an earlier one has taken is not there any more for a later one.
_PHRASES = tuple(
    (re.compile(words), meaning)
    for words, meaning in (*_NO_CHANGES, *_COMING_AND_GOING, *_POSSIBLE, *_NEGATED, *_STATED)
)


def marked(text: str) -> str:
    """A sentence in lower case with its changes as marks."""
    for pattern, meaning in _PHRASES:
        text = pattern.sub(meaning, text)
    return " ".join(text.split())


def inverted(words: str) -> str:
    """Marked words of which more is less: larger lung volumes are low volumes that are smaller."""
    swapped = {LARGER: SMALLER, SMALLER: LARGER}
    return MARK.sub(lambda match: swapped.get(match.group(), match.group()), words)


def change_in(*words: str) -> str:
    """The change that these words state, one of CHANGES, or ''. 'Persistent but smaller': the stronger one counts."""
    found = {CHANGE_OF[mark] for part in words for mark in MARK.findall(part) if mark in CHANGE_OF}
    return next((change for change in _STRENGTH if change in found), "")
