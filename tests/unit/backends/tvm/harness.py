"""Aligned arrays, comparison, and compiled kernels in this process."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np

from dpc.targets import Target

RELATIVE = {"float64": 1e-12, "float32": 2e-6}
"""Agreement asked for with float64 NumPy, by the number format of a kernel."""


def aligned(*shape: int, fill: float = np.nan, dtype: str = "float64") -> np.ndarray:
    """A 64-byte aligned array; not-a-number shows what a kernel failed to write."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    out = raw[start : start + size].view(dtype).reshape(shape)
    out[...] = fill
    return out


def align(values: np.ndarray, dtype: str | None = None) -> np.ndarray:
    """A 64-byte aligned copy, bit by bit where the type stays."""
    out = aligned(*values.shape, fill=0, dtype=dtype or str(values.dtype))
    out[...] = values
    return out


def normal(*shape: int, seed: int, dtype: str = "float64") -> np.ndarray:
    """Aligned random numbers, exact in `dtype`."""
    return align(np.random.default_rng(seed).normal(size=shape), dtype)


class Library:
    """Compiled kernels in this process."""

    def __init__(self, target: Target, path: Path) -> None:
        self.target = target
        if "amx" in target.features:
            request_tiles()
        self._library = ctypes.CDLL(str(path))

    def call(self, symbol: str, *arguments: np.ndarray | int) -> None:
        made = [
            ctypes.c_int32(a) if isinstance(a, int) else ctypes.c_void_p(a.ctypes.data)
            for a in arguments
        ]
        function = self._library[symbol]
        function.restype = None
        function(*made)


def request_tiles() -> None:
    """Ask Linux for AMX's tile registers, as libdpc does (runtime/src/isa.c)."""
    request_state, tile_data = 0x1023, 18
    x86_64_arch_prctl = 158
    assert ctypes.CDLL(None).syscall(x86_64_arch_prctl, request_state, tile_data) == 0


def link(object_bytes: bytes, path: Path) -> None:
    """A shared library of one object that needs nothing."""
    obj = path.with_suffix(".o")
    obj.write_bytes(object_bytes)
    command = ["cc", "-shared", "-o", path, obj, "-Wl,-z,defs"]
    subprocess.run(command, check=True)


def close(found: np.ndarray, wanted: np.ndarray, relative: float | None = None) -> None:
    """Equal to `relative` of the largest number wanted, and nothing left unwritten."""
    assert np.isfinite(found).all()
    scale = max(float(np.abs(wanted).max()), 1e-300)
    error = float(np.abs(found.astype(np.float64) - wanted).max()) / scale
    assert error <= (relative or RELATIVE[str(found.dtype)])
