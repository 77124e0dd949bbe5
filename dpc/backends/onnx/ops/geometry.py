"""Displacements, and forces and virials from dE/dr.

What neighbours receive is added up by ScatterElements, not ScatterND: ONNX Runtime 1.32 runs
ScatterND with reduction on several threads without locks and loses contributions to an atom
that several rows name (its issue 18048).
"""

from __future__ import annotations

from dpc.backends.onnx.emission import Emission, emitter
from dpc.backends.onnx.ops.types import centers
from dpc.backends.onnx.tensor import Tensor, concat
from dpc.ir.ops import geometry
from dpc.ir.types import DType


@emitter("displacement")
def displacement(e: Emission, op: geometry.Displacement) -> Tensor:
    coord, nlist = e(op.coord), e(op.nlist)
    r = coord.gather(nlist.at_least(0)) - centers(coord, nlist).unsqueeze(1)
    return _empty(nlist).where(0.0, r)


def _empty(nlist: Tensor) -> Tensor:
    """True for empty slots, [nloc, nnei, 1]."""
    return nlist.less(0).unsqueeze(2)


def _scatter(start: Tensor, rows: Tensor, nlist: Tensor) -> Tensor:
    """start [nall, k] with rows [nloc nnei, k] added at the neighbours; empty slots hold 0."""
    index = nlist.at_least(0).cast(DType.I64).reshape(-1, 1).op("Expand", rows.shape())
    return start.op("ScatterElements", index, rows, axis=0, reduction="add")


@emitter("scatter_force")
def scatter_force(e: Emission, op: geometry.ScatterForce) -> Tensor:
    nlist = e(op.nlist)
    dr = _empty(nlist).where(0.0, e(op.dr))
    ghosts = e(op.coord).shape(0, 1) - nlist.shape(0, 1)
    others = e.fill(concat([ghosts, e.ints([3])], axis=0), 0.0, dr.dtype)
    return _scatter(concat([dr.sum(1), others], axis=0), -dr.reshape(-1, 3), nlist)


def _products(dr: Tensor, r: Tensor) -> Tensor:
    """-dr_a r_b, [nloc, nnei, 3, 3]."""
    return (-dr).unsqueeze(3) * r.unsqueeze(2)


@emitter("virial")
def virial(e: Emission, op: geometry.Virial) -> Tensor:
    return _products(e(op.dr), e(op.r)).sum(0, 1)


@emitter("atom_virial")
def atom_virial(e: Emission, op: geometry.AtomVirial) -> Tensor:
    nlist = e(op.nlist)
    rows = _products(e(op.dr), e(op.r)).reshape(-1, 9)
    rows = nlist.less(0).reshape(-1, 1).where(0.0, rows)
    start = e.fill(concat([e(op.coord).shape(0, 1), e.ints([9])], axis=0), 0.0, rows.dtype)
    return _scatter(start, rows, nlist).reshape(-1, 3, 3)
