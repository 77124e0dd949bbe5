"""Aligned arrays, comparison, and compiled kernels in this process."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np

from dpc.backends.tvm.build import Kernels


def aligned(*shape: int, fill: float = np.nan) -> np.ndarray:
    """A 64-byte aligned array; not-a-number shows what a kernel failed to write."""
    count = int(np.prod(shape))
    raw = np.empty(count * 8 + 64, np.uint8)
    start = -raw.ctypes.data % 64
    out = raw[start : start + count * 8].view(np.float64).reshape(shape)
    out[...] = fill
    return out


def align(values: np.ndarray) -> np.ndarray:
    """A 64-byte aligned copy."""
    out = aligned(*values.shape)
    out[...] = values
    return out


class Library:
    """Compiled kernels in this process."""

    def __init__(self, kernels: Kernels, folder: Path) -> None:
        self.kernels, self.target = kernels, kernels.target
        obj, so = folder / "kernels.o", folder / "kernels.so"
        obj.write_bytes(kernels.object_bytes)
        subprocess.run(["cc", "-shared", "-o", so, obj, "-Wl,-z,defs"], check=True)
        self._library = ctypes.CDLL(str(so))

    def call(self, symbol: str, *arguments: np.ndarray | int) -> None:
        made = [
            ctypes.c_int32(a) if isinstance(a, int) else ctypes.c_void_p(a.ctypes.data)
            for a in arguments
        ]
        function = self._library[symbol]
        function.restype = None
        function(*made)


def close(found: np.ndarray, wanted: np.ndarray, relative: float = 1e-12) -> None:
    """Equal to `relative` of the largest number wanted, and nothing left unwritten."""
    assert np.isfinite(found).all()
    scale = max(float(np.abs(wanted).max()), 1e-300)
    assert float(np.abs(found - wanted).max()) <= relative * scale
