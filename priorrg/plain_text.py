"""Text from outside as plain text: what cannot be seen and can mislead is taken out. Imports nothing of ours.

Every text that somebody else wrote goes through here once, where it comes in, and once more where it goes out into a
file that others read. The errors of errors.py do it for what they quote.
"""

from __future__ import annotations

import re
import unicodedata

# Line and paragraph separators in all their forms.
_BREAKS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_SEPARATORS = re.compile("[\t\x1c-\x1f]")
# Control characters (C0, DEL, C1); zero width space, word joiner and invisible operators, byte order mark, soft hyphen;
# embeddings, overrides and isolates of the bidirectional algorithm (UAX #9), which turn letters round that others read;
# interlinear marks, tags; and noncharacters, which may not be exchanged (Unicode 23.7).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u180e\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufdd0-\ufdef"
    "\U000e0000-\U000e007f"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
    + "]"
)
_JOINERS = re.compile("[\u200c\u200d]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def plain_text(text: str) -> str:
    """The text without what is invisible in it; nothing that can be read is lost, and it is never refused.

    Control characters (NUL, BEL, ESC), overrides of the writing direction (U+202E), zero width characters and
    noncharacters are taken out; a tab becomes a space, every kind of line break a newline. Halves of a surrogate pair
    become their letter where both are there, and U+FFFD where one stands alone: a letter was lost before it came here,
    and no file could hold it. Right-to-left scripts, their direction marks (U+200E, U+200F, U+061C), combining marks
    and emoji stay as they are; so do joiners where a script needs them, between letters other than Latin ones.
    """
    if text.isascii() and text.isprintable():
        return text
    if _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = _SEPARATORS.sub(" ", _BREAKS.sub("\n", text))
    return _JOINERS.sub(_joiner, _INVISIBLE.sub("", text))


def _joiner(found: re.Match) -> str:
    """The joiner where it does something: behind a letter, mark or symbol of a script that joins, and before one."""
    text, place = found.string, found.start()
    sides = text[place - 1 : place], text[place + 1 : place + 2]
    return found.group() if all(side and _may_join(side) for side in sides) else ""


def _may_join(letter: str) -> bool:
    return ord(letter) >= 0x0590 and unicodedata.category(letter)[0] in "LMS"
