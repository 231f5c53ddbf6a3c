"""Cases for a feedback session (priorrg/sessions/cases.py): simulated films, their true report, the same with errors.

What is planted is wrong by the truth of the films: a side turned round, a grade at the other end, a finding left out or
made up, a comparison turned round, made up or left out. Each error is one sentence's, and most cases hold one or two.
"""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image

from priorrg.errors import DataError
from priorrg.report.sentences import split_sentences
from priorrg.sessions.cases import COLUMNS, PLANTED_COLUMNS, Planted
from train.simulate.dicom import png_mark
from train.simulate.film import expose
from train.simulate.patients import sample_case
from train.simulate.reports import _BEHIND, _GRADES, write_context, write_report
from train.simulate.truth import FINDINGS, SIDED, StudyTruth

SEED = 980_000_000  # far from every split's seeds, and from the examples'
NO_PRIOR_EVERY = 4  # cases without a prior study
ERRORS = (0, 1, 1, 2)  # of a case, taken in turn
MADE_UP = {
    "effusion": "Small {side} pleural effusion.",
    "pneumothorax": "Small {side} pneumothorax.",
    "opacity": "Moderate consolidation in the {side} lower zone.",
    "nodule": "1.5 cm nodule in the {side} mid zone.",
    "cardiomegaly": "Moderate cardiomegaly.",
    "fracture": "{side} rib fracture.",
}
_GRADE_ENDS = {
    word: ends[::-1][number][0]
    for grades in _GRADES.values()
    for ends in [(grades[0], grades[-1])]
    for number, words in enumerate(ends)
    for word in words
}
_TURNED = {"larger": "smaller", "smaller": "larger", "unchanged": "larger", "new": "unchanged"}
_TURN = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}
_NAMED = {
    "effusion": r"effusion",
    "pneumothorax": r"pneumothorax",
    "opacity": r"opacity|consolidation",
    "atelectasis": r"atelectasis",
    "nodule": r"nodule|mass\b",
    "edema": r"edema",
    "cardiomegaly": r"cardiomegaly|enlargement of the heart",
    "hyperinflation": r"hyperinflation",
    "fracture": r"fracture",
}


@dataclass
class _Draft:
    """A report while errors are planted: sentences, and what was planted, by sentence (None: a sentence that went)."""

    sentences: list[str]
    errors: list[tuple[str | None, Planted]]
    truth: StudyTruth
    has_prior: bool
    rng: random.Random

    def stated(self) -> list[tuple[int, str]]:
        """Places of true sentences that state one finding as present, and which; none that is wrong already."""
        wrong = {sentence for sentence, _ in self.errors}
        names = {finding.name for finding in self.truth.findings}
        found = []
        for place, sentence in enumerate(self.sentences):
            about = [name for name in names if re.search(_NAMED[name], sentence, re.IGNORECASE)]
            denied = re.match(r"(?:No |There is no |The .* (?:resolved|no longer)|Interval resolution)", sentence)
            if len(about) == 1 and not denied and sentence not in wrong:
                found.append((place, about[0]))
        return found

    def replace(self, place: int, text: str, category: str, finding: str) -> bool:
        before = self.sentences[place]
        if text == before:
            return False
        self.sentences[place] = text[0].upper() + text[1:]
        self.errors.append((self.sentences[place], Planted(category, None, finding, before)))
        return True


def _wrong_location(draft: _Draft) -> bool:
    sides = {name: {f.side for f in draft.truth.findings if f.name == name} for name in SIDED}
    for place, name in draft.stated():
        if len(sides.get(name, ())) == 1:
            text = re.sub(r"\b(?:left|right)\b", lambda m: _TURN[m.group()], draft.sentences[place], flags=re.I)
            if draft.replace(place, text, "wrong_location", name):
                return True
    return False


def _wrong_severity(draft: _Draft) -> bool:
    for place, name in draft.stated():
        words = {word for grade in (*_GRADES.get(name, ((),))[:1], *_GRADES.get(name, ((),))[-1:]) for word in grade}
        found = next((w for w in sorted(words) if re.search(rf"\b{w}\b", draft.sentences[place], re.I)), None)
        if found:
            text = re.sub(rf"\b{found}\b", _GRADE_ENDS[found], draft.sentences[place], count=1, flags=re.I)
            if draft.replace(place, re.sub(r"\b[Aa]n? (?=[a-z])", _article, text), "wrong_severity", name):
                return True
    return False


