"""The keyboard: a link past all else to the upload, and keys that press what stands on the page (assets/ui/keys.js)."""

from __future__ import annotations

import gradio as gr

from priorrg import texts
from priorrg.ui.scripts import script

UPLOAD = "[data-choose=current]"  # buttons that choose a file for the film (assets/ui/intake.js)
GIVEN = "#report .given button"  # the switch of what the model was given


class Keys:
    """First on the page, for the link is the first stop of the Tab key."""

    def __init__(self) -> None:
        self.html = gr.HTML(
            {},
            html_template='<div class="keys"></div>',
            js_on_load=script("keys.js"),
            elem_id="keys",
            texts=texts.keys.KEYS,
            upload=UPLOAD,
            given=GIVEN,
        )
