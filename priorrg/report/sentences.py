"""A report as text: its sentences, how two readings differ, and what a reader made of it. No tensors, no page."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

# A point behind one of these ends no sentence.
ABBREVIATIONS = frozenset(
    ("approx", "ca", "cf", "dr", "e.g", "fig", "i.e", "incl", "mr", "mrs", "ms", "prof", "resp", "st", "vs")
)
NUMBERED = frozenset(("no", "nos"))  # end no sentence before a number: 'No. 3'
# What ends a sentence. Of the East Asian marks no space need follow: such texts have none.
SPACED_MARKS, UNSPACED_MARKS = ".!?\u061f\u06d4\u0964\u0965\u1362", "\u3002\uff01\uff1f\uff61"
SENTENCE_END = re.compile(
    rf"[{re.escape(SPACED_MARKS)}]+[\"')\]]*(?=\s|$)|[{UNSPACED_MARKS}]+[\"')\]\u300d\u300f\u201d\uff09]*|\n\s*\n"
)


@dataclass(frozen=True)
class Sentence:
    """One sentence and where it stands: text == report[start:end]."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Difference:
    """A run of words that draft and report share (`same`), or that only one of them holds (`removed`, `added`).

    before: of words that both share, how the draft wrote them: their points, commas and capitals may differ.
    """

    kind: str
    text: str
    before: str = ""


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
    """Word by word, what became of the draft: joined, `same` and `added` give the report's words.

    Words are the same whatever stops and capitals they have: a comma is no difference between two reports.
    """
    old, new = draft.split(), report.split()
    found = []
    for operation, old_start, old_end, new_start, new_end in difflib.SequenceMatcher(
        a=list(map(_bare, old)), b=list(map(_bare, new)), autojunk=False
    ).get_opcodes():
        if operation == "equal":
            found.append(Difference("same", " ".join(new[new_start:new_end]), " ".join(old[old_start:old_end])))
            continue
        if old_end > old_start:
            found.append(Difference("removed", " ".join(old[old_start:old_end])))
        if new_end > new_start:
            found.append(Difference("added", " ".join(new[new_start:new_end])))
    return found


def _bare(word: str) -> str:
    """A word without the stops round it and in lower case; stops alone stay themselves."""
    return word.lower().strip(".,;:!?()[]\"'") or word


ALIKE = 0.5  # share of common words from which two sentences count as one that was changed


@dataclass(frozen=True)
class ChangedSentence:
    """What became of a sentence: its words, shared, removed and added. number: its place in the new text, None where
    the new text has none."""

    number: int | None
    parts: tuple[Difference, ...]


def changed_sentences(before: str, after: str) -> list[ChangedSentence]:
    """Two texts sentence by sentence: like is set beside like, in order, and what has no like is whole new or gone.

    Word by word over the whole text a sentence that was left out would be scattered over its neighbours.
    """
    old, new = ([sentence.text for sentence in split_sentences(text)] for text in (before, after))
    # best[i][j]: the most that the first i and the first j sentences have in common, keeping their order
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old)):
        for j in range(len(new)):
            alike = _alike(old[i], new[j])
            paired = best[i][j] + alike if alike >= ALIKE else 0.0
            best[i + 1][j + 1] = max(best[i][j + 1], best[i + 1][j], paired)
    found: list[ChangedSentence] = []
    i, j = len(old), len(new)
    while i or j:
        if j and best[i][j] == best[i][j - 1]:
            j -= 1
            found.append(ChangedSentence(j, (Difference("added", new[j]),)))
        elif i and best[i][j] == best[i - 1][j]:
            i -= 1
            found.append(ChangedSentence(None, (Difference("removed", old[i]),)))
        else:
            i, j = i - 1, j - 1
            found.append(ChangedSentence(j, tuple(differences(old[i], new[j]))))
    return found[::-1]


@lru_cache(maxsize=4096)
def _alike(old: str, new: str) -> float:
    return difflib.SequenceMatcher(
        a=list(map(_bare, old.split())), b=list(map(_bare, new.split())), autojunk=False
    ).ratio()


@dataclass(frozen=True)
class EditedSentence:
    """A sentence as the reader left it. source: the model's sentence it was, None for one of the reader's own."""

    text: str
    source: int | None = None
    is_removed: bool = False


def edited_text(sentences: Sequence[Sentence], edits: Sequence[EditedSentence]) -> str | None:
    """The report that the reader's sentences make; None where they are the model's, word for word."""
    written = [" ".join(sentence.text.split()) for sentence in sentences]
    left = [" ".join(edit.text.split()) for edit in edits if not edit.is_removed]
    left = [text for text in left if text]
    if not edits or left == written:
        return None
    marks = SPACED_MARKS + UNSPACED_MARKS
    return " ".join(text if text[-1] in marks else f"{text}." for text in left)  # or two sentences would become one
