"""A few columns that stand for a wide embedding: columns by type, their expansion, their products.

With ``G_t(s) = B_t(s) C_t`` for neighbours of type t, r columns in B instead of M in G,

    P = [P_1 P_2 ..],  P_t = scale sum_j R_j^T B_t(s_j)       contract of type_columns
    X = P C                                                   expand
    D = X^T X_<  is linear in the products  sum_c P_ca P_cb   outer_pairs
"""

from __future__ import annotations

import numpy as np

from dpc.ir.evaluate import Evaluation
from dpc.ir.op import Op, Value, op
from dpc.ir.params import Param
from dpc.ir.ragged import Array, each
from dpc.ir.types import ArrayType, DType, NumpyArray


@op("type_columns")
class TypeColumns(Op):
    """Each neighbour's row in the block of columns of its type, zeros in the other blocks.

    A contraction then keeps the types of neighbours apart: P_t in columns t r to (t + 1) r.

    %h = type_columns %b, %tj, ntypes=2 : f64[nloc, nnei, 48]
    """

    b: Value  # [nloc, nnei, r]
    tj: Value  # [nloc, nnei]
    ntypes: int

    def infer(self) -> ArrayType:
        return self.b.type.with_dims(*self.tj.dims, self.ntypes * _columns(self, self.b, self.tj))

    def eval(self, at: Evaluation, b: Array, tj: Array) -> Array:
        def place(rows: NumpyArray, types: NumpyArray) -> NumpyArray:
            blocks = np.zeros((*rows.shape[:-1], self.ntypes, rows.shape[-1]), dtype=rows.dtype)
            for t in range(self.ntypes):
                blocks[types == t, t] = rows[types == t]
            return blocks.reshape(*rows.shape[:-1], self.ntypes * rows.shape[-1])

        return each(place, b, tj)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return TypeColumnsVjp(d, self.tj, self.ntypes).out, None


