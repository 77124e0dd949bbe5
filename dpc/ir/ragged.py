"""Rows of neighbours, padded or ragged, seen the same way.

A padded array is `[nloc, nnei, ...]`, a ragged one a `Ragged`. `flat`, `centers` and `like`
hide the difference, so an op is written once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dpc.ir.types import NumpyArray, Ragged

Array = NumpyArray | Ragged


def flat(x: Array) -> NumpyArray:
    """All rows in a line, [rows, ...]."""
    if isinstance(x, Ragged):
        return x.values
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def centers(x: Array) -> NumpyArray:
    """The atom that owns each row, i64[rows]."""
    counts = x.counts if isinstance(x, Ragged) else x.shape[1]
    return np.repeat(np.arange(len(x)), counts)


def like(x: Array, rows: NumpyArray) -> Array:
    """Rows in a line, arranged for atoms as `x` is."""
    if isinstance(x, Ragged):
        return Ragged(rows, x.offsets)
    return rows.reshape(*x.shape[:2], *rows.shape[1:])


def each(function: Callable[..., NumpyArray], *xs: Array) -> Array:
    """An elementwise function of arrays of the same rows."""
    for x in xs:
        if isinstance(x, Ragged):
            values = (y.values if isinstance(y, Ragged) else y for y in xs)
            return Ragged(function(*values), x.offsets)
    return function(*xs)
