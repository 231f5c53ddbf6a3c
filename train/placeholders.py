"""What de-identification left in place of names, dates and ages: `XXXX` in IU X-ray's reports, `___` in MIMIC-CXR's."""

from __future__ import annotations

import re

# With what hangs on it: 'XXXX-year-old', '___'s', 'mid-XXXX'. '___F' is an age and a sex, and the sex stays.
PLACEHOLDER = re.compile(
    r"(?:\b[\w/]+-)?\bX{4,}\b(?:'s\b|-[\w-]*)?|(?:\b[A-Za-z\d/]+-)?_{2,}(?:[/:.-]_{2,})*(?:'s\b|-[A-Za-z-]*)?"
)


def has_placeholder(text: str) -> bool:
    return bool(PLACEHOLDER.search(text))


def without_placeholders(text: str) -> str:
    """The text without its placeholders, and without the spaces and punctuation that are left over."""
    text = PLACEHOLDER.sub(" ", text)
    text = re.sub(r"\(\s*\)", " ", text)
    text = re.sub(r"\s+([,.;:?!)])(?!\d)", r"\1", re.sub(r"\s+", " ", text))  # not in ".5 cm"
    text = re.sub(r"[,;:]+(?=[,.;:])", "", text)  # 'on , .' leaves a full stop
    text = re.sub(r"(?<=[.?!])(?:\s*\.)+", "", text)  # a sentence of nothing but the placeholder
    return text.strip(" ,;:.") + "." if text.rstrip().endswith(".") and text.strip(" ,;:.") else text.strip(" ,;:.")
