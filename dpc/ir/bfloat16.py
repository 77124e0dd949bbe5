"""bfloat16, which NumPy has not: the upper half of a float32."""

from __future__ import annotations

import numpy as np

from dpc.ir.types import NumpyArray


def to_bfloat16(x: NumpyArray) -> NumpyArray:
    """float32 numbers that bfloat16 can hold: the nearest, of two the one with an even last bit."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    nearest = bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)
    kept = np.where(np.isnan(x), bits | np.uint32(1 << 22), nearest) & np.uint32(0xFFFF0000)
    return kept.view(np.float32)
