"""Of what a session's report is made: sections, tables, charts, and how figures are written in them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from priorrg.sessions.statistics import Interval

Row = dict[str, Any]
Tables = dict[str, list[Row]]
NOT_TO_BE_HAD = "-"


@dataclass(frozen=True)
class Chart:
    """Bars with intervals: name, value, and an error bar's ends where there are any."""

    title: str
    axis: str
    bars: list[tuple[str, Interval]]


@dataclass(frozen=True)
class Section:
    title: str
    words: str
    columns: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)
    chart: Chart | None = None


def said(interval: Interval, unit: str = "", digits: int = 2) -> str:
    """`0.50 (0.31 to 0.69)`."""
    if math.isnan(interval.value):
        return NOT_TO_BE_HAD
    form = (lambda value: f"{value:.0%}") if unit == "%" else (lambda value: f"{value:.{digits}f}")
    if math.isnan(interval.low):
        return form(interval.value)
    return f"{form(interval.value)} ({form(interval.low)} to {form(interval.high)})"


def said_p(p: float) -> str:
    return NOT_TO_BE_HAD if math.isnan(p) else f"{p:.3g}"
