"""Which words of a context weights were taught: a list beside them, and what of a text is not on it.

A model reads any word; one that no training context held is a guess to it. Weights without a list call no word unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from priorrg.reporting.weights import file_beside

KNOWN_WORDS = "known_words.txt"  # one a line, in small letters; `python -m train embed` writes it
WORD = re.compile(r"[^\W\d_]+")
_SHORTEST_MISTYPED = 5  # letters, of a word with a slip in it that still counts as known: training contexts have such


def read_known_words(source: str | Path) -> frozenset[str]:
    """The list beside weights; empty where there is none."""
    file = file_beside(source, KNOWN_WORDS)
    return frozenset() if file is None else frozenset(file.read_text(encoding="utf-8").split())


def words_of(texts: Iterable[str]) -> list[str]:
    """The words of texts in small letters, in order, each once; single letters are none."""
    found = (word.lower() for text in texts for word in WORD.findall(text))
    return list(dict.fromkeys(word for word in found if len(word) > 1))


def unknown_words(texts: Iterable[str], known: frozenset[str]) -> list[str]:
    """Words that these weights were never taught, also not with one slip of the finger; as they were typed."""
    if not known:
        return []
    typed = {word.lower(): word for text in texts for word in WORD.findall(text)}
    return [typed[word] for word in words_of(texts) if word not in known and not _is_slip(word, known)]


def _is_slip(word: str, known: frozenset[str]) -> bool:
    """Whether one letter lost, doubled, exchanged with its neighbour or for another makes a known word of it."""
    if len(word) < _SHORTEST_MISTYPED:
        return False
    return any(
        abs(len(other) - len(word)) <= 1 and len(other) >= _SHORTEST_MISTYPED and _differ_by_one(word, other)
        for other in known
        if other[0] == word[0]
    )


def _differ_by_one(one: str, other: str) -> bool:
    begin = 0
    while begin < min(len(one), len(other)) and one[begin] == other[begin]:
        begin += 1
    rest, rest_of_other = one[begin:], other[begin:]
    if len(rest) == len(rest_of_other):
        is_exchanged = rest[:2] == rest_of_other[:2][::-1] and rest[2:] == rest_of_other[2:]
        return rest[1:] == rest_of_other[1:] or is_exchanged
    longer, shorter = sorted((rest, rest_of_other), key=len, reverse=True)
    return longer[1:] == shorter