def _article(found: re.Match) -> str:
    return found.group()[0] + ("n " if found.string[found.end()] in "aeiou" else " ")


def _missing_finding(draft: _Draft) -> bool:
    stated = draft.stated()
    if not stated or len(draft.sentences) < 3:
        return False
    place, name = draft.rng.choice(stated)
    draft.errors.append((None, Planted("missing_finding", None, name, draft.sentences.pop(place))))
    return True


def _false_finding(draft: _Draft) -> bool:
    told = " ".join(draft.sentences)
    there = {finding.name for finding in draft.truth.findings}
    free = [name for name in MADE_UP if name not in there and not re.search(_NAMED[name], told, re.IGNORECASE)]
    if not free:
        return False
    name = draft.rng.choice(free)
    text = MADE_UP[name].format(side=draft.rng.choice(("left", "right")))
    place = draft.rng.randrange(len(draft.sentences))  # never behind the closing line
    draft.sentences.insert(place, text[0].upper() + text[1:])
    draft.errors.append((draft.sentences[place], Planted("false_finding", None, name, "")))
    return True


def _comparison(draft: _Draft) -> bool:
    """Turned round or left out where there is a prior, made up where there is none."""
    for place, name in draft.stated():
        sentence = draft.sentences[place]
        if not draft.has_prior:
            return draft.replace(place, sentence[:-1] + ", unchanged since the prior study.", "false_comparison", name)
        for change, turned in _TURNED.items():
            tail = next((words for words in _BEHIND[change] if sentence.endswith(f", {words}.")), None)
            if tail is not None:
                body = sentence[: -len(tail) - 3]
                if draft.rng.random() < 0.5:
                    return draft.replace(place, f"{body}.", "missing_comparison", name)
                return draft.replace(place, f"{body}, {_BEHIND[turned][0]}.", "false_comparison", name)
    return False


_PLANTERS: tuple[Callable[[_Draft], bool], ...] = (
    _wrong_location,
    _missing_finding,
    _false_finding,
    _wrong_severity,
    _comparison,
)


def planted(
    report: str, truth: StudyTruth, has_prior: bool, count: int, first: int, rng: random.Random
) -> tuple[str, list[Planted]]:
    """The report with `count` errors, fewer where the films give no occasion. first: the kind that is tried first."""
    draft = _Draft([sentence.text for sentence in split_sentences(report)], [], truth, has_prior, rng)
    for number in range(len(_PLANTERS)):
        if len(draft.errors) >= count:
            break
        _PLANTERS[(first + number) % len(_PLANTERS)](draft)
    errors = [
        Planted(error.category, None if text is None else draft.sentences.index(text), error.finding, error.says)
        for text, error in draft.errors
    ]
    return " ".join(draft.sentences), errors


def write_cases(folder: Path, count: int, seed: int = 1, size_px: int = 512) -> Path:
    """`cases.csv` and the films as 16-bit PNG; the same seed gives the same files. Returns the table's path.

    Raises DataError where the folder holds cases already.
    """
    table = folder / "cases.csv"
    if table.exists():
        raise DataError(f"{table} is there already. Choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        case_seed = SEED + 1000 * seed + number
        case, rng = sample_case(case_seed), random.Random(case_seed)
        name = f"case{number + 1:02d}"
        has_prior = number % NO_PRIOR_EVERY != NO_PRIOR_EVERY - 1
        before = case.prior.truth if has_prior else None
        context = write_context(case.current.truth, before, rng)
        report = write_report(case.current.truth, before, context, rng)
        wrong, errors = planted(report, case.current.truth, has_prior, ERRORS[number % len(ERRORS)], number, rng)
        for which, study in (("current", case.current), ("prior", case.prior)):
            if which == "current" or has_prior:
                pixels = expose(case.patient, study.exposure, study.truth, size_px).pixels
                Image.fromarray(pixels).save(folder / f"{name}-{which}.png", pnginfo=png_mark())
        rows.append(
            {
                "case": name,
                "current": f"{name}-current.png",
                "prior": f"{name}-prior.png" if before else "",
                "indication": context.indication,
                "history": context.history,
                "view": case.current.truth.view,
                "prior_view": before.view if before else "",
                "reference": report,
                "planted_report": wrong,
                "planted": json.dumps([asdict(error) for error in errors]),
            }
        )
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, (*COLUMNS, *PLANTED_COLUMNS))
        writer.writeheader()
        writer.writerows(rows)
    return table


assert _NAMED.keys() == set(FINDINGS)
