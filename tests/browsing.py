"""What a reader does in a browser, for the tests that do it: open the page, upload, look at what is shown.

The app on the embedded weights, the browser and a fresh tab are fixtures of conftest.py: `app`, `browser`, `page`.
"""

import json
import shutil
from typing import Any

from tests.serving import ROOT

EXAMPLE = ROOT / "assets" / "examples" / "growing-effusion"
_STUDY = json.loads((EXAMPLE / "study.json").read_text(encoding="utf-8"))
EXAMPLE_INDICATION = _STUDY["indication"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FAR = "reading.example"  # a name of this machine that the page does not take for near: there pixels travel packed


def opened(browser, address) -> Any:
    """A new page of a browser or its context, or the page that is given, on which EXAMPLE stands and nothing was read.

    The page opens on another example's finished reading: a test that waits for a report would find that one.
    """
    page = browser if hasattr(browser, "goto") else browser.new_page()
    page.set_viewport_size({"width": 1440, "height": 900})
    page.outside = []
    page.on(
        "request",
        lambda r: page.outside.append(r.url) if r.url.startswith("http") and "127.0.0.1" not in r.url else None,
    )
    page.goto(address)
    page.wait_for_selector("#viewer .viewer[data-current]:not([data-current=''])")
    before = shown(page, "current")
    page.click(f"#example-{EXAMPLE.name}")
    wait_for_change(page, "current", before)
    page.wait_for_selector("#report .report[data-key='']")
    page.wait_for_function("t => document.querySelector('#indication textarea').value === t", arg=EXAMPLE_INDICATION)
    return page


def upload(page, side, path):
    page.set_input_files(f"#upload-{side} input[type=file]", str(path))


def shown(page, side):
    return page.get_attribute("#viewer .viewer", f"data-{side}")


def wait_for_change(page, side, before):
    page.wait_for_function(
        "([s, b]) => document.querySelector('#viewer .viewer').getAttribute('data-' + s) !== b", arg=[side, before]
    )


def key_of(page):
    """Which report stands on the page; empty where there is none."""
    return page.get_attribute("#report .report", "data-key") or ""


def finished(page):
    """Wait for a report with its overlays; gives its key."""
    page.wait_for_selector("#report .report[aria-busy=false][data-key]:not([data-key=''])", timeout=60_000)
    return key_of(page)


def written(page):
    """Press Generate and wait for the report with its overlays, which is another one than may stand there."""
    before = key_of(page)
    page.click("#generate")
    page.wait_for_function(
        "b => { const now = document.querySelector('#report .report').dataset.key; return now && now !== b; }",
        arg=before,
        timeout=60_000,
    )
    page.wait_for_selector("#report .report[aria-busy=false] .sentence")


def switched(page, given):
    """Press the switch of what the model was given, once the other readings are there."""
    page.wait_for_selector(f"#report .report[data-readings~={given}]", timeout=60_000)
    page.click(f"#report .given [data-given={given}]")
    page.wait_for_selector(f"#report .given [data-given={given}][aria-pressed=true]")
    page.wait_for_selector("#report .other .sentence")
