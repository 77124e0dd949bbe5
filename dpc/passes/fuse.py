"""Groups of ops to the ops a backend computes in one go.

| found | becomes |
| --- | --- |
| displacement to contract, and padding | env_contract |
| their adjoint, down to dE/dr | env_contract_vjp |
| mlp of one output with its mlp_vjp | mlp_gradient |

The fused op is made from the attributes of the ops it would replace, and replaces them only
when its own definition (`unfused`) is, op by op, what stands in the graph. It reads the list
after nearest_neighbors, as the ops that sum forces do; filtering twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from dpc.ir.graph import Graph
from dpc.ir.op import Input, Op, Value
from dpc.ir.ops.arith import Add, Cast, Multiply, OnesLike
from dpc.ir.ops.basis import TypeColumns
from dpc.ir.ops.contraction import Contract, ContractVjpEnv, Padding
from dpc.ir.ops.environment import EnvMatrix, EnvMatrixVjp, ScaleRows
from dpc.ir.ops.fused import EnvContract, EnvContractVjp, MlpGradient
from dpc.ir.ops.geometry import Displacement
from dpc.ir.ops.net import Mlp, MlpVjp, TableOp
from dpc.ir.ops.reduce import BiasVjp
from dpc.ir.ops.types import (
    CenterType,
    ExcludeMask,
    ExcludePairs,
    NearestNeighbors,
    Pairs,
    TypeMask,
)
from dpc.ir.program import Program
from dpc.ir.rewrite import share, substitute
from dpc.passes.base import Changes, Context, Pass, register


@register("fuse")
@dataclass(frozen=True)
class Fuse(Pass):
    """Group ops into env_contract, env_contract_vjp and mlp_gradient."""

    changes: ClassVar[Changes] = Changes.ROUNDING

    def run(self, program: Program, context: Context) -> Program:
        """One group after the other, until none is left; other ops stay as they are."""
        graph = share(program.energy)
        for find in (_contraction, _adjoint, _gradient):
            while changes := find(graph):
                graph = share(substitute(graph, changes))
        context.note(ops_before=len(program.energy.body()), ops_after=len(graph.body()))
        return program.with_graph(graph)


def _contraction(graph: Graph) -> dict[Value, Value]:
    """An X to env_contract."""
    for op in graph.find(Add):
        fused = _env_contract(op)
        key = _Keys()
        if fused is not None and key(fused.unfused()[0]) == key(op.out):
            nearest = NearestNeighbors(
                fused.coord, fused.atype, fused.nlist, fused.rcut, fused.sel, names=("nearest",)
            )
            return {op.out: replace(fused, nlist=nearest.out, names=op.names).out}
    return {}


def _adjoint(graph: Graph) -> dict[Value, Value]:
    """The dE/dr of an env_contract to env_contract_vjp."""
    key = _Keys()
    found: dict[Any, Op] = {key(op.out): op for op in graph.find(EnvMatrixVjp)}
    found |= {key(op.out): op for op in graph.find(Cast) if isinstance(op.a.op, EnvMatrixVjp)}
    adjoints = {op.d for op in graph.find(ContractVjpEnv)} if found else set()
    for forward in graph.find(EnvContract):
        nearest = forward.nlist.op
        assert isinstance(nearest, NearestNeighbors)
        for dx in adjoints:
            fused = EnvContractVjp(
                dx, forward.coord, forward.atype, nearest.nlist, **forward.attributes()
            )
            old = found.get(key(fused.unfused()[0]))
            if old is not None:
                return {old.out: replace(fused, nlist=nearest.out, names=old.names).out}
    return {}


def _env_contract(op: Add) -> EnvContract | None:
    """The fused op whose result this sum may be, over the list before nearest_neighbors."""
    contract, padding = op.a.op, op.b.op
    if not (isinstance(contract, Contract) and isinstance(padding, Padding)):
        return None
    env, net = contract.env.op, contract.g.op
    if isinstance(net, TypeColumns):
        net = net.b.op
    exclude: Pairs = ()
    pair_exclude: Pairs = ()
    if isinstance(env, ScaleRows) and isinstance(env.mask.op, ExcludeMask):
        exclude, env = env.mask.op.pairs, env.env.op
    if not (isinstance(env, EnvMatrix) and isinstance(net, Mlp | TableOp)):
        return None
    nlist = env.nlist.op
    if isinstance(nlist, ExcludePairs):
        pair_exclude, nlist = nlist.pairs, nlist.nlist.op
    r = env.r.op.a.op if isinstance(env.r.op, Cast) else env.r.op
    if not (isinstance(nlist, NearestNeighbors) and isinstance(r, Displacement)):
        return None
    return EnvContract(
        nlist.coord,
        nlist.atype,
        nlist.nlist,
        mean=env.mean,
        std=env.std,
        net=net.net if isinstance(net, Mlp) else net.table,
        constant=padding.constant,
        rcut=env.rcut,
        rcut_smth=env.rcut_smth,
        sel=padding.sel,
        scale=contract.scale,
        exclude=exclude,
        pair_exclude=pair_exclude,
        split=padding.split,
    )


def _gradient(graph: Graph) -> dict[Value, Value]:
    """A net's value and its adjoint to mlp_gradient; a mask on the seed goes to the result."""
    nets = {(op.x, op.index, op.net): op for op in graph.find(Mlp) if not op.scalar}
    for adjoint in graph.find(MlpVjp):
        forward = nets.get((adjoint.x, adjoint.index, adjoint.net))
        mask = _mask_of_ones(adjoint.d)
        if forward is None or mask is None or forward.net.widths[-1] != 1:
            continue
        names = (*(forward.names or ("",)), *(adjoint.names or ("",)))
        fused = MlpGradient(
            forward.x, forward.index, forward.net, names=names if any(names) else ()
        )
        value, gradient = fused.results
        return {forward.out: value, adjoint.out: mask(gradient)}
    return {}


def _mask_of_ones(seed: Value) -> Callable[[Value], Value] | None:
    """How a seed differs from ones: not at all, or by masks of atom types; None if otherwise.

    A bias above it, and a change of number format, make no difference.
    """
    masks: list[TypeMask] = []
    while not isinstance(seed.op, OnesLike):
        if isinstance(seed.op, TypeMask):
            masks.append(seed.op)
            seed = seed.op.a
        elif isinstance(seed.op, BiasVjp):
            seed = seed.op.d
        elif isinstance(seed.op, Cast):
            seed = seed.op.a
        else:
            return None

    def apply(value: Value) -> Value:
        for mask in reversed(masks):
            value = TypeMask(value, mask.ti, mask.exclude).out
        return value

    return apply


class _Keys:
    """Values that are computed in the same way have the same key.

    The two operands of a sum or product may stand in either order, and center_type reads of
    its list only how many atoms there are.
    """

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._known: dict[Op, int] = {}

    def __call__(self, value: Value) -> tuple[int, int]:
        return self._op(value.op), value.index

    def _op(self, op: Op) -> int:
        if op not in self._known:
            operands: tuple[Any, ...] = tuple(map(self, op.operands))
            if isinstance(op, CenterType):
                operands = operands[:1]
            elif isinstance(op, Add | Multiply):
                operands = tuple(sorted(operands))
            own = (op,) if isinstance(op, Input) else tuple(op.attributes().items())
            what = (type(op), own, operands)
            self._known[op] = self._numbers.setdefault(what, len(self._numbers))
        return self._known[op]
