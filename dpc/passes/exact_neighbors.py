"""Padded neighbour slots to the neighbours there are.

An empty slot is not zero: its environment row is ``(0 - mean)/std`` and the net is asked for
it. What all empty slots of one type add to an atom's X is one constant times their number,

    pad[ti, t] = scale row(ti)^T G(row(ti)_0)

so ``X = sum over real neighbours + sum_t (sel[t] - n_t) pad[ti, t]``, exactly. Where
type_columns keeps the types of neighbours apart, so does the constant: pad[ti, t] has only the
columns of type t.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np

from dpc.ir.evaluate import Evaluation
from dpc.ir.graph import Graph
from dpc.ir.op import Input, Op, Value
from dpc.ir.ops.arith import Add
from dpc.ir.ops.basis import TypeColumns
from dpc.ir.ops.contraction import Contract, Padding
from dpc.ir.ops.geometry import Displacement
from dpc.ir.ops.types import NearestNeighbors
from dpc.ir.params import Param
from dpc.ir.program import Program
from dpc.ir.types import NumpyArray
from dpc.passes.base import Changes, Context, Pass, register
from dpc.passes.rebuild import rebuild

RAGGED = "nnei~"


@register("exact_neighbors")
@dataclass(frozen=True)
class ExactNeighbors(Pass):
    """Loop over the neighbours an atom has, not over its slots."""

    changes: ClassVar[Changes] = Changes.ROUNDING
    never_after: ClassVar[dict[str, str]] = {"fuse": "fused ops loop over real neighbours only."}

    def run(self, program: Program, context: Context) -> Program:
        """The new list holds every atom within rcut; the nearest sel of each type are kept."""
        graph = program.energy
        old = graph.input("nlist").op
        assert isinstance(old, Input)
        if old.type.ragged:
            return program
        nlist = replace(old, type=old.type.with_dims(old.type.dims[0], RAGGED))
        facts = program.facts
        atype = graph.input("atype")
        nearest = NearestNeighbors(
            graph.input("coord"), atype, nlist.out, facts.rcut, facts.sel, names=("nearest",)
        ).out
        constants = {op: _constant(program, graph, op) for op in graph.find(Contract)}
        lists: dict[str, Value] = {}

        def change(op: Op, before: Op) -> tuple[Value, ...] | None:
            if isinstance(op, Displacement):
                lists["rows"] = op.nlist
            if isinstance(op, Contract) and isinstance(before, Contract):
                constant = constants[before].ref
                padding = Padding(
                    lists["rows"], atype, constant, facts.sel, _is_split(op), names=("padding",)
                )
                name = op.names[0] if op.names else "x"
                bare = replace(op, names=(f"{name}_real",))
                return Add(bare.out, padding.out, names=op.names).results
            return None

        inputs = tuple(nlist if one is old else one for one in graph.inputs)
        new = rebuild(graph, change=change, inputs=inputs, instead={old.out: nearest})
        tensors = {c.ref.name: c.numbers for c in constants.values() if c.numbers is not None}
        return program.with_graph(new, tensors)


class _Constant(NamedTuple):
    ref: Param  # [ntypes, ntypes, 4, M]
    numbers: NumpyArray | None  # None in a program without numbers


def _constant(program: Program, graph: Graph, contract: Contract) -> _Constant:
    """The constant of a contraction."""
    facts = program.facts
    name, number = "pad", 2
    while name in program.refs:
        name, number = f"pad_{number}", number + 1
    axes, width = contract.types[0].dims[1], _rows(contract).dims[2]
    kind = contract.types[0].with_dims(facts.ntypes, facts.ntypes, axes, width)
    numbers = _numbers(program, graph, contract) if len(program.store) else None
    return _Constant(Param(name, kind), numbers)


def _is_split(contract: Contract) -> bool:
    return isinstance(contract.g.op, TypeColumns)


def _rows(contract: Contract) -> Value:
    """What is contracted with the environment rows: of every neighbour, [nloc, nnei, M]."""
    g = contract.g.op
    return g.b if isinstance(g, TypeColumns) else contract.g


def _numbers(program: Program, graph: Graph, contract: Contract) -> NumpyArray:
    """What one empty slot for type t adds to X of an atom of type ti: [ntypes, ntypes, 4, M].

    Read off the program itself: atoms of every type without any neighbour.
    """
    facts = program.facts
    known = {
        graph.input("coord"): np.zeros((facts.ntypes, 3)),
        graph.input("atype"): np.arange(facts.ntypes, dtype=np.int32),
        graph.input("nlist"): np.full((facts.ntypes, facts.nnei), -1, np.int32),
    }
    env, g = Evaluation(program.store).run([contract.env, _rows(contract)], known)
    first = np.cumsum(facts.sel) - np.asarray(facts.sel)  # each type's first slot
    pad = np.zeros((facts.ntypes, facts.ntypes, env.shape[2], g.shape[2]), env.dtype)
    for t in [t for t in range(facts.ntypes) if facts.sel[t] > 0]:
        row, net = env[:, first[t]], g[:, first[t]]
        pad[:, t] = env.dtype.type(contract.scale) * row[:, :, None] * net[:, None, :]
    return pad
