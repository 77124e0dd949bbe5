"""neighbors.c from Python. Where there is no C compiler, NumPy does the same, slower."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpc.errors import ToolError
from dpc.native import build_shared

NO_MEMORY, TOO_SPARSE = -2, -3
GUESS = 128  # neighbours of an atom, for the first try


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled functions; None where they cannot be compiled."""
    source = Path(__file__).with_name("neighbors.c")
    try:
        path = build_shared("libdpc_neighbors.so", [source], flags=("-ffp-contract=off", "-lm"))
        found = ctypes.CDLL(str(path))
    except (ToolError, OSError):
        return None
    for name in ("dpc_neighbor_rows", "dpc_select"):
        getattr(found, name).restype = ctypes.c_int64
    return found


def neighbor_rows(
    coord: NDArray[np.float64], nloc: int, rcut: float
) -> tuple[NDArray[np.int64], NDArray[np.int32]] | None:
    """Offsets and indices of neighbors.Rows; None: NumPy must do it, or refuse it."""
    compiled = library()
    if compiled is None or nloc == 0 or len(coord) >= 2**31:
        return None
    coord = np.ascontiguousarray(coord, dtype=np.float64)
    offsets, pair = np.empty(nloc + 1, np.int64), np.empty(2, np.int64)
    capacity = GUESS * nloc
    while True:
        indices = np.empty(capacity, np.int32)
        total = compiled.dpc_neighbor_rows(
            *_arguments(len(coord), nloc, coord, rcut, capacity, offsets, indices, pair)
        )
        if total < 0:
            return None
        if total <= capacity:
            return offsets, indices[:total].copy()
        capacity = total


def select(
    offsets: NDArray[np.int64],
    indices: NDArray[np.int32],
    coord: NDArray[np.float64],
    atype: NDArray[np.int32],
    sel: tuple[int, ...],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]] | None:
    """What neighbors.select gives, or None."""
    compiled = library()
    if compiled is None:
        return None
    count = len(indices)
    i, j, rank = np.empty(count, np.int64), np.empty(count, np.int32), np.empty(count, np.int64)
    total = compiled.dpc_select(
        *_arguments(
            len(offsets) - 1, np.ascontiguousarray(offsets, np.int64),
            np.ascontiguousarray(indices, np.int32), np.ascontiguousarray(coord, np.float64),
            np.ascontiguousarray(atype, np.int32), len(sel), np.array(sel, np.int64), i, j, rank,
        )
    )  # fmt: skip
    return None if total < 0 else (i[:total], j[:total], rank[:total])


def _arguments(*values: Any) -> list[Any]:
    """Arrays as pointers, whole numbers as int64, others as double."""
    return [
        value.ctypes.data_as(ctypes.c_void_p)
        if isinstance(value, np.ndarray)
        else ctypes.c_double(value)
        if isinstance(value, float)
        else ctypes.c_int64(value)
        for value in values
    ]
