"""How long a case of a feedback session takes a practised hand, and how many actions: one reader, in real time.

    python -m tests.benchmarks.practised                          five cases, of the shipped examples
    python -m tests.benchmarks.practised --pictures docs/images   and the pictures of docs/sessions.md on the way

The hand keeps the pace of the keystroke-level model (Card, Moran, Newell 1980): 1.35 s of thinking before each
judgement, 0.28 s a key; it looks at the films for 10 s and reads four words a second. What the page itself takes comes
on top. Seconds are those that the store kept as active.
"""

import argparse
import csv
import json
import tempfile
from pathlib import Path

from playwright.sync_api import FloatRect, Page, sync_playwright

from priorrg.sessions.session import Session
from priorrg.ui.session.routes import link
from tests.browsing import CHROMIUM, EXAMPLE
from tests.session_rooms import sessions_served

THINK_S, KEY_S, LOOK_S, WORDS_A_SECOND = 1.35, 0.28, 10.0, 4.0
PROTOCOL = """\
title: A practised hand
kind: score
instructions: "Read each report with its films. Strike or edit what is wrong."
consent: I take part of my own free will, and may stop at any time.
cases: cases.csv
readers: 1
arms:
  - {name: human, report: reference}
order: {cases: fixed}
"""
GROWING = (
    "The left pleural effusion is larger than before, now large. The cardiac silhouette is mildly enlarged, unchanged. "
    "No pneumothorax is seen. The right lung is clear."
)
TUBES = (
    "The endotracheal tube ends 4 cm above the carina. The nasogastric tube ends in the stomach. There is an opacity "
    "in the right lower zone. No pleural effusion."
)
RESOLVED = "The right pneumothorax has resolved. There is a nodule in the left mid zone. The heart is normal."
# Example, report, and what the hand does before it presses A and answers: keys, and text that it types.
CASES: list[tuple[str, str, list[str]]] = [
    ("growing-effusion", GROWING, []),
    ("new-tube", TUBES, []),
    ("growing-effusion", GROWING.replace("left", "right"), ["x", "3", "3"]),  # struck: wrong location, significant
    ("resolved-pneumothorax", RESOLVED.replace("left", "right"), ["ArrowDown", "e", "=left", "Enter", "3", "2"]),
    ("new-tube", TUBES.replace("No pleural", "Small left pleural"), ["ArrowDown"] * 3 + ["x", "1", "2"]),
]
ANSWERS = ["2", "1", "4"]  # acceptability, indication, usefulness


def made(folder: Path) -> Session:
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["case", "current", "prior", "indication", "history", "reference"])
        for number, (name, report, _) in enumerate(CASES):
            example = EXAMPLE.parent / name
            told = json.loads((example / "study.json").read_text(encoding="utf-8"))
            films = [
                str(example / told["files"][side]) if side in told["files"] else "" for side in ("current", "prior")
            ]
            rows.writerow([f"c{number}", *films, told["indication"], told["history"], report])
    (folder / "hand.yaml").write_text(PROTOCOL, encoding="utf-8")
    session = Session.at(folder / "hand.yaml")
    session.store.record("protocol", {"text": session.protocol_text})
    session.store.record("session_opened")
    return session


class Hand:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions = 0

    def waits(self, seconds: float) -> None:
        self.page.wait_for_timeout(1000 * seconds)

    def press(self, key: str) -> None:
        """A key after a thought; `=text` replaces the word `right` in the sentence that is being edited."""
        self.waits(THINK_S)
        if key.startswith("="):
            box = self.page.locator(".editor")
            box.fill(box.input_value().replace("right", key[1:]))
            self.waits((len(key) + 4) * KEY_S)  # the word is chosen and typed over
            self.actions += len(key) + 1
            return
        self.page.keyboard.press(key)
        self.waits(KEY_S)
        self.actions += 1


def take(page: Page, pictures: Path | None, name: str, height: int) -> None:
    if pictures:
        clip: FloatRect = {"x": 0, "y": 0, "width": 1200, "height": height}
        page.screenshot(path=pictures / f"session-{name}.jpg", type="jpeg", quality=85, clip=clip)


def read(page: Page, pictures: Path | None) -> list[int]:
    """Reads all cases; gives the actions of each."""
    counts = []
    for number, (_, report, keys) in enumerate(CASES):
        said = f"Case {number + 1} of {len(CASES)}"
        page.wait_for_function("said => document.getElementById('place').textContent === said", arg=said)
        page.wait_for_selector(".viewer[data-current-drawn]:not([data-current-drawn=''])")
        hand = Hand(page)
        hand.waits(LOOK_S + len(report.split()) / WORDS_A_SECOND)
        for place, key in enumerate(keys):
            hand.press(key)
            if number == 2 and place == 1:
                take(page, pictures, "case", 750)
        for key in ("a", *ANSWERS):
            hand.press(key)
        hand.press("Enter")
        counts.append(hand.actions)
    page.wait_for_selector(".lone-card:has-text('All cases are done')")
    page.wait_for_selector("#saved[data-state=saved]")
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--pictures", type=Path)
    pictures = parser.parse_args().pictures
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        session = made(folder)
        with sessions_served(folder) as address:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1200, "height": 750})
            page.set_default_timeout(120_000)
            page.goto(link(address, session.name, session.store.make_link("R1")))
            page.check(".consent input")
            take(page, pictures, "consent", 400)
            page.click(".welcome .main-button")
            counts = read(page, pictures)
            if pictures:
                page.goto(f"{address}/organise")
                page.fill("input[type=password]", (folder / "organiser.txt").read_text(encoding="utf-8").strip())
                page.click(".main-button")
                page.wait_for_selector(".one-session table")
                take(page, pictures, "organiser", 380)
            browser.close()
        state = session.state("R1")
        seconds = [sum(part["active_s"] for part in state.of(n).times.values()) for n in range(1, len(CASES) + 1)]
    for number, (count, took) in enumerate(zip(counts, seconds, strict=True), start=1):
        kind = "an error" if CASES[number - 1][2] else "all right"
        print(f"case {number}, {kind}: {count} actions, {took:.1f} s")
    print(f"the longest took {max(seconds):.1f} s")


if __name__ == "__main__":
    main()
