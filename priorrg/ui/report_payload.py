"""The report column as plain values: what assets/ui/report.js shows. No Gradio, no model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from priorrg import texts
from priorrg.explain.drawing import levels, scales
from priorrg.explain.knowledge import Knowledge
from priorrg.explain.overlays import Overlay
from priorrg.export.contents import remarks_after, remarks_before
from priorrg.export.forms import refusals
from priorrg.feedback.store import SentenceMark
from priorrg.report.facts import Fact, change_tag, read_report
from priorrg.report.sentences import ChangedSentence, EditedSentence, changed_sentences, split_sentences
from priorrg.reporting.confidence import Confidence
from priorrg.reporting.events import ReportDone
from priorrg.ui.sessions import Session

SIZED = {"effusion", "pneumothorax", "pleural collection", "nodule", "hiatal hernia", "free air"}  # small, not mild


def report_payload(
    status: str,
    busy: bool,
    step: str = "",
    key: str = "",
    draft: str = "",
    report: str = "",
    done: ReportDone | None = None,
    overlays: Sequence[Overlay] | None = None,
    method: str = "",
    draft_note: str = "",
    context_note: str = "",
    film_note: str = "",
    received: str = "",
    export_note: str = "",
    refused: Mapping[str, str] = MappingProxyType({}),
    submissions: int = 0,
    marks: Mapping[int, SentenceMark] = MappingProxyType({}),
    edits: Sequence[EditedSentence] = (),
    typed: Mapping[str, Overlay] = MappingProxyType({}),
    knowledge: Sequence[Knowledge] = (),
    writes_on: bool = False,
) -> dict[str, Any]:
    """key: of the run; the page keeps what it shows of a report until another key comes.

    report: as far as it is written; done: once it is finished. overlays: None where those before still hold.
    received: what of context and view positions the model was given. film_note: why nothing of all this holds for these
    films, empty where it does; then no confidence does either.
    export_note: what to know before the report is taken away; refused: forms that it cannot take -> why. submissions:
    kept so far for this report. edits: the reader's sentences, none while nothing was edited; typed: overlays of those
    that have one, by their text. knowledge: what each sentence hangs on, none until it was asked for. writes_on: draft
    and the beginning of the report stood before, and nobody has to be given time to read them.
    """
    sentences = [sentence.text for sentence in done.sentences] if done else []
    confidences = done.confidences if done else ()
    facts = read_report(sentences)
    lines = [sentence.text for sentence in split_sentences(draft)]
    return {
        "status": status,
        "busy": busy,
        "step": step,
        "key": key,
        "draft": draft,
        "draftLines": lines,
        "draftFacts": [facts_payload(found) for found in read_report(lines)] if done else [],
        "report": done.text if done else report,
        "sentences": sentences,
        "details": [_detail(found, sure, bool(film_note)) for found, sure in zip(facts, confidences, strict=True)],
        "overlays": None if overlays is None else overlay_payloads(overlays),
        "method": method,
        "spoke": [spoken(one) for one in knowledge],
        "draftNote": draft_note,
        "contextNote": context_note,
        "filmNote": film_note,
        "received": received,
        "exportNote": export_note,
        "refused": dict(refused),
        "submissions": submissions,
        "isUnfinished": done is not None and done.is_unfinished,
        "canGoOn": done is not None and done.can_go_on and not submissions,
        "writesOn": writes_on,
        "marks": {str(place): mark.reason for place, mark in marks.items()},
        "changes": changes_payload(draft, done.text if done else report, is_whole=done is not None),
        "edits": _edits(edits, typed),
    }


def standing_report(
    session: Session, overlays: Sequence[Overlay] | None = None, method: str = ""
) -> dict[str, Any] | None:
    """The session's report as it stands, edited or not; None where there is none. overlays, method: as above."""
    with session.lock:
        run, report = session.run, session.report
        if run is None or report is None:
            return None
        remarks = remarks_after(run.study, report.text, report.is_cut)
        return report_payload(
            remarks[0] if remarks else texts.report.FINISHED,
            busy=False,
            key=run.key,
            draft=session.draft,
            done=report,
            overlays=overlays,
            method=method,
            **run.told,
            export_note=" ".join([*remarks_before(run.study), *(remarks if report.text.strip() else [])]),
            refused=refusals(run.study),
            submissions=session.submissions,
            marks=session.marks,
            edits=session.edits,
            typed=session.typed,
            knowledge=session.knowledge,
        )


