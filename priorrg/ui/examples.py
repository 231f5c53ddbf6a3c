"""The example studies of the page: simulated, shipped with the app in assets/examples, in no training."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import gradio as gr

from priorrg import texts
from priorrg.assets import EXAMPLES
from priorrg.imaging.open import read_trusted
from priorrg.study import ClinicalContext, Radiograph, Study
from priorrg.ui.sessions import Session
from priorrg.ui.study_on_page import Changes, SessionOf, StudyOnPage


@dataclass(frozen=True)
class Example:
    """A simulated study that ships with the app and was in no training. shows: what is to be seen in it, as
    texts.page.EXAMPLE_SHOWS has it, with the values of its fields."""

    name: str
    shows: tuple[str, dict[str, str]]
    context: ClinicalContext
    current: Path
    prior: Path | None

    @property
    def title(self) -> str:
        return texts.page.EXAMPLE_TITLES[self.name]

    def radiographs(self) -> tuple[Radiograph, Radiograph | None]:
        """Current and prior image, decoded once for all pages that show them."""
        return _decoded(self.current), _decoded(self.prior) if self.prior else None


@cache
def _decoded(path: Path) -> Radiograph:
    with texts.speaking(texts.ENGLISH):  # it is kept for readers of every language
        radiograph = replace(read_trusted(path), is_simulated=True)
    radiograph.pixels.setflags(write=False)
    return radiograph


def examples() -> list[Example]:
    """In their order; the page opens on the first."""
    found = []
    studies = [(file, json.loads(file.read_text(encoding="utf-8"))) for file in sorted(EXAMPLES.glob("*/study.json"))]
    for file, study in sorted(studies, key=lambda one: one[1]["place"]):
        names = study["files"]
        prior = file.parent / names["prior"] if names.get("prior") else None
        context = ClinicalContext(study["indication"], study["history"])
        current, shows = file.parent / names["current"], study["shows"]
        found.append(Example(file.parent.name, (shows["what"], shows["values"]), context, current, prior))
    return found


def stranger_to(study: Study) -> Radiograph | None:
    """The prior of an example's patient who has no film in this study."""
    own = {film.fingerprint for film in (study.current, study.prior) if film is not None}
    for example in examples():
        current, prior = example.radiographs()
        if prior is not None and own.isdisjoint((current.fingerprint, prior.fingerprint)):
            return prior
    return None


def take_example(session: Session, example: Example) -> None:
    current, prior = example.radiographs()
    with session.lock:  # an upload that ends just now comes before or after, never between
        session.put("current", current)
        session.put("prior", prior)
        session.example, session.example_shows = example.context, example.shows


class Examples:
    """A button an example. The first one stands on the page when it is opened (keep.py)."""

    def __init__(self) -> None:
        self.studies = examples()
        with gr.Row(elem_id="examples"):
            self.buttons = [
                gr.Button(study.title, size="sm", min_width=90, elem_id=f"example-{study.name}")
                for study in self.studies
            ]
        gr.Markdown(texts.page.PAGE["examples"], elem_classes="small", elem_id="examples-note")

    def shown(self, example: Example, study: StudyOnPage, session: Session) -> Changes:
        """The page with this example on it."""
        take_example(session, example)
        context = {study.indication: example.context.indication, study.history: example.context.history}
        return study.shown(session) | context

    def wire(self, study: StudyOnPage, session_of: SessionOf) -> None:
        for button, example in zip(self.buttons, self.studies, strict=True):

            def on_example(request: gr.Request, example: Example = example) -> Changes:
                return self.shown(example, study, session_of(request))

            button.click(on_example, None, study.parts, api_visibility="private")
