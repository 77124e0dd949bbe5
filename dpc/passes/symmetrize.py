"""Leave out the descriptor's repeated components and fold the first fitting layer to match.

``D_ma = sum_c x_cm x_ca`` is symmetric where both columns are below `axis_neuron`:
``D_ma = D_am``. A linear layer on D is the same layer on half of these components when the
weight rows of a repeated pair are added:

    sum_{m,a} D_ma W_ma = sum_{a <= m or m >= axis} D_ma (W_ma + [m < axis, a < m] W_am)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from dpc.ir.op import Op
from dpc.ir.ops.contraction import Outer, outer_pairs
from dpc.ir.ops.net import Mlp
from dpc.ir.program import Program
from dpc.ir.types import NumpyArray
from dpc.passes.base import Changes, Context, Pass, register
from dpc.passes.differentiate import is_differentiated
from dpc.passes.first_layer import Use, resized, uses, weights
from dpc.passes.rebuild import rebuild


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
            found, why_not = uses(program.energy, outer.out, "symmetrize")
            if why_not:
                context.note(skipped=why_not)
                continue
            program = _fold(program, outer, found)
            m, _ = outer_pairs(int(outer.x.dims[2]), outer.axis_neuron, True)
            context.note(components_before=outer.components(), components_after=len(m))
        return program


def _fold(program: Program, outer: Outer, found: list[Use]) -> Program:
    width, axis = int(outer.x.dims[2]), outer.axis_neuron
    old_m, old_a = outer_pairs(width, axis, False)
    m, _ = outer_pairs(width, axis, True)
    banks = resized(found, len(old_m), len(m))
    tensors: dict[str, NumpyArray] = {}
    for use in set(found) if len(program.store) else ():
        for name, (before, own, after) in weights(program.store, use, len(old_m)).items():
            tensors[name] = np.concatenate([before, _folded(own, old_m, old_a, axis), after])

    def attributes(op: Op) -> dict[str, Any]:
        if op is outer:
            return {"symmetric": True}
        if isinstance(op, Mlp) and op.net.name in banks:
            return {"net": banks[op.net.name]}
        return {}

    return program.with_graph(rebuild(program.energy, attributes=attributes), tensors)


def _folded(rows: NumpyArray, m: NumpyArray, a: NumpyArray, axis: int) -> NumpyArray:
    """Weight rows [M axis, outputs] with those of repeated pairs added: [K, outputs]."""
    twin = np.where((m < axis) & (a > m), a * axis + m, -1)  # row of (a, m) for a left-out (m, a)
    left_out = np.flatnonzero(twin >= 0)
    block = rows.copy()
    block[twin[left_out]] += block[left_out]
    return block[np.flatnonzero(twin < 0)]
