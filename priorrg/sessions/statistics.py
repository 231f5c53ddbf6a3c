"""The arithmetic of a session's report: intervals, mixed models, agreement, detection. Rows in, numbers out, no words.

Every interval is of 95 %. Where a number cannot be had (one reader, one category, a model that does not settle) it is
NaN, and the report says so.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Row = dict[str, Any]
NAN = float("nan")
DRAWS, SLOW_DRAWS = 2000, 300
SEED = 14


@dataclass(frozen=True)
class Interval:
    value: float
    low: float = NAN
    high: float = NAN


def _quantiles(draws: np.ndarray) -> tuple[float, float]:
    drawn = draws[np.isfinite(draws)]
    if len(drawn) < 20:
        return NAN, NAN
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def mean_over_cases(rows: Sequence[Row], value: str) -> Interval:
    """Mean of all readings; the interval from drawing cases anew, each with all of its readings (cluster bootstrap)."""
    groups: dict[Hashable, list[float]] = defaultdict(list)
    for row in rows:
        groups[row["case"]].append(float(row[value]))
    if not groups:
        return Interval(NAN)
    sums, counts = np.array([(sum(group), len(group)) for group in groups.values()], dtype=float).T
    mean = float(sums.sum() / counts.sum())
    if len(groups) < 2:
        return Interval(mean)
    drawn = np.random.default_rng(SEED).integers(0, len(sums), (DRAWS, len(sums)))
    return Interval(mean, *_quantiles(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)))


def exact(successes: int, of: int) -> Interval:
    """A share with the interval of Clopper and Pearson."""
    from scipy.stats import beta

    if not of:
        return Interval(NAN)
    low = 0.0 if successes == 0 else float(beta.ppf(0.025, successes, of - successes + 1))
    high = 1.0 if successes == of else float(beta.ppf(0.975, successes + 1, of - successes))
    return Interval(successes / of, low, high)


def sign_test(successes: int, of: int) -> float:
    """Two-sided p that both sides are alike (exact binomial)."""
    from scipy.stats import binomtest

    return float(binomtest(successes, of).pvalue) if of else NAN


def preferred(rows: Sequence[Row]) -> tuple[Interval, float]:
    """Share of readings, `is_first` 0 or 1, in which the first of two was preferred, and p that both are alike: by a
    logistic mixed model with crossed random effects of reader and case (statsmodels' BinomialBayesMixedGLM, Laplace's
    approximation). The share is that of a reader and a case in the middle. NaN where there are not two of each, or all
    said the same."""
    from scipy.special import expit
    from scipy.stats import norm

    if any(len({row[name] for row in rows}) < 2 for name in ("reader", "case", "is_first")):
        return Interval(NAN), NAN
    import pandas as pd
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

    frame = pd.DataFrame([{name: row[name] for name in ("reader", "case", "is_first")} for row in rows])
    effects = {"reader": "0 + C(reader)", "case": "0 + C(case)"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in contrasts
        fitted = BinomialBayesMixedGLM.from_formula("is_first ~ 1", effects, frame).fit_map()
    odds, spread = float(fitted.fe_mean[0]), float(fitted.fe_sd[0])
    low, high = (float(expit(odds + sign * norm.ppf(0.975) * spread)) for sign in (-1, 1))
    return Interval(float(expit(odds)), low, high), float(2 * norm.sf(abs(odds / spread)))


@dataclass(frozen=True)
class Contrast:
    """An arm against the reference arm. p: not adjusted; adjusted: by Holm over all contrasts of the report."""

    outcome: str
    arm: str
    reference: str
    difference: Interval
    p: float
    adjusted: float = NAN


def contrasts(rows: Sequence[Row], outcome: str, arms: Sequence[str]) -> list[Contrast]:
    """A linear mixed model, outcome ~ arm, with crossed random effects of reader and case; the first arm is the
    reference. Empty where there are not two arms, readers and cases, or nothing varies."""
    present = [arm for arm in arms if any(row["arm"] == arm for row in rows)]
    enough = len(present) > 1 and all(len({row[name] for row in rows}) > 1 for name in ("reader", "case"))
    if not enough or len({row[outcome] for row in rows}) < 2:
        return []
    import pandas as pd
    from statsmodels.regression.mixed_linear_model import MixedLM

    frame = pd.DataFrame([{name: row[name] for name in ("reader", "case", "arm", outcome)} for row in rows])
    frame["arm"] = [f"a{present.index(arm)}" for arm in frame["arm"]]
    frame["one"] = 1
    spread = float(np.std([float(row[outcome]) for row in rows]))
    frame["y"] = frame[outcome].astype(float) / spread  # the optimiser likes numbers about 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a variance on its boundary, zero, is an answer and no trouble
            effects = {"reader": "0 + C(reader)", "case": "0 + C(case)"}
            model = MixedLM.from_formula("y ~ C(arm)", groups="one", vc_formula=effects, data=frame)
            fitted = model.fit(reml=True, method=["lbfgs", "powell"])
            bounds = fitted.conf_int()
    except (np.linalg.LinAlgError, ValueError):
        return [Contrast(outcome, arm, present[0], Interval(NAN), NAN) for arm in present[1:]]
    found = []
    for number, arm in enumerate(present[1:], start=1):
        name = f"C(arm)[T.a{number}]"
        low, high = (float(value) * spread for value in bounds.loc[name])
        estimate = Interval(float(fitted.params[name]) * spread, low, high)
        found.append(Contrast(outcome, arm, present[0], estimate, float(fitted.pvalues[name])))
    return found


def holm(found: Sequence[Contrast]) -> list[Contrast]:
    """With p adjusted for all of them together."""
    order = sorted((number for number, one in enumerate(found) if not math.isnan(one.p)), key=lambda n: found[n].p)
    adjusted: dict[int, float] = {}
    most = 0.0
    for rank, number in enumerate(order):
        most = max(most, min(1.0, (len(order) - rank) * found[number].p))
        adjusted[number] = most
    return [
        Contrast(one.outcome, one.arm, one.reference, one.difference, one.p, adjusted.get(number, NAN))
        for number, one in enumerate(found)
    ]


# Agreement

Ratings = dict[Hashable, dict[str, int]]  # unit -> reader -> category's number; a unit's first part is its case


def ratings(rows: Iterable[Row], unit: Callable[[Row], Hashable], category: Callable[[Row], int]) -> Ratings:
    found: Ratings = defaultdict(dict)
    for row in rows:
        found[unit(row)][row["reader"]] = category(row)
    return dict(found)


def percent_agreement(given: Ratings) -> float:
    """Share of pairs of readers, within a unit, who said the same."""
    shares = [_pairs_alike(list(unit.values())) for unit in given.values() if len(unit) > 1]
    return float(np.mean(shares)) if shares else NAN


def _pairs_alike(values: list[int]) -> float:
    counts = np.unique(values, return_counts=True)[1]
    return float((counts * (counts - 1)).sum() / (len(values) * (len(values) - 1)))


def krippendorff_alpha(given: Ratings, level: Literal["ordinal", "nominal"]) -> Interval:
    """Krippendorff's alpha, `ordinal` or `nominal`, with an interval from drawing cases anew."""
    import krippendorff

    readers = sorted({reader for unit in given.values() for reader in unit})
    units = [unit for unit, said in given.items() if len(said) > 1]

    def alpha(chosen: Sequence[Hashable]) -> float:
        table = np.array([[given[unit].get(reader, np.nan) for unit in chosen] for reader in readers], dtype=float)
        if len(np.unique(table[np.isfinite(table)])) < 2:
            return NAN
        return float(krippendorff.alpha(reliability_data=table, level_of_measurement=level))

    if len(readers) < 2 or not units:
        return Interval(NAN)
    return Interval(alpha(units), *_quantiles(_redrawn(units, alpha)))


