"""What rounding each class of signals costs: errors of forces and energies against word length.

The pipeline runs on reals, and the signals of one class alone are rounded to some fraction bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np

from dpc.ir.activations import ACTIVATIONS
from dpc.ir.fixed.numbers import Channels, Reals
from dpc.ir.fixed.pipeline import Neighbors, Results, evaluate
from dpc.ir.fixed.shape import (
    C_BITS,
    COORD_FRAC,
    DATA_BITS,
    FORCE_FRAC,
    OUT_BITS,
    R_BITS,
    ROW_BITS,
    X_BITS,
    Contents,
)
from dpc.ir.types import NumpyArray

FEWER = (0, 2, 4, 6)
"""By how many bits the words are shortened."""

Fractions = Mapping[str, int]


class Rounding(Reals):
    """Reals of which some signals are rounded: fraction bits by name."""

    def __init__(self, channels: Callable[..., Channels], activation: Any, frac: Fractions) -> None:
        super().__init__(channels, activation)
        self.frac = frac

    def narrow(self, name: str, x: NumpyArray, shift: Any, bits: int) -> NumpyArray:
        """Rounded, if the signal is one of them."""
        result = x * np.exp2(-np.asarray(shift, np.float64))
        return _rounded(result, self.frac[name]) if name in self.frac else result

    def channels(self, ti: NumpyArray, tj: NumpyArray, u: NumpyArray) -> Channels:
        """The pair table, with rounded values or slopes."""
        found = super().channels(ti, tj, u)
        for name in ("s", "h", "g", "s_slope", "h_slope", "g_slope"):
            if name in self.frac:
                setattr(found, name, _rounded(getattr(found, name), self.frac[name]))
        return found


def _rounded(x: NumpyArray, frac: int) -> NumpyArray:
    scale = 2.0**frac
    return np.asarray(np.floor(x * scale + 0.5) / scale)


def classes(m: Contents) -> dict[str, tuple[int, Fractions]]:
    """(bits of a word, fraction bits of its signals) of each class of signals."""
    frac, layers = m.frac, range(len(m.layers))
    value, slope = m.shape.value_frac[:2]
    found: dict[str, tuple[int, Fractions]] = {
        "positions": (R_BITS, {"r": COORD_FRAC}),
        "table: values": (C_BITS, {"s": value, "h": value}),
        "table: slopes": (C_BITS, {"s_slope": slope, "h_slope": slope, "g_slope": slope}),
        "G": (ROW_BITS, {"g": frac["g"]}),
        "R": (DATA_BITS, {"row_s": frac["row"], "row_h": frac["row"]}),
        "R, back": (ROW_BITS, {"row_back": ROW_BITS - 1}),
        "X": (X_BITS, {"x": frac["x"]}),
        "descriptor": (DATA_BITS, {"d": frac["d"]}),
        "activations": (
            DATA_BITS,
            {f"{kind}{k}": frac["a"] for k in layers for kind in ("y", "a")},
        ),
        "adjoints, net": (DATA_BITS, {f"g{k}": frac["back"] if k else frac["dd"] for k in layers}),
        "dE/dX": (X_BITS, {"dx": frac["dx"]}),
        "dE/dG": (X_BITS, {"dg": frac["dg"]}),
        "dE/dR": (X_BITS, {"dr": frac["dr"], "along": frac["along"]}),
        "dE/dt": (X_BITS, dict.fromkeys(("dt_g", "dt_s", "dt_h"), frac["dt"])),
        "dE/dr": (OUT_BITS, {"f_u": FORCE_FRAC, "f_h": FORCE_FRAC}),
    }
    return found


def word_lengths(
    m: Contents,
    real: Contents,
    channels: Callable[..., Channels],
    activation: str,
    ti: NumpyArray,
    near: Neighbors,
) -> list[dict[str, Any]]:
    """A row for each class and word length: rms error of forces, eV/Å, and of energy, eV/atom.

    `real` are the contents of m in reals.
    """
    act = ACTIVATIONS[activation]
    table = channels(near.ti, near.tj, near.u)  # of this frame, once for all rows

    def same(ti: NumpyArray, tj: NumpyArray, u: NumpyArray) -> Channels:
        return copy(table)

    exact = evaluate(Reals(same, act), real, ti, near)

    def row(name: str, bits: int, found: Results, of: Neighbors = near) -> dict[str, Any]:
        force = _forces(found, of, len(ti)) - _forces(exact, near, len(ti))
        energy = np.mean(found.energy - exact.energy)
        rms = float(np.sqrt(np.mean(force**2)))
        return {"signal": name, "bits": bits, "force": rms, "energy": abs(float(energy))}

    rows = []
    for name, (bits, frac) in classes(m).items():
        for fewer in FEWER:
            less = {signal: f - fewer for signal, f in frac.items()}
            if "r" in less:
                moved = replace(near, r=_rounded(near.r, less["r"]))
                moved = replace(moved, u=(moved.r**2).sum(axis=1))
                found = evaluate(Reals(channels, act), real, ti, moved)
            else:
                found = evaluate(Rounding(same, act, less), real, ti, near)
            rows.append(row(name, bits - fewer, found))
    for fewer in (*FEWER, 8, 10):
        for name, part in (
            ("weights, first layer", [0]),
            ("weights, others", [*range(len(m.layers))][1:]),
        ):
            if part:
                found = evaluate(Reals(same, act), _weights(real, part, fewer), ti, near)
                rows.append(row(name, ROW_BITS - fewer, found))
    return rows


def _forces(found: Results, near: Neighbors, count: int) -> NumpyArray:
    """On centres only: half of every force, enough to compare."""
    force = np.zeros((count, 3))
    np.add.at(force, near.center, found.slope)
    return force


def _weights(real: Contents, part: Sequence[int], fewer: int) -> Contents:
    """Weights of some layers with `fewer` bits than ROW_BITS, a scale for each column."""
    layers = list(real.layers)
    for k in part:
        weight = layers[k].weight
        most = np.abs(weight).max(axis=1, keepdims=True)
        frac = np.floor(ROW_BITS - 1 - fewer - np.log2(np.maximum(most, 2.0**-30)))
        layers[k] = replace(layers[k], weight=np.rint(weight * np.exp2(frac)) * np.exp2(-frac))
    return replace(real, layers=tuple(layers))
