"""Lossless JPEG (process 14) and JPEG Extended of 12 bits for pydicom, which has no decoder of its own for them.

By libjpeg-turbo 3, out of imagecodecs (BSD). A module that pydicom takes as a decoding plugin has `is_available`,
`DECODER_DEPENDENCIES` and a function for one frame.
"""

from __future__ import annotations

import numpy as np
from pydicom.pixels.decoders.base import DecodeRunner, get_decoder
from pydicom.uid import JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

DECODER_DEPENDENCIES = {uid: ("imagecodecs",) for uid in (JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1)}


def is_available(uid: str) -> bool:
    """The plugin's promise to pydicom, asked once for each transfer syntax."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes:
    """One frame's pixels, of samples as wide as they were coded, in the machine's byte order and the file's colours.

    Raises ValueError where the frame is cut short or has not the size that the header says.
    """
    from imagecodecs import jpeg8_decode

    if b"\xff\xd9" not in source[-16:]:  # libjpeg fills what is missing with grey, and only warns
        raise ValueError("a JPEG frame without its end")
    # The same colour space on both sides: nothing is converted, for that is left to pydicom.
    space = None if runner.samples_per_pixel == 1 else "YCBCR"
    pixels = jpeg8_decode(source, colorspace=space, outcolorspace=space)
    wanted = (runner.rows, runner.columns) + ((runner.samples_per_pixel,) if runner.samples_per_pixel > 1 else ())
    if pixels.shape != wanted:
        raise ValueError("a JPEG frame of another size than its header's")
    runner.set_option("planar_configuration", 0)
    runner.set_option("bits_allocated", pixels.dtype.itemsize * 8)
    return np.ascontiguousarray(pixels).tobytes()


for _uid in DECODER_DEPENDENCIES:
    if "imagecodecs" not in get_decoder(_uid).available_plugins:  # a module may be imported anew
        get_decoder(_uid).add_plugin("imagecodecs", (__name__, "decode_frame"))
