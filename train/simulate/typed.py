"""How words get onto a request form: order, separators, capitals, slips of the finger. Knows nothing of chests."""

from __future__ import annotations

import random
from collections.abc import Sequence

from train.simulate.terms import WHO

_NEIGHBOURS = {  # on a keyboard, for the letters that are typed most
    "a": "sq", "e": "wr", "i": "uo", "o": "ip", "u": "yi", "n": "bm", "r": "et", "t": "ry", "s": "ad", "l": "k",
    "c": "xv", "d": "sf", "p": "o", "m": "n", "h": "gj", "g": "fh", "f": "dg", "b": "vn", "v": "cb", "y": "tu",
}  # fmt: skip
_SEPARATORS = (", ", ", ", ". ", ". ", " ", " ", "; ", " - ", "\n", "/")
_SHORTEST_MISTYPED = 5  # letters
# Of words that nobody ever wrote, which stand for those that no training could know.
# fmt: off
_ONSETS = ("b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "pl", "qu", "r",
 "s", "sc", "sh", "st", "t", "th", "tr", "v", "w", "y", "")
_RHYMES = ("a", "ad", "al", "and", "ar", "e", "ed", "el", "en", "er", "est", "i", "id", "ight", "ing", "is", "o", "om",
 "on", "ook", "or", "ough", "u", "ul", "und", "us", "y")
# fmt: on


def form(parts: Sequence[str]) -> str:
    """Parts as a careful hand writes them: one sentence, capital first."""
    text = ", ".join(part for part in parts if part)
    return text[0].upper() + text[1:] + ("" if text[-1] in ".?" else ".") if text else ""


def note(parts: Sequence[str], rng: random.Random, slips: float = 0.15) -> str:
    """Parts as they are typed in haste: any separator or none, any case. slips: how often there is a slip in it."""
    if not parts:
        return ""
    text = parts[0]
    separator = rng.choice(_SEPARATORS)
    for part in parts[1:]:
        text += (rng.choice(_SEPARATORS) if rng.random() < 0.3 else separator) + part
    if rng.random() < slips:
        text = mistyped(text, rng)
    case = rng.random()
    text = text.lower() if case < 0.3 else text.upper() if case < 0.42 else text[:1].upper() + text[1:]
    return text + rng.choice(("", "", "", ".", ".", " "))


def mistyped(text: str, rng: random.Random) -> str:
    """The text with one slip in a longer word: letters exchanged, lost, doubled, or a key beside the right one.

    The first letter stays, as it mostly does. A text without a longer word is given back as it is.
    """
    words = text.split(" ")
    long = [place for place, word in enumerate(words) if len(word) >= _SHORTEST_MISTYPED and word.isalpha()]
    if not long:
        return text
    place = rng.choice(long)
    word = words[place]
    at = rng.randrange(1, len(word) - 1)
    slips = [
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word[:at] + rng.choice(_NEIGHBOURS.get(word[at].lower(), word[at])) + word[at + 1 :],
    ]
    words[place] = rng.choice(slips)
    return " ".join(words)


def with_strange_words(text: str, rng: random.Random) -> str:
    """The text with one to three words that mean nothing, anywhere in it; an empty text stays empty."""
    if not text.strip():
        return text
    words = text.split(" ")
    for _ in range(rng.choice((1, 1, 2, 3))):
        syllables = (rng.choice(_ONSETS) + rng.choice(_RHYMES) for _ in range(rng.choice((1, 2, 2, 3))))
        words.insert(rng.randrange(len(words) + 1), "".join(syllables))
    return " ".join(words)


def person(sex: str, age: int, rng: random.Random) -> str:
    """Who it is, `sex` F or M. Some are de-identified: `___` for the age."""
    man = sex == "M"
    return rng.choice(WHO).format(
        age=age,
        s=rng.choice("Mm" if man else "Ff"),
        sex="male" if man else "female",
        person="man" if man else "woman",
    )
