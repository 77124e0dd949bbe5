"""Contents of a circuit as tensors of a program, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dpc.ir.fixed.shape import FIXED, Contents, Layer, Shape
from dpc.ir.types import NumpyArray

PER_LAYER = ("y", "slope", "back")
SHIFTS = (
    "row_s", "row_h", "x", "d", "energy", "dx", "dr", "along",
    "dt_g", "dt_s", "dt_h", "f_u", "f_h", *PER_LAYER,
)  # fmt: skip
"""Shifts in the order of their registers; those of PER_LAYER have one for every layer."""

SHAPE = ("hidden", "resnet", "weight_bits", "value_frac", "act_frac", "split", "g_shift",
         "row_shift", "dg_shift", "row_bits", "octaves", "max_neighbors")  # fmt: skip
"""What of a shape the tensors do not say."""


def tensors(m: Contents) -> dict[str, NumpyArray]:
    """By field of op fixed_point."""
    columns = ("bias", "z_shift", "idt", "back_shift")
    return {
        "table": m.table.astype(np.int32),
        "pad": m.pad,
        "start": m.start,
        "pairs": m.pairs.astype(np.int32),
        "weight": np.concatenate([layer.weight.ravel() for layer in m.layers]).astype(np.int32),
        "column": np.stack(
            [np.concatenate([getattr(layer, c) for layer in m.layers], axis=1) for c in columns]
        ),
        "head": np.stack([m.head, m.head_back]).astype(np.int32),
        "head_bias": m.head_bias,
        "act": m.act.astype(np.int32),
        "shift": shift_list(m),
        "bias": m.energy_bias,
    }


def shift_list(m: Contents) -> NumpyArray:
    """All shifts, in the order of SHIFTS."""
    found: list[int] = []
    for name in SHIFTS:
        value = m.shift[name]
        found += value if isinstance(value, tuple) else [value]
    return np.array(found, np.int32)


def _shifts(values: NumpyArray, layers: int) -> dict[str, int | tuple[int, ...]]:
    found: dict[str, int | tuple[int, ...]] = dict(FIXED)
    rest = [int(v) for v in values]
    for name in SHIFTS:
        count = layers if name in PER_LAYER else 1
        found[name] = tuple(rest[:count]) if name in PER_LAYER else rest[0]
        rest = rest[count:]
    return found


def contents_of(op: Any, store: Mapping[str, NumpyArray]) -> Contents:
    """What an op fixed_point says."""

    def read(name: str) -> NumpyArray:
        tensor = store[getattr(op, name).name]
        return tensor if tensor.dtype == np.float64 else tensor.astype(np.int64)

    table, pairs, pad = read("table"), read("pairs"), read("pad")
    ntypes, columns = len(table), pad.shape[2]
    shape = Shape(
        ntypes=ntypes,
        columns=columns,
        products=len(pairs),
        **{name: getattr(op, name) for name in SHAPE},
    )
    weight, column, head = read("weight"), read("column"), read("head")
    layers, at, place = [], 0, 0
    for inputs, outputs in zip(shape.widths, shape.hidden, strict=False):
        size = ntypes * inputs * outputs
        own = weight[at : at + size].reshape(ntypes, inputs, outputs)
        bias, z_shift, idt, back = column[:, :, place : place + outputs]
        layers.append(Layer(own, bias, z_shift, idt, back))
        at, place = at + size, place + outputs
    return Contents(
        shape, table, pad, read("start"), pairs, tuple(layers), head[0], read("head_bias"), head[1],
        read("act"), op.u_cut, op.u_min, _shifts(read("shift"), len(layers)), read("bias"),
    )  # fmt: skip
