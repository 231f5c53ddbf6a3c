"""What came out of a session as long tables, one thing a row: a view of the events, never stored.

Every table is a list of rows with the columns of COLUMNS, which is the data dictionary as well. Practice cases are left
out but for their rows in `readings`.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from priorrg.report.facts import Fact, read_facts, read_report
from priorrg.report.sentences import split_sentences
from priorrg.sessions.cases import Case, Planted
from priorrg.sessions.judging import COUNTED
from priorrg.sessions.plan import Assignment
from priorrg.sessions.prepare import PreparedReport, prepared
from priorrg.sessions.session import Session
from priorrg.sessions.state import PARTS, PHASES, Judged

Row = dict[str, Any]
KEYS = {
    "reader": ("string", "pseudonym"),
    "assignment": ("integer", "number of the reading in this reader's order, practice first"),
    "case": ("string", "id of the case"),
    "arm": ("string", "name of the arm"),
    "side": ("string", "left or right of two that were compared; empty for one report"),
    "visit": ("integer", "from 1; washout lies between visits"),
    "is_repeat": ("boolean", "shown before, once more for intra-reader agreement"),
}
# Table -> column -> its type (as in a frictionless table schema) and what it holds.
COLUMNS: dict[str, dict[str, tuple[str, str]]] = {
    "readings": KEYS
    | {
        "is_practice": ("boolean", "counts for nothing"),
        "status": ("string", "new, open, submitted, skipped or unreadable"),
        "reason": ("string", "why it was skipped, or which image was not readable"),
        "opened_utc": ("string", "when the case was first put before the reader, by the server's clock"),
        "shown_utc": ("string", "when the text was first shown, by the server's clock"),
        "submitted_utc": ("string", "when it was submitted last, by the server's clock"),
        "look_s": ("number", "active seconds before the text was shown"),
        "read_s": ("number", "active seconds from the text to the first edit"),
        "edit_s": ("number", "active seconds from the first edit to submitting"),
        "active_s": ("number", "the three together; of both reports where two were compared"),
        "away_s": ("number", "seconds with a hidden tab, without focus, or idle over 60 s; in none of the above"),
        "errors": ("integer", "errors of this report that the reader marked, missed findings among them"),
        "significant_errors": ("integer", "those of significance significant or critical"),
        "edit_distance": ("integer", "words changed, put in or taken out, from the shown to the final text"),
        "facts_changed": ("integer", "facts that only one of the two texts states"),
        "preferred": ("string", "yes, no or equivalent, of two that were compared"),
        "own_findings": ("string", "the reader's own findings, before the text was shown"),
        "shown_text": ("string", "the text as it was shown"),
        "final_text": ("string", "the text as the reader left it"),
        "weights": ("string", "digest of the weights that wrote it; empty where no model did"),
    },
    "sentences": KEYS
    | {
        "place": ("integer", "of the sentence in the report, from 0"),
        "sentence": ("string", "as it was shown"),
        "verdict": ("string", "right, edited or struck; right where a submitted report says nothing of it"),
        "is_judged": ("boolean", "whether the reader said so, or left it alone"),
        "text": ("string", "as the reader left it"),
        "category": ("string", "of the error"),
        "is_device": ("boolean", "about a device"),
        "significance": ("string", "none, minor, significant or critical"),
        "planted": ("string", "category of the error that was planted in it; empty for none"),
    },
    "errors": KEYS
    | {
        "source": ("string", "sentence, or missed for a finding that the report leaves out"),
        "place": ("integer", "of the sentence, from 0; empty for a missed finding"),
        "text": ("string", "the sentence as shown, or the missed finding in the reader's words"),
        "category": ("string", "one of the taxonomy's identifiers"),
        "is_device": ("boolean", "about a device"),
        "significance": ("string", "none, minor, significant or critical"),
        "planted": ("string", "the planted error that it finds, as its category; empty for a false alarm"),
        "image": ("string", "film on which its place was drawn: current or prior"),
        "x0": ("number", "left edge, share of the width"),
        "y0": ("number", "upper edge, share of the height"),
        "x1": ("number", "right edge, share of the width"),
        "y1": ("number", "lower edge, share of the height"),
    },
    "answers": KEYS | {"question": ("string", "id of the question"), "value": ("string", "key of the option, or text")},
    "times": KEYS
    | {
        "phase": ("string", "look, read or edit"),
        "active_s": ("number", "seconds at work"),
        "hidden_s": ("number", "seconds with a hidden tab"),
        "unfocused_s": ("number", "seconds without focus"),
        "idle_s": ("number", "seconds without any input, beyond 60 in one go"),
    },
    "planted": KEYS
    | {
        "category": ("string", "of the planted error"),
        "finding": ("string", "what it is about"),
        "place": ("integer", "of the sentence; empty for one that was left out"),
        "is_found": ("boolean", "whether the reader marked it"),
        "is_named": ("boolean", "whether with the category under which it was planted"),
    },
}


@dataclass(frozen=True)
class Shown:
    """One report within one reading. side: 0 left or only, 1 right."""

    reader: str
    assignment: Assignment
    judged: Judged
    case: Case
    arm: str
    side: int
    report: PreparedReport | None

    @property
    def key(self) -> Row:
        is_pair = len(self.assignment.arms) == 2
        return {
            "reader": self.reader,
            "assignment": self.assignment.number,
            "case": self.case.id,
            "arm": self.arm,
            "side": ("left", "right")[self.side] if is_pair else "",
            "visit": self.assignment.visit,
            "is_repeat": self.assignment.is_repeat,
        }

    @property
    def sentences(self) -> tuple[str, ...]:
        return self.report.sentences if self.report else ()

    @property
    def missed(self) -> list[Row]:
        return [one for one in self.judged.missed.values() if one["report"] == self.side]

    @property
    def planted(self) -> tuple[Planted, ...]:
        is_planted = self.report is not None and self.report.text == self.case.planted_report
        return self.case.planted if is_planted else ()


def tables(session: Session) -> dict[str, list[Row]]:
    """All tables by name. Readers who withdrew, or refused, are in none of them."""
    found: dict[str, list[Row]] = {name: [] for name in COLUMNS}
    for shown in _all_shown(session):
        found["readings"].append(_reading(session, shown))
        if shown.assignment.is_practice or shown.judged.status != "submitted":
            continue
        finds = _finds(shown)
        found["sentences"] += _sentences(shown)
        found["errors"] += _errors(shown, finds)
        found["answers"] += _answers(session, shown)
        if shown.side == 0:
            found["times"] += [shown.key | {"phase": phase} | shown.judged.times[phase] for phase in PHASES]
        found["planted"] += [
            shown.key
            | {
                "category": planted.category,
                "finding": planted.finding,
                "place": planted.place,
                "is_found": mark is not None,
                "is_named": mark is not None and mark["category"] == planted.category,
            }
            for planted, mark in finds
        ]
    return found


def _all_shown(session: Session) -> Iterator[Shown]:
    gone = session.store.withdrawn()
    reports: dict[tuple[str, str], PreparedReport | None] = {}
    for reader in session.protocol.readers:
        state = session.state(reader)
        if reader in gone or not state.consented:
            continue
        for assignment in session.assignments(reader):
            for side, arm in enumerate(assignment.arms):
                key = assignment.case, arm
                if key not in reports:
                    reports[key] = prepared(session, *key)
                case = session.cases[assignment.case]
                yield Shown(reader, assignment, state.of(assignment.number), case, arm, side, reports[key])


def _reading(session: Session, shown: Shown) -> Row:
    judged = shown.judged
    times = {f"{phase}_s": round(judged.times[phase]["active_s"], 3) for phase in PHASES}
    away = sum(judged.times[phase][part] for phase in PHASES for part in PARTS[1:])
    before = shown.report.text if shown.report else ""
    after = final_text(session, shown)
    marks = [row for row in _errors(shown, [])]
    return shown.key | {
        "is_practice": shown.assignment.is_practice,
        "status": judged.status,
        "reason": judged.reason.get("reason", judged.reason.get("image", "")),
        "opened_utc": _iso(judged.opened_utc),
        "shown_utc": _iso(judged.shown_utc),
        "submitted_utc": _iso(judged.submitted_utc),
        **times,
        "active_s": round(sum(times.values()), 3),
        "away_s": round(away, 3),
        "errors": len(marks),
        "significant_errors": sum(mark["significance"] in COUNTED for mark in marks),
        "edit_distance": word_distance(before, after),
        "facts_changed": facts_changed(before, after),
        "preferred": _preferred(shown),
        "own_findings": judged.own_findings or "",
        "shown_text": before,
        "final_text": after,
        "weights": shown.report.weights_digest if shown.report else "",
    }


def _answers(session: Session, shown: Shown) -> Iterator[Row]:
    """What was asked of a whole case stands once, under both arms where two were compared."""
    of_case = {question.id for question in session.protocol.questions if question.about == "case"}
    for (name, side), value in sorted(shown.judged.answers.items()):
        if side == shown.side:
            whole = {"arm": shown.assignment.arm, "side": ""} if name in of_case else {}
            yield shown.key | whole | {"question": name, "value": value}


def final_text(session: Session, shown: Shown) -> str:
    """As the reader left it: written, or the report with its sentences edited and struck and missed findings behind."""
    if session.protocol.kind == "assist":
        return shown.judged.text if shown.judged.text is not None else (shown.report.text if shown.report else "")
    left = []
    for place, sentence in enumerate(shown.sentences):
        judged = shown.judged.sentences.get((shown.side, place))
        if judged is None or judged["verdict"] == "right":
            left.append(sentence)
        elif judged["verdict"] == "edited":
            left.append(judged["text"])
    return " ".join([*left, *(one["text"] for one in shown.missed if one["text"])])


def _sentences(shown: Shown) -> Iterator[Row]:
    planted = {one.place: one.category for one in shown.planted if one.place is not None}
    for place, sentence in enumerate(shown.sentences):
        judged = shown.judged.sentences.get((shown.side, place), {"verdict": "right"})
        verdict = judged["verdict"]
        yield shown.key | {
            "place": place,
            "sentence": sentence,
            "verdict": verdict,
            "is_judged": (shown.side, place) in shown.judged.sentences,
            "text": {"right": sentence, "struck": ""}.get(verdict, judged.get("text", "")),
            "category": judged.get("category") or "",
            "is_device": bool(judged.get("is_device")),
            "significance": judged.get("significance") or "",
            "planted": planted.get(place, ""),
        }


def _errors(shown: Shown, finds: Sequence[tuple[Planted, Row | None]]) -> Iterator[Row]:
    """Sentences that were edited or struck, and what was missed."""
    found_by = {id(mark): planted.category for planted, mark in finds if mark is not None}
    for mark in _marks(shown):
        place = mark.get("place") if mark["source"] == "missed" else None
        yield shown.key | {
            "source": mark["source"],
            "place": mark["place"] if mark["source"] == "sentence" else None,
            "text": mark["text"] if mark["source"] == "missed" else shown.sentences[mark["place"]],
            "category": mark["category"] or "",
            "is_device": mark["is_device"],
            "significance": mark["significance"] or "",
            "planted": found_by.get(id(mark["payload"]), ""),
            **{name: (place or {}).get(name) for name in ("image", "x0", "y0", "x1", "y1")},
        }


def _marks(shown: Shown) -> Iterator[Row]:
    for (side, place), judged in sorted(shown.judged.sentences.items(), key=lambda one: one[0]):
        if side == shown.side and judged["verdict"] != "right" and place < len(shown.sentences):
            yield judged | {"source": "sentence", "payload": judged}
    for missed in shown.missed:
        yield missed | {"source": "missed", "payload": missed}


def _finds(shown: Shown) -> list[tuple[Planted, Row | None]]:
    """Each planted error with the mark that finds it: the one on its sentence, or a missed finding of its kind.

    A missed finding that names nothing counts for whatever was left out and nobody named; each mark finds one error.
    """
    free = shown.missed
    found = []
    for planted in shown.planted:
        mark = None
        if planted.place is not None:
            judged = shown.judged.sentences.get((shown.side, planted.place))
            mark = judged if judged and judged["verdict"] != "right" else None
        else:
            named = [one for one in free if _names(one["text"], planted)]
            unnamed = [one for one in free if not read_facts(one["text"])]
            mark = next(iter([*named, *unnamed]), None)
            free = [one for one in free if one is not mark]
        found.append((planted, mark))
    return found


def _names(text: str, planted: Planted) -> bool:
    """Whether a missed finding's words are about what was left out."""
    wanted = {fact.finding for fact in read_facts(planted.says)}
    return bool(wanted & {fact.finding for fact in read_facts(text)})


def _preferred(shown: Shown) -> str:
    if len(shown.assignment.arms) != 2:
        return ""
    value = shown.judged.answers.get(("preference", 0), "")
    return {"": "", "equivalent": "equivalent", ("left", "right")[shown.side]: "yes"}.get(value, "no")


def word_distance(before: str, after: str) -> int:
    """Words that have to be changed, put in or taken out (Levenshtein's distance over words)."""
    old, new = before.split(), after.split()
    row = list(range(len(new) + 1))
    for i, word in enumerate(old, start=1):
        last, row[0] = row[0], i
        for j, other in enumerate(new, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (word != other))
    return row[-1]


def facts_changed(before: str, after: str) -> int:
    """Facts (finding, side, presence, severity, change; priorrg/report/facts.py) that only one of two texts states."""
    return len(_facts(before) ^ _facts(after))


def _facts(text: str) -> set[tuple[str, ...]]:
    found: list[Fact] = [fact for facts in read_report([s.text for s in split_sentences(text)]) for fact in facts]
    return {(fact.finding, fact.side, fact.presence, fact.severity, fact.change) for fact in found}


def _iso(moment: datetime.datetime | None) -> str:
    return "" if moment is None else moment.isoformat(timespec="milliseconds") + "Z"
