"""How long after an upload its image stands on the screen: python -m tests.benchmarks.viewer [rounds].

From the end of the upload's request to the frame after the drawing, in headless Chromium against the app on this
machine; medians. Full-size films are an example's enlarged, with noise, 12 bits, not compressed. Then from a press of
1:1 to all pixels of the file on the screen.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from priorrg.imaging.open import read_radiograph
from tests.browsing import CHROMIUM, EXAMPLE, opened, upload
from tests.serving import served
from tests.test_imaging import dicom, written

WATCH = """side => { performance.setResourceTimingBufferSize(5000);
    const viewer = document.querySelector("#viewer .viewer"), name = `data-${side}-drawn`;
    const before = viewer.getAttribute(name);
    window.drawn = new Promise((done) => new MutationObserver((_, watch) => {
        const now = viewer.getAttribute(name);
        if (!now || now === before) return;
        watch.disconnect();
        requestAnimationFrame(() => {
            const uploads = performance.getEntriesByType("resource").filter((e) => e.name.includes("/upload"));
            done(performance.now() - Math.max(...uploads.map((e) => e.responseEnd)));
        });
    }).observe(viewer, { attributes: true }));
}"""


ALL_PIXELS = """() => new Promise((done) => {
    const began = performance.now(), corner = document.querySelector("#viewer .pane[data-side=prior] .corner-scale");
    const wait = () => corner.textContent === "1:1" ? requestAnimationFrame(() => done(performance.now() - began))
        : requestAnimationFrame(wait);
    document.querySelector("#viewer [data-act=oneToOne]").click();
    wait();
})"""


def full_size(folder: Path, columns: int = 2048, rows: int = 2500) -> Path:
    small = read_radiograph(EXAMPLE / "current.dcm").pixels.astype(np.float32)
    large = np.asarray(Image.fromarray(small).resize((columns, rows), Image.Resampling.BICUBIC))
    noisy = large + np.random.default_rng(0).normal(0, 8, large.shape)
    path = folder / f"{columns}.dcm"
    path.write_bytes(written(dicom(np.clip(noisy, 0, 4095).astype(np.uint16))))
    return path


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as running, sync_playwright() as playwright:
        films = {
            "DICOM 1024 x 1024, 12 bit, RLE": EXAMPLE / "current.dcm",
            "PNG 1024 x 1024, 16 bit": EXAMPLE.parent / "resolved-pneumothorax" / "current.png",
            "DICOM 2048 x 2500, 12 bit": full_size(Path(name)),
            "DICOM 3520 x 4280, 12 bit": full_size(Path(name), 3520, 4280),
        }
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = opened(browser, running.address)
        times: dict[str, list[float]] = {film: [] for film in films}
        closer: dict[str, list[float]] = {film: [] for film in films}
        for _ in range(rounds):
            for film, path in films.items():
                page.evaluate(WATCH, "prior")
                upload(page, "prior", path)
                times[film].append(page.evaluate("window.drawn"))
                closer[film].append(page.evaluate(ALL_PIXELS))
                page.wait_for_timeout(700)  # as somebody who chooses the next file; the encoder is done by then
        print(
            f"headless Chromium, medians of {rounds} uploads: from the upload's end to the image on the screen, and 1:1"
        )
        for film, values in times.items():
            print(f"{film:<34} {statistics.median(values):7.0f} ms {statistics.median(closer[film]):7.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
