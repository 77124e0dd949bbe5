"""Atom types: who is what, and which pairs are left out. Results are i32 or masks."""

from __future__ import annotations

import numpy as np

from dpc.ir.evaluate import Evaluation
from dpc.ir.op import Op, Value, op
from dpc.ir.ragged import Array, centers, flat, like
from dpc.ir.types import ArrayType, DType, NumpyArray, Ragged

Pairs = tuple[tuple[int, int], ...]


@op("center_type")
class CenterType(Op):
    """Type of each local atom.

    %ti = center_type %atype, %nlist : i32[nloc]
    """

    atype: Value  # [nall]
    nlist: Value  # [nloc, nnei]

    def infer(self) -> ArrayType:
        return self.atype.type.with_dims(self.nlist.dims[0])

    def eval(self, at: Evaluation, atype: NumpyArray, nlist: Array) -> NumpyArray:
        return atype[: len(nlist)]


@op("neighbor_type")
class NeighborType(Op):
    """Type of each neighbour. Padded: the type its slot is for, also of empty slots.

    %tj = neighbor_type %atype, %nlist, sel=(46, 92) : i32[nloc, nnei]
    """

    atype: Value
    nlist: Value
    sel: tuple[int, ...]

    def infer(self) -> ArrayType:
        last = self.nlist.dims[1]
        fits = not isinstance(last, int) or last == sum(self.sel)
        self.require(fits, f"sel {self.sel} has {sum(self.sel)} slots, {self.nlist.type} differs")
        return self.atype.type.with_dims(*self.nlist.dims)

    def eval(self, at: Evaluation, atype: NumpyArray, nlist: Array) -> Array:
        if isinstance(nlist, Ragged):
            return Ragged(atype[nlist.values], nlist.offsets)
        self.require(
            nlist.shape[1] == sum(self.sel),
            f"sel {self.sel} has {sum(self.sel)} slots, but nlist has {nlist.shape[1]}",
        )
        slots = np.repeat(np.arange(len(self.sel), dtype=atype.dtype), self.sel)
        return np.broadcast_to(slots, nlist.shape).copy()


@op("type_pair")
class TypePair(Op):
    """Index of a pair of types: ti ntypes + tj.

    %p = type_pair %ti, %tj, ntypes=2 : i32[nloc, nnei]
    """

    ti: Value  # [nloc]
    tj: Value  # [nloc, nnei]
    ntypes: int

    def infer(self) -> ArrayType:
        fits = self.ti.dims == self.tj.dims[:1]
        self.require(fits, f"{self.ti.type} and {self.tj.type} differ in atoms")
        return self.tj.type

    def eval(self, at: Evaluation, ti: NumpyArray, tj: Array) -> Array:
        center, neighbor = ti[centers(tj)], flat(tj)
        pair = np.where((center < 0) | (neighbor < 0), -1, center * self.ntypes + neighbor)
        return like(tj, pair.astype(ti.dtype))


def listed(pairs: Pairs, ti: NumpyArray, tj: NumpyArray) -> NumpyArray:
    """True where the types, in either order, are one of `pairs`."""
    found = np.zeros(ti.shape, dtype=bool)
    for a, b in pairs:
        found |= ((ti == a) & (tj == b)) | ((ti == b) & (tj == a))
    return found


@op("exclude_mask")
class ExcludeMask(Op):
    """0 for neighbours whose pair of types is listed, 1 for others and for empty slots.

    %m = exclude_mask %ti, %tj, %nlist, pairs=((0, 1),) : f64[nloc, nnei]
    """

    ti: Value
    tj: Value
    nlist: Value
    pairs: tuple[tuple[int, int], ...]

    def infer(self) -> ArrayType:
        self.require(self.tj.dims == self.nlist.dims, f"{self.tj.type} is not over %nlist")
        return ArrayType(DType.F64, self.nlist.dims)

    def eval(self, at: Evaluation, ti: NumpyArray, tj: Array, nlist: Array) -> Array:
        out = listed(self.pairs, ti[centers(tj)], flat(tj)) & (flat(nlist) >= 0)
        return like(nlist, np.where(out, 0.0, 1.0))