def gwet_ac1(given: Ratings, categories: int) -> Interval:
    """Gwet's AC1 for several readers (Gwet 2008, British Journal of Mathematical and Statistical Psychology 61, 29).

    The one library that has it, irrCAC 0.4.4, asks for scipy 1.12 and pandas below 3: nothing else here runs with them.
    """
    units = [unit for unit, said in given.items() if len(said) > 1]

    def ac1(chosen: Sequence[Hashable]) -> float:
        said = [list(given[unit].values()) for unit in chosen]
        agreed = float(np.mean([_pairs_alike(values) for values in said]))
        shares = np.mean([np.bincount(values, minlength=categories) / len(values) for values in said], axis=0)
        by_chance = float((shares * (1 - shares)).sum() / (categories - 1))
        return (agreed - by_chance) / (1 - by_chance)

    if not units or categories < 2:
        return Interval(NAN)
    return Interval(ac1(units), *_quantiles(_redrawn(units, ac1)))


def _redrawn(units: Sequence[Hashable], statistic: Callable[[Sequence[Hashable]], float]) -> np.ndarray:
    """The statistic of cases drawn anew, each with all of its units."""
    cases: dict[Hashable, list[Hashable]] = defaultdict(list)
    for unit in units:
        cases[unit[0]].append(unit)  # type: ignore[index]
    groups = list(cases.values())
    if len(groups) < 3:
        return np.array([])
    drawn = np.random.default_rng(SEED).integers(0, len(groups), (SLOW_DRAWS, len(groups)))
    return np.array([statistic([unit for number in row for unit in groups[number]]) for row in drawn])


