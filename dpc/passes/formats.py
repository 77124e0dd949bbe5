"""Where the binary point of every signal lies, and the shifts that follow.

The fraction bits of a signal are as many as its range on calibration frames leaves, with room
for twice that range. The range comes from the pipeline itself, run on reals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dpc.ir.fixed.shape import (
    COORD_FRAC,
    DATA_BITS,
    ENERGY_FRAC,
    FIXED,
    FORCE_FRAC,
    ROW_BITS,
    X_BITS,
    Z_FRAC,
    Shape,
)
from dpc.ir.types import NumpyArray

#: how much larger than on the calibration frames a signal may become
ROOM = 2.0
#: fraction bits of the slope of the activation: df/dz = slope by t / 2^-5
ACT_SLOPE = 5


def frac_of(most: float, bits: int, room: float = ROOM) -> int:
    """The most fraction bits that leave room for values up to `most`."""
    return int(np.floor(bits - 1 - np.log2(max(most * room, 2.0**-10)) - 1e-9))


def choose_fracs(shape: Shape, largest: Mapping[str, NumpyArray]) -> dict[str, int]:
    """Fraction bits by signal."""

    def of(name: str, bits: int) -> int:
        return frac_of(float(np.max(largest[name])), bits)

    layers = range(len(shape.hidden))
    forward = [f"{kind}{k}" for k in layers for kind in ("y", "a")]
    back = ["head_back", *(f"{kind}{k}" for k in layers if k for kind in ("g", "ga"))]

    def of_all(names: list[str]) -> int:
        most = max(float(largest[name].max()) for name in names if name in largest)
        return frac_of(most, DATA_BITS)

    found = {
        "row": DATA_BITS - 1,
        "g": shape.value_frac[0] - shape.g_shift,
        "x": of("x", X_BITS),
        "d": of("d", DATA_BITS),
        "a": of_all(forward),
        "back": of_all(back),
        "dd": of("g0", DATA_BITS),
        "dx": of("dx", X_BITS),
        "dr": of("dr", X_BITS),
        "along": of("along", X_BITS),
        "dt": min(of(name, X_BITS) for name in ("dt", "dt_g", "dt_s", "dt_h")),
    }  # fmt: skip
    if shape.resnet[0]:
        found["d"] = found["a"] = min(found["d"], found["a"])
        found["dd"] = found["back"] = min(found["dd"], found["back"])
    found["dg"] = of("dg", X_BITS)
    return found


def static_dg_shift(frac: Mapping[str, int]) -> int:
    """The shift of dG that its range asks for."""
    return max(0, ROW_BITS - 1 + frac["dx"] - frac["dg"])


def shifts(shape: Shape, frac: dict[str, int], layers: Any) -> dict[str, int | tuple[int, ...]]:
    """Shifts by name; `layers` has the fraction bits idt, slope and sum of every layer."""
    v0, v1 = shape.value_frac[:2]
    a0, a1 = shape.act_frac[0], shape.act_frac[1] - ACT_SLOPE
    n = len(layers)
    dg = ROW_BITS - 1 + frac["dx"] - shape.dg_shift
    into = [frac["dd"], *[frac["back"]] * (n - 1)]
    return {
        "row_s": v0 - frac["row"],
        "row_h": v0 + COORD_FRAC - frac["row"],
        "x": frac["row"] + frac["g"] - frac["x"],
        "d": 2 * frac["x"] - frac["d"],
        "y": tuple(a0 + one.idt - frac["a"] for one in layers),
        "slope": tuple(a1 + one.idt - one.slope for one in layers),
        "back": tuple(one.sum - into[k] for k, one in enumerate(layers)),
        "energy": frac["a"] + frac["head"] - ENERGY_FRAC,
        "dx": frac["x"] + frac["dd"] - frac["dx"],
        "dr": frac["dx"] + frac["g"] - frac["dr"],
        "along": frac["dr"] + COORD_FRAC - frac["along"],
        "dt_g": dg + v1 - frac["dt"],
        "dt_s": frac["dr"] + v1 - frac["dt"],
        "dt_h": frac["along"] + v1 - frac["dt"],
        "f_u": frac["dt"] + COORD_FRAC - FORCE_FRAC - (shape.row_bits + 2),
        "f_h": v0 + frac["dr"] - FORCE_FRAC,
        **FIXED,
    }


def z_shift(frac_in: int, weight: NumpyArray) -> NumpyArray:
    """Of every column, from the fraction bits of its weights."""
    return frac_in + weight - Z_FRAC
