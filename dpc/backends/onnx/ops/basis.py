"""Few columns that stand for a wide embedding: by type, expanded, multiplied in pairs."""

from __future__ import annotations

import numpy as np

from dpc.backends.onnx.by_type import select
from dpc.backends.onnx.emission import Emission, emitter
from dpc.backends.onnx.tensor import Tensor, concat
from dpc.ir.ops import basis
from dpc.ir.params import Param


@emitter("type_columns")
def type_columns(e: Emission, op: basis.TypeColumns) -> Tensor:
    b, tj = e(op.b), e(op.tj).unsqueeze(-1)
    return concat([tj.equals(t).where(b, 0.0) for t in range(op.ntypes)], axis=-1)


@emitter("type_columns_vjp")
def type_columns_vjp(e: Emission, op: basis.TypeColumnsVjp) -> Tensor:
    d, width = e(op.d), int(op.d.dims[-1]) // op.ntypes
    blocks = [d.slice(-1, t * width, (t + 1) * width) for t in range(op.ntypes)]
    return select(e(op.tj).unsqueeze(-1), blocks)


def _expanded(
    e: Emission, op: basis.Expand | basis.ExpandVjp, x: Tensor, transposed: bool
) -> Tensor:
    """x C, or x C^T, with the C of each atom."""
    columns = e.store[op.columns.name]
    matrices = [e.array(c, f"{op.columns.name}.{k}") for k, c in enumerate(columns)]
    choices = [x @ (c.transpose(1, 0) if transposed else c) for c in matrices]
    return choices[0] if len(choices) == 1 else select(e(op.ti).unsqueeze(1, 2), choices)


@emitter("expand")
def expand(e: Emission, op: basis.Expand) -> Tensor:
    return _expanded(e, op, e(op.p), transposed=False)


@emitter("expand_vjp")
def expand_vjp(e: Emission, op: basis.ExpandVjp) -> Tensor:
    return _expanded(e, op, e(op.d), transposed=True)


def _places(e: Emission, pairs: Param, width: int) -> Tensor:
    """Where each pair (a, b) stands in a matrix of width x width, its rows in a line."""
    a, b = e.store[pairs.name].T.astype(np.int64)
    return e.array(a * width + b, f"{pairs.name}.places")


@emitter("outer_pairs")
def outer_pairs(e: Emission, op: basis.OuterPairs) -> Tensor:
    x, width = e(op.x), int(op.x.dims[2])
    products = (x.transpose(0, 2, 1) @ x).reshape(0, width * width)
    return products.gather(_places(e, op.pairs, width), axis=1)


@emitter("outer_pairs_vjp")
def outer_pairs_vjp(e: Emission, op: basis.OuterPairsVjp) -> Tensor:
    d, x, width = e(op.d), e(op.x), int(op.x.dims[2])
    zeros = e.fill(concat([x.shape(0, 1), e.ints([width * width])], axis=0), 0.0, x.dtype)
    index = _places(e, op.pairs, width).op("Expand", d.shape())
    full = zeros.op("ScatterElements", index, d, axis=1, reduction="add").reshape(0, width, width)
    return x @ (full + full.transpose(0, 2, 1))
