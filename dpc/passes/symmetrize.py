"""Leave out the descriptor's repeated components and fold the first fitting layer to match.

``D_ma = sum_c x_cm x_ca`` is symmetric where both columns are below `axis_neuron`:
``D_ma = D_am``. A linear layer on D is the same layer on half of these components when the
weight rows of a repeated pair are added:

    sum_{m,a} D_ma W_ma = sum_{a <= m or m >= axis} D_ma (W_ma + [m < axis, a < m] W_am)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from dpc.ir.graph import Graph
from dpc.ir.op import Op, Value
from dpc.ir.ops.arith import Cast, Concat
from dpc.ir.ops.contraction import Outer, outer_pairs
from dpc.ir.ops.net import Mlp
from dpc.ir.ops.parameters import BroadcastAtoms
from dpc.ir.params import NetBank, ParamStore, Shortcut
from dpc.ir.program import Program
from dpc.ir.types import DType, NumpyArray
from dpc.passes.base import Changes, Context, Pass, register
from dpc.passes.differentiate import is_differentiated
from dpc.passes.rebuild import rebuild


class _Use(NamedTuple):
    """A bank that reads the components of an outer from row `start` of its first layer."""

    bank: NetBank
    start: int


@register("symmetrize")
@dataclass(frozen=True)
class Symmetrize(Pass):
    """Compute each product of descriptor columns once; fold the first fitting layer."""

    changes: ClassVar[Changes] = Changes.ROUNDING
    never_after: ClassVar[dict[str, str]] = {
        "differentiate": "the first fitting layer also stands in the adjoint ops then."
    }

    def run(self, program: Program, context: Context) -> Program:
        """Every plain outer whose components only reach first layers of float64 nets."""
        if is_differentiated(program):
            context.note(skipped="the program has forces already; symmetrize the energy")
            return program
        for outer in [op for op in program.energy.find(Outer) if not op.symmetric]:
            uses, why_not = _uses(program.energy, outer)
            if why_not:
                context.note(skipped=why_not)
                continue
            program = _fold(program, outer, uses)
            m, _ = outer_pairs(int(outer.x.dims[2]), outer.axis_neuron, True)
            context.note(components_before=outer.components(), components_after=len(m))
        return program


def _uses(graph: Graph, outer: Outer) -> tuple[list[_Use], str]:
    """The banks fed by an outer, or why it cannot be folded."""
    users = graph.users()
    uses: list[_Use] = []
    todo: list[tuple[Value, int]] = [(outer.out, 0)]
    while todo:
        value, start = todo.pop()
        if value in graph.outputs.values():
            return [], f"%{value.name} is an output of the graph"
        for op in users.get(value, []):
            if isinstance(op, Concat) and op.parts.count(value) == 1:
                before = op.parts[: op.parts.index(value)]
                todo.append((op.out, start + sum(int(part.dims[-1]) for part in before)))
            elif isinstance(op, Cast) and op.dtype.is_float:
                todo.append((op.out, start))
            elif isinstance(op, Mlp) and not op.scalar:
                layer = op.net.layers[0]
                if op.net.dtype is not DType.F64:
                    return [], f"{op.net} is {op.net.dtype}: put widen before symmetrize"
                if layer.shortcut is not Shortcut.NONE:
                    return [], f"the first layer of {op.net} adds its own input to its result"
                uses.append(_Use(op.net, start))
            elif not isinstance(op, BroadcastAtoms):  # which reads only the number of atoms
                return [], f"{op.name} reads the descriptor too"
    banks = {use.bank.name for use in uses}
    mlps = [op for op in graph.find(Mlp) if op.net.name in banks]
    if len(set(uses)) != len(banks) or len(mlps) != len(uses):
        return [], "a net also reads something else than this descriptor"
    return uses, "" if uses else "no net reads the descriptor"


def _fold(program: Program, outer: Outer, uses: list[_Use]) -> Program:
    width, axis = int(outer.x.dims[2]), outer.axis_neuron
    old_m, old_a = outer_pairs(width, axis, False)
    m, _ = outer_pairs(width, axis, True)
    banks: dict[str, NetBank] = {}
    tensors: dict[str, NumpyArray] = {}
    for bank, start in set(uses):
        inputs = bank.widths[0] - len(old_m) + len(m)
        # folding may make the first layer look like one that adds its input
        new = replace(bank, widths=(inputs, *bank.widths[1:]))
        if new.layers[0].shortcut is not Shortcut.NONE:
            new = replace(new, plain=(0, *bank.plain))
        banks[bank.name] = new
        if len(program.store):
            tensors.update(_folded_weights(program.store, bank, start, old_m, old_a, axis))

    def attributes(op: Op) -> dict[str, Any]:
        if op is outer:
            return {"symmetric": True}
        if isinstance(op, Mlp) and op.net.name in banks:
            return {"net": banks[op.net.name]}
        return {}

    return program.with_graph(rebuild(program.energy, attributes=attributes), tensors)


def _folded_weights(
    store: ParamStore, bank: NetBank, start: int, m: NumpyArray, a: NumpyArray, axis: int
) -> dict[str, NumpyArray]:
    """First-layer weights [inputs, outputs] with the rows of repeated pairs added."""
    twin = np.where((m < axis) & (a > m), a * axis + m, -1)  # row of (a, m) for a left-out (m, a)
    left_out = np.flatnonzero(twin >= 0)
    kept = np.flatnonzero(twin < 0)
    tensors = {}
    for k in range(bank.count):
        name = f"{bank.name}.{k}.0.weight"
        weight = store[name]
        block = weight[start : start + len(m)].copy()
        block[twin[left_out]] += block[left_out]
        tensors[name] = np.concatenate([weight[:start], block[kept], weight[start + len(m) :]])
    return tensors
