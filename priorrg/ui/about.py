"""What to know before believing a word: which weights, trained on what, measured how, and where the data goes."""

from __future__ import annotations

from typing import Any

import gradio as gr
from fastapi import FastAPI, HTTPException
from fastapi.responses import PlainTextResponse

from priorrg import texts
from priorrg.reporting.confidence import Calibration
from priorrg.reporting.reporter import Reporter, WeightsCard
from priorrg.reporting.weights import read_evaluation, read_model_card
from priorrg.ui.scripts import script

TEMPLATE = '<div class="about"></div>'
CARD_PATH = "/card"
WEAK = 0.5  # a finding whose F1 is below is named as one that these weights hardly see


class About:
    """Raises CheckpointError for an evaluation that cannot be read."""

    def __init__(self, reporter: Reporter, session_minutes: int, away_minutes: float):
        has_card = bool(reporter.source and read_model_card(reporter.source))
        rows = about_rows(reporter, session_minutes, away_minutes)
        with gr.Accordion(texts.page.PAGE["about"], open=False, elem_id="about-fold"):
            gr.HTML(
                {"rows": rows, "card": CARD_PATH if has_card else "", "cardWords": texts.about.ABOUT["card"]},
                html_template=TEMPLATE,
                js_on_load=script("about.js"),
                elem_id="about",
            )


def about_rows(reporter: Reporter, session_minutes: int, away_minutes: float) -> list[list[str]]:
    """[what, said] of each row. Raises CheckpointError for an evaluation that cannot be read."""
    evaluation = read_evaluation(reporter.source) if reporter.source else None
    words, card = texts.about.ABOUT, reporter.card
    return [
        [words["weights"], card.name],
        [words["trained"], trained_words(card)],
        [words["measured"], measured_words(evaluation) if evaluation else words["not measured"]],
        [words["confidence"], confidence_words(reporter.calibration)],
        [words["others"], words["how others"]],
        [words["use"], words["research"]],
        [words["data"], texts.about.DATA_NOTICE.format(minutes=session_minutes, away=f"{away_minutes:g}")],
    ]


def confidence_words(calibration: Calibration | None) -> str:
    if calibration is None:
        return texts.about.NO_CALIBRATION
    return texts.about.CONFIDENCE_ERROR.format(
        sentences=f"{calibration.sentences:,}", measured_on=calibration.measured_on, error=f"{calibration.error:.3f}"
    )


def trained_words(card: WeightsCard) -> str:
    return f"{texts.about.WEIGHTS_KINDS.get(card.kind, '')} {card.note}".strip()


def measured_words(evaluation: dict[str, Any]) -> str:
    """The figures of an evaluation.json that a reader should know, weak ones included."""
    figures = evaluation["refined"]
    known = {
        name: f"{figures[name]:.2f}" for name in texts.about.MEASURED if isinstance(figures.get(name), int | float)
    }
    parts = ", ".join(f"{texts.about.MEASURED[name]} {value}" for name, value in known.items())
    said = texts.about.MEASURED_ON.format(studies=evaluation.get("studies", "?"), figures=parts)
    findings = figures.get("by_finding") or {}
    weak = [
        texts.about.WEAK_FINDING.format(finding=texts.about.EVALUATED_FINDINGS.get(name, name), f1=f"{found['f1']:.2f}")
        for name, found in findings.items()
        if found.get("f1") is not None and found["f1"] < WEAK
    ]
    return f"{said} {texts.about.WEAK_FINDINGS.format(findings=', '.join(weak))}" if weak else said


def serve_card(app: FastAPI, reporter: Reporter) -> None:
    """Add GET /card: the weights' model card as plain text, 404 where they have none."""

    @app.get(CARD_PATH)
    def card() -> PlainTextResponse:
        text = read_model_card(reporter.source) if reporter.source else ""
        if not text:
            raise HTTPException(404, texts.about.ABOUT["no card"])
        return PlainTextResponse(text)
