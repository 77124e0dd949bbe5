"""Atom types, and which pairs are left out."""

from __future__ import annotations

from functools import reduce

import numpy as np

from dpc.backends.onnx.emission import Emission, emitter
from dpc.backends.onnx.tensor import Tensor
from dpc.ir.ops import types
from dpc.ir.types import DType


def centers(x: Tensor, nlist: Tensor) -> Tensor:
    """The local atoms' part of an array over all atoms: they come first."""
    return x.slice(0, 0, nlist.shape(0, 1))


@emitter("center_type")
def center_type(e: Emission, op: types.CenterType) -> Tensor:
    return centers(e(op.atype), e(op.nlist))


@emitter("neighbor_type")
def neighbor_type(e: Emission, op: types.NeighborType) -> Tensor:
    slots = np.repeat(np.arange(len(op.sel)), op.sel).astype(op.atype.dtype.numpy)
    return e.array(slots, "slot_types").op("Expand", e(op.nlist).shape())


@emitter("type_pair")
def type_pair(e: Emission, op: types.TypePair) -> Tensor:
    ti, tj = e(op.ti).unsqueeze(1), e(op.tj)
    return (ti.less(0) | tj.less(0)).where(-1, ti * op.ntypes + tj)


def listed(ti: Tensor, tj: Tensor, pairs: types.Pairs) -> Tensor | None:
    """True where the types, in either order, are one of `pairs`; None for no pairs."""
    both = [(a, b) for a, b in pairs] + [(b, a) for a, b in pairs if a != b]
    found = [ti.equals(a) & tj.equals(b) for a, b in both]
    return reduce(Tensor.__or__, found) if found else None


@emitter("exclude_mask")
def exclude_mask(e: Emission, op: types.ExcludeMask) -> Tensor:
    nlist = e(op.nlist)
    out = listed(e(op.ti).unsqueeze(1), e(op.tj), op.pairs)
    if out is None:
        return e.fill(nlist.shape(), 1.0, DType.F64)
    return (out & nlist.greater(-1)).where(0.0, e.array(np.array(1.0)))


@emitter("exclude_pairs")
def exclude_pairs(e: Emission, op: types.ExcludePairs) -> Tensor:
    nlist, atype = e(op.nlist), e(op.atype)
    ti, tj = centers(atype, nlist).unsqueeze(1), atype.gather(nlist.at_least(0))
    out = listed(ti, tj, op.pairs)
    return nlist if out is None else out.where(-1, nlist)


@emitter("type_mask")
def type_mask(e: Emission, op: types.TypeMask) -> Tensor:
    a, ti = e(op.a), e(op.ti).unsqueeze(*range(1, op.a.type.rank))
    found = [ti.equals(t) for t in op.exclude]
    return reduce(Tensor.__or__, found).where(0.0, a) if found else a
