"""s, h and every column of G as functions of u = r^2: their table of cubic pieces by octaves.

Rows of octave o > 0 divide [2^(o-2), 2^(o-1)) Å^2 evenly, those of octave 0 [0, 1/2). A piece
matches values and slopes at both its ends (Hermite), so forces are continuous. Nearer than
`nearest` everything stays as it is there, and the slopes are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dpc.ir.fixed.shape import Shape
from dpc.ir.ops.environment import switch
from dpc.ir.params import Net
from dpc.ir.types import NumpyArray
from dpc.passes.circuit_form import Form
from dpc.passes.jets import net_jet


@dataclass(frozen=True)
class PairFunctions:
    """What the neighbours of one pair of types give: [.., channels], s and h first.

    `scale` [channels] multiplies each: powers of two.
    """

    form: Form
    net: Net
    ti: int
    nearest: float  # Å^2
    scale: NumpyArray

    def __call__(self, u: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        """Values and slopes by u (1/Å^2) at u [n] (Å^2), each [n, channels]."""
        inside = u >= self.nearest
        u = np.where(inside, u, self.nearest)
        r = np.sqrt(u)
        sw, dsw = switch(r, self.form.env.rcut_smth, self.form.env.rcut)
        mean, std = self.form.mean[self.ti], self.form.std[self.ti]
        s, ds = (sw / r - mean) / std[0], (dsw - sw / r) / (2 * u * std[0])
        h, dh = sw / u / std[1], (dsw * r / 2 - sw) / (u * u * std[1])
        g = net_jet(self.net, s)
        value = np.concatenate([s[:, None], h[:, None], g.value], axis=1)
        slope = np.concatenate([ds[:, None], dh[:, None], g.slope * ds[:, None]], axis=1)
        return value * self.scale, slope * self.scale * inside[:, None]


def row_begins(shape: Shape) -> tuple[NumpyArray, NumpyArray]:
    """Where every row begins, and how wide it is; Å^2."""
    per = 1 << shape.row_bits
    octave = np.repeat(np.arange(shape.octaves), per)
    width = 2.0 ** (np.maximum(octave - 1, 0) - 1) / per
    begin = np.where(octave > 0, 2.0 ** (octave - 2), 0.0)
    return begin + np.tile(np.arange(per), shape.octaves) * width, width


def first_row(shape: Shape, nearest: float) -> float:
    """The beginning of the row that holds a distance, Å; the first row counts as its second."""
    begin, width = row_begins(shape)
    row = max(1, int(np.searchsorted(begin, nearest**2, side="right")) - 1)
    return float(begin[row])


def pieces(shape: Shape, functions: PairFunctions) -> NumpyArray:
    """Coefficients [rows, channels, 4] of powers of t, 0 to 1 over the row."""
    begin, width = row_begins(shape)
    w = width[:, None]
    f0, d0 = functions(begin)
    f1, d1 = functions(begin + width)
    c = [f0, d0 * w, 3 * (f1 - f0) - (2 * d0 + d1) * w, 2 * (f0 - f1) + (d0 + d1) * w]
    found = np.stack(c, axis=-1)
    found[begin < functions.nearest, :, 1:] = 0.0
    return found


def integer_pieces(c: NumpyArray, frac: tuple[int, int, int, int]) -> NumpyArray:
    """Coefficients as integers."""
    return np.asarray(np.rint(c * np.exp2(np.array(frac))), np.int64)


def fractions(c: NumpyArray, value_frac: int, bits: int) -> tuple[int, int, int, int]:
    """Fraction bits of c0 .. c3 so that no step of Horner's rule exceeds so many bits."""
    a, b, d = (np.abs(c[..., k]) for k in (1, 2, 3))
    sums = (a + 2 * b + 3 * d, b + 2 * d, d)
    found = [value_frac]
    for total in sums:
        most = max(float(total.max()), 2.0**-40)
        found.append(int(np.floor(bits - 1 - np.log2(most) - 1e-9)))
    return found[0], found[1], found[2], found[3]
