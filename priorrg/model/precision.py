"""Reading with fewer bits where somebody chose to: the image encoder in bfloat16, or the decoder's matrices in 8 bits.

Neither writes the same texts as float32 always (python -m train precision says how often, and what it does to every
figure), so float32 is the default and whatever shows a report names another precision. Weights on disk stay float32.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import nn

from priorrg.errors import CheckpointError
from priorrg.model.precisions import BFLOAT16, INT8, PRECISIONS


def lower(image_encoder: nn.Module, precision: str) -> None:
    """Make the image encoder one of this precision, in its place. Raises CheckpointError where torch cannot do it.

    The decoder's matrices are packed where they are used (decoding.py); its own parameters stay as they are, since
    explanations ask them for gradients.
    """
    if precision not in PRECISIONS:
        raise CheckpointError(f"The precision {precision!r} is not known. There are: {', '.join(PRECISIONS)}.")
    if precision == BFLOAT16:
        image_encoder.to(torch.bfloat16)
    if precision == INT8 and not can_quantise():
        raise CheckpointError("This torch computes no products of 8 bits on this machine. Read with float32.")


def can_quantise() -> bool:
    """Whether torch has a kernel for products of 8 bits here. Its names are not promised to stay."""
    operators = getattr(torch.ops, "quantized", None)
    names = ("linear_prepack", "linear_dynamic")
    return (
        hasattr(torch, "quantize_per_channel")
        and all(hasattr(operators, name) for name in names)
        and (set(torch.backends.quantized.supported_engines) - {"none"} != set())
    )


def int8_linear(weight: torch.Tensor, bias: torch.Tensor | None) -> Callable[[torch.Tensor], torch.Tensor]:
    """x (..., in) -> (..., out), nearly as nn.functional.linear with weight (out, in) and bias (out,), on the CPU.

    Each row of the weight has a scale of its own, and so has each row of x, which is rounded to 8 bits on its way in:
    what a row gives is, bit for bit, what it gives alone. reduce_range: without instructions for it (VNNI) sums of two
    products of 8 bits overflow, with 7 bits of x they do not.
    """
    weight = weight.detach().contiguous()
    scales = weight.abs().amax(dim=1).clamp(min=1e-12).double() / 127
    zeros = torch.zeros(len(weight), dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it may go one day: can_quantise looks
        rounded = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(rounded, None)

    def apply(x: torch.Tensor) -> torch.Tensor:
        rows = x.flatten(0, -2)
        largest = rows.abs().amax(dim=1, keepdim=True).clamp(min=1e-12)
        # The operator scales all rows by their common range: a last row makes that -1 to 1, whatever the others are.
        scaled = torch.cat([rows / largest, rows.new_zeros(1, rows.shape[1])])
        scaled[-1, 0], scaled[-1, 1] = 1.0, -1.0
        products = torch.ops.quantized.linear_dynamic(scaled, packed, reduce_range=True)[:-1] * largest
        return (products if bias is None else products + bias).unflatten(0, x.shape[:-1])

    return apply
