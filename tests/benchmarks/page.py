"""How long a reader waits in the browser: python -m tests.benchmarks.page [rounds].

From opening the page until it is usable (the first film is drawn, its context stands in the boxes, Generate can be
pressed), and from Generate on. Medians over fresh tabs of an app on the embedded weights that has served a page before,
in headless Chromium over loopback. Ratios are to the whole wait for a report.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.browsing import CHROMIUM, opened
from tests.serving import served

OPENING = """(() => {
    const look = () => {
        const film = document.querySelector("#viewer .viewer[data-current]:not([data-current=''])");
        const generate = document.querySelector("#generate");
        const isFilled = document.querySelector("#indication textarea")?.value;
        const isUsable = film && isFilled && generate && !generate.disabled;
        if (isUsable) window.usable = performance.now() / 1000;  // since the navigation began
        else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
})()"""
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


def processor_time(page: Page) -> float:
    """Seconds that the tab's process has computed: what the opening costs, however busy the machine is with others."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(one["value"] for one in metrics if one["name"] == "ProcessTime")


def main(rounds: int) -> None:
    times: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder), PRIORRG_HOLD_DRAFT="0") as running,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened(browser, running.address).close()  # one page before: the server is warm
        for _ in range(rounds):
            context = browser.new_context()
            context.add_init_script(OPENING)
            page: Any = opened(context, running.address)
            times.setdefault("page usable", []).append(page.wait_for_function("window.usable").json_value())
            times.setdefault("of it the tab's processor time", []).append(processor_time(page))
            page.evaluate(CLOCK)
            page.wait_for_selector("#report .sentence", timeout=60_000)
            for name, seconds in page.evaluate("window.waited").items():
                times.setdefault(name, []).append(seconds)
            context.close()
    whole = statistics.median(times["refined report stands"])
    print(f"headless Chromium, medians of {rounds} fresh tabs")
    for name, values in times.items():
        seconds = statistics.median(values)
        print(f"{name:<34} {seconds:9.3f} s   ratio {seconds / whole:5.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
