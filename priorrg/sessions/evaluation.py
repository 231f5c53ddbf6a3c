"""What a session's report says: sections with words, a table and perhaps a chart, computed from the tables alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Literal

from priorrg import texts
from priorrg.sessions.judging import CATEGORIES, COUNTED, SIGNIFICANCES
from priorrg.sessions.protocol import Protocol
from priorrg.sessions.sections import NOT_TO_BE_HAD, Chart, Row, Section, Tables, said, said_p
from priorrg.sessions.statistics import (
    Contrast,
    Crossed,
    Ratings,
    contrasts,
    exact,
    gwet_ac1,
    holm,
    krippendorff_alpha,
    mean_over_cases,
    percent_agreement,
    preferred,
    ratings,
    sensitivity,
    sign_test,
    weighted_kappa,
)


def evaluate(protocol: Protocol, found: Tables) -> list[Section]:
    """All sections that this kind of session has something for."""
    read = [row for row in found["readings"] if row["status"] == "submitted" and not row["is_practice"]]
    first = [row for row in read if not row["is_repeat"]]
    arms = [arm.name for arm in protocol.arms]
    sections = [_who_read(protocol, found, first)]
    if not first:
        return sections
    if protocol.judges_sentences:
        sections += [_errors(found, first, arms), _edits(first, arms)]
    if protocol.kind != "assist":
        sections += _questions(protocol, found, arms)
    if protocol.kind == "compare":
        sections.append(_preference(protocol, first))
    if protocol.kind == "assist":
        sections.append(_edits(first, arms))
    sections.append(_time(first, arms))
    if found["planted"]:
        sections.append(_detection(found))
    sections.append(_contrasts(protocol, found, first, arms))
    sections += _agreement(protocol, found, first)
    sections.append(_limits(first))
    return sections


def _who_read(protocol: Protocol, found: Tables, first: list[Row]) -> Section:
    rows = []
    for reader in protocol.readers:
        mine = [row for row in found["readings"] if row["reader"] == reader and not row["is_practice"]]
        readings = {row["assignment"]: row["status"] for row in mine}
        count = Counter(readings.values())
        rows.append(
            (reader, str(len(readings)), *(str(count[name]) for name in ("submitted", "skipped", "unreadable")))
        )
    words = (
        f"{protocol.title}. Kind: {protocol.kind}. {len({row['reader'] for row in first})} readers "
        "submitted readings of "
        f"{len({row['case'] for row in first})} cases. Practice cases count for nothing; repeats count "
        "for intra-reader "
        "agreement alone. Readers who withdrew or gave no consent are in no figure."
    )
    return Section("Who read what", words, ("Reader", "Readings", "Submitted", "Skipped", "Not readable"), rows)


def _errors(found: Tables, first: list[Row], arms: Sequence[str]) -> Section:
    marks = [row for row in found["errors"] if not row["is_repeat"]]
    rows, bars = [], []
    for arm in arms:
        mine = [row for row in first if row["arm"] == arm]
        if not mine:
            continue
        every, grave = mean_over_cases(mine, "errors"), mean_over_cases(mine, "significant_errors")
        bars.append((arm, every))
        rows.append((arm, "all", str(len(mine)), said(every), said(grave)))
        for category in [*CATEGORIES, ""]:
            of_category = [row for row in marks if row["arm"] == arm and row["category"] == category]
            if of_category or category:
                counted = sum(row["significance"] in COUNTED for row in of_category)
                name = category or "no category given"
                shares = (f"{len(of_category) / len(mine):.3f}", f"{counted / len(mine):.3f}")
                rows.append((arm, name, str(len(of_category)), *shares))
        for significance in SIGNIFICANCES:
            number = sum(row["arm"] == arm and row["significance"] == significance for row in marks)
            rows.append((arm, f"significance {significance}", str(number), f"{number / len(mine):.3f}", ""))
    words = (
        "Errors that readers marked in a report: sentences that were edited or struck, and missed "
        "findings. Significant "
        f"are those of significance {' or '.join(COUNTED)}. In the lines `all` the number is of "
        "readings, in the others "
        "of errors. Means a report, with 95 % intervals from drawing cases anew with all of their readings (bootstrap)."
    )
    columns = ("Arm", "Category", "Number", "Errors a report", "Significant errors a report")
    return Section("Errors a report", words, columns, rows, Chart("Errors a report", "errors", bars))


def _edits(first: list[Row], arms: Sequence[str]) -> Section:
    rows, bars = [], []
    for arm in arms:
        mine = [row for row in first if row["arm"] == arm]
        if mine:
            words, facts = mean_over_cases(mine, "edit_distance"), mean_over_cases(mine, "facts_changed")
            kept = sum(row["edit_distance"] == 0 for row in mine)
            bars.append((arm, words))
            rows.append((arm, str(len(mine)), said(words), said(facts), f"{kept} ({kept / len(mine):.0%})"))
    words = (
        "How far the final text is from the one that was shown: words changed, put in or taken out, and "
        "facts that only "
        "one of the two states, as read by rules over words. From scratch the shown text is empty. Means with 95 % "
        "intervals from drawing cases anew."
    )
    columns = ("Arm", "Readings", "Words changed", "Facts changed", "Left as it was")
    return Section("What was edited", words, columns, rows, Chart("Words changed a report", "words", bars))


def _questions(protocol: Protocol, found: Tables, arms: Sequence[str]) -> Iterator[Section]:
    for question in protocol.questions:
        if question.is_text or question.about == "case":
            continue
        answers = [row for row in found["answers"] if row["question"] == question.id and not row["is_repeat"]]
        rows = []
        for arm in arms:
            given = Counter(row["value"] for row in answers if row["arm"] == arm)
            total = sum(given.values())
            for value in question.options if total else ():
                share = exact(given[value], total)
                rows.append((arm, question.options[value], str(given[value]), said(share, "%")))
        if rows:
            words = (
                "Shares of answers with exact 95 % intervals (Clopper and Pearson), which take readings as independent "
                "and so are too narrow where a reader or a case answers alike throughout."
            )
            yield Section(question.text, words, ("Arm", "Answer", "Number", "Share"), rows)


def _preference(protocol: Protocol, first: list[Row]) -> Section:
    readings: dict[tuple[str, str, int], dict[str, str]] = {}
    for row in first:
        readings.setdefault((row["reader"], row["case"], row["assignment"]), {})[row["arm"]] = row["preferred"]
    rows = []
    for pair in protocol.compared:
        mine = {key: [one[arm] for arm in pair] for key, one in readings.items() if set(one) == set(pair)}
        wins = [sum(one[side] == "yes" for one in mine.values()) for side in (0, 1)]
        alike = sum(one[0] == "equivalent" for one in mine.values())
        modelled, p = preferred(
            [
                {"reader": reader, "case": case, "is_first": int(one[0] == "yes")}
                for (reader, case, _), one in mine.items()
                if "yes" in one
            ]
        )
        counts = str(wins[0]), str(alike), str(wins[1])
        exactly = said(exact(wins[0], sum(wins)), "%"), said_p(sign_test(wins[0], sum(wins)))
        rows.append((f"{pair[0]} against {pair[1]}", *counts, *exactly, said(modelled, "%"), said_p(p)))
    words = (
        "How often each of two was preferred. The share is of the first among those where one was preferred: with the "
        "exact 95 % interval and p of the sign test, which take readings as independent, and by a logistic mixed model "
        "with crossed random effects of reader and case, which does not. No p is adjusted for the number of pairs. "
        "Sides were swapped at random."
    )
    columns = (
        "Pair",
        "First better",
        "Equivalent",
        "Second better",
        "Share of the first",
        "p",
        "Share by the mixed model",
        "p of it",
    )
    return Section("Preference", words, columns, rows)


def _time(first: list[Row], arms: Sequence[str]) -> Section:
    rows, bars = [], []
    # Of two that are compared the time is of both, and stands in the row of either: the left one's counts.
    once = [row for row in first if row["side"] != "right"]
    is_pair = len(once) != len(first)
    for arm in ["all comparisons"] if is_pair else arms:
        mine = once if is_pair else [row for row in once if row["arm"] == arm]
        if mine:
            mean = mean_over_cases(mine, "active_s")
            bars.append((arm, mean))
            phases = (f"{sum(row[name] for row in mine) / len(mine):.1f}" for name in ("look_s", "read_s", "edit_s"))
            middle = median(row["active_s"] for row in mine)
            away = sum(row["away_s"] for row in mine) / len(mine)
            rows.append((arm, str(len(mine)), said(mean, digits=1), f"{middle:.1f}", *phases, f"{away:.1f}"))
    words = (
        "Active seconds a case: before the text was shown, until the first edit, and until submitting. "
        "A hidden tab, lost "
        "focus and idle times over 60 s are taken out and stand under Away. Means with 95 % intervals "
        "from drawing cases "
        "anew."
    )
    columns = ("Arm", "Readings", "Active s", "Median s", "Look s", "Read s", "Edit s", "Away s")
    return Section("Time", words, columns, rows, Chart("Active seconds a case", "s", bars))


def _detection(found: Tables) -> Section:
    planted = [row for row in found["planted"] if not row["is_repeat"]]
    marks = [row for row in found["errors"] if not row["is_repeat"]]
    rows = []
    arms = {row["arm"] for row in planted}
    for reader in sorted({row["reader"] for row in planted}):
        mine = [row for row in planted if row["reader"] == reader]
        hits, named = (sum(row[name] for row in mine) for name in ("is_found", "is_named"))
        reports = {row["assignment"] for row in found["sentences"] if row["reader"] == reader and row["arm"] in arms}
        reports &= {row["assignment"] for row in found["readings"] if row["reader"] == reader and not row["is_repeat"]}
        alarms = sum(row["reader"] == reader and row["arm"] in arms and not row["planted"] for row in marks)
        share = exact(hits, len(mine))
        rows.append((reader, f"{hits} of {len(mine)}", said(share, "%"), str(named), f"{alarms / len(reports):.2f}"))
    whole = sensitivity(planted)
    rows.append(("all", f"{sum(r['is_found'] for r in planted)} of {len(planted)}", said(whole, "%"), "", ""))
    crossed = Crossed(planted)
    if crossed.is_there:
        reference = crossed.arms[0]
        rows += [(f"all in {arm}, by variances", "", said(crossed.share(arm), "%"), "", "") for arm in crossed.arms]
        for arm in crossed.arms[1:]:
            difference = crossed.difference(arm, reference)
            rows.append((f"{arm} - {reference}, by variances", "", said(difference, "%"), "", ""))
    for category in CATEGORIES:
        mine = [row for row in planted if row["category"] == category]
        if mine:
            hits, named = (sum(row[name] for row in mine) for name in ("is_found", "is_named"))
            share = sensitivity(mine)
            rows.append((category, f"{hits} of {len(mine)}", said(share, "%"), str(named), ""))
    words = (
        "Planted errors that were found: the sentence was edited or struck, or a missed finding of that "
        "kind was added. A "
        "false alarm is a mark where nothing was planted. Intervals of a reader are exact; those of all "
        "readers, and of "
        "a category, draw readers and cases anew together, so that they hold for other readers and cases of this kind "
        "(multi-reader multi-case bootstrap). Lines `by variances`, where every reader read the same cases, are of "
        "Obuchowski and Rockette with the degrees of freedom of Hillis."
    )
    columns = ("Reader or category", "Found", "Sensitivity", "With the right category", "False alarms a report")
    bars = [(reader, exact(sum(r["is_found"] for r in mine), len(mine))) for reader, mine in _by_reader(planted)]
    return Section("Detection of planted errors", words, columns, rows, Chart("Sensitivity by reader", "share", bars))


def _by_reader(rows: list[Row]) -> list[tuple[str, list[Row]]]:
    return [(name, [row for row in rows if row["reader"] == name]) for name in sorted({row["reader"] for row in rows})]


def _contrasts(protocol: Protocol, found: Tables, first: list[Row], arms: Sequence[str]) -> Section:
    once = [row | {"log_active_s": math.log(max(row["active_s"], 0.1))} for row in first]
    outcomes = ["errors", "significant_errors", "edit_distance", "facts_changed"] if protocol.judges_sentences else []
    outcomes += ["log_active_s"] if protocol.kind != "compare" else []
    tested: list[Contrast] = [one for outcome in outcomes for one in contrasts(once, outcome, arms)]
    for question in protocol.questions:
        if question.options and question.about == "report":
            order = {value: number for number, value in enumerate(question.options)}
            answers = [
                row | {question.id: order[row["value"]]}
                for row in found["answers"]
                if row["question"] == question.id and not row["is_repeat"] and row["value"] in order
            ]
            tested += contrasts(answers, question.id, arms)
    rows = []
    for one in holm(tested):
        ratio = f" (ratio {math.exp(one.difference.value):.2f})" if one.outcome == "log_active_s" else ""
        ps = said_p(one.p), said_p(one.adjusted)
        rows.append((one.outcome, f"{one.arm} - {one.reference}", said(one.difference) + ratio, *ps))
    words = (
        "Differences to the first arm by linear mixed models (REML) with crossed random effects of reader and case. "
        "Answers are taken as their place in the list of options, from 0; times as natural logarithms. "
        f"{len(tested)} contrasts were computed; p after Holm holds for all of them together. "
    )
    words += "" if tested else "There are not two arms with two readers and two cases, or nothing varies: no contrast."
    columns = ("Outcome", "Contrast", "Difference", "p", "p after Holm")
    return Section("Arms against each other", words, columns, rows)


def _agreement(protocol: Protocol, found: Tables, first: list[Row]) -> Iterator[Section]:
    rows: list[tuple[str, ...]] = []
    again: list[tuple[str, ...]] = []
    for question in protocol.questions:
        if not question.options or question.about == "overlay":
            continue
        order = {value: number for number, value in enumerate(question.options)}
        given = [row for row in found["answers"] if row["question"] == question.id and row["value"] in order]
        if question.id == "preference":
            given = [row | {"value": _resolved(row)} for row in given]
            arms = [arm.name for arm in protocol.arms]
            order = {value: number for number, value in enumerate([*arms, "equivalent"])}
        said_once = [row for row in given if not row["is_repeat"]]
        units = ratings(said_once, _unit, lambda row, order=order: order[row["value"]])
        level = "nominal" if question.id == "preference" else "ordinal"
        rows += [_agreed(question.id, units, level, len(order))]
        again += _repeated(question.id, given, order)
    sentences = [row for row in found["sentences"] if not row["is_repeat"]]
    if sentences and protocol.judges_sentences:
        units = ratings(
            sentences, lambda row: (row["case"], row["arm"], row["place"]), lambda r: r["verdict"] != "right"
        )
        rows.append(_agreed("sentence is wrong", units, "nominal", 2))
    if rows:
        words = (
            "Between readers, of reports that several judged: share of pairs who said the same, Krippendorff's alpha "
            "(ordinal for ordered answers, nominal otherwise) and Gwet's AC1, which a lopsided distribution troubles "
            "less. 95 % intervals from drawing cases anew; - where only one answer was ever given."
        )
        yield Section("Agreement between readers", words, ("What", "Units", "Alike", "Alpha", "AC1"), rows)
    if again:
        words = (
            "Of each reader's first and second answer, over repeated cases: share alike, and Cohen's kappa with "
            "quadratic weights."
        )
        yield Section("Agreement within a reader", words, ("What", "Reader", "Pairs", "Alike", "Kappa"), again)


def _unit(row: Row) -> tuple[str, ...]:
    """Two that were compared are one unit, whatever their sides."""
    return row["case"], ",".join(sorted(row["arm"].split(",")))


def _resolved(row: Row) -> str:
    """The arm that was preferred."""
    if row["value"] == "equivalent":
        return "equivalent"
    return row["arm"].split(",")[("left", "right").index(row["value"])]


def _agreed(name: str, units: Ratings, level: Literal["ordinal", "nominal"], categories: int) -> tuple[str, ...]:
    shared = sum(len(unit) > 1 for unit in units.values())
    alike = percent_agreement(units)
    alpha, ac1 = krippendorff_alpha(units, level), gwet_ac1(units, categories)
    return name, str(shared), NOT_TO_BE_HAD if math.isnan(alike) else f"{alike:.0%}", said(alpha), said(ac1)


def _repeated(name: str, given: list[Row], order: dict[str, int]) -> Iterator[tuple[str, ...]]:
    for reader, mine in _by_reader(given):
        once = {_unit(row): row for row in mine if not row["is_repeat"]}
        pairs = [
            (order[once[_unit(row)]["value"]], order[row["value"]])
            for row in mine
            if row["is_repeat"] and _unit(row) in once
        ]
        if pairs:
            kappa = weighted_kappa(pairs, len(order))
            told = NOT_TO_BE_HAD if math.isnan(kappa) else f"{kappa:.2f}"
            yield name, reader, str(len(pairs)), f"{sum(a == b for a, b in pairs) / len(pairs):.0%}", told


def _limits(first: list[Row]) -> Section:
    readers, cases = (len({row[name] for row in first}) for name in ("reader", "case"))
    errors = mean_over_cases(first, "errors")
    said_limits = [f"{readers} readers read {cases} cases."]
    if readers < 5:
        said_limits.append("With fewer than five readers nothing can be said of other readers than these.")
    if cases < 30:
        said_limits.append(
            "With fewer than thirty cases intervals from drawing cases anew are too narrow, and a case more "
            "or less can "
            "move every mean."
        )
    if math.isfinite(errors.low):
        half = (errors.high - errors.low) / 2
        said_limits.append(
            f"Errors a report are known to within {half:.2f} either way; half of that takes about {4 * cases} cases."
        )
    said_limits.append(texts.sessions.REHEARSAL_ONLY)
    said_limits.append(
        "What is not significant is not shown to be alike: absence of a difference needs its own margin."
    )
    return Section("How far this carries", " ".join(said_limits))