def weighted_kappa(pairs: Sequence[tuple[int, int]], categories: int) -> float:
    """Cohen's kappa with quadratic weights, of a first and a second answer; NaN where only one category was used."""
    from statsmodels.stats.inter_rater import cohens_kappa

    if len({value for pair in pairs for value in pair}) < 2:
        return NAN
    table = np.zeros((categories, categories))
    for first, second in pairs:
        table[first, second] += 1
    kappa: Any = cohens_kappa(table, wt="quadratic", return_results=False)
    return float(kappa)


# Detection


def sensitivity(planted: Sequence[Row]) -> Interval:
    """Share of planted errors that were found, over readers and cases; the interval draws both anew, as a multi-reader
    multi-case bootstrap does."""
    readers, cases = (sorted({row[name] for row in planted}) for name in ("reader", "case"))
    if not planted:
        return Interval(NAN)
    found, there = np.zeros((len(readers), len(cases))), np.zeros((len(readers), len(cases)))
    for row in planted:
        place = readers.index(row["reader"]), cases.index(row["case"])
        found[place] += row["is_found"]
        there[place] += 1
    share = float(found.sum() / there.sum())
    if len(readers) < 2 or len(cases) < 2:
        return Interval(share)
    rng = np.random.default_rng(SEED)
    draws = np.empty(DRAWS)
    for number in range(DRAWS):
        chosen = np.ix_(rng.integers(0, len(readers), len(readers)), rng.integers(0, len(cases), len(cases)))
        total = there[chosen].sum()
        draws[number] = found[chosen].sum() / total if total else NAN
    return Interval(share, *_quantiles(draws))


class Crossed:
    """Sensitivity to planted errors where every reader read the same cases in every arm: the intervals of Obuchowski
    and Rockette with the degrees of freedom of Hillis (Statistics in Medicine 2007; 26: 596), for readers and cases
    beyond these. Covariances are from leaving out one case after another.
    """

    def __init__(self, planted: Sequence[Row]) -> None:
        names = ("arm", "reader", "case")
        self.arms, self.readers, self.cases = (sorted({row[name] for row in planted}) for name in names)
        shape = len(self.arms), len(self.readers), len(self.cases)
        found, there = np.zeros(shape), np.zeros(shape)
        for row in planted:
            place = self.arms.index(row["arm"]), self.readers.index(row["reader"]), self.cases.index(row["case"])
            found[place] += row["is_found"]
            there[place] += 1
        self.is_there = bool(planted) and bool(there.all()) and shape[1] > 1 and shape[2] > 1
        if self.is_there:
            self.shares = found.sum(-1) / there.sum(-1)  # (arms, readers)
            left = (found.sum(-1, keepdims=True) - found) / (there.sum(-1, keepdims=True) - there)
            left -= left.mean(-1, keepdims=True)
            # (arms, readers, arms, readers)
            self.covariances = np.einsum("arc,bsc->arbs", left, left) * (shape[2] - 1) / shape[2]

    def _of_other_readers(self, arm: int, other: int) -> float:
        """Mean covariance of two readers, in these arms."""
        pairs = self.covariances[arm, :, other]
        count = len(self.readers)
        return float((pairs.sum() - np.trace(pairs)) / (count * (count - 1)))

    def share(self, arm: str) -> Interval:
        """Sensitivity in an arm."""
        place, count = self.arms.index(arm), len(self.readers)
        between = float(self.shares[place].var(ddof=1))
        shared = max(count * self._of_other_readers(place, place), 0.0)
        return self._interval(float(self.shares[place].mean()), between, shared, 1 / count)

    def difference(self, arm: str, reference: str) -> Interval:
        """Of the sensitivities in two arms."""
        one, other, count = self.arms.index(arm), self.arms.index(reference), len(self.readers)
        differences = self.shares[one] - self.shares[other]
        between = float(differences.var(ddof=1)) / 2  # mean square of arm by reader
        same = (self._of_other_readers(one, one) + self._of_other_readers(other, other)) / 2
        shared = max(count * (same - self._of_other_readers(one, other)), 0.0)
        return self._interval(float(differences.mean()), between, shared, 2 / count)

    def _interval(self, value: float, between: float, shared: float, factor: float) -> Interval:
        from scipy.stats import norm, t

        if between + shared == 0:  # all alike: nothing is known of how they might differ
            return Interval(value)
        freedom = (len(self.readers) - 1) * ((between + shared) / between) ** 2 if between else math.inf
        quantile = float(t.ppf(0.975, freedom) if math.isfinite(freedom) else norm.ppf(0.975))
        half = quantile * math.sqrt(factor * (between + shared))
        return Interval(value, value - half, value + half)
