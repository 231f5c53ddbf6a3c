"""Indication and history: the two boxes, examples a click away, how long they may be, and what the model is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.errors import StudyError
from priorrg.reporting.reporter import Reporter
from priorrg.study import MAX_CONTEXT_CHARACTERS, ClinicalContext

TEMPLATE = '<div class="context"><div class="context-length" role="status"></div></div>'


@dataclass(frozen=True)
class ContextParts:
    """The parts of the page: two boxes, and under them lengths, examples and what the model is given."""

    indication: gr.Textbox
    history: gr.Textbox
    help: gr.HTML


def build_context(assets: Path) -> ContextParts:
    """assets: the folder of the page's scripts."""
    indication, history = (
        gr.Textbox(
            label=texts.page.CONTEXT[name],
            placeholder=texts.page.CONTEXT[f"{name} asks"],
            lines=1,
            max_lines=5,
            max_length=MAX_CONTEXT_CHARACTERS + 1,  # one more than is read, so that the page can say so
            elem_id=name,
        )
        for name in ("indication", "history")
    )
    return ContextParts(
        indication,
        history,
        gr.HTML(
            {},
            html_template=TEMPLATE,
            js_on_load=(assets / "context.js").read_text(encoding="utf-8"),
            elem_id="context",
            texts={name: texts.page.CONTEXT[name] for name in ("indication", "history", "examples", "received")},
            examples=texts.page.CONTEXT_EXAMPLES,
        ),
    )


def context_payload(reporter: Reporter, indication: str, history: str) -> dict[str, Any]:
    """Lengths and the received context for assets/ui/context.js. isLong: more was typed than these weights read."""
    lengths = {"indication": len(indication), "history": len(history), "characters": f"{MAX_CONTEXT_CHARACTERS:,}"}
    try:
        received = reporter.received_context(ClinicalContext(indication, history))
    except StudyError as error:
        return {"length": str(error), "isLong": True, "received": ""}
    length = texts.page.CONTEXT_LENGTH.format(tokens=received.tokens, most=received.most, **lengths)
    return {"length": f"{length} {received.note}".strip(), "isLong": bool(received.note), "received": received.text}


def wire(parts: ContextParts, reporter: Reporter) -> None:
    """Listeners of these parts."""
    boxes = [parts.indication, parts.history]

    def on_change(indication: str, history: str) -> dict[str, Any]:
        return context_payload(reporter, indication or "", history or "")

    for box in boxes:
        box.change(
            on_change,
            boxes,
            parts.help,
            queue=False,
            trigger_mode="always_last",  # of what is typed while an answer is on its way, only the last is asked about
            api_visibility="private",
            show_progress="hidden",
        )

    def on_chosen(event: gr.EventData) -> list[Any]:
        text = str(event._data.get("text") or "")
        return [text if event._data.get("box") == name else gr.skip() for name in ("indication", "history")]

    parts.help.chosen(  # type: ignore[attr-defined]
        on_chosen, None, boxes, queue=False, api_visibility="private", show_progress="hidden"
    )
