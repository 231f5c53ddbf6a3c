"""Chooses example studies of the app among simulated test patients, by what the weights read of them.

Each example shows one thing, and a criterion in facts decides whether it does, never an eye: what the report says that
it would not say without the context or without the prior, what of it the draft lacked, or wrongly. What fits is drawn
finely and read once more. Run anew with new weights.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tqdm import tqdm

from priorrg.errors import DataError
from priorrg.report.facts import ABSENT, PRESENT, RESOLVED, Fact
from priorrg.report.sentences import split_sentences
from priorrg.reporting.events import read_to_end
from priorrg.reporting.reporter import Reporter, read_study
from priorrg.study import ClinicalContext, Study
from priorrg.ui.readings import facts_by_place, without
from train.measure.calibrate import is_right
from train.measure.parsing import parse_report
from train.simulate.dataset import _case, _records
from train.simulate.examples import Example, Shows, write_example
from train.simulate.reports import write_report
from train.simulate.truth import StudyTruth

SPLIT = "test"
MOST_SENTENCES = 4  # of a report that is read at a glance
MOVES = ("new", "larger", "smaller")
Place = tuple[str, str]  # finding and side


@dataclass(frozen=True)
class Effects:
    """What weights read of one study, as texts. truth: a report that is right. read_without: what they read of it with
    `context` or `prior` withheld, asked for where it decides alone."""

    draft: str
    report: str
    truth: str
    read_without: Callable[[str], str]

    @cached_property
    def without_context(self) -> str:
        return self.read_without("context")

    @cached_property
    def without_prior(self) -> str:
        return self.read_without("prior")

    @cached_property
    def sentences(self) -> list[str]:
        return [sentence.text for sentence in split_sentences(self.report)]

    @cached_property
    def facts(self) -> dict[Place, Fact]:
        return facts_by_place(self.report)

    @cached_property
    def wrong(self) -> tuple[str, ...]:
        """Sentences of the report whose facts are not those of the truth (train/measure/calibrate.py)."""
        truth, whole = parse_report(self.truth), parse_report(self.report)
        return tuple(one for one in self.sentences if not is_right(one, truth, whole))

    @property
    def is_right(self) -> bool:
        """Whether every sentence is, and nothing of the truth is missing, or graded or measured otherwise."""
        said, truth = parse_report(self.report), parse_report(self.truth)
        sizes = {place: fact.size for place, fact in facts_by_place(self.truth).items() if fact.size}
        is_measured = all(self.facts[place].size == size for place, size in sizes.items() if place in self.facts)
        return not self.wrong and truth.findings == said.findings and truth.devices == said.devices and is_measured

    @property
    def is_brief(self) -> bool:
        """Whether it is read at a glance, and says nothing twice."""
        return 2 <= len(self.sentences) == len(set(self.sentences)) <= MOST_SENTENCES

    @property
    def is_draft_clear(self) -> bool:
        """Whether the draft speaks of each finding once: to deny and to state the same is a slip, no lack of detail."""
        places = [place for one in split_sentences(self.draft) for place in facts_by_place(one.text)]
        return len(places) == len(set(places))

    @property
    def answered(self) -> list[Fact]:
        """What is said only because the context is known."""
        without_it = facts_by_place(self.without_context)
        return [fact for place, fact in self.facts.items() if place not in without_it]

    @property
    def compared(self) -> list[Fact]:
        """What is called new, larger, smaller or gone only because the prior is known."""
        without_it = facts_by_place(self.without_prior)
        return [
            fact
            for place, fact in self.facts.items()
            if (fact.change in MOVES or fact.presence == RESOLVED)
            and (place not in without_it or without_it[place].change != fact.change)
        ]

    @property
    def refined(self) -> list[Fact]:
        """Findings and devices that the truth has as the report has them, and the draft not at all or otherwise."""
        draft, truth = (
            {place: _shown(fact) for place, fact in facts_by_place(text).items()} for text in (self.draft, self.truth)
        )
        return [
            fact
            for place, fact in self.facts.items()
            if fact.presence == PRESENT and _shown(fact) == truth.get(place) != draft.get(place)
        ]

    @property
    def misled(self) -> list[tuple[str, str]]:
        """Wrong sentences, with what they are only said because of: `context` or `prior`."""
        withheld = {"context": facts_by_place(self.without_context), "prior": facts_by_place(self.without_prior)}
        return [
            (sentence, what)
            for sentence in self.wrong
            for what, facts in withheld.items()
            if any(fact.presence == PRESENT and place not in facts for place, fact in facts_by_place(sentence).items())
        ]


def _shown(fact: Fact) -> tuple[str, ...]:
    """What one film shows of it, without any comparison."""
    return fact.presence, fact.severity, fact.zone, fact.size, fact.tip


def shows_an_answer(effects: Effects) -> bool:
    """A right report that rules out what is asked for and compares: unasked, or without the prior, it would not."""
    is_answered = any(fact.presence == ABSENT for fact in effects.answered)
    return effects.is_brief and effects.is_right and is_answered and bool(effects.compared)


def shows_a_detail(effects: Effects) -> bool:
    """A right report in which refining added a fact, or righted its grade, size or place."""
    return effects.is_brief and effects.is_right and effects.is_draft_clear and bool(effects.refined)


def shows_all(effects: Effects) -> bool:
    """Both: of an answer, a comparison and a detail each is there for one reason alone."""
    return shows_an_answer(effects) and shows_a_detail(effects)


def is_misled(effects: Effects) -> bool:
    """A report that states a finding which is not there, and does not without the context or without the prior."""
    return effects.is_brief and bool(effects.misled)


@dataclass(frozen=True)
class Wanted:
    """name: of its folder. is_it: the criterion. shows: what is to be seen. place: among the examples; the
    page opens on the first. best: a stronger criterion, which goes before where a patient meets it."""

    name: str
    is_it: Callable[[Effects], bool]
    shows: Callable[[Effects], Shows]
    place: int
    best: Callable[[Effects], bool] | None = None


def _what_was_answered(effects: Effects) -> Shows:
    return Shows("question-answered-all" if shows_all(effects) else "question-answered")


def _why_it_fails(effects: Effects) -> Shows:
    sentence, what = effects.misled[0]
    return Shows(f"misled-by-{what}", {"sentence": sentence.rstrip(".")})


def _what_refining_did(effects: Effects) -> Shows:
    fact = effects.refined[0]
    place = (fact.finding, fact.side)
    before, after = (_sentence_on(place, text) for text in (effects.draft, effects.report))
    if before:
        return Shows("fine-detail", {"before": before, "after": after})
    return Shows("fine-detail-added", {"after": after})


def _sentence_on(place: Place, text: str) -> str:
    """What a text says of a finding, without its stop; '' where it says nothing."""
    sentences = (sentence.text for sentence in split_sentences(text))
    return next((one.rstrip(".") for one in sentences if place in facts_by_place(one)), "")


WANTED = (
    Wanted("question-answered", shows_an_answer, _what_was_answered, 0, best=shows_all),
    Wanted("fine-detail", shows_a_detail, _what_refining_did, 5),
    Wanted("here-it-fails", is_misled, _why_it_fails, 9),
)


def read_effects(reporter: Reporter, study: Study, truth: str) -> Effects:
    """Read a study; again with something withheld as the criteria ask for it."""
    draft, done = read_to_end(reporter.stream(study))

    def read_without(what: str) -> str:
        return read_to_end(reporter.stream(without(study, what), with_draft=False))[1].text

    return Effects(draft, done.text, truth, read_without)


def choose(weights: str, data: Path, root: Path, size_px: int = 768) -> None:
    """Write to `root` a test patient for each of WANTED: the first that is best, else the first that fits, none twice.

    data: a simulated data set. Raises DataError, with what is missing, where none of its test patients fits.
    """
    simulation = json.loads((data / "simulation.json").read_text(encoding="utf-8"))
    seed, count = simulation["seed"], simulation["patients"][SPLIT]
    reporter = Reporter.load(weights)
    missing, fitting = list(WANTED), set[str]()
    found = [_records(SPLIT, number, seed)[1] for number in range(count)]

    def write(wanted: Wanted, number: int, is_it: Callable[[Effects], bool]) -> bool:
        return _is_written(reporter, number, seed, found[number], wanted, is_it, root, size_px)

    # Those in which the context decides on what there is to say come first; of the others no answer is the better one.
    hanging = {number for number in range(count) if _hangs_on_context(found[number])}
    for number in tqdm(sorted(range(count), key=lambda one: one not in hanging), unit="study", mininterval=5):
        missing = [wanted for wanted in missing if number in hanging or wanted.name not in fitting]
        if not missing:
            return
        truth = found[number]["findings"]
        if not 2 <= len(split_sentences(truth)) <= MOST_SENTENCES or not _is_read_at_once(found[number]):
            continue
        study = _study(data, found[number])
        effects = read_effects(reporter, study, truth)
        for wanted in missing:
            is_it = wanted.best or wanted.is_it
            if is_it(effects) and write(wanted, number, is_it):
                missing.remove(wanted)
                break
            is_second = wanted.best is not None and wanted.name not in fitting and wanted.is_it(effects)
            if is_second and write(wanted, number, wanted.is_it):
                fitting.add(wanted.name)  # until a better one comes
                break
        reporter.forget([film.fingerprint for film in (study.current, study.prior) if film is not None])
    names = ", ".join(wanted.name for wanted in missing if wanted.name not in fitting)
    if names:
        raise DataError(f"Among the {count} test patients of {data} none fits {names}: simulate more of them.")


def _hangs_on_context(record: dict[str, Any]) -> bool:
    """Whether a right report speaks of other things where nobody asked."""
    now, before = (StudyTruth.from_dict(record["simulation"][which]) for which in ("current", "prior"))
    unasked = write_report(now, before, ClinicalContext(), random.Random(0))
    return facts_by_place(unasked).keys() != facts_by_place(record["findings"]).keys()


def _is_read_at_once(record: dict[str, Any]) -> bool:
    """Whether the context is one line without gaps of de-identification, and nothing in it is shouted."""
    texts = record["indication_pure"], record["history_pure"]
    return not any("___" in text or "\n" in text or text.isupper() for text in texts)


def _study(data: Path, record: dict[str, Any]) -> Study:
    scans = record["anchor_scan"], record["prior_study"]["latest_study"]
    current, prior = (data / scan["image_path"][0] for scan in scans)
    view, prior_view = (scan["view_position"][0] for scan in scans)
    return read_study(current, prior, record["indication_pure"], record["history_pure"], view, prior_view)


def _is_written(
    reporter: Reporter,
    number: int,
    seed: int,
    record: dict[str, Any],
    wanted: Wanted,
    is_it: Callable[[Effects], bool],
    root: Path,
    size_px: int,
) -> bool:
    """Write the example; False, and nothing written, where its fine films do not meet the criterion any more."""
    indication, history, truth = record["indication_pure"], record["history_pure"], record["findings"]
    example = Example(wanted.name, indication, history, _case(SPLIT, number, seed), has_prior=True, as_dicom=True)
    with tempfile.TemporaryDirectory() as folder:
        written = write_example(Path(folder), example, 0, Shows(wanted.name), size_px)
        study = read_study(written / "current.dcm", written / "prior.dcm", indication, history)
        effects = read_effects(reporter, study, truth)
        if not is_it(effects):
            return False
    write_example(root, example, 0, wanted.shows(effects), size_px, truth, wanted.place)
    tqdm.write(f"{wanted.name}: test patient {number}. {effects.report}")
    return True
