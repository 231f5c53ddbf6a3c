"""A contact sheet of simulated pairs, to be looked at each time the simulator changes.

python -m train sheet --output sheet.png --seed 3
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from train.simulate.film import expose
from train.simulate.patients import Examination, sample_case

_CELL = 400
_COLUMNS = 4


def write_sheet(output: Path, seed: int, patients: int = 10, size_px: int = 512, *, is_blinded: bool = False) -> None:
    """Prior and current of each patient side by side, with the truth written below.

    is_blinded: with a number below, and what the numbers show in a text file of the same name, for whoever wants to
    read the films first.
    """
    cells, key = [], []
    for number in range(patients):
        case = sample_case(seed * 1000 + number)
        for label, study in (("prior", case.prior), ("current", case.current)):
            pixels = expose(case.patient, study.exposure, study.truth, size_px).pixels
            film = Image.fromarray((pixels >> 4).astype(np.uint8)).resize((_CELL, _CELL), Image.Resampling.LANCZOS)
            cell = Image.new("L", (_CELL, _CELL + 44))
            cell.paste(film)
            caption = _caption(label, study)
            if is_blinded:
                key.append(f"{len(cells) + 1}: " + caption.replace("\n", "; ").rstrip("; "))
                caption = f"{len(cells) + 1}  {label}"
            ImageDraw.Draw(cell).text((4, _CELL + 2), caption, fill=230)
            cells.append(np.asarray(cell))
    while len(cells) % _COLUMNS:
        cells.append(np.zeros_like(cells[0]))
    rows = [np.hstack(cells[start : start + _COLUMNS]) for start in range(0, len(cells), _COLUMNS)]
    output.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.vstack(rows)).save(output)
    if is_blinded:
        output.with_suffix(".txt").write_text("\n".join(key) + "\n", encoding="utf-8")


def _caption(label: str, study: Examination) -> str:
    truth = study.truth
    shown = [f"{f.name} {f.side} {f.zone} {f.amount:.2f}".replace("  ", " ") for f in truth.findings] or ["no finding"]
    devices = [d.name if d.tip_cm is None else f"{d.name} {d.tip_cm:+.1f} cm" for d in truth.devices]
    return f"{label} {truth.view}: " + "; ".join(shown) + "\n" + "; ".join(devices)
