"""What looks wrong with weights that load: they read three simulated studies, and films of whoever checks them.

A wrong head count, another tokenizer or another way to prepare images shows in no file and no shape: it shows in what
is written. Nothing here says that a report is right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from priorrg.assets import EXAMPLES
from priorrg.errors import PriorRGError
from priorrg.report.sentences import split_sentences
from priorrg.reporting.events import ReportDone
from priorrg.reporting.reporter import Reporter, read_study
from priorrg.study import Study

STUDIES = ("growing-effusion", "new-tube", "resolved-pneumothorax")  # of the examples
UNSURE = 0.35  # a mean probability of the words below is that of weights that do not know what to say
WORDS = re.compile(r"[A-Za-z]{2,}")


def check(reporter: Reporter, films: Sequence[Path] = ()) -> Iterator[tuple[str, str, list[str]]]:
    """What was read, the report, and a sentence on each thing that looks wrong with it; one after another."""
    seen: dict[str, str] = {}
    for folder in (EXAMPLES / name for name in STUDIES):
        yield _read(reporter, f"simulated: {folder.name}", _simulated(folder), seen)
    for film in films:
        try:
            study = read_study(film)
        except PriorRGError as error:
            yield film.name, "", [str(error)]
            continue
        yield _read(reporter, film.name, study, seen)


def _simulated(folder: Path) -> Study:
    context = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    prior = next(iter(folder.glob("prior.*")), None)
    current = next(folder.glob("current.*"))
    return read_study(current, prior, context.get("indication", ""), context.get("history", ""))


def _read(reporter: Reporter, called: str, study: Study, seen: dict[str, str]) -> tuple[str, str, list[str]]:
    done = next(event for event in reporter.stream(study, with_draft=False) if isinstance(event, ReportDone))
    remarks = looks_wrong(done)
    if done.text in seen and done.text.strip():
        remarks.append(f"The report is the same, word for word, as that of {seen[done.text]}: are images read at all?")
    seen.setdefault(done.text, called)
    return called, done.text, remarks


def looks_wrong(done: ReportDone) -> list[str]:
    """Of one report by itself."""
    text = done.text.strip()
    if not text:
        return ["The report is empty."]
    remarks = []
    words = text.split()
    wordlike = [word for word in words if WORDS.search(word)]
    if len(wordlike) < 0.6 * len(words):
        remarks.append("Most of it is no words: does the tokenizer belong to these weights?")
    sentences = [sentence.text.strip().lower() for sentence in split_sentences(text)]
    twice = {sentence for sentence in sentences if sentences.count(sentence) > 1}
    if twice:
        remarks.append(f"It says a sentence more than once: {min(twice)!r}.")
    if len(words) > 8 and len(set(words)) < 0.3 * len(words):
        remarks.append("It goes round in circles: are the head counts right (priorrg weights info)?")
    if done.probabilities and sum(done.probabilities) / len(done.probabilities) < UNSURE:
        remarks.append(
            "Its words are hardly likelier than others: are the head counts and the image settings those that the "
            "weights were trained with?"
        )
    return remarks
