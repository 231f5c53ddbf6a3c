"""Writes measured figures into a model card, between its two markers. The prose round them is written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from priorrg.errors import DataError
from train.simulate.truth import CHANGES, DEVICES, FINDINGS

BEGIN, END = "<!-- figures: python -m train card -->", "<!-- end of figures -->"

_RUNS = ("refined", "coarse", "without prior", "without context")
_ROWS = {
    "finding_micro_f1": "finding micro-F1",
    "finding_macro_f1": "finding macro-F1",
    "change_micro_f1": "change micro-F1",
    "change_macro_f1": "change macro-F1",
    "severity": "severity right, of findings named rightly",
    "laterality": "side right",
    "answered": "question of the indication answered",
    "answered_first": "answered first",
    "false_comparison": "false comparison (no prior, yet compares)",
    "tips": "tube tips right, where asked for",
    "device_change": "device new, unchanged, repositioned or removed as it truly is",
    "repositioned": "repositioned devices said to be so",
    "interpretation": "opacity interpreted as the context suggests",
}
_TEXT = {"bleu_1": "BLEU-1", "bleu_2": "BLEU-2", "bleu_3": "BLEU-3", "bleu_4": "BLEU-4", "rouge_l": "ROUGE-L"}


def update_card(card: Path, figures: dict[str, Any], localisation: dict[str, Any]) -> None:
    """Replace what stands between the markers of `card`. Raises DataError where it has none.

    figures, localisation: what `python -m train evaluate` and `localise` wrote.
    """
    text = card.read_text() if card.is_file() else ""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise DataError(f"{card} has no place for figures: put the lines {BEGIN} and {END} into it.")
    card.write_text(f"{head}{BEGIN}\n{section(figures, localisation)}\n{END}{tail}")


def section(figures: dict[str, Any], localisation: dict[str, Any]) -> str:
    """All tables as Markdown."""
    refined, without = figures["refined"], figures["without prior"]
    parts = [
        f"`python -m train evaluate`: all {figures['studies']} studies of {figures['patients']} held-out simulated "
        "patients. Facts are read out of the\ngenerated text by rules (`train/parsing.py`) and compared with those of "
        "the reference; in brackets 95 % bootstrap\nintervals over patients.",
        _table(
            ["", *_RUNS],
            [[label, *(_cell(figures[run], name) for run in _RUNS)] for name, label in _ROWS.items()]
            + [[label, *(_number(figures[run]["text"][name]) for run in _RUNS)] for name, label in _TEXT.items()],
        ),
        "Findings (refined):",
        _table(
            ["finding", "precision", "recall", "F1", "studies"],
            [[name, *_scores(refined["by_finding"][name])] for name in (*FINDINGS, *DEVICES)],
        ),
        "Changes against the prior (refined):",
        _table(
            ["change", "precision", "recall", "F1", "findings", "F1, prior withheld"],
            [
                [name, *_scores(refined["by_change"][name]), _number(without["by_change"][name]["f1"])]
                for name in CHANGES
            ],
        ),
        "Overlays (`python -m train localise`): how often the peak of a finding's overlay lies on the finding, and how "
        "often\na random patch would.",
        _table(
            ["overlay", "current image", "chance", "prior image", "chance", "sentences on the current image"],
            [
                [
                    name,
                    *(_number(row[image][key]) for image in ("current", "prior") for key in ("peak", "chance")),
                    str(row["current"]["sentences"]),
                ]
                for name, row in localisation.items()
            ],
        ),
    ]
    return "\n\n".join(parts)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(run: dict[str, Any], name: str) -> str:
    interval = run["interval"].get(name)
    spread = f" ({interval[0]:.3f}–{interval[1]:.3f})" if interval else ""
    return _number(run[name]) + spread


def _scores(row: dict[str, Any]) -> list[str]:
    return [*(_number(row[key]) for key in ("precision", "recall", "f1")), str(row["support"])]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
