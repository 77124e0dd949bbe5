"""Frame and atom parameters: fparam and aparam on their way into the fitting net."""

from __future__ import annotations

import numpy as np

from dpc.ir.evaluate import Evaluation
from dpc.ir.op import Op, Value, op
from dpc.ir.ops.reduce import SumAtoms
from dpc.ir.params import Param
from dpc.ir.ragged import Array
from dpc.ir.types import ArrayType, NumpyArray


@op("normalize")
class Normalize(Op):
    """(x - avg) inv_std, column by column: frame and atom parameters.

    %y = normalize %fparam, avg=@fparam_avg, inv_std=@fparam_inv_std : f64[2]
    """

    x: Value
    avg: Param
    inv_std: Param

    def infer(self) -> ArrayType:
        for param in (self.avg, self.inv_std):
            fits = param.type == self.x.type.with_dims(*self.x.dims[-1:])
            self.require(fits, f"{param} is {param.type}, which does not fit {self.x.type}")
        return self.x.type

    def eval(self, at: Evaluation, x: NumpyArray) -> NumpyArray:
        scaled: NumpyArray = (x - at.param(self.avg)) * at.param(self.inv_std)
        return scaled

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return (NormalizeVjp(d, self.inv_std).out,)


@op("normalize_vjp")
class NormalizeVjp(Op):
    """Adjoint of normalize: d inv_std.

    %dx = normalize_vjp %d, inv_std=@fparam_inv_std : f64[2]
    """

    d: Value
    inv_std: Param

    def infer(self) -> ArrayType:
        return self.d.type

    def eval(self, at: Evaluation, d: NumpyArray) -> NumpyArray:
        scaled: NumpyArray = d * at.param(self.inv_std)
        return scaled


@op("broadcast_atoms")
class BroadcastAtoms(Op):
    """The same row for every atom of `like`.

    %y = broadcast_atoms %fparam, %d : f64[nloc, 2]
    """

    x: Value  # [nf]
    like: Value  # [nloc, ...]

    def infer(self) -> ArrayType:
        self.require(self.x.type.rank == 1, f"needs one row, not {self.x.type}")
        self.require(self.like.type.rank > 0, "needs an array over atoms")
        return self.x.type.with_dims(self.like.dims[0], *self.x.dims)

    def eval(self, at: Evaluation, x: NumpyArray, like: Array) -> NumpyArray:
        return np.broadcast_to(x, (len(like), len(x))).copy()

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return SumAtoms(d).out, None