@op("exclude_pairs")
class ExcludePairs(Op):
    """The list without neighbours whose pair of types is listed.

    Padded: their slots become empty. Ragged: their rows are dropped.

    %n = exclude_pairs %nlist, %atype, pairs=((0, 1),) : i32[nloc, nnei]
    """

    nlist: Value
    atype: Value
    pairs: tuple[tuple[int, int], ...]

    def infer(self) -> ArrayType:
        return self.nlist.type

    def eval(self, at: Evaluation, nlist: Array, atype: NumpyArray) -> Array:
        rows = flat(nlist)
        out = listed(self.pairs, atype[centers(nlist)], atype[rows]) & (rows >= 0)
        if isinstance(nlist, Ragged):
            return keep_rows(nlist, ~out)
        return like(nlist, np.where(out, rows.dtype.type(-1), rows))


def keep_rows(x: Ragged, keep: NumpyArray) -> Ragged:
    """Only the rows where `keep` [rows] is true."""
    counts = np.bincount(centers(x)[keep], minlength=len(x))
    return Ragged(x.values[keep], np.concatenate([[0], np.cumsum(counts)]))


@op("type_mask")
class TypeMask(Op):
    """Rows of atoms of excluded types set to 0.

    %y = type_mask %a, %ti, exclude=(1,) : f64[nloc]
    """

    a: Value  # [nloc, ...]
    ti: Value  # [nloc]
    exclude: tuple[int, ...]

    def infer(self) -> ArrayType:
        fits = self.a.dims[:1] == self.ti.dims
        self.require(fits, f"{self.a.type} and {self.ti.type} differ in atoms")
        return self.a.type

    def eval(self, at: Evaluation, a: Array, ti: NumpyArray) -> Array:
        kept = ~np.isin(ti, np.array(self.exclude, dtype=ti.dtype))
        if isinstance(a, Ragged):
            rows = kept[centers(a)]
            return Ragged(a.values * rows.reshape(-1, *[1] * (a.values.ndim - 1)), a.offsets)
        masked: NumpyArray = a * kept.reshape(-1, *[1] * (a.ndim - 1)).astype(a.dtype)
        return masked

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return TypeMask(d, self.ti, self.exclude).out, None


@op("nearest_neighbors")
class NearestNeighbors(Op):
    """Of a longer list, the neighbours the model sees.

    Those nearer than rcut: of all types together the nearest sum(sel), and of these the nearest
    sel[type] of each type, as DeePMD-kit 3 cuts them; grouped by type, nearest first, the
    smaller index first when equally far. Ragged only. Applying it twice changes nothing.

    %n = nearest_neighbors %coord, %atype, %nlist, rcut=6.0, sel=(46, 92) : i32[nloc, nnei~]
    """

    coord: Value
    atype: Value
    nlist: Value
    rcut: float
    sel: tuple[int, ...]

    def infer(self) -> ArrayType:
        self.require(self.nlist.type.ragged, f"needs a ragged list, not {self.nlist.type}")
        return self.nlist.type.with_dims(self.nlist.dims[0], "nnei~")

    def eval(self, at: Evaluation, coord: NumpyArray, atype: NumpyArray, nlist: Ragged) -> Ragged:
        i, j = centers(nlist), nlist.values
        r2 = np.sum((coord[j] - coord[i]) ** 2, axis=-1)
        near = (r2 < self.rcut**2) & (j >= 0) & (atype[j] >= 0)
        i, j, r2 = i[near], j[near], r2[near]
        order = np.lexsort((j, r2, i))
        order = order[_rank(i[order]) < sum(self.sel)]
        i, j = i[order], j[order]
        order = np.argsort(i * len(self.sel) + atype[j], kind="stable")
        i, j = i[order], j[order]
        kept = _rank(i * len(self.sel) + atype[j]) < np.asarray(self.sel)[atype[j]]
        counts = np.bincount(i[kept], minlength=len(nlist))
        return Ragged(j[kept], np.concatenate([[0], np.cumsum(counts)]))


def _rank(group: NumpyArray) -> NumpyArray:
    """Place of each entry among its equals; `group` ascends."""
    return np.arange(len(group)) - np.searchsorted(group, group)
