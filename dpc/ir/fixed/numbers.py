"""Two kinds of numbers that the pipeline runs on: integers, and the reals they stand for.

The pipeline is written once. On `Integers` it is the definition of every bit; on `Reals`
nothing is rounded, and the range of every signal is kept: formats are chosen from it. A third
kind is that of training, dpc.frontend.training.quantised: integers with gradients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from dpc.ir.activations import Activation
from dpc.ir.fixed.shape import ROW_BITS, T_BITS, Z_BITS, Contents, Shape
from dpc.ir.types import NumpyArray


def round_shift(x: NumpyArray, shift: Any) -> NumpyArray:
    """x / 2^shift to the nearest integer, halves up: the one rounding there is."""
    shift = np.asarray(shift, np.int64)
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    return np.asarray((x + half) >> shift)


def saturate(x: NumpyArray, bits: int) -> NumpyArray:
    """The nearest number that has so many bits, signed."""
    return np.clip(x, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


class Numbers(Protocol):
    """What the pipeline asks of numbers."""

    def narrow(self, name: str, x: NumpyArray, shift: Any, bits: int) -> NumpyArray:
        """A wide value in the format of signal `name`."""
        ...

    def activation(self, z: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        """f(z) and its slope."""
        ...

    def total(self, index: NumpyArray, values: NumpyArray, count: int) -> NumpyArray:
        """Sums [count, ..] of the values [n, ..] that have the same index [n]."""
        ...

    def concatenate(self, parts: list[NumpyArray]) -> NumpyArray:
        """One after the other, along the first axis."""
        ...


class Tables(Numbers, Protocol):
    """And of those that begin with positions."""

    def channels(self, ti: NumpyArray, tj: NumpyArray, u: NumpyArray) -> Channels:
        """The pair table."""
        ...


class Arrays:
    """How NumPy does what arrays have no methods for."""

    def total(self, index: NumpyArray, values: NumpyArray, count: int) -> NumpyArray:
        """Sums [count, ..] of the values [n, ..] that have the same index [n]."""
        found = np.zeros((count, *values.shape[1:]), dtype=values.dtype)
        np.add.at(found, index, values)
        return found

    def concatenate(self, parts: list[NumpyArray]) -> NumpyArray:
        """One after the other, along the first axis."""
        return np.concatenate(parts)


class Channels:
    """What the pair table gives for each neighbour; slopes are by t, `octave` says how wide."""

    def __init__(self, value: NumpyArray, slope: NumpyArray, octave: NumpyArray) -> None:
        self.s, self.h = value[:, 0], value[:, 1]
        self.s_slope, self.h_slope = slope[:, 0], slope[:, 1]
        self.g, self.g_slope = value[:, 2:], slope[:, 2:]
        self.octave = octave


def locate(shape: Shape, u: NumpyArray) -> tuple[NumpyArray, NumpyArray, NumpyArray]:
    """Row in the table of a pair, distance t in it, and number k of the octave (0, 0, 1, ..)."""
    below = shape.row_bits + T_BITS
    octave = np.zeros_like(u)
    for o in range(1, shape.octaves):
        octave += u >= (1 << (below + o - 1))
    k = np.maximum(octave - 1, 0)
    v = u >> k
    row = (v >> T_BITS) & ((1 << shape.row_bits) - 1)
    return (octave << shape.row_bits) + row, v & ((1 << T_BITS) - 1), k


def cubic(
    c: NumpyArray, t: NumpyArray, frac: tuple[int, int, int, int]
) -> tuple[NumpyArray, NumpyArray]:
    """Value, at frac[0], and slope by t, at frac[1], of c[..., 0:4] at t [..., broadcast]."""
    s3, s2, s1 = (T_BITS + frac[k] - frac[k - 1] for k in (3, 2, 1))
    q = round_shift(c[..., 3] * t, s3)
    p2 = c[..., 2] + q
    p1 = c[..., 1] + round_shift(p2 * t, s2)
    p0 = c[..., 0] + round_shift(p1 * t, s1)
    return p0, p1 + round_shift((p2 + q) * t, s2)


class Integers(Arrays):
    """Integers: every bit as in the circuit. `saturated` counts by signal."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.saturated: Counter[str] = Counter()
        self.trace: dict[str, NumpyArray] = {}

    def narrow(self, name: str, x: NumpyArray, shift: Any, bits: int) -> NumpyArray:
        """Rounded and saturated."""
        rounded = round_shift(x, shift)
        result = saturate(rounded, bits)
        self.saturated[name] += int(np.count_nonzero(result != rounded))
        self.trace[name] = result
        return result

    def channels(self, ti: NumpyArray, tj: NumpyArray, u: NumpyArray) -> Channels:
        """The stored table; G rounded to ROW_BITS."""
        shape = self.contents.shape
        row, t, octave = locate(shape, u)
        value, slope = cubic(self.contents.table[ti, tj, row], t[:, None], shape.value_frac)
        found = Channels(value, slope, octave)
        self.trace.update(row=row, t=t, octave=octave, s=found.s, h=found.h)
        self.trace.update(s_slope=found.s_slope, h_slope=found.h_slope, g_slope=found.g_slope)
        found.g = self.narrow("g", found.g, shape.g_shift, ROW_BITS)
        return found

    def activation(self, z: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        """The stored table."""
        v = z + (1 << (Z_BITS - 1))
        rows = self.contents.act[v >> T_BITS]
        return cubic(rows, v & ((1 << T_BITS) - 1), self.contents.shape.act_frac)


class Reals(Arrays):
    """Reals: nothing is rounded. `largest` has the range of every signal, in its last axis too."""

    def __init__(self, channels: Callable[..., Channels], activation: Activation) -> None:
        self._channels, self._activation = channels, activation
        self.largest: dict[str, NumpyArray] = {}

    def narrow(self, name: str, x: NumpyArray, shift: Any, bits: int) -> NumpyArray:
        """x 2^-shift: shifts of the reals are 0 but where a unit of length hides in them."""
        result = x * np.exp2(-np.asarray(shift, np.float64))
        self.see(name, result)
        return result

    def see(self, name: str, x: NumpyArray) -> None:
        """Keep the range of a signal: the largest |x| of every column."""
        most = np.abs(x).reshape(-1, x.shape[-1] if x.ndim > 1 else 1).max(axis=0, initial=0.0)
        self.largest[name] = np.maximum(self.largest.get(name, 0.0), most)

    def channels(self, ti: NumpyArray, tj: NumpyArray, u: NumpyArray) -> Channels:
        """The functions that the pair table stands for."""
        return self._channels(ti, tj, u)

    def activation(self, z: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        """The activation itself."""
        return self._activation.value(z), self._activation.slope(z)
