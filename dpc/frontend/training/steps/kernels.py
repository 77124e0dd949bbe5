"""pairs.c from Python: tensors in, tensors out."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dpc.native import build_shared

PANEL = 16
"""Nodes of a panel, M in pairs.c."""
MOST_AXIS = 256
"""Largest axis_neuron of pairs.c."""
_FLAGS = (
    "-O3",
    "-fopenmp-simd",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-lm",
)
_SUFFIX = {torch.float64: "f64", torch.float32: "f32"}


class PairsStruct(ctypes.Structure):
    """struct pairs of pairs.c."""

    _fields_ = (
        ("natoms", ctypes.c_int64),
        ("nloc", ctypes.c_int64),
        ("order", ctypes.c_void_p),
        ("first", ctypes.c_void_p),
        ("count", ctypes.c_void_p),
        ("type", ctypes.c_void_p),
        ("neighbor", ctypes.c_void_p),
        ("net", ctypes.c_void_p),
        ("r", ctypes.c_void_p),
        ("radial", ctypes.c_void_p),
        ("mean", ctypes.c_void_p),
        ("inverse_std", ctypes.c_void_p),
    )


class GridStruct(ctypes.Structure):
    """struct grid of pairs.c."""

    _fields_ = (
        ("nets", ctypes.c_int64),
        ("nodes", ctypes.c_int64),
        ("panels", ctypes.c_int64),
        ("origin", ctypes.c_double),
        ("inverse_width", ctypes.c_double),
        ("coefficient", ctypes.c_void_p),
    )


class TableStruct(ctypes.Structure):
    """struct table of pairs.c."""

    _fields_ = (
        ("side", ctypes.c_int64),
        ("panels", ctypes.c_int64),
        ("columns", ctypes.c_int64),
        ("origin", ctypes.c_double),
        ("inverse_width", ctypes.c_double),
        ("coefficient", ctypes.c_void_p),
    )


@functools.cache
def library() -> ctypes.CDLL:
    """The compiled kernels; a ToolError where no C compiler is."""
    source = Path(__file__).with_name("pairs.c")
    return ctypes.CDLL(str(build_shared("libdpc_pairs.so", [source], flags=_FLAGS)))


def call(name: str, *arguments: Any, dtype: torch.dtype | None = None) -> None:
    """Call a kernel: arrays and None go as pointers, whole numbers as int64, others as double.

    ctypes lets go of the interpreter meanwhile: the loader's thread works on.
    """
    function = getattr(library(), name if dtype is None else f"{name}_{_SUFFIX[dtype]}")
    function.restype = None
    function(*map(_converted, arguments))


def _converted(value: Any) -> Any:
    if value is None:
        return ctypes.c_void_p()
    if isinstance(value, Tensor):
        assert value.is_contiguous()
        return ctypes.c_void_p(value.data_ptr())
    if isinstance(value, np.ndarray):
        assert value.flags.c_contiguous
        return ctypes.c_void_p(value.ctypes.data)
    if isinstance(value, ctypes.Structure):
        return ctypes.byref(value)
    if isinstance(value, float):
        return ctypes.c_double(value)
    return ctypes.c_int64(value)
