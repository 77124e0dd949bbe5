"""The environment matrix; formulas and symbols as in dpc/ir/ops/environment.py."""

from __future__ import annotations

from typing import NamedTuple

from dpc.backends.onnx.emission import Emission, emitter
from dpc.backends.onnx.tensor import Tensor, concat
from dpc.ir.ops import environment


class _Radial(NamedTuple):
    """Functions of the distance, [nloc, nnei, 1]."""

    empty: Tensor  # True for empty slots
    distance: Tensor  # 1 for empty slots
    sw: Tensor
    slope: Tensor  # sw'


def _radial(
    e: Emission, op: environment.EnvMatrix | environment.EnvMatrixVjp, r: Tensor
) -> _Radial:
    empty = e(op.nlist).less(0).unsqueeze(2)
    distance = empty.where(1.0, (r * r).sum(2).unsqueeze(2).op("Sqrt"))
    u = ((distance - op.rcut_smth) / (op.rcut - op.rcut_smth)).clip(0.0, 1.0)
    u2 = u * u
    sw = u2 * u * (-6.0 * u2 + 15.0 * u - 10.0) + 1.0
    slope = u2 * (u - 1.0) * (u - 1.0) * (-30.0 / (op.rcut - op.rcut_smth))
    return _Radial(empty, distance, sw, slope)


@emitter("env_matrix")
def env_matrix(e: Emission, op: environment.EnvMatrix) -> Tensor:
    r, ti = e(op.r), e(op.ti)
    empty, distance, sw, _ = _radial(e, op, r)
    s = empty.where(0.0, sw / distance)
    env = concat([s, s / distance * r], axis=2)
    mean, std = (e.param(p).gather(ti).unsqueeze(1) for p in (op.mean, op.std))
    return (env - mean) / std


@emitter("env_matrix_vjp")
def env_matrix_vjp(e: Emission, op: environment.EnvMatrixVjp) -> Tensor:
    r, ti = e(op.r), e(op.ti)
    empty, distance, sw, slope = _radial(e, op, r)
    g = e(op.d) / e.param(op.std).gather(ti).unsqueeze(1)
    g0, g1 = g.slice(2, 0, 1), g.slice(2, 1, 4)
    s = sw / distance
    ds = (slope - s) / distance
    q = s / distance
    dq = (ds - q) / distance
    radial = g0 * ds + (g1 * r).sum(2).unsqueeze(2) * dq
    return empty.where(0.0, radial / distance * r + g1 * q)


@emitter("radial")
def radial(e: Emission, op: environment.Radial) -> Tensor:
    return e(op.env).gather(e.ints(0), axis=-1)


@emitter("radial_vjp")
def radial_vjp(e: Emission, op: environment.RadialVjp) -> Tensor:
    return e(op.d).unsqueeze(-1).pad(-1, 0, 3)


@emitter("scale_rows")
def scale_rows(e: Emission, op: environment.ScaleRows) -> Tensor:
    return e(op.env) * e(op.mask).unsqueeze(-1).cast(op.env.dtype)
