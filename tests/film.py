"""The README's film, taken of the running page: python -m tests.film [folder].

It opens on the finished example, reads it anew (the draft, then the report in its place), shows where a sentence comes
from and what is said of the same study without its prior. Nothing is drawn: each frame is a screenshot of headless
Chromium, and stays as long as it stood there, within bounds.
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests.browsing import CHROMIUM, finished
from tests.serving import ROOT, served

SIZE: ViewportSize = {"width": 1440, "height": 900}
FRAME_PX = 1080  # wide
MOST_BYTES = 4_000_000
SHORTEST_MS, LONGEST_MS = 60, 250  # of a frame while something moves
QUALITY = 60


class Film:
    """Frames, each with the milliseconds that it stays."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        self.stays: list[int] = []

    def still(self, stays_ms: int) -> None:
        shot = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        height = round(shot.height * FRAME_PX / shot.width)
        frame = shot.resize((FRAME_PX, height), Image.Resampling.LANCZOS)
        if self.frames and self.frames[-1].tobytes() == frame.tobytes():
            self.stays[-1] += stays_ms
            return
        self.frames.append(frame)
        self.stays.append(stays_ms)

    def until(self, is_over: Callable[[], bool]) -> None:
        """As it moves, until it is over."""
        while not is_over():
            began = time.monotonic()
            self.still(SHORTEST_MS)
            took = round(1000 * (time.monotonic() - began))
            self.stays[-1] += max(0, min(took, LONGEST_MS) - SHORTEST_MS)

    def save(self, file: Path) -> None:
        first, *others = self.frames
        first.save(file, save_all=True, append_images=others, duration=self.stays, loop=0, quality=QUALITY, method=6)


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as kept, served(Path(kept)) as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="dark")
        page.goto(f"{running.address}/?__theme=dark")
        before = finished(page)
        page.click("#report .captions-close")
        page.wait_for_selector("#report .captions", state="hidden")
        film = Film(page)
        film.still(1500)
        page.click("#generate")
        # The draft is held, turns into the report, and both are in the film.
        film.until(lambda: page.get_attribute("#report .report", "data-key") not in ("", before))
        film.until(lambda: page.query_selector("#report .refined.turning") is None)
        finished(page)
        film.still(1800)
        page.click("#report .refined .sentence >> nth=1")
        page.wait_for_selector("#viewer .viewer[data-overlay=shown]")
        film.still(2500)
        for given, stays_ms in (("prior", 3500), ("context", 3000)):
            page.wait_for_selector(f"#report .report[data-readings~={given}]")
            page.click(f"#report .given [data-given={given}]")
            page.wait_for_selector("#report .other .sentence")
            film.still(stays_ms)
        page.click("#report .given [data-given=all]")
        film.still(2000)
        file = folder / "film.webp"
        film.save(file)
        browser.close()
    size = file.stat().st_size
    print(f"{file}: {len(film.frames)} frames, {sum(film.stays) / 1000:.1f} s, {size / 1e6:.2f} MB")
    if size > MOST_BYTES:
        sys.exit(f"The film is larger than {MOST_BYTES / 1e6:.0f} MB: lower QUALITY or FRAME_PX.")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
