"""Quintic Hermite pieces: a smooth function of one number as a table of polynomials.

A piece between two nodes takes value, slope and curvature of the function at both,
so neighbouring pieces join with continuous second derivative. With ``f`` smooth and
stride ``h`` the error is ``h^6 |f^(6)| / 46080`` in the value and of order ``h^5`` in
the slope.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Jet(NamedTuple):
    """Value, slope and curvature of M functions at n points; each [n, M]."""

    value: Array
    slope: Array
    curvature: Array


def nodes(lower: float, rows: int, stride: float) -> Array:
    """The left end of every row, the extrapolation row's included: [rows]."""
    return lower + np.arange(rows, dtype=np.float64) * stride


def pieces(jet: Jet, stride: float) -> Array:
    """Rows of a table from the jets at its nodes: [rows, 6, M], powers ``t^0 .. t^5``.

    Row ``r`` holds the piece between nodes ``r`` and ``r + 1`` in ``t = x - node``. The
    last row is the Taylor polynomial of degree two at the last node: it serves every
    ``x`` beyond, and value, slope and curvature stay continuous there.

    The higher coefficients come from what the Taylor polynomial of the left node misses
    at the right node (``miss`` in value, slope and curvature, in units of the stride).
    """
    h = stride
    value, slope, curvature = jet
    left_value, left_slope, left_curvature = value[:-1], slope[:-1] * h, curvature[:-1] * (h * h)
    miss = (value[1:] - left_value) - left_slope - 0.5 * left_curvature
    miss_slope = (slope[1:] * h - left_slope) - left_curvature
    miss_curvature = curvature[1:] * (h * h) - left_curvature
    rows = np.zeros((value.shape[0], 6, value.shape[1]))
    rows[:, 0] = value
    rows[:, 1] = slope
    rows[:, 2] = 0.5 * curvature
    rows[:-1, 3] = (10.0 * miss - 4.0 * miss_slope + 0.5 * miss_curvature) / h**3
    rows[:-1, 4] = (-15.0 * miss + 7.0 * miss_slope - miss_curvature) / h**4
    rows[:-1, 5] = (6.0 * miss - 3.0 * miss_slope + 0.5 * miss_curvature) / h**5
    return rows


def evaluate(rows: Array, lower: float, stride: float, x: Array) -> Jet:
    """Value, slope and curvature of a table [rows, 6, M] at points x [n]."""
    row = np.clip(np.floor((x - lower) / stride), 0, rows.shape[0] - 1).astype(np.int64)
    t = (x - (lower + row * stride))[:, None]
    c = np.moveaxis(rows[row], 1, 0)
    value = c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5]))))
    slope = c[1] + t * (2 * c[2] + t * (3 * c[3] + t * (4 * c[4] + t * 5 * c[5])))
    curvature = 2 * c[2] + t * (6 * c[3] + t * (12 * c[4] + t * 20 * c[5]))
    return Jet(value, slope, curvature)
