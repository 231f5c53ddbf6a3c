"""Chooses example studies of the app among simulated test patients, by what the weights read of them.

Each example shows one thing, and a criterion in facts decides whether it does, never an eye: what the report says that
it would not say without the context or without the prior, or wrongly. What fits is drawn finely and read
once more. Run anew with new weights.
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
from priorrg.reporting.events import DraftDone, ReportDone
from priorrg.reporting.reporter import Reporter, read_study
from priorrg.study import ClinicalContext, Study
from priorrg.ui.readings import facts_by_place, without
from train.measure.calibrate import is_right
from train.measure.parsing import parse_report
from train.simulate.dataset import _case, _records
from train.simulate.examples import FAILS, SHOWS, TITLES, Example, write_example
from train.simulate.reports import write_report
from train.simulate.truth import StudyTruth

SPLIT = "test"
MOST_SENTENCES = 4  # of a report that is read at a glance
MOVES = ("new", "larger", "smaller")
Place = tuple[str, str]  # finding and side


@dataclass(frozen=True)
class Effects:
    """What weights read of one study, and of it with something withheld, as texts. truth: a report that is right."""

    draft: str
    report: str
    without_context: str
    without_prior: str
    truth: str

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
    def misled(self) -> list[tuple[str, str]]:
        """Wrong sentences, with what they are only said because of: `context` or `prior`."""
        withheld = {"context": facts_by_place(self.without_context), "prior": facts_by_place(self.without_prior)}
        return [
            (sentence, what)
            for sentence in self.wrong
            for what, facts in withheld.items()
            if any(fact.presence == PRESENT and place not in facts for place, fact in facts_by_place(sentence).items())
        ]


def shows_an_answer(effects: Effects) -> bool:
    """A right report that rules out what is asked for and compares: unasked, or without the prior, it would not."""
    is_answered = any(fact.presence == ABSENT for fact in effects.answered)
    return effects.is_brief and effects.is_right and is_answered and bool(effects.compared)


def is_misled(effects: Effects) -> bool:
    """A report that states a finding which is not there, and does not without the context or without the prior."""
    return effects.is_brief and bool(effects.misled)


@dataclass(frozen=True)
class Wanted:
    """name: of its folder. is_it: the criterion. shows: the sentence that says what is to be seen. place: among the
    examples; the page opens on the first."""

    name: str
    is_it: Callable[[Effects], bool]
    shows: Callable[[Effects], str]
    place: int


def _as_told(name: str) -> Callable[[Effects], str]:
    return lambda effects: SHOWS[name]


def _why_it_fails(effects: Effects) -> str:
    sentence, what = effects.misled[0]
    return FAILS[what].format(sentence=sentence.rstrip("."))


WANTED = (
    Wanted("question-answered", shows_an_answer, _as_told("question-answered"), 0),
    Wanted("here-it-fails", is_misled, _why_it_fails, 9),
)


def read_effects(reporter: Reporter, study: Study, truth: str) -> Effects:
    """Read a study, and read it again with something withheld."""
    events = list(reporter.stream(study))
    draft = next(event.text for event in events if isinstance(event, DraftDone))
    report = next(event.text for event in events if isinstance(event, ReportDone))
    without_context, without_prior = (
        next(e.text for e in reporter.stream(without(study, what), with_draft=False) if isinstance(e, ReportDone))
        for what in ("context", "prior")
    )
    return Effects(draft, report, without_context, without_prior, truth)


def choose(weights: str, data: Path, root: Path, size_px: int = 768) -> None:
    """Write to `root` the first test patient for each of WANTED, none of them twice.

    data: a simulated data set. Raises DataError, with what is missing, where none of its test patients fits.
    """
    simulation = json.loads((data / "simulation.json").read_text(encoding="utf-8"))
    seed, count = simulation["seed"], simulation["patients"][SPLIT]
    reporter = Reporter.load(weights)
    missing = list(WANTED)
    found = [_records(SPLIT, number, seed)[1] for number in range(count)]
    # Those in which the context decides on what there is to say come first.
    numbered = sorted(enumerate(found), key=lambda one: not _hangs_on_context(one[1]))
    for number, record in tqdm(numbered, unit="study", mininterval=5):
        truth, context = record["findings"], ClinicalContext(record["indication_pure"], record["history_pure"])
        if not 2 <= len(split_sentences(truth)) <= MOST_SENTENCES:
            continue
        study = _study(data, record)
        effects = read_effects(reporter, study, truth)
        reporter.forget([film.fingerprint for film in (study.current, study.prior) if film is not None])
        for wanted in missing:
            if wanted.is_it(effects) and _is_written(reporter, number, seed, context, truth, wanted, root, size_px):
                tqdm.write(f"{wanted.name}: test patient {number}. {effects.report}")
                missing.remove(wanted)
                break
        if not missing:
            return
    names = ", ".join(wanted.name for wanted in missing)
    raise DataError(f"Among the {count} test patients of {data} none fits {names}: simulate more of them.")


def _hangs_on_context(record: dict[str, Any]) -> bool:
    """Whether a right report speaks of other things where nobody asked."""
    now, before = (StudyTruth.from_dict(record["simulation"][which]) for which in ("current", "prior"))
    unasked = write_report(now, before, ClinicalContext(), random.Random(0))
    return facts_by_place(unasked).keys() != facts_by_place(record["findings"]).keys()


def _study(data: Path, record: dict[str, Any]) -> Study:
    scans = record["anchor_scan"], record["prior_study"]["latest_study"]
    current, prior = (data / scan["image_path"][0] for scan in scans)
    view, prior_view = (scan["view_position"][0] for scan in scans)
    return read_study(current, prior, record["indication_pure"], record["history_pure"], view, prior_view)


def _is_written(
    reporter: Reporter,
    number: int,
    seed: int,
    context: ClinicalContext,
    truth: str,
    wanted: Wanted,
    root: Path,
    size_px: int,
) -> bool:
    """Write the example; False, and nothing written, where its fine films do not meet the criterion any more."""
    title, case = TITLES[wanted.name], _case(SPLIT, number, seed)
    example = Example(wanted.name, title, context.indication, context.history, case, has_prior=True, as_dicom=True)
    with tempfile.TemporaryDirectory() as folder:
        written = write_example(Path(folder), example, 0, "", size_px)
        study = read_study(written / "current.dcm", written / "prior.dcm", context.indication, context.history)
        effects = read_effects(reporter, study, truth)
    if not wanted.is_it(effects):
        return False
    write_example(root, example, 0, wanted.shows(effects), size_px, truth, wanted.place)
    return True