@op("type_columns_vjp")
class TypeColumnsVjp(Op):
    """Adjoint of type_columns: of each row the block of its type.

    %db = type_columns_vjp %d, %tj, ntypes=2 : f64[nloc, nnei, 24]
    """

    d: Value  # [nloc, nnei, ntypes r]
    tj: Value  # [nloc, nnei]
    ntypes: int

    def infer(self) -> ArrayType:
        width = _columns(self, self.d, self.tj)
        self.require(width % self.ntypes == 0, f"{width} columns are not {self.ntypes} blocks")
        return self.d.type.with_dims(*self.tj.dims, width // self.ntypes)

    def eval(self, at: Evaluation, d: Array, tj: Array) -> Array:
        def take(rows: NumpyArray, types: NumpyArray) -> NumpyArray:
            blocks = rows.reshape(*rows.shape[:-1], self.ntypes, rows.shape[-1] // self.ntypes)
            found = np.zeros((*rows.shape[:-1], blocks.shape[-1]), dtype=rows.dtype)
            for t in range(self.ntypes):
                found[types == t] = blocks[types == t, t]
            return found

        return each(take, d, tj)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return TypeColumns(d, self.tj, self.ntypes).out, None


def _columns(self: Op, rows: Value, tj: Value) -> int:
    """The last dim of an array over the rows of tj."""
    self.require(rows.dims[:-1] == tj.dims, f"rows of {rows.type} and of tj {tj.type} differ")
    self.require(self.attributes()["ntypes"] > 0, "ntypes must be positive")
    return int(rows.dims[-1])


@op("expand")
class Expand(Op):
    """X = P C: all columns from those of a basis, X_cm = sum_p P_cp C_pm.

    C is one matrix for all atoms, or one for each type of centre.

    %x = expand %p, %ti, columns=@columns : f64[nloc, 4, 100]
    """

    p: Value  # [nloc, 4, W]
    ti: Value  # [nloc]
    columns: Param  # C [1 or ntypes, W, M]

    def infer(self) -> ArrayType:
        return self.p.type.with_dims(*self.p.dims[:-1], _matrix(self, self.p, 1, 2))

    def eval(self, at: Evaluation, p: NumpyArray, ti: NumpyArray) -> NumpyArray:
        return np.asarray(np.matmul(p, _chosen(at.param(self.columns), ti)))

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return ExpandVjp(d, self.ti, self.columns).out, None


@op("expand_vjp")
class ExpandVjp(Op):
    """Adjoint of expand: dP = dX C^T.

    %dp = expand_vjp %dx, %ti, columns=@columns : f64[nloc, 4, 48]
    """

    d: Value  # [nloc, 4, M]
    ti: Value  # [nloc]
    columns: Param  # C [1 or ntypes, W, M]

    def infer(self) -> ArrayType:
        return self.d.type.with_dims(*self.d.dims[:-1], _matrix(self, self.d, 2, 1))

    def eval(self, at: Evaluation, d: NumpyArray, ti: NumpyArray) -> NumpyArray:
        return np.asarray(np.matmul(d, _chosen(at.param(self.columns), ti).swapaxes(1, 2)))

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return Expand(d, self.ti, self.columns).out, None


def _matrix(self: Expand | ExpandVjp, x: Value, given: int, wanted: int) -> int:
    """Dim `wanted` of C [n, W, M], whose dim `given` is that of x [nloc, 4, ..]."""
    kind = self.columns.type
    self.require(kind.rank == 3, f"{self.columns} is {kind}, not [1 or ntypes, W, M]")
    self.require(kind.dtype == x.dtype, f"{self.columns} is {kind.dtype}, but x is {x.dtype}")
    fits = x.type.rank == 3 and x.dims[2] == kind.dims[given] and x.dims[:1] == self.ti.dims
    self.require(fits, f"{x.type} does not fit {self.columns}, which is {kind}")
    return int(kind.dims[wanted])


def _chosen(columns: NumpyArray, ti: NumpyArray) -> NumpyArray:
    """C of each atom, [nloc or 1, W, M]; zeros for atoms of no type."""
    if len(columns) == 1:
        return columns
    chosen: NumpyArray = columns[ti]
    chosen[ti < 0] = 0
    return chosen


@op("outer_pairs")
class OuterPairs(Op):
    """Some products of columns: d_k = sum_c x_ca x_cb, (a, b) = pairs[k].

    %d = outer_pairs %p, pairs=@pairs : f64[nloc, 736]
    """

    x: Value  # [nloc, 4, W]
    pairs: Param  # i32[K, 2]

    def infer(self) -> ArrayType:
        return self.x.type.with_dims(self.x.dims[0], _count(self, self.x, self.pairs))

    def eval(self, at: Evaluation, x: NumpyArray) -> NumpyArray:
        a, b = _pairs(self, at, x)
        return np.asarray(np.matmul(x.swapaxes(1, 2), x)[:, a, b])

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return (OuterPairsVjp(d, self.x, self.pairs).out,)


@op("outer_pairs_vjp")
class OuterPairsVjp(Op):
    """Adjoint of outer_pairs: dx_ca += d_k x_cb and dx_cb += d_k x_ca.

    %dp = outer_pairs_vjp %d, %p, pairs=@pairs : f64[nloc, 4, 48]
    """

    d: Value  # [nloc, K]
    x: Value  # [nloc, 4, W]
    pairs: Param  # i32[K, 2]

    def infer(self) -> ArrayType:
        given = self.x.type.with_dims(self.x.dims[0], _count(self, self.x, self.pairs))
        self.require(self.d.type == given, f"d is {self.d.type}, but outer_pairs gives {given}")
        return self.x.type

    def eval(self, at: Evaluation, d: NumpyArray, x: NumpyArray) -> NumpyArray:
        a, b = _pairs(self, at, x)
        width = x.shape[2]
        sums = np.zeros((width * width, len(x)), dtype=x.dtype)
        np.add.at(sums, a * width + b, d.T)
        full = sums.T.reshape(len(x), width, width)
        return np.asarray(np.matmul(x, full + full.swapaxes(1, 2)))


def _count(self: Op, x: Value, pairs: Param) -> int:
    """K, the number of pairs."""
    self.require(x.type.rank == 3, f"needs columns [nloc, 4, W], not {x.type}")
    fits = pairs.type.rank == 2 and pairs.type.dims[1] == 2 and pairs.type.dtype is DType.I32
    self.require(fits, f"{pairs} is {pairs.type}, not i32[K, 2]")
    return int(pairs.type.dims[0])


def _pairs(self: OuterPairs | OuterPairsVjp, at: Evaluation, x: NumpyArray) -> NumpyArray:
    """Columns a and b of every pair, [2, K]."""
    pairs = at.param(self.pairs)
    inside = pairs.size == 0 or (pairs.min() >= 0 and pairs.max() < x.shape[2])
    self.require(bool(inside), f"{self.pairs} names a column that x, with {x.shape[2]}, has not")
    return pairs.T
