"""The notes on the two images as plain values: what assets/ui/notes.js shows. No Gradio.

What is the case is found in priorrg/imaging/pairs.py; here it becomes sentences (priorrg/texts/notes.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from priorrg import texts
from priorrg.imaging.orientation import told, words_of
from priorrg.imaging.pairs import Remark, remarks_on
from priorrg.study import UNKNOWN_VIEW, Radiograph
from priorrg.ui.pixels import image_key
from priorrg.ui.sessions import Session


def notes_payload(session: Session) -> dict[str, Any]:
    """Sentences and facts for assets/ui/notes.js. A view position that the reader chose goes before the file's."""
    with session.lock:
        current, prior, arrival, views = session.current, session.prior, session.arrival, dict(session.views)
        shows = session.example_shows
    if current is not None and "current" in views:
        current = replace(current, view_position=views["current"])
    if prior is not None and "prior" in views:
        prior = replace(prior, view_position=views["prior"])
    said = texts.page.EXAMPLE_SHOWS[shows[0]].format(**shows[1]) if shows else ""
    remarks = (*remarks_on(current, prior), *arrival)
    # What may make the reading worthless comes first.
    ordered = sorted(remarks, key=lambda remark: not remark.is_warning)
    return {
        "notes": [
            *([{"text": said, "warning": False, "swap": False, "remedy": None}] if said else []),
            *(
                {
                    "text": sentence(remark),
                    "warning": remark.is_warning,
                    "swap": remark.offers_swap,
                    "remedy": _remedy(remark, current if remark.side == "current" else prior),
                }
                for remark in ordered
            ),
        ],
        "facts": _facts(current, prior),
    }


def _remedy(remark: Remark, image: Radiograph | None) -> dict[str, str] | None:
    """The correction that a remark offers: its button's words, and what is asked of the server (correction.py)."""
    if not remark.remedy or image is None:
        return None
    step = words_of(remark.remedy)
    label = texts.notes.REMEDIES.get(step) or texts.notes.REMEDIES[""].format(what=told(remark.remedy))
    return {"label": label, "side": remark.side, "key": image_key(image), "step": step}


def sentence(remark: Remark) -> str:
    """The remark in words."""
    values = dict(remark.values)
    if "unit" in values:
        values["span"] = texts.counted(texts.notes.SPANS[values["unit"]], values["count"])
    if "doubts" in values:
        values["reasons"] = texts.notes.NOTES["and"].join(texts.notes.DOUBTS[doubt] for doubt in values["doubts"])
    if "reason" in values:
        values["reason"] = texts.said_anew(values["reason"], texts.language())
    if "laterality" in values:
        values["laterality"] = texts.notes.SIDES[values["laterality"]]
    if "name" in values:
        values["file"] = values["name"]
        facts = ", ".join(fact for fact in (values["view"], f"{values['date']} {values['time']}".strip()) if fact)
        values["described"] = f" ({facts})" if facts else ""
    return texts.notes.REMARKS[remark.kind].format(side=texts.notes.NOTES.get(remark.side, ""), **values)


def _facts(current: Radiograph | None, prior: Radiograph | None) -> list[list[str]]:
    """Rows of the table of what the files say, its head first; empty where there is no image."""
    shown = [(name, image) for name, image in (("current", current), ("prior", prior)) if image is not None]
    if not shown:
        return []
    columns = [_facts_of(image) for _, image in shown]
    head = ["", *(texts.notes.FACTS[name] for name, _ in shown)]
    return [head, *([texts.notes.FACTS[name], *(column[name] for column in columns)] for name in columns[0])]


def _facts_of(image: Radiograph) -> dict[str, str]:
    header = image.header
    rows, columns = image.pixels.shape
    missing = texts.notes.FACTS["missing"]
    time = header.time.strftime(" %H:%M") if header and header.time else ""
    acquired = header.acquisition_date.isoformat() if header and header.acquisition_date else missing
    return {
        "modality": (header.modality if header else "") or missing,
        "part": (header.body_part.capitalize() if header else "") or missing,
        "view": missing if image.view_position == UNKNOWN_VIEW else image.view_position,
        "laterality": texts.notes.SIDES[header.laterality] if header and header.laterality else missing,
        "date": f"{image.study_date.isoformat()}{time}" if image.study_date else missing,
        "acquired": acquired,
        "size": texts.notes.FACTS["pixels"].format(rows=rows, columns=columns),
        "bits": texts.notes.FACTS["depth"].format(bits=image.bits, source=image.source),
        "assumed": " ".join(texts.said_anew(note, texts.language()) for note in image.notes)
        or texts.notes.FACTS["nothing"],
    }
