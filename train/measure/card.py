"""Writes measured figures into a model card, between its two markers. The prose round them is written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from priorrg.errors import DataError
from train.measure.evaluate import COARSE, REFINED, RUNS
from train.measure.metrics import COMPARED
from train.measure.retrieval import AT, DIRECTIONS, READINGS
from train.simulate.truth import CHANGES

BEGIN, END = "<!-- figures: python -m train card -->", "<!-- end of figures -->"

# Measurements that a card may also show, as they are named in evaluation.json.
EXTRAS = ("localisation", "shifted", "retrieval", "worth", "probe", "claims", "scores")

_ROWS = {
    "finding_micro_f1": "finding micro-F1",
    "finding_macro_f1": "finding macro-F1",
    "change_micro_f1": "change micro-F1",
    "change_macro_f1": "change macro-F1",
    "change_of_found_macro_f1": "change macro-F1, of findings that are found",
    "severity": "severity right, of findings named rightly",
    "severity_within_one": "severity right within one grade",
    "laterality": "side right",
    "answered": "question of the indication answered",
    "answered_rightly": "answered rightly",
    "answered_first": "answered first",
    "false_comparison": "false comparison (no prior, yet compares)",
    "tips": "tube tips right to the word, where asked for",
    "tips_within_1_cm": "tube tips right within 1 cm, where asked for",
    "device_change": "device new, unchanged, repositioned or removed as it truly is",
    "repositioned": "repositioned devices said to be so",
    "interpretation": "opacity interpreted as the context suggests",
}
_WORDING = {
    "unasked_denials": "reports that deny what nobody asked about",
    "answered": "asked and answered",
    "answered_rightly": "answered rightly",
    "unchanged": "findings and changes named as with the known wording",
}
_TEXT = {
    "bleu_1": "BLEU-1",
    "bleu_2": "BLEU-2",
    "bleu_3": "BLEU-3",
    "bleu_4": "BLEU-4",
    "rouge_l": "ROUGE-L",
    "meteor": "METEOR",
    "cider": "CIDEr (0 to 10)",
}


def update_card(card: Path, figures: dict[str, Any], localisation: dict[str, Any]) -> None:
    """Replace what stands between the markers of `card`. Raises DataError where it has none.

    figures, localisation: what `python -m train evaluate` and `localise` wrote; figures may hold EXTRAS too.
    """
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise DataError(f"{card} has no place for figures: put the lines {BEGIN} and {END} into it.")
    card.write_text(f"{head}{BEGIN}\n{section(figures, localisation)}\n{END}{tail}", encoding="utf-8")


def section(figures: dict[str, Any], localisation: dict[str, Any]) -> str:
    """All tables as Markdown. Readings and figures that were not measured are left out."""
    refined, without = figures[REFINED], figures.get("without prior")
    parts = [
        f"`python -m train evaluate`: all {figures['studies']} studies of {figures['patients']} held-out simulated "
        "patients. Facts are read out of the\ngenerated text by rules (`train/measure/parsing.py`) and compared with "
        "those of the reference; in brackets 95 % bootstrap\nintervals over patients.",
        _readings({run: figures[run] for run in RUNS if run in figures}),
        *_tips(figures),
        *_differences(figures),
        "Findings (refined):",
        _table(
            ["finding", "precision", "recall", "F1", "studies"],
            [[name, *_scores(row)] for name, row in refined["by_finding"].items()],
        ),
        "Changes against the prior (refined):",
        _table(
            ["change", "precision", "recall", "F1", "findings", *(["F1, prior withheld"] if without else [])],
            [
                [name, *_scores(row), *([_number(without["by_change"][name]["f1"])] if without else [])]
                for name, row in refined["by_change"].items()
            ],
        ),
        *_hard(figures),
        *_wordings(figures),
        *_probe(figures),
        *_shifted(figures),
        *_worth(figures),
        *_claims(figures),
        *_retrieval(figures),
        *_scores_of_others(figures),
        *_localisation(localisation),
    ]
    return "\n\n".join(parts)


def _localisation(found: dict[str, Any]) -> list[str]:
    if "overlays" not in found:
        return []
    rows = found["overlays"]
    kinds = [("current", "current image"), ("prior", "prior image"), ("resolved", "prior image, of what has resolved")]
    names = list(dict.fromkeys(name for row in rows.values() for name in row["by_finding"]))
    return [
        f"Overlays (`python -m train localise`), {found['pairs']} pairs: how often the peak of a finding's overlay "
        "lies on the\nfinding, how often within a patch of it, and what part of the overlay does. Beside them a map "
        "that never saw the image\n(the mean mask of that finding and side), the overlay of the report's next "
        "sentence, and shuffled weights.",
        _table(
            [
                "overlay",
                *(f"{told}: {measure}" for _, told in kinds for measure in ("peak", "near", "energy")),
                "sentences",
            ],
            [
                [
                    name,
                    *(
                        _cell(row[kind], measure) if measure == "peak" else _number(row[kind][measure])
                        for kind, _ in kinds
                        for measure in ("peak", "near", "energy")
                    ),
                    str(sum(row[kind]["sentences"] for kind, _ in kinds)),
                ]
                for name, row in rows.items()
            ]
            + [
                [
                    f"{next(iter(rows))} minus {name}",
                    *(c for kind, _ in kinds for c in (_difference(row[kind]), "", "")),
                    "",
                ]
                for name, row in found["differences"].items()
            ],
        ),
        "The same by finding: peak on the finding, on the current / the prior image (sentences).",
        _table(
            ["", *rows],
            [
                [
                    name,
                    *(
                        " / ".join(_of(row["by_finding"][name][kind]) for kind in ("current", "prior"))
                        if name in row["by_finding"]
                        else ""
                        for row in rows.values()
                    ),
                ]
                for name in names
            ],
        ),
    ]


def _tips(figures: dict[str, Any]) -> list[str]:
    share = figures.get("tips_by_one_phrase")
    if share is None:
        return []
    return [
        f"One phrase a device, the best in hindsight, is within 1 cm of {_number(share)} of the tube tips: for so much "
        "nobody needs an image."
    ]


def _of(found: dict[str, Any]) -> str:
    return f"{_number(found['peak'])} ({found['sentences']})"


def _readings(columns: dict[str, dict[str, Any]]) -> str:
    """One column a reading, one row a figure that any of them has."""
    rows = [
        [label, *(_cell(reading, name) if name in reading else "none" for reading in columns.values())]
        for name, label in _ROWS.items()
        if any(name in reading for reading in columns.values())
    ]
    rows += [
        [label, *(_text_cell(reading, name) for reading in columns.values())]
        for name, label in _TEXT.items()
        if any(reading["text"].get(name) is not None for reading in columns.values())
    ]
    return _table(["", *columns], rows)


def _differences(figures: dict[str, Any]) -> list[str]:
    if "differences" not in figures:
        return []
    compared = list(next(iter(figures["differences"].values())))
    return [
        "Refined minus each other reading of the same studies, with 95 % intervals by paired bootstrap over patients "
        "(the\nsame patients in both). An interval without zero is in bold.",
        _table(
            ["refined minus", *((_ROWS | _TEXT)[name] for name in compared)],
            [[run, *(_difference(found[name]) for name in compared)] for run, found in figures["differences"].items()],
        ),
    ]


def _hard(figures: dict[str, Any]) -> list[str]:
    if not figures.get("hard"):
        return []
    rows = [
        [kind, str(found["studies"]), *(_cell(found, name) for name in COMPARED)]
        for kind, found in figures["hard"].items()
    ]
    return [
        "Cases that are hard on purpose (refined): a context that names a wrong side or what is not there, a prior of "
        "poor\nquality, amounts at the threshold.",
        _table(["", "studies", *(_ROWS[name] for name in COMPARED)], rows),
    ]


def _wordings(figures: dict[str, Any]) -> list[str]:
    if "wordings" not in figures:
        return []
    rows = [
        [row, str(found["reports"]), *(_cell(found, name) for name in _WORDING)]
        for row, found in figures["wordings"].items()
    ]
    return [
        "The same questions in other words (`python -m train evaluate --wordings`): phrases, terms and slips of the "
        "finger that no\ntraining read, and indications typed by hand (`train/measure/indications.py`).",
        _table(["wording", "reports", *_WORDING.values()], rows),
    ]


def _probe(figures: dict[str, Any]) -> list[str]:
    if "probe" not in figures:
        return []
    found = figures["probe"]
    rows = []
    for stop, row in found["stops"].items():
        interval = {"macro_f1": row["interval"]} if row["interval"] else {}
        changes = (_number(row["by_change"][change]) for change in CHANGES)
        rows.append([stop, _cell(row | {"interval": interval}, "macro_f1"), *changes])
    return [
        "Where on its way a change is lost (`python -m train probe`): what small heads, trained on "
        f"{found['trained_on']} pairs, read out of\neach stop about {found['pairs']} others, against the truth.",
        _table(["read out from", "change macro-F1", *CHANGES], rows),
    ]


def _shifted(figures: dict[str, Any]) -> list[str]:
    if "shifted" not in figures:
        return []
    shifted = figures["shifted"]
    return [
        f"A second held-out set, drawn otherwise than the training data: {shifted['studies']} studies of "
        f"{shifted['patients']} patients.",
        _readings(
            {
                "refined, first set": figures[REFINED],
                "refined, second set": shifted[REFINED],
                "coarse, second set": shifted[COARSE],
            }
        ),
    ]


def _worth(figures: dict[str, Any]) -> list[str]:
    if "worth" not in figures:
        return []
    found = figures["worth"]
    names = list(next(iter(found["arms"].values())))
    rows = []
    for arm, row in found["arms"].items():
        cells = []
        for name in names:
            by_seed = ", ".join(_number(value) for value in row[name]["by_seed"])
            told = f"; {_difference(row[name])}, {row[name]['verdict']}" if "difference" in row[name] else ""
            cells.append(f"{_number(row[name]['value'])} ({by_seed}){told}")
        rows.append([arm, *cells])
    return [
        "What stage 1 is worth (`python -m train worth`): coarse drafts of small models that differ in what their "
        f"stage 1 learned\nfrom, {found['steps']} steps each in all, {found['seeds']} seeds (in brackets), "
        f"{found['studies']} studies; then the difference to no stage 1, its\ninterval over patients and seeds.",
        _table(["", *(_ROWS[name] for name in names)], rows),
    ]


def _claims(figures: dict[str, Any]) -> list[str]:
    if "claims" not in figures:
        return []
    found = figures["claims"]
    shares = ", ".join(f"{name} {share:.3f}" for name, share in found["attention"]["share"].items())
    return [
        "What the paper claims of its parts (`python -m train claims`): shown where the interval of the difference "
        "lies above\nzero, refuted where it lies below.",
        _table(
            ["claim", "difference", ""],
            [[name, _difference(row), row["verdict"]] for name, row in found["claims"].items()],
        ),
        f"Part of the attention that lies on what is asked for, {found['attention']['studies']} studies: {shares}.",
    ]


def _retrieval(figures: dict[str, Any]) -> list[str]:
    if "retrieval" not in figures:
        return []
    found = figures["retrieval"]
    names = [f"recall_at_{k}" for k in AT]
    rows = []
    for way in DIRECTIONS:
        label = way.replace("_", " ")
        rows += [[f"{label}, {run}", *(_cell(found[run][way], name) for name in names)] for run in READINGS]
        rows.append([f"{label}, difference", *(_difference(found["difference"][way][name]) for name in names)])
    rows.append(["chance", *(_number(found["chance"][name]) for name in names)])
    return [
        "Retrieval by the weights of stage 1 (`python -m train retrieve`): is a study's own report among the nearest "
        f"of {found['studies']}\n({found['distinct_reports']} distinct ones; identical reports count as hits of each "
        "other)? Context alone: beside another patient's films.",
        _table(["recall at", *(str(k) for k in AT)], rows),
    ]


def _scores_of_others(figures: dict[str, Any]) -> list[str]:
    if "scores" not in figures:
        return []
    found = figures["scores"]
    names = list(dict.fromkeys(name for scores in found["readings"].values() for name in scores))
    return [
        f"Metrics of the field, over {found['studies']} studies (`train/scoring/score.py`, {found['package']}):",
        _table(
            ["", *found["readings"]],
            [[name, *(_number(scores.get(name)) for scores in found["readings"].values())] for name in names],
        ),
    ]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(run: dict[str, Any], name: str) -> str:
    interval = run["interval"].get(name)
    return _number(run[name]) + (f" ({interval[0]:.3f}–{interval[1]:.3f})" if interval else "")


def _text_cell(reading: dict[str, Any], name: str) -> str:
    interval = reading["interval"].get(name)
    return _number(reading["text"].get(name)) + (f" ({interval[0]:.3f}–{interval[1]:.3f})" if interval else "")


def _difference(found: dict[str, Any]) -> str:
    if found["difference"] is None:
        return "none"
    text = f"{found['difference']:+.3f}"
    if found["interval"] is None:
        return text
    low, high = found["interval"]
    text += f" ({low:+.3f} to {high:+.3f})"
    return f"**{text}**" if low > 0 or high < 0 else text


def _scores(row: dict[str, Any]) -> list[str]:
    return [*(_number(row[key]) for key in ("precision", "recall", "f1")), str(row["support"])]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