def changes_payload(draft: str, report: str, is_whole: bool = True) -> list[dict[str, Any]]:
    """Sentence by sentence what became of the draft; none without both. In a report that is still being written the
    rest of the draft is `pending`, not removed."""
    if not draft or not report:
        return []
    changed = changed_sentences(draft, report)
    if not is_whole:
        last = max((place for place, sentence in enumerate(changed) if sentence.number is not None), default=-1)
        return [_changed(sentence, is_pending=place > last) for place, sentence in enumerate(changed)]
    return [_changed(sentence) for sentence in changed]


def _changed(sentence: ChangedSentence, is_pending: bool = False) -> dict[str, Any]:
    parts = [asdict(part) | ({"kind": "pending"} if is_pending else {}) for part in sentence.parts]
    return {"number": sentence.number, "parts": parts}


def _detail(facts: Sequence[Fact], confidence: Confidence, is_elsewhere: bool) -> dict[str, Any]:
    sure = confidence_payload(confidence, is_elsewhere)
    return {"change": change_tag(facts), "facts": facts_payload(facts), "confidence": sure}


def confidence_payload(confidence: Confidence, is_elsewhere: bool) -> dict[str, Any]:
    """level: high, medium or low; words: for a screen reader; about: what the number is. is_elsewhere: the film is of a
    kind that the confidence was not measured on, and the dots are hollow."""
    percent = round(100 * confidence.probability)
    level = texts.report.CONFIDENCE_LEVELS[confidence.level]
    if is_elsewhere and confidence.is_calibrated:
        words = texts.report.CONFIDENCE.format(level=level, percent=percent)
        return {"level": confidence.level, "words": words, "about": texts.report.NOT_FOR_THIS_FILM, "isHollow": True}
    about = texts.report.CALIBRATED if confidence.is_calibrated else texts.report.UNCALIBRATED
    words = texts.report.CONFIDENCE.format(level=level, percent=percent)
    return {"level": confidence.level, "words": words, "about": about.format(percent=percent), "isHollow": False}


def _edits(edits: Sequence[EditedSentence], typed: Mapping[str, Overlay]) -> list[dict[str, Any]]:
    """The reader's sentences, with what they say; those that the reader deleted say nothing."""
    facts = read_report(["" if edit.is_removed else edit.text for edit in edits])
    return [
        {
            "text": edit.text,
            "source": edit.source,
            "removed": edit.is_removed,
            "change": change_tag(found),
            "facts": facts_payload(found),
            "overlay": overlay_payloads([typed[edit.text]])[0] if edit.text in typed else None,
        }
        for edit, found in zip(edits, facts, strict=True)
    ]


def facts_payload(facts: Sequence[Fact]) -> list[dict[str, str]]:
    """Facts in the page's words."""
    return [
        {
            "finding": texts.report.REPORT_FINDINGS[fact.finding],
            "side": texts.report.REPORT_SIDES[fact.side],
            "presence": told_of(fact),
            "change": texts.report.REPORT_CHANGES.get(fact.change, ""),
            "kind": fact.presence,
        }
        for fact in facts
    ]


def told_of(fact: Fact) -> str:
    """Presence, severity, place, size and tip in the page's words: 'present, moderate, lower zone'."""
    said = [
        texts.report.REPORT_PRESENCE[fact.presence],
        (texts.report.REPORT_SIZES if fact.finding in SIZED else texts.report.REPORT_SEVERITIES).get(fact.severity, ""),
        texts.report.REPORT_ZONES.get(fact.zone, ""),
        fact.size,
        texts.report.REPORT_TIP.format(where=fact.tip) if fact.tip else "",
    ]
    return ", ".join(part for part in said if part)


def spoken(knowledge: Knowledge) -> str:
    """What a sentence hangs on, in words."""
    named = [texts.report.SOURCES[source] for source in knowledge.hangs_on]
    return texts.report.HANGS_ON.format(what=texts.reading.AND.join(named)) if named else texts.report.HANGS_ON_NONE


def overlay_payloads(overlays: Sequence[Overlay]) -> list[dict[str, Any]]:
    """One a sentence of a report, all on one scale."""
    scale = scales(overlays)
    return [
        {
            "current": levels(overlay.current, scale["current"]).tolist(),
            "prior": None if overlay.prior is None else levels(overlay.prior, scale["prior"]).tolist(),
            "shares": None if overlay.shares is None else list(overlay.shares),
        }
        for overlay in overlays
    ]


def undiffed(payload: dict[str, Any], name: str) -> dict[str, Any]:
    """A payload that a generator yields, with what stands under `name` as JSON text, which the scripts read.

    Gradio sends of each yield what differs from the one before, and takes away other things than were meant where lists
    stand in lists (gradio/utils.py, diff: the places of inner deletions are counted down once more by the outer list).
    """
    return payload | {name: json.dumps(payload[name])} if name in payload else payload
