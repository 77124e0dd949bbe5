"""Energies of atoms, and sums over atoms."""

from __future__ import annotations

import numpy as np

from dpc.ir.evaluate import Evaluation
from dpc.ir.op import Op, Value, op
from dpc.ir.params import Param
from dpc.ir.types import ArrayType, NumpyArray


@op("bias")
class Bias(Op):
    """Energy of each atom: the net's, plus that of its type; in eV.

    %a = bias %e, %ti, bias=@bias : f64[nloc]
    """

    e: Value  # [nloc, 1]
    ti: Value  # [nloc]
    bias: Param  # [ntypes]

    def infer(self) -> ArrayType:
        self.require(self.e.dims == (*self.ti.dims, 1), f"needs e [nloc, 1], not {self.e.type}")
        self.require(self.bias.type.rank == 1, f"{self.bias} is {self.bias.type}, not [ntypes]")
        fits = self.bias.type.dtype == self.e.dtype
        self.require(fits, f"{self.bias} is {self.bias.type.dtype}, but e is {self.e.dtype}")
        return self.e.type.with_dims(*self.ti.dims)

    def eval(self, at: Evaluation, e: NumpyArray, ti: NumpyArray) -> NumpyArray:
        energy: NumpyArray = e[:, 0] + at.param(self.bias)[ti]
        energy[ti < 0] = 0
        return energy

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return BiasVjp(d).out, None


@op("bias_vjp")
class BiasVjp(Op):
    """Adjoint of bias with respect to e.

    %de = bias_vjp %d : f64[nloc, 1]
    """

    d: Value

    def infer(self) -> ArrayType:
        return self.d.type.with_dims(*self.d.dims, 1)

    def eval(self, at: Evaluation, d: NumpyArray) -> NumpyArray:
        return d[:, None]


@op("sum_atoms")
class SumAtoms(Op):
    """The sum over atoms, the first dim.

    %e = sum_atoms %atom_energy : f64[]
    """

    a: Value

    def infer(self) -> ArrayType:
        self.require(
            self.a.type.rank > 0 and not self.a.type.ragged, f"cannot sum {self.a.type} over atoms"
        )
        return self.a.type.with_dims(*self.a.dims[1:])

    def eval(self, at: Evaluation, a: NumpyArray) -> NumpyArray:
        return np.asarray(a.sum(axis=0))

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return (SumAtomsVjp(d, self.a).out,)


@op("sum_atoms_vjp")
class SumAtomsVjp(Op):
    """Adjoint of sum_atoms: d for every atom of `like`.

    %da = sum_atoms_vjp %d, %a : f64[nloc]
    """

    d: Value
    like: Value

    def infer(self) -> ArrayType:
        return self.like.type

    def eval(self, at: Evaluation, d: NumpyArray, like: NumpyArray) -> NumpyArray:
        return np.broadcast_to(d, like.shape).copy()
