"""What the referrer writes, and what it asks of the report. Neither answer can be guessed from the question.

First is decided what is asked (`Intent`), then it is put into words, so that one intent can be worded in many ways: as
training knows them, or with the words that are kept back. What a text asks is known to who wrote it and travels with
it (`AskedContext`); nothing is ever read back from the words. A side or a diagnosis that the referrer names is a claim:
mostly true, in hard cases false, and never a reason to write anything that the image does not show.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from priorrg.study import ClinicalContext
from train.simulate import terms
from train.simulate.terms import DEVICE_TERMS, DEVICE_TOPICS, HISTORIES, IMPLIED, TERMS
from train.simulate.truth import SIDES, StudyTruth, one_sided
from train.simulate.typed import form, mistyped, note, person

QUESTIONS = (*TERMS, *DEVICE_TOPICS)  # every topic that can be asked for
ELSEWHERE = ""  # the topic of a question that no report can answer
# What of a text is worded with words that no training reads: how it is asked, what it is called, both; or a slip in
# what is asked for.
NEW_WORDINGS = ("new phrases", "new terms", "new phrases and terms", "slips of the finger")
_SIDED_CLAIMS = ("effusion", "pneumothorax", "opacity", "nodule", "fracture")
CLAIMED = (*_SIDED_CLAIMS, "edema", "cardiomegaly")


@dataclass(frozen=True)
class AskedContext(ClinicalContext):
    """A context whose writer says what it asks.

    asked: topics in the order in which they are asked. settings: keys of HISTORIES that the text mentions.
    """

    asked: tuple[str, ...] = ()
    settings: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ContextReading:
    """asked and settings: as in AskedContext; both empty where nobody said what a context asks."""

    asked: tuple[str, ...] = ()
    settings: frozenset[str] = frozenset()


def read_context(context: ClinicalContext) -> ContextReading:
    """What a simulated context asks. A text from elsewhere asks nothing that could be known without reading it."""
    if isinstance(context, AskedContext):
        return ContextReading(context.asked, context.settings)
    return ContextReading()


@dataclass(frozen=True)
class Question:
    """topic: of QUESTIONS, or ELSEWHERE. side: that is named with it. of_change: asks what became of it."""

    topic: str
    side: str = ""
    of_change: bool = False
    must_name_side: bool = False


@dataclass(frozen=True)
class Intent:
    """What a context is to say, before any word is chosen.

    questions: in order. claims: (topic, side) of findings that the referrer believes to be there. past: topics that he
    only remembers. settings: of HISTORIES. reasons, nothings: how many symptoms and words that ask nothing go with it.
    claims_trap: the claims name a wrong side, which must be readable. is_form: written carefully, as old forms are.
    """

    questions: tuple[Question, ...] = ()
    claims: tuple[tuple[str, str], ...] = ()
    past: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    reasons: int = 0
    nothings: int = 0
    names_person: bool = False
    has_indication: bool = False
    has_history: bool = False
    claims_trap: bool = False
    is_form: bool = False


def write_context(current: StudyTruth, prior: StudyTruth | None, rng: random.Random) -> AskedContext:
    """Indication and history for a study, in words that training may read; about one in ten has neither."""
    return word(plan(current, prior, rng), current, rng)


def plainly(reading: ContextReading) -> ClinicalContext:
    """The one plain wording of what a context asks and mentions: contexts that ask the same are the same text."""
    asked = [terms.PLAIN_QUESTIONS[topic] for topic in reading.asked]
    history = [phrase for setting, phrase in terms.PLAIN_SETTINGS.items() if setting in reading.settings]
    return ClinicalContext(form(asked), form(history))


# What is asked


def plan(current: StudyTruth, prior: StudyTruth | None, rng: random.Random) -> Intent:
    """What the referrer of a study wants. A trap always stands in one of the two texts."""
    is_form = rng.random() < 0.2
    trapped = rng.choice(sorted(one_sided(current.findings))) if current.hard == "wrong side" else ""
    in_history = trapped in CLAIMED and rng.random() < 0.5
    must_speak = current.hard in ("wrong side", "contradiction")
    kind = 1.0 if must_speak else rng.random()
    if kind < 0.08:
        return Intent()
    has_indication, has_history = kind >= 0.15, kind < 0.15 or kind >= 0.45
    questions: tuple[Question, ...] = ()
    if has_indication:
        questions = _questions(current, prior, "" if in_history else trapped, rng)
    claims: tuple[tuple[str, str], ...] = ()
    if has_history:
        claims = _claims(current, prior, trapped if in_history else "", rng)
    asks = bool(questions)
    past = [t for t in TERMS if t not in {q.topic for q in questions} and not _shown(t, current, prior)]
    return Intent(
        questions=questions,
        claims=claims,
        past=tuple(rng.sample(past, 1)) if has_history and past and rng.random() < 0.12 else (),
        settings=tuple(rng.sample(sorted(HISTORIES), 1 if rng.random() < 0.6 else 2)) if has_history else (),
        reasons=rng.choice((0, 0, 1, 1, 1, 2)) if asks else rng.choice((0, 1, 1, 2)),
        nothings=int(rng.random() < 0.08) if asks else rng.choice((0, 1, 1)),
        names_person=not is_form and rng.random() < 0.35,
        has_indication=has_indication,
        has_history=has_history,
        claims_trap=in_history,
        is_form=is_form,
    )


def _shown(topic: str, *studies: StudyTruth | None) -> bool:
    return any(f.name == topic for study in studies if study for f in study.findings)


def _questions(current: StudyTruth, prior: StudyTruth | None, trapped: str, rng: random.Random) -> tuple[Question, ...]:
    """trapped: a finding that is asked for on its wrong side."""
    kind = 1.0 if trapped else rng.random()
    if kind < 0.20:
        return ()
    if kind < 0.30:
        return (Question(ELSEWHERE),)
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
        wanted = rng.choices((1, 2, 3), (0.7, 0.24, 0.06))[0]
        while len(asked) < wanted:
            # Two questions in five are about something that is there, the others about something that is not.
            there = sorted(shown - set(asked)) if rng.random() < 0.4 else []
            asked.append(rng.choice(there or [topic for topic in TERMS if topic not in shown and topic not in asked]))
    if rng.random() < 0.3:
        rng.shuffle(asked)
    questions = []
    for topic in asked:
        is_trap = bool(trapped) and topic == trapped
        names_side = is_trap or (topic in terms.TERMS and rng.random() < 0.35)
        side = _named_side(current, prior, topic, is_trap, rng) if names_side else ""
        changes = 0.45 if _shown(topic, prior) else 0.12
        questions.append(Question(topic, side, topic in TERMS and rng.random() < changes, is_trap))
    if rng.random() < 0.08:
        questions.append(Question(ELSEWHERE))
    return tuple(questions)


def _named_side(current: StudyTruth, prior: StudyTruth | None, topic: str, is_trap: bool, rng: random.Random) -> str:
    """The side that a referrer names: the finding's own, now or before; in a trap the other one."""
    for study in (current, prior):
        side = one_sided(study.findings).get(topic) if study else None
        if side:
            return SIDES[1 - SIDES.index(side)] if is_trap else side
    return rng.choice(SIDES)


