"""What to know before believing a word: which weights, trained on what, measured how, and where the data goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI, HTTPException
from fastapi.responses import PlainTextResponse

from priorrg import texts
from priorrg.reporting.confidence import Calibration
from priorrg.reporting.reporter import Reporter, WeightsCard
from priorrg.reporting.weights import read_evaluation, read_model_card

TEMPLATE = '<div class="about"></div>'
CARD_PATH = "/card"
WEAK = 0.5  # a finding whose F1 is below is named as one that these weights hardly see


def build_about(assets: Path, reporter: Reporter, session_minutes: int) -> gr.HTML:
    """assets: the folder of the page's scripts. Raises CheckpointError for an evaluation that cannot be read."""
    evaluation = read_evaluation(reporter.source) if reporter.source else None
    card = reporter.card
    measured = measured_words(evaluation) if evaluation else texts.page.ABOUT["not measured"]
    rows = [
        [texts.page.ABOUT["weights"], card.name],
        [texts.page.ABOUT["trained"], trained_words(card)],
        [texts.page.ABOUT["measured"], measured],
        [texts.page.ABOUT["confidence"], confidence_words(reporter.calibration)],
        [texts.page.ABOUT["others"], texts.page.ABOUT["how others"]],
        [texts.page.ABOUT["use"], texts.page.ABOUT["research"]],
        [texts.page.ABOUT["data"], texts.page.DATA_NOTICE.format(minutes=session_minutes)],
    ]
    has_card = bool(reporter.source and read_model_card(reporter.source))
    return gr.HTML(
        {"rows": rows, "card": CARD_PATH if has_card else "", "cardWords": texts.page.ABOUT["card"]},
        html_template=TEMPLATE,
        js_on_load=(assets / "about.js").read_text(encoding="utf-8"),
        elem_id="about",
    )


def confidence_words(calibration: Calibration | None) -> str:
    if calibration is None:
        return texts.page.NO_CALIBRATION
    return texts.page.CONFIDENCE_ERROR.format(
        sentences=f"{calibration.sentences:,}", measured_on=calibration.measured_on, error=f"{calibration.error:.3f}"
    )


def trained_words(card: WeightsCard) -> str:
    return f"{texts.page.WEIGHTS_KINDS.get(card.kind, '')} {card.note}".strip()


def measured_words(evaluation: dict[str, Any]) -> str:
    """The figures of an evaluation.json that a reader should know, weak ones included."""
    figures = evaluation["refined"]
    known = {name: f"{figures[name]:.2f}" for name in texts.page.MEASURED if isinstance(figures.get(name), int | float)}
    parts = ", ".join(f"{texts.page.MEASURED[name]} {value}" for name, value in known.items())
    said = texts.page.MEASURED_ON.format(studies=evaluation.get("studies", "?"), figures=parts)
    findings = figures.get("by_finding") or {}
    weak = [
        texts.page.WEAK_FINDING.format(finding=texts.page.EVALUATED_FINDINGS.get(name, name), f1=f"{found['f1']:.2f}")
        for name, found in findings.items()
        if found.get("f1") is not None and found["f1"] < WEAK
    ]
    return f"{said} {texts.page.WEAK_FINDINGS.format(findings=', '.join(weak))}" if weak else said


def serve_card(app: FastAPI, reporter: Reporter) -> None:
    """Add GET /card: the weights' model card as plain text, 404 where they have none."""

    @app.get(CARD_PATH)
    def card() -> PlainTextResponse:
        text = read_model_card(reporter.source) if reporter.source else ""
        if not text:
            raise HTTPException(404, texts.page.ABOUT["no card"])
        return PlainTextResponse(text)
