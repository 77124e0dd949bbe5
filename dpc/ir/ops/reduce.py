"""Per-atom energies."""

from __future__ import annotations

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
