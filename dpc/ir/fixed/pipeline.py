"""Energy, forces and virial of atoms, as the circuit computes them.

Written once for integers, for reals, and for numbers that training asks gradients of: see
dpc.ir.fixed.numbers. Every sum is exact; what narrows a value is `numbers.narrow`, by the shift
of its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dpc.ir.fixed.numbers import Channels, Numbers, Tables
from dpc.ir.fixed.shape import (
    DATA_BITS,
    OUT_BITS,
    PACKED_DATA_BITS,
    R_BITS,
    ROW_BITS,
    VIRIAL_BITS,
    X_BITS,
    Z_BITS,
    Contents,
)
from dpc.ir.types import NumpyArray


@dataclass
class Neighbors:
    """Neighbours within the cutoff, sorted by centre."""

    center: NumpyArray  # [P]
    ti: NumpyArray  # [P]
    tj: NumpyArray  # [P]
    r: NumpyArray  # [P, 3]
    u: NumpyArray  # [P]
    neighbor: NumpyArray  # [P]: which atom it is


@dataclass
class Results:
    """Of centres and of their neighbours: energy [nloc], force on the neighbour [P, 3], ..."""

    energy: NumpyArray  # [nloc]
    slope: NumpyArray  # dE/dr [P, 3]: the force on the centre, less that on the neighbour
    moment: NumpyArray  # r dE/dr [P, 3, 3]: its sum is less the virial


@dataclass
class Gathered:
    """What follows from positions and tables alone, before the fitting net."""

    channels: Channels
    rows: Any  # R [P, 4]
    x: Any  # X [nloc, 4, W]
    d: Any  # D [nloc, K]


def evaluate(n: Tables, m: Contents, ti: NumpyArray, near: Neighbors) -> Results:
    """Forward and backward, for centres of types ti [nloc]."""
    return finish(n, m, ti, near, gather(n, m, ti, near))


def gather(n: Tables, m: Contents, ti: NumpyArray, near: Neighbors) -> Gathered:
    """From neighbours to the descriptor."""
    shift: Any = m.shift
    c = n.channels(near.ti, near.tj, near.u)
    rows = _rows(n, shift, c, near.r)
    x = _contract(n, m, ti, near, rows, c.g)
    return Gathered(c, rows, x, n.narrow("d", _products(m, x), shift["d"], DATA_BITS))


def finish(n: Numbers, m: Contents, ti: NumpyArray, near: Neighbors, found: Gathered) -> Results:
    """The fitting net, and all the way back. `near.r` and `found` are arrays of the numbers."""
    shift: Any = m.shift
    energy, dd = fit(n, m, ti, found.d)
    dx = n.narrow("dx", _products_back(n, m, found.x, dd), shift["dx"], X_BITS)
    slope = _slope(n, m, near, found.channels, found.rows, dx)
    short = n.narrow("f_short", slope, shift["f_short"], R_BITS)
    moment = short[:, :, None] * near.r[:, None, :]
    return Results(energy, slope, n.narrow("moment", moment, shift["moment"], VIRIAL_BITS))


def _rows(n: Numbers, shift: Any, c: Channels, r: NumpyArray) -> NumpyArray:
    """R = (s, h x, h y, h z), [P, 4]."""
    s = n.narrow("row_s", c.s, shift["row_s"], DATA_BITS)
    xyz = n.narrow("row_h", c.h[:, None] * r, shift["row_h"], DATA_BITS)
    return np.concatenate([s[:, None], xyz], axis=1)


def _contract(
    n: Numbers, m: Contents, ti: NumpyArray, near: Neighbors, rows: NumpyArray, g: NumpyArray
) -> NumpyArray:
    """X [nloc, 4, W]: the exact sum over neighbours, and once rounded."""
    shape = m.shape
    products = rows[:, :, None] * g[:, None, :]  # [P, 4, M]
    products[:, 0] -= m.pad[near.ti, near.tj]
    blocks = shape.ntypes if shape.split else 1
    block = near.tj if shape.split else near.tj * 0
    total = n.total(near.center * blocks + block, products, len(ti) * blocks)
    total = total.reshape(len(ti), blocks, 4, shape.columns).swapaxes(1, 2)
    total = total.reshape(len(ti), 4, shape.width)
    total[:, 0] += m.start[ti]
    return n.narrow("x", total, m.shift["x"], X_BITS)


def _products(m: Contents, x: NumpyArray) -> NumpyArray:
    """sum_c x_ca x_cb of every pair of columns, [nloc, K]."""
    a, b = m.pairs.T
    return np.asarray((x[:, :, a] * x[:, :, b]).sum(axis=1))


def _products_back(n: Numbers, m: Contents, x: NumpyArray, dd: NumpyArray) -> NumpyArray:
    """The adjoint: dx_ca += d_k x_cb and dx_cb += d_k x_ca."""
    a, b = m.pairs.T
    dd, width = dd[:, None, :], m.shape.width
    dx = n.total(a, (dd * x[:, :, b]).swapaxes(0, 2), width)
    return (dx + n.total(b, (dd * x[:, :, a]).swapaxes(0, 2), width)).swapaxes(0, 2)


def fit(n: Numbers, m: Contents, ti: NumpyArray, d: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
    """Energy of each atom, and its slope by the descriptor."""
    shift: Any = m.shift
    x, slopes = d, []
    for k, layer in enumerate(m.layers):
        total = _by_type(n, _cut(n, m, k, x), layer.weight, ti) + layer.bias[ti]
        z = n.narrow(f"z{k}", total, layer.z_shift[ti], Z_BITS)
        y, slope = n.activation(z)
        idt = layer.idt[ti]
        slopes.append(n.narrow(f"slope{k}", idt * slope, shift["slope"][k], ROW_BITS))
        y = n.narrow(f"y{k}", idt * y, shift["y"][k], DATA_BITS)
        x = n.narrow(f"a{k}", y + x, 0, DATA_BITS) if m.shape.resnet[k] else y
    total = (x * m.head[ti]).sum(axis=1) + m.head_bias[ti]
    energy = n.narrow("energy", total, shift["energy"], OUT_BITS)
    back = m.head_back[ti]
    for k in reversed(range(len(m.layers))):
        layer = m.layers[k]
        if m.shape.packed[k]:
            by = layer.back_shift[ti] + shift["cut"]
            gz = n.narrow(f"gz{k}", back * slopes[k], by, PACKED_DATA_BITS) * (1 << shift["cut"])
        else:
            gz = n.narrow(f"gz{k}", back * slopes[k], layer.back_shift[ti], DATA_BITS)
        through = _by_type(n, gz, layer.weight.swapaxes(1, 2), ti)
        g = n.narrow(f"g{k}", through, shift["back"][k], DATA_BITS)
        back = n.narrow(f"ga{k}", g + back, 0, DATA_BITS) if m.shape.resnet[k] else g
    return energy, back


def _cut(n: Numbers, m: Contents, k: int, x: NumpyArray) -> NumpyArray:
    """What layer k multiplies its weights with: a packed one takes the upper bits of its input."""
    if not m.shape.packed[k]:
        return x
    cut: Any = m.shift["cut"]
    upper: NumpyArray = n.narrow(f"p{k}", x, cut, PACKED_DATA_BITS) * (1 << cut)
    return upper


def _by_type(n: Numbers, x: NumpyArray, weight: NumpyArray, ti: NumpyArray) -> NumpyArray:
    """x W of the type of each centre."""
    parts = n.concatenate([x[ti == t] @ weight[t] for t in range(len(weight))])
    return parts[np.argsort(np.argsort(ti, kind="stable"))]


def _slope(
    n: Numbers, m: Contents, near: Neighbors, c: Channels, rows: NumpyArray, dx: NumpyArray
) -> NumpyArray:
    """dE/dr of every neighbour, [P, 3], from dE/dX [nloc, 4, W]."""
    shape, shift = m.shape, m.shift
    blocks = shape.ntypes if shape.split else 1
    block = near.tj if shape.split else near.tj * 0
    own = dx.reshape(len(dx), 4, blocks, shape.columns)[near.center, :, block]  # [P, 4, M]
    back = n.narrow("row_back", rows, shape.row_shift, ROW_BITS)
    dg = n.narrow("dg", (back[:, :, None] * own).sum(axis=1), shape.dg_shift, X_BITS)
    dr = n.narrow("dr", (own * c.g[:, None, :]).sum(axis=2), shift["dr"], X_BITS)
    along = n.narrow("along", (dr[:, 1:] * near.r).sum(axis=1), shift["along"], X_BITS)
    dt = (
        n.narrow("dt_g", (dg * c.g_slope).sum(axis=1), shift["dt_g"], X_BITS)
        + n.narrow("dt_s", dr[:, 0] * c.s_slope, shift["dt_s"], X_BITS)
        + n.narrow("dt_h", along * c.h_slope, shift["dt_h"], X_BITS)
    )
    dt = n.narrow("dt", dt, 0, X_BITS)
    by_octave = (shift["f_u"] + c.octave)[:, None]
    f_u = n.narrow("f_u", dt[:, None] * near.r, by_octave, OUT_BITS)
    f_h = n.narrow("f_h", c.h[:, None] * dr[:, 1:], shift["f_h"], OUT_BITS)
    return n.narrow("f", f_u + f_h, 0, OUT_BITS)
