"""How long a reader waits in the browser, from Generate on: python -m tests.benchmarks.page [rounds].

Medians over fresh tabs of the app on the embedded weights, in headless Chromium. Ratios are to the whole wait.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browsing import CHROMIUM, opened
from tests.serving import served

CLOCK = """() => { window.waited = {}; const began = performance.now();
    new MutationObserver(() => {
        for (const [name, part] of [["first coarse words", ".draft"], ["refined report stands", ".sentence"]]) {
            const found = document.querySelector("#report " + part);
            if (found && found.textContent && !(name in window.waited))
                window.waited[name] = (performance.now() - began) / 1000;
        }
    }).observe(document.querySelector("#report"), {subtree: true, childList: true, characterData: true});
    document.querySelector("#generate").click();
}"""


def main(rounds: int) -> None:
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(rounds):
            page = opened(browser, running.address)
            page.evaluate(CLOCK)
            page.wait_for_selector("#report .sentence", timeout=60_000)
            for name, seconds in page.evaluate("window.waited").items():
                times.setdefault(name, []).append(seconds)
            page.close()
    whole = statistics.median(times["refined report stands"])
    print(f"headless Chromium, medians of {rounds} fresh tabs")
    for name, values in times.items():
        seconds = statistics.median(values)
        print(f"{name:<34} {seconds:9.3f} s   ratio {seconds / whole:5.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
