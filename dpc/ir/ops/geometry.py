"""Vectors between atoms, and forces and virials made from dE/dr.

`dr` is the adjoint of `r`: dE/dr_ij, where r_ij = x_j - x_i.
"""

from __future__ import annotations

import numpy as np

from dpc.ir.evaluate import Evaluation
from dpc.ir.op import Op, Value, op
from dpc.ir.ops.arith import Scale
from dpc.ir.ragged import Array, centers, flat, like
from dpc.ir.types import ArrayType, NumpyArray


@op("displacement")
class Displacement(Op):
    """r_ij = x_j - x_i, in angstrom; 0 for empty slots.

    %r = displacement %coord, %nlist : f64[nloc, nnei, 3]
    """

    coord: Value  # [nall, 3]
    nlist: Value  # [nloc, nnei]

    def infer(self) -> ArrayType:
        self.require(self.coord.dims[-1:] == (3,), f"needs coord [nall, 3], not {self.coord.type}")
        self.require(self.nlist.type.rank == 2, f"needs nlist [nloc, nnei], not {self.nlist.type}")
        return self.coord.type.with_dims(*self.nlist.dims, 3)

    def eval(self, at: Evaluation, coord: NumpyArray, nlist: Array) -> Array:
        j = flat(nlist)
        r = coord[j] - coord[centers(nlist)]
        r[j < 0] = 0
        return like(nlist, r)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return Scale(ScatterForce(d, self.nlist, self.coord).out, -1.0).out, None


def _over_list(self: Op, dr: Value, nlist: Value) -> None:
    fits = dr.dims == (*nlist.dims, 3)
    self.require(fits, f"dr {dr.type} does not belong to nlist {nlist.type}")


@op("scatter_force")
class ScatterForce(Op):
    """Force of every atom, -dE/dx: f_j -= dr_ij, f_i += dr_ij; in eV/angstrom.

    %f = scatter_force %dr, %nlist, %coord : f64[nall, 3]
    """

    dr: Value  # [nloc, nnei, 3]
    nlist: Value
    coord: Value  # for its shape

    def infer(self) -> ArrayType:
        _over_list(self, self.dr, self.nlist)
        return self.coord.type.with_dtype(self.dr.dtype)

    def eval(self, at: Evaluation, dr: Array, nlist: Array, coord: NumpyArray) -> NumpyArray:
        rows, i, j = flat(dr), centers(nlist), flat(nlist)
        real = j >= 0
        force = np.zeros(coord.shape, dtype=rows.dtype)
        np.add.at(force, i[real], rows[real])
        np.subtract.at(force, j[real], rows[real])
        return force

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return Scale(Displacement(d, self.nlist).out, -1.0).out, None, None


@op("virial")
class Virial(Op):
    """W_ab = -sum_ij dr_ij,a r_ij,b, in eV.

    %w = virial %dr, %r : f64[3, 3]
    """

    dr: Value
    r: Value

    def infer(self) -> ArrayType:
        self.require(self.dr.type == self.r.type, f"{self.dr.type} and {self.r.type} differ")
        return self.dr.type.with_dims(3, 3)

    def eval(self, at: Evaluation, dr: Array, r: Array) -> NumpyArray:
        return -(flat(dr).T @ flat(r))


@op("atom_virial")
class AtomVirial(Op):
    """The virial by atoms: -dr_ij,a r_ij,b goes to the neighbour j; in eV.

    %w = atom_virial %dr, %r, %nlist, %coord : f64[nall, 3, 3]
    """

    dr: Value
    r: Value
    nlist: Value
    coord: Value  # for its number of atoms

    def infer(self) -> ArrayType:
        _over_list(self, self.dr, self.nlist)
        self.require(self.dr.type == self.r.type, f"{self.dr.type} and {self.r.type} differ")
        return self.dr.type.with_dims(self.coord.dims[0], 3, 3)

    def eval(
        self, at: Evaluation, dr: Array, r: Array, nlist: Array, coord: NumpyArray
    ) -> NumpyArray:
        rows, j = flat(dr), flat(nlist)
        real = j >= 0
        virial = np.zeros((len(coord), 3, 3), dtype=rows.dtype)
        np.subtract.at(virial, j[real], rows[real, :, None] * flat(r)[real, None, :])
        return virial
