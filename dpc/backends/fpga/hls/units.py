"""Binary points: fraction bits of what a circuit's fitting net holds, and types that say them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dpc.ir.fixed.shape import DATA_BITS, ENERGY_FRAC, T_BITS, Z_FRAC, Contents

WEIGHT_FRAC = 17
"""Weights are read as -1 to 1; what a column is scaled by comes after its sum."""

#: df/dz = slope by t 2^ROW: a row of the activation is 2^-ROW wide
ROW = Z_FRAC - T_BITS

ONE = 16  # fraction bits in which a timestep of 1 is 18 bits wide


@dataclass(frozen=True)
class Fixed:
    """A fixed-point type: all bits, and those behind the point.

    `rounded`: what does not fit is rounded, halves up, and saturated, as `round` of
    docs/explain/fixed-point.md; without it everything must fit.
    """

    bits: int
    frac: int
    rounded: bool = False

    def __str__(self) -> str:
        modes = ",AP_RND,AP_SAT" if self.rounded else ""
        return f"ap_fixed<{self.bits},{self.bits - self.frac}{modes}>"


@dataclass(frozen=True)
class Units:
    """Fraction bits by signal; lists have one for each hidden layer.

    A circuit's integers leave powers of two open, for these change no bit. Between descriptor and
    first weights: without a residual there, the descriptor is read as -1 to 1. And between
    activations and timestep: that of the first layer is read as 1, which it is where layers that
    change their width have none.
    """

    d: int  # descriptor
    a: int  # activations
    idt: tuple[int, ...]
    slope: tuple[int, ...]  # timestep times slope of the activation
    head: int
    back: int  # dE/da
    dd: int  # dE/dD
    z: int = Z_FRAC
    energy: int = ENERGY_FRAC

    @classmethod
    def of(cls, m: Contents) -> Units:
        """From the shifts between signals."""
        shape, shift, layers = m.shape, m.shift, range(len(m.layers))
        y, slopes, back = (_each(shift[name]) for name in ("y", "slope", "back"))
        value, by_t = shape.act_frac[:2]
        a = value + ONE - y[0]
        idt = tuple(y[k] + a - value for k in layers)
        slope = tuple(by_t - ROW + idt[k] - slopes[k] for k in layers)
        head = int(np.asarray(shift["energy"])) + ENERGY_FRAC - a
        out = head + _log2(m.head_back, m.head)
        d = a if shape.resnet[0] else DATA_BITS - 1
        first = m.layers[0]
        through = Z_FRAC + int(first.z_shift[0, 0]) - d
        dd = through + out + slope[0] - int(first.back_shift[0, 0]) - back[0]
        return cls(d, a, idt, slope, head, out, dd)


def _each(shifts: object) -> tuple[int, ...]:
    assert isinstance(shifts, tuple)
    return shifts


def _log2(left: np.ndarray, right: np.ndarray) -> int:
    """Of the power of two by which two arrays differ, but for rounding."""
    at = np.unravel_index(np.abs(right).argmax(), right.shape)
    if not (left[at] and right[at]):
        return 0
    return int(np.rint(np.log2(abs(float(left[at])) / abs(float(right[at])))))
