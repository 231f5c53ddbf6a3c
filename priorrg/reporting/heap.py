"""Memory that tensors took goes back to the system when they are freed.

glibc's malloc maps large blocks and gives them back, but with each that was freed it takes larger ones for small, up to
32 MB; those lie in heaps, one or more a thread, and the holes between them stay with the process. Tensors of the
paper's scale have 4 to 17 MB. A threshold that was set stays.
"""

from __future__ import annotations

import ctypes
import sys

M_MMAP_THRESHOLD = -3  # malloc.h of glibc
LARGE_BYTES = 2 << 20  # smaller ones are many, and are asked for again at once


def give_back_large_blocks() -> None:
    """For this process, where its C library is glibc; others are left as they are."""
    if sys.platform != "linux":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:  # musl has none
        set_option(M_MMAP_THRESHOLD, LARGE_BYTES)
