"""Five simulated readers with known, different habits read ten cases in real browsers, all at once; their habits must
come out of the tables.

    python -m tests.rehearsals                              one server, SQLite
    python -m tests.rehearsals --servers 2 --postgresql     two processes behind one PostgreSQL, changed half way

What a habit says of marks and answers is exact. Seconds pass on the page's own clock, set forward; what the browser
itself took comes on top, so that they are held between the habit's and that.
"""

import argparse
import asyncio
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.async_api import Page, async_playwright

from priorrg.sessions.plan import Assignment
from priorrg.sessions.rehearse import HABITS, Habit, _judged, compared, copied
from priorrg.sessions.session import Session
from priorrg.sessions.tables import tables
from priorrg.ui.session.routes import link
from tests.browsing import CHROMIUM
from tests.databases import postgresql
from tests.serving import ROOT

PROTOCOL = """\
title: Rehearsal
kind: score
instructions: Read.
consent: I take part.
cases: cases.csv
readers: 5
arms:
  - {name: planted, report: planted}
repeats: 2
"""
PATIENCE_MS = 120_000
STEP_S = 20  # the page's clock is set forward in steps between which a hand moves


def made(folder: Path, count: int) -> Session:
    """Ten cases, with an error that is edited, one that is struck or one that is left out planted in turn."""
    rng = np.random.default_rng(1)
    with (folder / "cases.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["case", "current", "prior", "indication", "reference", "planted_report", "planted"])
        for number in range(count):
            for side in ("current", "prior"):
                pixels = rng.integers(0, 255, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels).resize((256, 256)).save(folder / f"{number}-{side}.png")
            errors = [
                {"category": "wrong_location", "place": 0, "says": "Small left effusion."},
                {"category": "false_finding", "place": 1},
                {"category": "missing_finding", "finding": "cardiomegaly", "says": "The heart is enlarged."},
            ][: 1 + number % 3]
            films = [f"{number}-{side}.png" for side in ("current", "prior")]
            planted = "Small right effusion. There is a nodule. No pneumothorax. The mediastinum is normal."
            reference = "Small left effusion. No pneumothorax. The mediastinum is normal. The heart is enlarged."
            rows.writerow([f"c{number}", *films, "Cough.", reference, planted, json.dumps(errors)])
    (folder / "study.yaml").write_text(PROTOCOL, encoding="utf-8")
    return Session.at(folder / "study.yaml")


@contextmanager
def server(folder: Path, port: int, database: str):
    command = [sys.executable, "-m", "tests.rehearsals", "--serve", str(port), str(folder), database]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"})
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz")
                break
            except OSError:
                assert process.poll() is None, "the server did not come up"
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def serve(port: int, folder: str, database: str) -> None:
    import uvicorn

    from priorrg.settings import Settings
    from priorrg.ui.session.serve import build_sessions_app

    settings = Settings(session_folder=Path(folder), session_database=database, port=port)  # type: ignore[call-arg]
    uvicorn.run(build_sessions_app(settings), port=port, log_config=None, access_log=False)


async def passes(page: Page, seconds: float) -> None:
    """On the page's clock, with a hand that moves."""
    while seconds > 0:
        step = min(STEP_S, seconds)
        await page.clock.fast_forward(round(1000 * step))
        await page.mouse.move(5 + seconds % 7, 5)
        seconds -= step


async def is_away(page: Page, seconds: float) -> None:
    hidden = "is => { Object.defineProperty(document, 'hidden', { get: () => is, configurable: true });"
    changed = " document.dispatchEvent(new Event('visibilitychange', { bubbles: true })); }"
    await page.evaluate(hidden + changed, True)
    await page.clock.fast_forward(round(1000 * seconds))
    await page.evaluate(hidden + changed, False)


async def choose(page: Page, key: str) -> None:
    await page.locator(f'label.option:has([data-key="{key}"])').click()


async def judge(page: Page, kind: str, said: dict) -> None:
    if kind == "sentence":
        key = f"0:{said['place']}"
        await page.click(f'[data-key="{key}:{said["verdict"]}"]')
        if said["verdict"] == "edited":
            await page.fill(".editor", said["text"])
            await page.keyboard.press("Enter")
    elif kind == "missed":
        await page.click('[data-key="missed:add"]')
        await page.locator(".one-missed textarea").last.fill(said["text"])
        await page.locator(".one-missed .option", has_text="Significant").last.click()
        return
    elif not said["value"].startswith("="):
        return await choose(page, f"0:{said['question']}:{said['value']}")
    else:
        return await page.fill(f'[data-key="0:{said["question"]}"]', said["value"])
    await choose(page, f"{key}:category:{said['category']}")
    await choose(page, f"{key}:significance:{said['significance']}")


async def reads(page: Page, session: Session, assignment: Assignment, habit: Habit, skips: bool) -> None:
    await page.wait_for_selector(".viewer[data-current-drawn]:not([data-current-drawn=''])", timeout=PATIENCE_MS)
    if skips:
        await page.click('[data-key="foot:skip"]')
        await choose(page, "skip:other")
        return await page.click("dialog .main-button")
    await passes(page, habit.seconds)
    if habit.away:
        await is_away(page, habit.away)
    said = list(_judged(session, assignment, habit))
    for kind, payload in said:
        if kind != "answer":
            await judge(page, kind, payload)
    await page.click('[data-key="0:all"]')
    for kind, payload in said:
        if kind == "answer":
            await judge(page, kind, payload)
    await page.click('[data-key="foot:submit"]')


async def reader(browser, session: Session, name: str, addresses: list[str]) -> float:
    """Reads all cases, the second half on another server where there are two; gives the seconds that a case took."""
    habit, listed = HABITS[name], session.assignments(name)
    personal = session.store.make_link(name)
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    began, page = time.monotonic(), await context.new_page()
    for number, assignment in enumerate(listed):
        if number in (0, len(listed) // 2 if len(addresses) > 1 else -1):
            if number:
                await page.wait_for_selector("#saved[data-state=saved]")
                await page.close()
                page = await context.new_page()
            await page.clock.install()
            mine = addresses[(list(HABITS).index(name) + bool(number)) % len(addresses)]
            await page.goto(link(mine, session.name, personal))
            if not number:
                await page.check(".consent input")
                await page.click(".welcome .main-button")
        await page.wait_for_function(
            "said => document.getElementById('place').textContent === said", arg=f"Case {number + 1} of {len(listed)}"
        )
        await reads(page, session, assignment, habit, habit.skips and not number)
    await page.wait_for_selector(".lone-card:has-text('All cases are done')")
    await page.wait_for_selector("#saved[data-state=saved]")
    await context.close()
    return (time.monotonic() - began) / len(listed)


async def all_read(session: Session, addresses: list[str]) -> dict[str, float]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        took = await asyncio.gather(*(reader(browser, session, name, addresses) for name in HABITS))
        await browser.close()
    return dict(zip(HABITS, took, strict=True))


def agrees(one, took: dict[str, float]) -> bool:
    who, _, what = one.what.partition(": ")
    if "seconds" not in what:
        return one.agrees
    # Half a second for what passes between two steps of the clock.
    return one.planted - 0.5 <= one.found <= one.planted + ("active" in what) * took[who] + 0.5


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--serve"]:
        serve(int(arguments[1]), arguments[2], arguments[3])
        return 0
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--cases", type=int, default=10)
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--port", type=int, default=8790)
    parser.add_argument("--postgresql", action="store_true")
    said = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        session, database = copied(made(folder, said.cases), folder / "copy"), ""
        if said.postgresql:
            database = stack.enter_context(postgresql())
            session = Session.at(session.file, database)
            session.store.record("protocol", {"text": session.protocol_text})
            session.store.record("session_opened")
        ports = range(said.port, said.port + said.servers)
        addresses = [stack.enter_context(server(folder / "copy", port, database)) for port in ports]
        took = asyncio.run(all_read(session, addresses))
        session.store.record("session_closed")
        comparisons = compared(session, tables(session))
        events = session.store.events()
        twice = len(events) - len({(one.event.reader, one.event.client_id) for one in events})
    wrong = 0
    for one in comparisons:
        is_right = agrees(one, took)
        wrong += not is_right
        print(f"{'as planted' if is_right else 'DIFFERS   '}  {one.what}: planted {one.planted}, found {one.found}")
    print(f"{len(comparisons) - wrong} of {len(comparisons)} habits came out; {len(events)} events, {twice} twice.")
    print(f"A case took a browser {sum(took.values()) / len(took):.1f} s on average, {len(took)} at once.")
    return 1 if wrong or twice else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
