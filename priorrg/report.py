"""A report as text: its sentences, and what refining changed in the draft. No tensors, no page."""

import difflib
import re
from dataclasses import dataclass

DISCLAIMER = (
    "PriorRG is a research demonstration, not a medical device. "
    "A report written here must not be used for patient care."
)

# A point behind one of these ends no sentence.
ABBREVIATIONS = frozenset(
    ("approx", "ca", "cf", "dr", "e.g", "fig", "i.e", "incl", "mr", "mrs", "ms", "prof", "resp", "st", "vs")
)
NUMBERED = frozenset(("no", "nos"))  # end no sentence before a number: 'No. 3'
SENTENCE_END = re.compile(r"[.!?]+[\"')\]]*(?=\s|$)|\n\s*\n")


@dataclass(frozen=True)
class Sentence:
    """One sentence and where it stands: text == report[start:end]."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Difference:
    """A run of words that draft and report share (`same`), or that only one of them holds (`removed`, `added`)."""

    kind: str
    text: str


def split_sentences(text: str) -> list[Sentence]:
    """The sentences of a report, in order, without the white space between them.

    Points in numbers ('2.5 cm'), after abbreviations ('approx. 2 cm'), before numbers ('No. 3') and in list numbers
    ('1. Heart') end no sentence. What follows the last point counts as a sentence too.
    """
    sentences = []
    start = 0
    for match in SENTENCE_END.finditer(text):
        if _ends_sentence(text, start, match):
            sentences += _stripped(text, start, match.end())
            start = match.end()
    return sentences + _stripped(text, start, len(text))


def _ends_sentence(text: str, start: int, match: re.Match) -> bool:
    if match.group() != ".":
        return True
    before = text[start : match.start()].split()
    word = before[-1].lower().lstrip("(['\"") if before else ""
    following = text[match.end() :].lstrip()[:1]
    if word in ABBREVIATIONS:
        return False
    if word in NUMBERED:
        return not following.isdigit()
    is_list_number = len(before) == 1 and word.isdigit()
    return not (is_list_number and following)


def _stripped(text: str, start: int, end: int) -> list[Sentence]:
    """The sentence between start and end, or nothing where there is only white space."""
    body = text[start:end].strip()
    if not body:
        return []
    start = text.index(body, start)
    return [Sentence(body, start, start + len(body))]


def differences(draft: str, report: str) -> list[Difference]:
    """Word by word, what became of the draft: joined, `same` and `added` give the report's words."""
    old, new = draft.split(), report.split()
    found = []
    for operation, old_start, old_end, new_start, new_end in difflib.SequenceMatcher(
        a=old, b=new, autojunk=False
    ).get_opcodes():
        if operation == "equal":
            found.append(Difference("same", " ".join(new[new_start:new_end])))
            continue
        if old_end > old_start:
            found.append(Difference("removed", " ".join(old[old_start:old_end])))
        if new_end > new_start:
            found.append(Difference("added", " ".join(new[new_start:new_end])))
    return found