def _claims(
    current: StudyTruth, prior: StudyTruth | None, trapped: str, rng: random.Random
) -> tuple[tuple[str, str], ...]:
    """trapped: a finding that is claimed on its wrong side."""
    shown = {f.name for study in (current, prior) if study for f in study.findings} & set(CLAIMED)
    claimed = trapped
    if current.hard == "contradiction":
        claimed = rng.choice([name for name in CLAIMED if name not in shown])
    elif shown and not trapped and rng.random() < 0.15:
        claimed = rng.choice(sorted(shown))
    if not claimed:
        return ()
    side = _named_side(current, prior, claimed, bool(trapped), rng) if claimed in _SIDED_CLAIMS else ""
    return ((claimed, side),)


# How it is said


@dataclass
class _Page:
    """One context while it is written: what it asks and mentions is noted beside the words."""

    rng: random.Random
    new: str  # one of NEW_WORDINGS, or empty
    is_form: bool
    asked: list[str] = field(default_factory=list)
    settings: set[str] = field(default_factory=set)

    def pick(self, words: terms.Words, kind: str) -> str:
        return self.rng.choice(words.of(kind in self.new))

    def term(self, topic: str, side: str, must_name_side: bool = False) -> str:
        """What a topic is called, with its side where the word takes one."""
        words = (TERMS | DEVICE_TERMS)[topic].of("terms" in self.new)
        if must_name_side:
            words = [w for w in words if "{side}" in w] or [w for w in TERMS[topic].known if "{side}" in w]
        chosen = self.rng.choice(words)
        if "{side}sided" in chosen and not side:
            side = self.rng.choice(SIDES)
        short = (side, side, side[:1].upper(), f"{side[:1]}t", f"{side[:1].upper()}t", f"({side[:1].upper()})")
        called = side if self.is_form or must_name_side else self.rng.choice(short) if side else ""
        for word_, setting in IMPLIED.items():
            if word_ in chosen:
                self.settings.add(setting)
        text = chosen.format(side=f"{called} " if called else "")
        return mistyped(text, self.rng) if self.new == NEW_WORDINGS[3] else text

    def phrase(self, words: terms.Words, x: str) -> str:
        return self.pick(words, "phrases").format(x=x)


