"""Reports that are generated before a session opens, so that nobody waits for the model and all read the same text.

One file a case and way of reading it, written whole or not at all: whoever goes on after an interruption, or on another
machine with the same folder, reads what is missing alone. Arms that differ only in which text they show share a file.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import priorrg
from priorrg.report.sentences import split_sentences
from priorrg.sessions.cases import Case
from priorrg.sessions.protocol import Arm

if TYPE_CHECKING:
    from priorrg.reporting.reporter import Reporter
    from priorrg.sessions.session import Session
    from priorrg.study import Study

Load = Callable[[str], "Reporter"]


@dataclass(frozen=True)
class PreparedReport:
    """What an arm shows of a case. sentences: of text, in order.

    draft, confidences (probability and is_calibrated, as of reporting.confidence.Confidence), overlays (current and
    prior, (G, G) over the square that the model saw; prior None without one): of a model alone, the latter two one a
    sentence of the refined report.
    weights, weights_digest: empty where no model wrote it.
    """

    text: str
    sentences: tuple[str, ...]
    draft: str = ""
    confidences: tuple[tuple[float, bool], ...] = ()
    overlays: tuple[tuple[np.ndarray, np.ndarray | None], ...] = ()
    weights: str = ""
    weights_digest: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


def to_prepare(session: Session) -> list[tuple[Case, Arm]]:
    """What has to be read by a model and is not there yet, one arm for all that share a reading."""
    seen = set()
    found = []
    for arm in session.protocol.arms:
        for case in session.cases.values():
            file = _file(session, case.id, arm)
            if file not in seen and not is_prepared(session, case, arm):
                seen.add(file)
                found.append((case, arm))
    return found


def prepare(session: Session, load: Load) -> Iterator[tuple[int, int]]:
    """Generate what is missing; gives (done, all) before the first and after each. load: weights' name to a Reporter.

    Raises the errors of reading images and weights; what was written until then stays.
    """
    missing = to_prepare(session)
    yield 0, len(missing)
    reporters: dict[str, Reporter] = {}
    for number, (case, arm) in enumerate(missing, start=1):
        if arm.weights not in reporters:
            reporters[arm.weights] = load(arm.weights)
        write_report(session, case, arm, reporters[arm.weights])
        yield number, len(missing)


def write_report(session: Session, case: Case, arm: Arm, reporter: Reporter) -> None:
    """Read one case as an arm asks, with overlays, and keep it in the session's folder."""
    from priorrg.explain.overlays import explain
    from priorrg.reporting.confidence import weights_digest
    from priorrg.reporting.events import read_to_end

    study = study_of(case, arm)
    draft, done = read_to_end(reporter.stream(study, num_beams=arm.beams))
    overlays = explain(reporter, study, done.tokens, done.sentences)
    reporter.forget([image.fingerprint for image in (study.current, study.prior) if image is not None])
    settings = {
        "beams": arm.beams or reporter.config.num_beams,
        "prior": study.prior is not None,
        "context": arm.has_context,
        "overlays": overlays[0].method if overlays else "",
        "current": session.store.digest(study.current.fingerprint),
        "version": priorrg.__version__,
    }
    kept = {
        "draft": draft,
        "report": done.text,
        "sentences": [sentence.text for sentence in done.sentences],
        "confidences": [[one.probability, one.is_calibrated] for one in done.confidences],
        "overlays": [[_listed(one.current), _listed(one.prior)] for one in overlays],
        "weights": reporter.card.name,
        "weights_digest": weights_digest(reporter.model),
        "settings": settings,
    }
    file = _file(session, case.id, arm)
    file.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    begun = file.with_suffix(f".{secrets.token_hex(4)}.begun")
    begun.write_text(json.dumps(kept), encoding="utf-8")
    try:
        os.link(begun, file)
    except FileExistsError:
        pass  # another process was first, and somebody may have read its text already
    except OSError:  # a file system without links
        begun.replace(file)
    finally:
        begun.unlink(missing_ok=True)


def is_prepared(session: Session, case: Case, arm: Arm) -> bool:
    """Whether the text of an arm is there: a person's always is."""
    return not arm.is_model or _file(session, case.id, arm).is_file()


def prepared(session: Session, case: str, arm_name: str) -> PreparedReport | None:
    """What an arm shows of a case; None where nothing is shown (`none`) or nothing was generated yet (live)."""
    from priorrg.sessions.session import given_report

    arm = session.protocol.arm(arm_name)
    if arm.report == "none":
        return None
    if not arm.is_model:
        text = given_report(session.cases[case], arm.report)
        return PreparedReport(text, tuple(sentence.text for sentence in split_sentences(text)))
    file = _file(session, case, arm)
    if not file.is_file():
        return None
    kept = _read(file)
    told = {name: kept[name] for name in ("draft", "weights", "weights_digest", "settings")}
    if arm.report == "draft":  # overlays and confidences are of the refined report
        return PreparedReport(kept["draft"], tuple(one.text for one in split_sentences(kept["draft"])), **told)
    return PreparedReport(
        kept["report"],
        tuple(kept["sentences"]),
        confidences=tuple((probability, is_calibrated) for probability, is_calibrated in kept["confidences"]),
        overlays=tuple(
            (_grid(current), None if prior is None else _grid(prior)) for current, prior in kept["overlays"]
        ),
        **told,
    )


def study_of(case: Case, arm: Arm | None = None) -> Study:
    """A case as a Study from the organiser's files; as an arm's model is given it, or (None) as the reader sees it."""
    from priorrg.reporting.reporter import read_study

    has_prior = case.prior is not None and (arm is None or arm.has_prior)
    has_context = arm is None or arm.has_context
    return read_study(
        case.current,
        case.prior if has_prior else None,
        case.indication if has_context else "",
        case.history if has_context else "",
        case.view,
        case.prior_view if has_prior else "",
    )


def _file(session: Session, case: str, arm: Arm) -> Path:
    """Named by what decides the reading; a case's id may hold anything, so it is digested too."""
    way = json.dumps([arm.weights, arm.has_prior, arm.has_context, arm.beams])
    names = [hashlib.sha256(text.encode()).hexdigest()[:12] for text in (way, case)]
    return session.folder / "reports" / names[0] / f"{names[1]}.json"


@lru_cache(maxsize=1000)
def _read(file: Path) -> dict[str, Any]:
    """A file of this kind is written once and never changed."""
    return json.loads(file.read_text(encoding="utf-8"))


def _listed(grid: np.ndarray | None) -> list[list[float]] | None:
    if grid is None:
        return None
    return [[float(f"{value:.4g}") for value in row] for row in grid]


def _grid(rows: list[list[float]]) -> np.ndarray:
    return np.asarray(rows, dtype=np.float32)
