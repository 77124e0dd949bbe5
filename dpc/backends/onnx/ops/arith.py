"""Arithmetic, and rows beside rows."""

from __future__ import annotations

from dpc.backends.onnx.emission import Emission, emitter
from dpc.backends.onnx.tensor import Tensor, concat
from dpc.ir.ops import arith, parameters


@emitter("add")
def add(e: Emission, op: arith.Add) -> Tensor:
    return e(op.a) + e(op.b)


@emitter("multiply")
def multiply(e: Emission, op: arith.Multiply) -> Tensor:
    return e(op.a) * e(op.b)


@emitter("scale")
def scale(e: Emission, op: arith.Scale) -> Tensor:
    return e(op.a) * op.factor


@emitter("cast")
def cast(e: Emission, op: arith.Cast) -> Tensor:
    return e(op.a).cast(op.dtype)


@emitter("concat")
def concat_columns(e: Emission, op: arith.Concat) -> Tensor:
    return concat([e(part) for part in op.parts], axis=-1)


@emitter("slice")
def slice_columns(e: Emission, op: arith.Slice) -> Tensor:
    return e(op.a).slice(-1, op.start, op.start + op.width)


@emitter("slice_vjp")
def slice_vjp(e: Emission, op: arith.SliceVjp) -> Tensor:
    return e(op.d).pad(-1, op.start, op.width - op.start - int(op.d.dims[-1]))


@emitter("constant")
def constant(e: Emission, op: arith.Constant) -> Tensor:
    return e.param(op.value)


@emitter("ones_like")
def ones_like(e: Emission, op: arith.OnesLike) -> Tensor:
    return e.fill(e(op.like).shape(), 1.0, op.like.dtype)


@emitter("normalize")
def normalize(e: Emission, op: parameters.Normalize) -> Tensor:
    return (e(op.x) - e.param(op.avg)) * e.param(op.inv_std)


@emitter("normalize_vjp")
def normalize_vjp(e: Emission, op: parameters.NormalizeVjp) -> Tensor:
    return e(op.d) * e.param(op.inv_std)


@emitter("broadcast_atoms")
def broadcast_atoms(e: Emission, op: parameters.BroadcastAtoms) -> Tensor:
    atoms = e(op.like).shape(0, 1)
    return e(op.x).op("Expand", concat([atoms, e.ints([int(op.x.dims[0])])], axis=0))
