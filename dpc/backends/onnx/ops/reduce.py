"""Energies of atoms, and sums over atoms."""

from __future__ import annotations

from dpc.backends.onnx.emission import Emission, emitter
from dpc.backends.onnx.tensor import Tensor
from dpc.ir.ops import reduce


@emitter("bias")
def bias(e: Emission, op: reduce.Bias) -> Tensor:
    ti = e(op.ti)
    energy = e(op.e).squeeze(1) + e.param(op.bias).gather(ti)
    return ti.less(0).where(0.0, energy)


@emitter("bias_vjp")
def bias_vjp(e: Emission, op: reduce.BiasVjp) -> Tensor:
    return e(op.d).unsqueeze(1)


@emitter("sum_atoms")
def sum_atoms(e: Emission, op: reduce.SumAtoms) -> Tensor:
    return e(op.a).sum(0)


@emitter("sum_atoms_vjp")
def sum_atoms_vjp(e: Emission, op: reduce.SumAtomsVjp) -> Tensor:
    return e(op.d).op("Expand", e(op.like).shape())
