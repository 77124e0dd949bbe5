"""Ops that a backend computes in one go: after pass `fuse` only.

Each is defined by the ops it replaces: `unfused` builds them, `eval` evaluates them.
"""

from __future__ import annotations

from typing import Any

from dpc.ir.evaluate import Evaluation
from dpc.ir.gradient import adjoints
from dpc.ir.op import Op, Value, op
from dpc.ir.ops.arith import Add, Cast, OnesLike
from dpc.ir.ops.basis import TypeColumns
from dpc.ir.ops.contraction import Contract, Padding
from dpc.ir.ops.environment import EnvMatrix, Radial, ScaleRows
from dpc.ir.ops.geometry import Displacement
from dpc.ir.ops.net import Mlp, MlpVjp, TableOp
from dpc.ir.ops.types import (
    CenterType,
    ExcludeMask,
    ExcludePairs,
    NearestNeighbors,
    NeighborType,
    TypePair,
)
from dpc.ir.params import NetBank, Param, Table
from dpc.ir.types import ArrayType


class _Fused(Op):
    def unfused(self) -> tuple[Value, ...]:
        """The results in terms of the ops this one replaces."""
        raise NotImplementedError

    def infer(self) -> tuple[ArrayType, ...]:
        return tuple(value.type for value in self.unfused())

    def eval(self, at: Evaluation, *operands: Any) -> Any:
        known = dict(zip(self.operands, operands, strict=True))
        return tuple(at.run(self.unfused(), known))


@op("env_contract")
class EnvContract(_Fused):
    """From positions to X: nearest neighbours, environment rows, embedding, contraction.

    x = contract(env, G(s), scale) + padding, over the rows that nearest_neighbors(rcut, sel)
    and exclude_pairs(pair_exclude) leave; pairs of types in `exclude` have zero rows. With
    split=true neighbours of type t only add to columns t M to (t + 1) M: x [nloc, 4, ntypes M],
    as of type_columns.

    %x = env_contract %coord, %atype, %nlist, mean=@mean, std=@std, net=@embedding,
         constant=@pad, rcut=6.0, rcut_smth=0.5, sel=(46, 92), scale=0.0072 : f64[nloc, 4, 100]
    """

    coord: Value  # [nall, 3]
    atype: Value  # [nall]
    nlist: Value  # [nloc, nnei~], before or after nearest_neighbors: it changes nothing
    mean: Param  # [ntypes, 4]
    std: Param  # [ntypes, 4]
    net: NetBank | Table
    constant: Param  # pad [ntypes, ntypes, 4, M], see op padding
    rcut: float
    rcut_smth: float
    sel: tuple[int, ...]
    scale: float
    exclude: tuple[tuple[int, int], ...] = ()
    pair_exclude: tuple[tuple[int, int], ...] = ()
    split: bool = False

    @property
    def index(self) -> str:
        """What chooses the net: 'neighbor type' or 'type pair'."""
        return self.net.index

    def rows(self) -> tuple[Value, Value]:
        """The neighbours that count, and their displacements r."""
        nlist = NearestNeighbors(self.coord, self.atype, self.nlist, self.rcut, self.sel).out
        if self.pair_exclude:
            nlist = ExcludePairs(nlist, self.atype, self.pair_exclude).out
        return nlist, Displacement(self.coord, nlist).out

    def sum(self, nlist: Value, r: Value) -> Value:
        """X without the padding, from the displacements, in the number format of mean and std."""
        if self.mean.type.dtype is not r.dtype:
            r = Cast(r, self.mean.type.dtype).out
        ti = CenterType(self.atype, nlist).out
        tj = NeighborType(self.atype, nlist, self.sel).out
        index = TypePair(ti, tj, len(self.sel)).out if self.index == "type pair" else tj
        env = EnvMatrix(
            r, ti, nlist, self.mean, self.std, rcut=self.rcut, rcut_smth=self.rcut_smth
        ).out
        s = Radial(env).out
        if isinstance(self.net, Table):
            g = TableOp(s, index, self.net).out
        else:
            g = Mlp(s, index, self.net, scalar=True).out
        if self.split:
            g = TypeColumns(g, tj, len(self.sel)).out
        if self.exclude:
            env = ScaleRows(env, ExcludeMask(ti, tj, nlist, self.exclude).out).out
        return Contract(env, g, self.scale).out

    def unfused(self) -> tuple[Value, ...]:
        nlist, r = self.rows()
        pad = Padding(nlist, self.atype, self.constant, self.sel, self.split).out
        return (Add(self.sum(nlist, r), pad).out,)


@op("env_contract_vjp")
class EnvContractVjp(_Fused):
    """Adjoint of env_contract: dE/dr of the rows that count, in their order.

    %dr = env_contract_vjp %dx, %coord, %atype, %nlist, mean=@mean, std=@std, net=@embedding,
          rcut=6.0, rcut_smth=0.5, sel=(46, 92), scale=0.0072 : f64[nloc, nnei~, 3]
    """

    dx: Value  # as the x of env_contract
    coord: Value
    atype: Value
    nlist: Value
    mean: Param
    std: Param
    net: NetBank | Table
    constant: Param
    rcut: float
    rcut_smth: float
    sel: tuple[int, ...]
    scale: float
    exclude: tuple[tuple[int, int], ...] = ()
    pair_exclude: tuple[tuple[int, int], ...] = ()
    split: bool = False

    def forward(self) -> EnvContract:
        """The op this is the adjoint of."""
        return EnvContract(self.coord, self.atype, self.nlist, **self.attributes())

    def unfused(self) -> tuple[Value, ...]:
        forward = self.forward()
        nlist, r = forward.rows()
        x = forward.sum(nlist, r)
        self.require(x.type == self.dx.type, f"dx is {self.dx.type}, but x is {x.type}")
        return tuple(adjoints(x, self.dx, [r]))


@op("mlp_gradient")
class MlpGradient(_Fused):
    """Value and gradient of a net with one output, together.

    %e, %dd = mlp_gradient %d, %ti, net=@fitting : f64[nloc, 1], f64[nloc, 1600]
    """

    d: Value  # [nloc, K]
    ti: Value  # [nloc]
    net: NetBank

    def unfused(self) -> tuple[Value, ...]:
        self.require(self.net.widths[-1] == 1, f"{self.net} must have one output")
        e = Mlp(self.d, self.ti, self.net).out
        return e, MlpVjp(OnesLike(e).out, self.d, self.ti, self.net).out
