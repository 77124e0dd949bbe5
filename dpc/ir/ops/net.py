"""Nets and their tables, chosen row by row from a bank by a type array."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dpc.ir.evaluate import Evaluation
from dpc.ir.op import Op, Value, op
from dpc.ir.params import NetBank, Table
from dpc.ir.ragged import Array
from dpc.ir.types import ArrayType, NumpyArray, Ragged


def _values(x: Array) -> NumpyArray:
    return x.values if isinstance(x, Ragged) else x


def _by_type(
    index: Array, count: int, result: NumpyArray, function: Callable[[int, NumpyArray], NumpyArray]
) -> Array:
    """Fill `result` with function(k, rows of net k); rows of negative types stay 0."""
    chosen = _values(index)
    for k in range(count):
        rows = chosen == k
        if rows.any():
            result[rows] = function(k, rows)
    return Ragged(result, index.offsets) if isinstance(index, Ragged) else result


@op("mlp")
class Mlp(Op):
    """Net index[..] of a bank, applied to each row.

    With scalar=true x has no feature dim: the net takes one number.

    %g = mlp %s, %tj, net=@embedding, scalar=true : f64[nloc, nnei, 100]
    %e = mlp %d, %ti, net=@fitting : f64[nloc, 1]
    """

    x: Value
    index: Value
    net: NetBank
    scalar: bool = False

    def infer(self) -> ArrayType:
        return _result(self, self.x, self.index, self.net, self.scalar)

    def eval(self, at: Evaluation, x: Array, index: Array) -> Array:
        rows = _values(x)[..., None] if self.scalar else _values(x)
        nets = at.nets(self.net)
        result = np.zeros((*rows.shape[:-1], self.net.widths[-1]), dtype=rows.dtype)
        return _by_type(index, self.net.count, result, lambda k, of: nets[k](rows[of]))

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return MlpVjp(d, self.x, self.index, self.net, self.scalar).out, None


def _result(self: Op, x: Value, index: Value, net: NetBank, scalar: bool) -> ArrayType:
    """The type of mlp's result; refuses what does not fit."""
    self.require(x.dtype == net.dtype, f"x is {x.dtype}, but {net} is {net.dtype}")
    dims = x.dims if scalar else x.dims[:-1]
    width = 1 if scalar else x.dims[-1]
    self.require(width == net.widths[0], f"x gives {width} inputs, but {net} takes {net.widths[0]}")
    self.require(dims == index.dims, f"rows of x {x.type} and of index {index.type} differ")
    return x.type.with_dims(*dims, net.widths[-1])


@op("mlp_vjp")
class MlpVjp(Op):
    """Adjoint of mlp with respect to x.

    %ds = mlp_vjp %d, %s, %tj, net=@embedding, scalar=true : f64[nloc, nnei]
    """

    d: Value
    x: Value
    index: Value
    net: NetBank
    scalar: bool = False

    def infer(self) -> ArrayType:
        given = _result(self, self.x, self.index, self.net, self.scalar)
        self.require(self.d.type == given, f"d is {self.d.type}, but the net gives {given}")
        return self.x.type

    def eval(self, at: Evaluation, d: Array, x: Array, index: Array) -> Array:
        rows = _values(x)[..., None] if self.scalar else _values(x)
        adjoint, nets = _values(d), at.nets(self.net)

        def row_vjp(k: int, of: NumpyArray) -> NumpyArray:
            dx = nets[k].vjp(rows[of], adjoint[of])
            return dx[:, 0] if self.scalar else dx

        return _by_type(index, self.net.count, np.zeros_like(_values(x)), row_vjp)


@op("table")
class TableOp(Op):
    """Table index[..] at each x: sum_p c[row, p] t^p, t = x - the row's beginning.

    %g = table %s, %tj, table=@embedding : f64[nloc, nnei, 100]
    """

    x: Value
    index: Value
    table: Table

    def infer(self) -> ArrayType:
        return _tabulated(self, self.x, self.index, self.table)

    def eval(self, at: Evaluation, x: Array, index: Array) -> Array:
        c, values = at.table(self.table), _values(x)
        result = np.zeros((*values.shape, self.table.width), dtype=values.dtype)

        def polynomial(k: int, of: NumpyArray) -> NumpyArray:
            row, t = self.table.locate(values[of])
            return _horner(c[k, row], t[:, None])

        return _by_type(index, self.table.count, result, polynomial)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return TableVjp(d, self.x, self.index, self.table).out, None


def _tabulated(self: Op, x: Value, index: Value, table: Table) -> ArrayType:
    self.require(x.dtype == table.dtype, f"x is {x.dtype}, but {table} is {table.dtype}")
    self.require(x.dims == index.dims, f"rows of x {x.type} and of index {index.type} differ")
    return x.type.with_dims(*x.dims, table.width)


def _horner(c: NumpyArray, t: NumpyArray) -> NumpyArray:
    """sum_p c[:, p] t^p: c [n, order + 1, width], t [n, 1]."""
    y = c[:, -1]
    for p in range(c.shape[1] - 2, -1, -1):
        y = y * t + c[:, p]
    return y


@op("table_vjp")
class TableVjp(Op):
    """Adjoint of table: sum_m d_m G'_m(x).

    %ds = table_vjp %d, %s, %tj, table=@embedding : f64[nloc, nnei]
    """

    d: Value
    x: Value
    index: Value
    table: Table

    def infer(self) -> ArrayType:
        given = _tabulated(self, self.x, self.index, self.table)
        self.require(self.d.type == given, f"d is {self.d.type}, but the table gives {given}")
        return self.x.type

    def eval(self, at: Evaluation, d: Array, x: Array, index: Array) -> Array:
        c, values, adjoint = at.table(self.table), _values(x), _values(d)
        slopes = c[:, :, 1:] * np.arange(1, 6, dtype=c.dtype)[:, None]

        def row_vjp(k: int, of: NumpyArray) -> NumpyArray:
            row, t = self.table.locate(values[of])
            return np.asarray(np.sum(adjoint[of] * _horner(slopes[k, row], t[:, None]), axis=-1))

        return _by_type(index, self.table.count, np.zeros_like(values), row_vjp)
