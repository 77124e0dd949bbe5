"""float64 arithmetic to float32, from the rows of the environment on.

Positions, distances and the choice of neighbours stay in double, and so do the energies of
atoms with their bias, and everything that is summed over atoms: energy, force, virial. The
displacements r, environment rows, nets or tables, descriptor, and the adjoints of all these
are float32.

It runs before `differentiate`. Rounding weights and tables changes the energy a little; forces
that are derived afterwards are the gradient of that energy, exact but for the rounding of each
operation, so that a long run does not drift.

With `bf16` (precision "mixed") the hidden layers of the nets that take vectors, all but the
first and the last, also round what they multiply to bfloat16. Energy and forces then differ by
the rounding of each: about 1e-3 eV/Å, and a long run drifts by as much.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from dpc.ir.op import Op, Value
from dpc.ir.ops.arith import Cast as CastOp
from dpc.ir.ops.geometry import Displacement
from dpc.ir.ops.net import Mlp
from dpc.ir.ops.parameters import Normalize
from dpc.ir.ops.reduce import Bias
from dpc.ir.params import NetBank, Param, Ref, Table
from dpc.ir.program import Program
from dpc.ir.types import DType
from dpc.passes.base import Changes, Context, Pass, PassError, register
from dpc.passes.differentiate import is_differentiated
from dpc.passes.rebuild import rebuild

STAY = (Normalize, Bias)
"""Ops whose numbers stay float64: they cost nothing."""


@register("cast")
@dataclass(frozen=True)
class Cast(Pass):
    """Compute in float32 from displacements on: half the bytes, twice the numbers in a vector.

    With `bf16` hidden layers multiply in bfloat16, and sum in float32.
    """

    changes: ClassVar[Changes] = Changes.PRECISION
    never_after: ClassVar[dict[str, str]] = {
        "differentiate": "forces come from the energy that is compiled.",
    }

    bf16: bool = False

    def run(self, program: Program, context: Context) -> Program:
        """A program without float64 nets is left alone."""
        if is_differentiated(program):
            raise PassError("cast: the program has forces already; put cast before differentiate")
        narrow = _narrow_refs(program, self.bf16)
        if not narrow:
            return program

        def attributes(op: Op) -> dict[str, Any]:
            if isinstance(op, STAY):
                return {}
            refs = {n: v for n, v in op.attributes().items() if isinstance(v, Ref)}
            return {n: narrow[ref.name] for n, ref in refs.items() if ref.name in narrow}

        def change(op: Op, old: Op) -> tuple[Value, ...] | None:
            if isinstance(op, Displacement | Normalize):
                return CastOp(op.out, DType.F32).results
            if isinstance(op, Mlp) and not op.scalar:
                return CastOp(op.out, DType.F64).results
            return None

        graph = rebuild(program.energy, attributes=attributes, change=change)
        store = program.store
        tensors = {
            name: store[name].astype(np.float32)
            for ref in narrow.values()
            for name in ref.tensors()
            if name in store
        }
        context.note(tensors=len(tensors))
        return program.with_graph(graph, tensors)


def _narrow_refs(program: Program, bf16: bool) -> dict[str, Ref]:
    """What ops refer to, by name, in float32: all float64 but what stays."""
    kept = {
        attribute.name
        for op in program.energy.body()
        if isinstance(op, STAY)
        for attribute in op.attributes().values()
        if isinstance(attribute, Ref)
    }
    wide = {op.net.name for op in program.energy.find(Mlp) if not op.scalar} if bf16 else set()
    found = {}
    for name, ref in program.refs.items():
        new = _narrow(ref)
        if isinstance(new, NetBank) and name in wide and new.has_head and len(new.layers) > 2:
            new = replace(new, bf16=True)
        if name not in kept and new != ref:
            found[name] = new
    return found


def _narrow(ref: Ref) -> Ref:
    if isinstance(ref, NetBank | Table) and ref.dtype is DType.F64:
        return replace(ref, dtype=DType.F32)
    if isinstance(ref, Param) and ref.type.dtype is DType.F64:
        return replace(ref, type=ref.type.with_dtype(DType.F32))
    return ref
