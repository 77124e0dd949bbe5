"""Nets and tables, chosen row by row by a type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dpc.backends.onnx.by_type import by_type
from dpc.backends.onnx.dense import Net
from dpc.backends.onnx.emission import Emission, emitter
from dpc.backends.onnx.tensor import Tensor
from dpc.ir.ops import net
from dpc.ir.params import Table
from dpc.ir.types import DType


@emitter("mlp")
def mlp(e: Emission, op: net.Mlp) -> Tensor:
    x = e(op.x).unsqueeze(-1) if op.scalar else e(op.x)

    def forward(k: int, rows: Sequence[Tensor]) -> Tensor:
        return Net(e, op.net, k).forward(rows[0])

    return by_type(e, op.index, op.net.count, op.out.type.rank, [x], forward)


@emitter("mlp_vjp")
def mlp_vjp(e: Emission, op: net.MlpVjp) -> Tensor:
    x = e(op.x).unsqueeze(-1) if op.scalar else e(op.x)

    def backward(k: int, rows: Sequence[Tensor]) -> Tensor:
        return Net(e, op.net, k).backward(*rows)

    dx = by_type(e, op.index, op.net.count, op.d.type.rank, [x, e(op.d)], backward)
    return dx.squeeze(-1) if op.scalar else dx


def _polynomial(
    e: Emission, table: Table, k: int, x: Tensor, powers: Sequence[np.ndarray], what: str
) -> Tensor:
    """sum_p powers[p][row] t^p by Horner's rule; each of `powers` is [rows, width]."""
    row = ((x - table.lower) / table.stride).op("Floor").clip(0, table.rows - 1)
    t = (x - (row * table.stride + table.lower)).unsqueeze(-1)
    row = row.cast(DType.I64)
    parts = [
        e.array(power, f"{table.name}.{k}.{what}.{p}").gather(row) for p, power in enumerate(powers)
    ]
    y = parts.pop()
    while parts:
        y = y * t + parts.pop()
    return y


@emitter("table")
def table(e: Emission, op: net.TableOp) -> Tensor:
    c = e.store[op.table.name]  # [count, rows, 6, width]

    def value(k: int, rows: Sequence[Tensor]) -> Tensor:
        return _polynomial(e, op.table, k, rows[0], list(c[k].swapaxes(0, 1)), "value")

    return by_type(e, op.index, op.table.count, op.out.type.rank, [e(op.x)], value)


@emitter("table_vjp")
def table_vjp(e: Emission, op: net.TableVjp) -> Tensor:
    c = e.store[op.table.name]

    def slope(k: int, rows: Sequence[Tensor]) -> Tensor:
        x, d = rows
        powers = [c[k, :, p] * c.dtype.type(p) for p in range(1, c.shape[2])]
        return (d * _polynomial(e, op.table, k, x, powers, "slope")).sum(-1)

    return by_type(e, op.index, op.table.count, op.x.type.rank, [e(op.x), e(op.d)], slope)