def word(intent: Intent, study: StudyTruth, rng: random.Random, new: str = "") -> AskedContext:
    """An intent in words. new: one of NEW_WORDINGS, which no training reads; empty: the words that training knows."""
    page = _Page(rng, new, intent.is_form and not new)
    history = _history(intent, page) if intent.has_history else []
    indication = _indication(intent, study, page) if intent.has_indication else []
    # Many forms have one box only.
    if history and indication and not page.is_form and rng.random() < 0.3:
        indication, history = (
            [indication[0], *history, *indication[1:]] if rng.random() < 0.5 else history + indication,
            [],
        )
    has_trap = intent.claims_trap or any(q.must_name_side for q in intent.questions)
    slips = 0.0 if has_trap else 0.15  # a trap that nobody can read is none
    texts = [form(parts) if page.is_form else note(parts, rng, slips) for parts in (indication, history)]
    return AskedContext(*texts, asked=tuple(dict.fromkeys(page.asked)), settings=frozenset(page.settings))


def _indication(intent: Intent, study: StudyTruth, page: _Page) -> list[str]:
    parts = [page.pick(terms.REASONS, "phrases") for _ in range(intent.reasons)]
    parts += [page.pick(terms.ASKS_NOTHING, "phrases") for _ in range(intent.nothings)]
    asks = _asks(intent.questions, page, is_bare=not parts and not intent.has_history)
    parts = asks + parts if not page.is_form and page.rng.random() < 0.25 else parts + asks
    parts = parts or [page.pick(terms.ASKS_NOTHING, "phrases")]
    if intent.names_person:
        parts[0] = f"{person(study.sex, study.age, page.rng)} {parts[0]}"
    return parts


def _asks(questions: tuple[Question, ...], page: _Page, is_bare: bool) -> list[str]:
    """The questions' phrases, in order; two of one kind may share one: `r/o PTX/effusion`."""
    rng = page.rng
    page.asked += [q.topic for q in questions if q.topic != ELSEWHERE]
    findings = [q for q in questions if q.topic in TERMS]
    if len(findings) > 1 and len(findings) == len(questions) and rng.random() < 0.5:
        called = [page.term(q.topic, q.side, q.must_name_side) for q in findings]
        joint = rng.choice((" or ", "/", ", ", " and ", " vs ", " vs. ", " & ", " / ", " or ", ", ?")).join(called)
        return [page.phrase(terms.ASKS, joint)]
    asks = []
    for question in questions:
        if question.topic == ELSEWHERE:
            asks.append(page.phrase(terms.ASKS, page.pick(terms.ASKED_ELSEWHERE, "terms")))
        elif question.topic in DEVICE_TERMS:
            whole = terms.ASKED_WHOLE.get(question.topic, ())
            if whole and not page.new and rng.random() < 0.2:
                asks.append(rng.choice(whole))
            else:
                asks.append(page.phrase(terms.ASKS_DEVICE, page.term(question.topic, question.side)))
        else:
            term = page.term(question.topic, question.side, question.must_name_side)
            if is_bare and len(questions) == 1 and not page.new and rng.random() < 0.15:
                asks.append(term)  # nothing but the word: it can only be the question
            else:
                asks.append(page.phrase(terms.ASKS_CHANGE if question.of_change else terms.ASKS, term))
    return asks


def _history(intent: Intent, page: _Page) -> list[str]:
    parts = []
    for name in intent.settings:
        page.settings.add(name)
        parts.append(page.pick(HISTORIES[name], "terms"))
    for topic, side in intent.claims:
        parts.append(page.phrase(terms.CLAIMS, page.term(topic, side, bool(side) and intent.claims_trap)))
    parts += [page.phrase(terms.PAST, page.term(topic, "")) for topic in intent.past]
    return parts
