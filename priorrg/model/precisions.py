"""How many bits may be computed with, by name: the one list of them, for settings and commands that load no torch."""

from typing import Literal, get_args

Precision = Literal["float32", "bfloat16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
FLOAT32, BFLOAT16, INT8 = PRECISIONS
