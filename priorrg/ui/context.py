"""Indication and history: the two boxes, examples a click away, how long they may be, and what the model is given."""

from __future__ import annotations

from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.errors import StudyError
from priorrg.reporting.known_words import read_known_words, unknown_words
from priorrg.reporting.reporter import Reporter
from priorrg.study import MAX_CONTEXT_CHARACTERS, ClinicalContext
from priorrg.ui.scripts import script
from priorrg.ui.study_on_page import Changes

TEMPLATE = (
    '<div class="context"><div class="context-length" role="status"></div>'
    '<div class="context-unknown" role="note"></div></div>'
)


class Context:
    """help: lengths, examples and what the model is given, under the two boxes."""

    def __init__(self) -> None:
        with gr.Row(elem_id="context-boxes"):
            self.indication, self.history = (
                gr.Textbox(
                    label=texts.context.CONTEXT[name],
                    placeholder=texts.context.CONTEXT[f"{name} asks"],
                    lines=1,
                    max_lines=5,
                    max_length=MAX_CONTEXT_CHARACTERS + 1,  # one more than is read, so that the page can say so
                    elem_id=name,
                )
                for name in ("indication", "history")
            )
        self.help = gr.HTML(
            {},
            html_template=TEMPLATE,
            js_on_load=script("context.js"),
            elem_id="context",
            texts={
                name: texts.context.CONTEXT[name]
                for name in ("indication", "history", "examples", "received", "unknown")
            },
            examples=texts.context.CONTEXT_EXAMPLES,
        )

    def wire(self, reporter: Reporter) -> None:
        known = read_known_words(reporter.source) if reporter.source else frozenset()
        boxes = {"indication": self.indication, "history": self.history}

        def on_change(indication: str, history: str) -> Changes:
            return {self.help: context_payload(reporter, indication or "", history or "", known)}

        for box in boxes.values():
            box.change(
                on_change,
                list(boxes.values()),
                [self.help],
                queue=False,
                trigger_mode="always_last",  # of what is typed while an answer is on its way, only the last is asked
                api_visibility="private",
                show_progress="hidden",
            )

        def on_chosen(event: gr.EventData) -> Changes | Any:
            box = boxes.get(str(event._data.get("box")))
            return gr.skip() if box is None else {box: str(event._data.get("text") or "")}

        self.help.chosen(  # type: ignore[attr-defined]
            on_chosen, None, list(boxes.values()), queue=False, api_visibility="private", show_progress="hidden"
        )


def context_payload(
    reporter: Reporter, indication: str, history: str, known: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """How much of the context is read, for assets/ui/context.js. isLong: more was typed than these weights read.

    known: words that these weights were taught; unknown: those of the text that they were not.
    """
    try:
        received = reporter.received_context(ClinicalContext(indication, history))
    except StudyError as error:
        return {"length": str(error), "isLong": True, "received": "", "unknown": []}
    said = received.note or (texts.context.CONTEXT["all read"] if (indication + history).strip() else "")
    unknown = unknown_words((indication, history), known)
    return {"length": said, "isLong": bool(received.note), "received": received.text, "unknown": unknown}
