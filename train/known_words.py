"""The list of words that simulated contexts are made of, for the folder of the weights that learned from them."""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from priorrg.reporting.known_words import KNOWN_WORDS, words_of
from train.simulate import terms


def write_known_words(folder: Path) -> int:
    """Write the list into the folder of weights; returns how many words it holds."""
    known = known_words()
    (folder / KNOWN_WORDS).write_text("\n".join(known) + "\n", encoding="utf-8")
    return len(known)


def known_words() -> list[str]:
    """Every word that a training context may hold, sorted. What is kept back for measuring is not among them."""
    values = [value for name, value in vars(terms).items() if name.isupper()]
    # What fills the templates (typed.person, context.term).
    fields = ("right", "rt", "left", "lt", "male", "female", "man", "woman", "yof", "yom")  # the last two: 60yoF
    return sorted(words_of([*_texts(values), *fields]))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, terms.Words):
        yield from _texts(value.known)
    elif isinstance(value, str):
        yield "".join(part[0] for part in string.Formatter().parse(value))
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _texts(one)
