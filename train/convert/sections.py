"""A hospital's report in one piece -> its sections, by rules on how headings are written. No knowledge of one data set.

A heading stands at a line's beginning with a colon behind it, or is the line, in capitals, or begins a sentence, in
capitals with a colon: 'Clinical history: cough', 'IMPRESSION', 'INDICATION: cough. HISTORY: asthma'. What stands before
the first heading is the report's title and no section. A report without a heading is findings as a whole. Where no
heading names the findings, they are the paragraphs behind the first one of comparison, technique, indication or
history, or a text before the first heading that is too long for a title.
"""

from __future__ import annotations

import re

# Section -> headings that mean it, in lower case. The longest fitting one counts.
HEADINGS = {
    "findings": (
        "findings",
        "finding",
        "report",
        "observations",
        "chest findings",
        "description",
        "findings and impression",
    ),
    "impression": ("impression", "impressions", "conclusion", "conclusions", "opinion", "summary", "final impression"),
    "indication": (
        "indication",
        "indications",
        "clinical indication",
        "reason for exam",
        "reason for examination",
        "reason for the exam",
        "reason for study",
        "clinical information",
        "clinical question",
        "indications for exam",
        "reason",
    ),
    "history": ("history", "clinical history", "medical history", "past medical history", "patient history", "hx"),
    "comparison": (
        "comparison",
        "comparisons",
        "comparison study",
        "comparison studies",
        "compared with",
        "prior studies",
    ),
    "technique": (
        "technique",
        "views",
        "view",
        "procedure",
        "exam",
        "examination",
        "study",
        "type of examination",
        "technique and comparison",
        "procedure comments",
    ),
    "other": (
        "notification",
        "recommendation",
        "recommendations",
        "recommendation(s)",
        "addendum",
        "wet read",
        "dictated by",
        "signed by",
        "final report",
        "attending",
        "end of impression",
        "narrative",
        "radiologist",
        "electronically signed by",
    ),
}
_SECTION = {heading: section for section, headings in HEADINGS.items() for heading in headings}
_WORDS = sorted(_SECTION, key=len, reverse=True)


def _any_of(words: list[str]) -> str:
    return "|".join(r"\s+".join(map(re.escape, word.split())) for word in words)


_ANY, _CAPITALS = _any_of(_WORDS), _any_of([word.upper() for word in _WORDS])
# At a line's beginning in any case with a colon or a dash behind it, or in capitals alone on the line; within a line,
# where a sentence begins, in capitals with a colon.
_HEADING = re.compile(
    rf"^[ \t*_#>-]*(?:(?P<marked>(?i:{_ANY}))[*_]*\s*(?::|[-–—](?=\s))[*_]*"
    rf"|(?P<alone>{_CAPITALS})(?=\s*$|\s*\.\s))"
    rf"|(?<=[.?!] )(?P<inline>{_CAPITALS})\s*:",
    re.MULTILINE,
)

_BEFORE_FINDINGS = ("indication", "history", "comparison", "technique")
TITLE_WORDS = 7  # a text of so many words before the first heading is no title


def sections(report: str) -> dict[str, str]:
    """Section -> text on one line. Headings that come twice are put together in order; empty ones are left out."""
    text = report.replace("\r\n", "\n").replace("\r", "\n")
    marks = list(_HEADING.finditer(text))
    if not marks:
        return {"findings": one_line(text)} if text.strip() else {}
    names = [_section_of(mark) for mark in marks]
    has_findings = "findings" in names
    found: dict[str, str] = {}

    def add(section: str, body: str) -> None:
        if one_line(body):
            found[section] = one_line(f"{found.get(section, '')} {body}")

    title = text[: marks[0].start()]
    if not has_findings and len(title.split()) >= TITLE_WORDS:
        add("findings", title)
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, name, end in zip(marks, names, ends, strict=True):
        body = text[mark.end() : end].strip("\n ")
        if not has_findings and name in _BEFORE_FINDINGS:
            body, _, rest = body.partition("\n\n")  # paragraphs behind the first have lost their heading
            add("findings", rest)
        add(name, body)
    return found


def _section_of(mark: re.Match[str]) -> str:
    return _SECTION[re.sub(r"\s+", " ", (mark["marked"] or mark["alone"] or mark["inline"]).lower())]


def one_line(text: str) -> str:
    return " ".join(text.split()).lstrip(":. ").strip()
