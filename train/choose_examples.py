"""Chooses example studies of the app among simulated patients that no training has seen, by what weights read of them.

Each example shows one thing, and a criterion in facts decides whether it does, never an eye: what the report says that
it would not say without the context, without the prior, before refining, or wrongly. It is run anew with new weights.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tqdm import tqdm

from priorrg import texts
from priorrg.errors import DataError
from priorrg.report.facts import ABSENT, PRESENT, RESOLVED, Fact
from priorrg.reporting.reporter import DraftDone, ReportDone, Reporter, read_study
from priorrg.study import Radiograph, Study
from priorrg.ui.readings import facts_by_place, without
from train.measure.calibrate import is_right
from train.measure.parsing import parse_report
from train.simulate.context import write_context
from train.simulate.examples import FAILS_BELIEVED, SHOWS, TITLES, Example, write_example
from train.simulate.film import expose
from train.simulate.patients import Examination, sample_case
from train.simulate.reports import write_report

SEED = 985_000_000  # far from every split's seeds, from the other examples' and from the sessions' cases
SCREEN_PX = 256  # as the films of the data set; what is chosen is read once more as it is written
MOST_SENTENCES = 4  # of a report that is read at a glance
MOVES = ("new", "larger", "smaller")


class Effects:
    """What weights read of one study, and of it with something withheld. truth: a report that is right."""

    def __init__(self, reporter: Reporter, study: Study, truth: str) -> None:
        self.reporter, self.study, self.truth = reporter, study, truth

    @cached_property
    def _events(self) -> tuple[str, ReportDone]:
        events = list(self.reporter.stream(self.study))
        draft = next(event.text for event in events if isinstance(event, DraftDone))
        return draft, next(event for event in events if isinstance(event, ReportDone))

    @property
    def report(self) -> ReportDone:
        return self._events[1]

    @cached_property
    def facts(self) -> dict[tuple[str, str], Fact]:
        return facts_by_place(self.report.text)

    @cached_property
    def draft(self) -> dict[tuple[str, str], Fact]:
        return facts_by_place(self._events[0])

    def _without(self, what: str) -> str:
        events = self.reporter.stream(without(self.study, what), with_draft=False)
        return next(event.text for event in events if isinstance(event, ReportDone))

    @cached_property
    def without_context(self) -> dict[tuple[str, str], Fact]:
        return facts_by_place(self._without("context"))

    @cached_property
    def without_prior(self) -> dict[tuple[str, str], Fact]:
        return facts_by_place(self._without("prior"))

    @cached_property
    def wrong(self) -> tuple[str, ...]:
        """Sentences of the report whose facts are not those of the truth (train/measure/calibrate.py)."""
        truth, whole = parse_report(self.truth), parse_report(self.report.text)
        return tuple(one.text for one in self.report.sentences if not is_right(one.text, truth, whole))

    @property
    def is_right(self) -> bool:
        """Whether every sentence is, and no sentence of the truth is missing from the report."""
        said, truth = parse_report(self.report.text), parse_report(self.truth)
        return not self.wrong and truth.findings.keys() <= said.findings.keys() and truth.devices == said.devices

    @property
    def is_brief(self) -> bool:
        return 2 <= len(self.report.sentences) <= MOST_SENTENCES and not self.report.is_cut

    @property
    def answered(self) -> list[Fact]:
        """What is said only because the context is known."""
        return [fact for place, fact in self.facts.items() if place not in self.without_context]

    @property
    def compared(self) -> list[Fact]:
        """What is called new, larger, smaller or gone only because the prior is known."""
        return [
            fact
            for place, fact in self.facts.items()
            if (fact.change in MOVES or fact.presence == RESOLVED)
            and (place not in self.without_prior or self.without_prior[place].change != fact.change)
        ]

    @property
    def refined(self) -> list[Fact]:
        """What the draft does not say, or says otherwise."""
        return [fact for place, fact in self.facts.items() if self.draft.get(place) != fact]


def shows_all_three(effects: Effects) -> bool:
    """A right report in which context, prior and fine detail each put a fact."""
    return bool(effects.is_brief and effects.refined and effects.is_right and effects.answered and effects.compared)


def shows_an_answer(effects: Effects) -> bool:
    """A right report that rules out what the indication asks for, and would not speak of it unasked."""
    denials = [fact for fact in effects.facts.values() if fact.presence == ABSENT]
    return bool(
        effects.is_brief and denials and effects.is_right and any(fact.presence == ABSENT for fact in effects.answered)
    )


def shows_a_detail(effects: Effects) -> bool:
    """A right report with a finding or device that the draft does not name."""
    found = [fact for fact in effects.refined if fact.presence == PRESENT]
    return bool(
        effects.is_brief and any((fact.finding, fact.side) not in effects.draft for fact in found) and effects.is_right
    )


def believes_the_indication(effects: Effects) -> bool:
    """A report that states a finding which is not there, and does not without the context."""
    return effects.is_brief and bool(effects.wrong) and bool(believed(effects))


def believed(effects: Effects) -> list[str]:
    """The wrong sentences that are said only because the context is known."""
    return [
        sentence
        for sentence in effects.wrong
        if any(
            fact.presence == PRESENT and place not in effects.without_context
            for place, fact in facts_by_place(sentence).items()
        )
    ]


@dataclass(frozen=True)
class Wanted:
    """name: of its folder. is_it: the criterion. shows: the sentence that says what is to be seen."""

    name: str
    is_it: Callable[[Effects], bool]
    shows: Callable[[Effects], str]


def _as_told(name: str) -> Callable[[Effects], str]:
    return lambda effects: SHOWS[name]


def _detail(effects: Effects) -> str:
    fact = next(f for f in effects.refined if f.presence == PRESENT and (f.finding, f.side) not in effects.draft)
    named = " ".join(filter(None, (fact.side, texts.report.REPORT_FINDINGS[fact.finding])))
    return SHOWS["found-by-refining"].format(finding=named)


WANTED = (
    Wanted("all-three-inputs", shows_all_three, _as_told("all-three-inputs")),
    Wanted("question-answered", shows_an_answer, _as_told("question-answered")),
    Wanted("found-by-refining", shows_a_detail, _detail),
    Wanted(
        "here-it-fails",
        believes_the_indication,
        lambda effects: FAILS_BELIEVED.format(sentence=believed(effects)[0].rstrip(".")),
    ),
)


def choose(weights: str, root: Path, patients: int, size_px: int = 1024) -> None:
    """Draw patients until each of WANTED is found, and write them to `root`.

    Films are screened at the size of the data set's, and judged once more as they are written. Raises DataError, with
    what is missing, where `patients` were not enough.
    """
    reporter = Reporter.load(weights)
    missing = list(WANTED)
    for number in tqdm(range(patients), unit="patient", mininterval=5):
        candidate = _Candidate(number)
        screened = Effects(reporter, candidate.study(SCREEN_PX), candidate.truth)
        for wanted in missing:
            if wanted.is_it(screened) and _is_written(reporter, candidate, wanted, root, size_px):
                tqdm.write(f"{wanted.name}: patient {number}. {screened.report.text}")
                missing.remove(wanted)
                break
        reporter.forget([film.fingerprint for film in (screened.study.current, screened.study.prior) if film])
        if not missing:
            return
    names = ", ".join(wanted.name for wanted in missing)
    raise DataError(f"{patients} patients were not enough: nothing was found for {names}. Draw more with --patients.")


class _Candidate:
    """A patient with two studies, the words of whoever sends him, and the report that is right."""

    def __init__(self, number: int) -> None:
        self.case = sample_case(SEED + number)
        now, before = self.case.current.truth, self.case.prior.truth
        self.context = write_context(now, before, random.Random(SEED + number))
        self.truth = write_report(now, before, self.context, random.Random(number))

    def study(self, size_px: int) -> Study:
        current, prior = self._film(self.case.current, size_px), self._film(self.case.prior, size_px)
        return Study(current, prior, self.context)

    def _film(self, examination: Examination, size_px: int) -> Radiograph:
        pixels = expose(self.case.patient, examination.exposure, examination.truth, size_px).pixels
        return Radiograph(pixels, window=(2048.0, 4096.0), view_position=examination.truth.view, source="PNG", bits=12)


def _is_written(reporter: Reporter, candidate: _Candidate, wanted: Wanted, root: Path, size_px: int) -> bool:
    """Write the example; False, and nothing written, where its fine films do not meet the criterion any more."""
    context = candidate.context
    example = Example(
        wanted.name,
        TITLES[wanted.name],
        context.indication,
        context.history,
        candidate.case,
        has_prior=True,
        as_dicom=True,
    )
    place = [one.name for one in WANTED].index(wanted.name)
    with tempfile.TemporaryDirectory() as folder:
        written = write_example(Path(folder), example, place, "", size_px)
        study = read_study(written / "current.dcm", written / "prior.dcm", context.indication, context.history)
        effects = Effects(reporter, study, candidate.truth)
        if not wanted.is_it(effects):
            return False
        shows = wanted.shows(effects)
    write_example(root, example, place, shows, size_px)
    return True
