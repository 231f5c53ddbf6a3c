"""One reading of the switch as plain values: what assets/ui/others.js shows in the report's place. No Gradio, no model.

What differs from the report glows there: words, a sentence's change, cells and lines of the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from priorrg import texts
from priorrg.explain.overlays import Overlay
from priorrg.report.facts import Fact, change_tag, read_report
from priorrg.report.sentences import changed_sentences
from priorrg.reporting.events import ReportDone
from priorrg.ui.readings import facts_by_place
from priorrg.ui.report_payload import changes_payload, confidence_payload, facts_payload, overlay_payloads, told_of

MOST_NAMED = 3  # differing facts in the one line


def other_payload(
    what: str,
    report: ReportDone,
    other: ReportDone,
    overlays: Sequence[Overlay] | None = None,
    method: str = "",
    is_elsewhere: bool = False,
) -> dict[str, Any]:
    """what: which of SWITCH_TITLES it is. overlays: one a sentence by this method, None where none were traced.
    is_elsewhere: as in confidence_payload.

    line: what differs, in one sentence. details: of each sentence; the `differs` of a fact names those of its cells
    that the report fills otherwise. gone: facts that the report alone states.
    """
    sentences = [sentence.text for sentence in other.sentences]
    before = facts_by_place(report.text)
    facts = read_report(sentences)
    after = facts_by_place(other.text)
    return {
        "line": difference_line(what, report.text, other.text) if other.text.strip() else texts.report.EMPTY_READING,
        "sentences": sentences,
        "details": [
            {
                "change": change_tag(found),
                "lost": _lost_change(found, before),
                "facts": _with_differences(found, before),
                "confidence": confidence_payload(sure, is_elsewhere),
            }
            for found, sure in zip(facts, other.confidences, strict=True)
        ],
        "gone": facts_payload([fact for place, fact in before.items() if place not in after]),
        "changes": changes_payload(report.text, other.text),
        "overlays": None if overlays is None else overlay_payloads(overlays),
        "method": method,
    }


def _with_differences(facts: Sequence[Fact], before: dict[tuple[str, str], Fact]) -> list[dict[str, Any]]:
    shown = []
    for fact, cells in zip(facts, facts_payload(facts), strict=True):
        was = before.get((fact.finding, fact.side))
        if was is None:
            differs = ["finding", "side", "presence", "change"]
        else:
            differs = [] if told_of(was) == told_of(fact) else ["presence"]
            differs += [] if was.change == fact.change else ["change"]
        shown.append(cells | {"differs": differs})
    return shown


def _lost_change(facts: Sequence[Fact], before: dict[tuple[str, str], Fact]) -> str:
    """The change that the report gives what this sentence names, where the sentence gives none."""
    if change_tag(facts):
        return ""
    return change_tag([was for fact in facts if (was := before.get((fact.finding, fact.side)))])


def difference_line(what: str, report: str, other: str, most: int = MOST_NAMED) -> str:
    """What another reading says differently from the report: 'Without the prior: "larger" is not said of ...'.

    what: of texts.readings.SWITCH_TITLES. most: facts that are named; the rest is counted.
    """
    title = texts.readings.SWITCH_TITLES[what]
    before, after = facts_by_place(report), facts_by_place(other)
    named: list[str] = []
    for place, fact in before.items():
        now = after.get(place)
        if now is None:
            named.append(texts.readings.LINE_GONE[fact.presence].format(finding=_name(fact)))
        elif now != fact:
            named += _changed(fact, now)
    named += [
        texts.readings.LINE_SAID.format(finding=_name(fact), state=_state(fact))
        for place, fact in after.items()
        if place not in before
    ]
    if not named:
        is_same = all(part.kind == "same" for one in changed_sentences(report, other) for part in one.parts)
        said = texts.readings.LINE_SAME if is_same else texts.readings.LINE_SAME_FACTS
        return texts.readings.LINE.format(title=title, said=f"{said} {texts.readings.LINE_WOULD[what]}")
    more = len(named) - most
    said = "; ".join(named[:most]) + (texts.readings.LINE_MORE.format(count=more) if more > 0 else "") + "."
    return texts.readings.LINE.format(title=title, said=said)


def _changed(fact: Fact, now: Fact) -> list[str]:
    """What is said otherwise of one finding: of its change, and of all else."""
    words = texts.readings
    said = []
    if fact.change != now.change:
        before, after = (texts.report.REPORT_CHANGES.get(one.change, "") for one in (fact, now))
        form = (
            words.LINE_CHANGE_OTHER
            if before and after
            else words.LINE_CHANGE_GONE
            if before
            else words.LINE_CHANGE_SAID
        )
        said.append(form.format(finding=_name(fact), before=before, after=after))
    if told_of(fact) != told_of(now):
        before, after = _where_they_part(told_of(fact).split(", "), told_of(now).split(", "))
        said.append(words.LINE_STATE.format(finding=_name(fact), before=before, after=after))
    return said


def _where_they_part(before: list[str], after: list[str]) -> tuple[str, str]:
    """Two descriptions without what both have: 'severe' and 'moderate'; whole where one would have nothing left."""
    parts = [one for one in before if one not in after], [one for one in after if one not in before]
    return (", ".join(parts[0]), ", ".join(parts[1])) if all(parts) else (", ".join(before), ", ".join(after))


def _name(fact: Fact) -> str:
    """'left pleural effusion'"""
    finding = texts.readings.SHORT_FINDINGS.get(fact.finding) or texts.report.REPORT_FINDINGS[fact.finding]
    side = texts.readings.LINE_SIDES[fact.side]
    return side.format(finding=finding)


def _state(fact: Fact) -> str:
    change = texts.report.REPORT_CHANGES.get(fact.change, "") if fact.change != fact.presence else ""
    return ", ".join(filter(None, (told_of(fact), change)))
