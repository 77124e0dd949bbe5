"""The environment matrix: where the neighbours of an atom are, smoothly cut off.

Wang et al., Comput. Phys. Commun. 228 (2018) 178; Zhang et al., NeurIPS 31 (2018).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dpc.errors import InputError
from dpc.ir.evaluate import Evaluation
from dpc.ir.op import Op, Value, op
from dpc.ir.params import Param
from dpc.ir.ragged import Array, centers, each, flat, like
from dpc.ir.types import ArrayType, NumpyArray


def switch(r: NumpyArray, rcut_smth: float, rcut: float) -> tuple[NumpyArray, NumpyArray]:
    """The smooth switch sw(r) and its slope: 1 up to rcut_smth, 0 from rcut on.

    sw = u^3 (-6 u^2 + 15 u - 10) + 1,  u = (r - rcut_smth) / (rcut - rcut_smth)
    """
    u = np.clip((r - rcut_smth) / (rcut - rcut_smth), 0, 1)
    sw = u**3 * (-6 * u * u + 15 * u - 10) + 1
    slope = -30 * u * u * (u - 1) ** 2 / (rcut - rcut_smth)
    return sw.astype(r.dtype), slope.astype(r.dtype)


def _require_cutoffs(require: Callable[[bool, str], None], rcut: float, rcut_smth: float) -> None:
    require(
        0 <= rcut_smth < rcut,
        f"rcut_smth is {rcut_smth}, but must be at least 0 and smaller than rcut ({rcut})",
    )


@op("env_matrix")
class EnvMatrix(Op):
    """Normalised environment matrix: row j is ((s, s x/r, s y/r, s z/r) - mean[ti]) / std[ti].

    s = sw(r)/r with the quintic switch sw. The row of an empty slot, and of a neighbour at or
    beyond rcut, is (0 - mean)/std with no slope.

    %env = env_matrix %r, %ti, %nlist, mean=@mean, std=@std, rcut=6.0, rcut_smth=0.5
           : f64[nloc, nnei, 4]
    """

    r: Value  # [nloc, nnei, 3]
    ti: Value  # [nloc]
    nlist: Value  # [nloc, nnei]
    mean: Param  # [ntypes, 4]
    std: Param  # [ntypes, 4]
    rcut: float
    rcut_smth: float

    def infer(self) -> ArrayType:
        _require_cutoffs(self.require, self.rcut, self.rcut_smth)
        fits = self.r.dims == (*self.nlist.dims, 3)
        self.require(fits, f"r {self.r.type} does not belong to nlist {self.nlist.type}")
        for param in (self.mean, self.std):
            self.require(param.type.dims[1:] == (4,), f"{param} is {param.type}, not [ntypes, 4]")
        return self.r.type.with_dims(*self.nlist.dims, 4)

    def eval(self, at: Evaluation, r: Array, ti: NumpyArray, nlist: Array) -> Array:
        rows = flat(r)
        real = flat(nlist) >= 0
        distance = _distance(rows, real, nlist)
        sw, _ = switch(distance, self.rcut_smth, self.rcut)
        s = np.where(real, sw / distance, 0).astype(rows.dtype)
        env = np.concatenate([s[:, None], (s / distance)[:, None] * rows], axis=1)
        center = ti[centers(nlist)]
        return like(nlist, (env - at.param(self.mean)[center]) / at.param(self.std)[center])

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        same = (self.r, self.ti, self.nlist, self.std, self.rcut, self.rcut_smth)
        return EnvMatrixVjp(d, *same).out, None, None


def _distance(rows: NumpyArray, real: NumpyArray, nlist: Array) -> NumpyArray:
    """|r| of each row, 1 for empty slots."""
    distance = np.sqrt(np.sum(rows * rows, axis=1))
    zero = np.flatnonzero(real & (distance == 0))
    if len(zero):
        i, j = centers(nlist)[zero[0]], flat(nlist)[zero[0]]
        raise InputError(
            f"atoms {i} and {j} are at the same place: the energy is not defined. "
            f"Check the coordinates and the cell."
        )
    return np.where(real, distance, 1).astype(rows.dtype)


@op("env_matrix_vjp")
class EnvMatrixVjp(Op):
    """Adjoint of env_matrix: dE/dr; 0 for empty slots and at or beyond rcut.

    %dr = env_matrix_vjp %d, %r, %ti, %nlist, std=@std, rcut=6.0, rcut_smth=0.5
          : f64[nloc, nnei, 3]
    """

    d: Value  # [nloc, nnei, 4]
    r: Value
    ti: Value
    nlist: Value
    std: Param
    rcut: float
    rcut_smth: float

    def infer(self) -> ArrayType:
        _require_cutoffs(self.require, self.rcut, self.rcut_smth)
        fits = self.d.dims == (*self.nlist.dims, 4)
        self.require(fits, f"d {self.d.type} does not belong to nlist {self.nlist.type}")
        return self.r.type

    def eval(self, at: Evaluation, d: Array, r: Array, ti: NumpyArray, nlist: Array) -> Array:
        rows = flat(r)
        real = flat(nlist) >= 0
        distance = _distance(rows, real, nlist)
        g = flat(d) / at.param(self.std)[ti[centers(nlist)]]
        sw, dsw = switch(distance, self.rcut_smth, self.rcut)
        s, ds = sw / distance, (dsw - sw / distance) / distance
        q, dq = s / distance, (ds - s / distance) / distance  # q = s/r: the angular columns
        radial = g[:, 0] * ds + np.sum(g[:, 1:] * rows, axis=1) * dq
        dr = (radial / distance)[:, None] * rows + g[:, 1:] * q[:, None]
        return like(nlist, np.where(real[:, None], dr, 0).astype(rows.dtype))


@op("radial")
class Radial(Op):
    """Column 0 of the environment matrix: the normalised s(r).

    %s = radial %env : f64[nloc, nnei]
    """

    env: Value

    def infer(self) -> ArrayType:
        self.require(self.env.dims[2:] == (4,), f"needs [nloc, nnei, 4], not {self.env.type}")
        return self.env.type.with_dims(*self.env.dims[:-1])

    def eval(self, at: Evaluation, env: Array) -> Array:
        return each(lambda x: x[..., 0], env)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return (RadialVjp(d).out,)


@op("radial_vjp")
class RadialVjp(Op):
    """Adjoint of radial: d in column 0, zeros beside it.

    %denv = radial_vjp %d : f64[nloc, nnei, 4]
    """

    d: Value

    def infer(self) -> ArrayType:
        return self.d.type.with_dims(*self.d.dims, 4)

    def eval(self, at: Evaluation, d: Array) -> Array:
        def widen(x: NumpyArray) -> NumpyArray:
            return np.concatenate([x[..., None], np.zeros((*x.shape, 3), x.dtype)], axis=-1)

        return each(widen, d)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return (Radial(d).out,)


@op("scale_rows")
class ScaleRows(Op):
    """Each neighbour's row times a number: 0 takes an excluded pair out.

    %e = scale_rows %env, %mask : f64[nloc, nnei, 4]
    """

    fixed = ("mask",)
    env: Value  # [nloc, nnei, 4]
    mask: Value  # [nloc, nnei]

    def infer(self) -> ArrayType:
        fits = self.env.dims[:-1] == self.mask.dims
        self.require(fits, f"{self.env.type} and {self.mask.type} differ in rows")
        return self.env.type

    def eval(self, at: Evaluation, env: Array, mask: Array) -> Array:
        return each(lambda e, m: e * m[..., None].astype(e.dtype), env, mask)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return ScaleRows(d, self.mask).out, None
