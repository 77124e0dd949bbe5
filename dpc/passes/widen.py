"""float32 arithmetic to float64: the weights keep their values, sums lose less."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from dpc.ir.op import Op, Value
from dpc.ir.ops.arith import Cast
from dpc.ir.params import NetBank, Param, Ref, Table
from dpc.ir.program import Program
from dpc.ir.types import DType
from dpc.passes.base import Changes, Context, Pass, register
from dpc.passes.rebuild import rebuild


@register("widen")
@dataclass(frozen=True)
class Widen(Pass):
    """Compute float32 nets in float64: casts go, weights are widened."""

    changes: ClassVar[Changes] = Changes.PRECISION

    def run(self, program: Program, context: Context) -> Program:
        """A program without float32 is left alone."""
        graphs = program.graphs.values()
        narrow = [
            op for graph in graphs for op in graph.body() for t in op.types if t.dtype is DType.F32
        ]
        if not narrow:
            return program
        wide = {ref.name: ref for ref in map(_wide, program.refs.values())}

        def attributes(op: Op) -> dict[str, Any]:
            if isinstance(op, Cast) and op.dtype is DType.F32:
                return {"dtype": DType.F64}
            refs = {n: v for n, v in op.attributes().items() if isinstance(v, Ref)}
            return {name: wide[ref.name] for name, ref in refs.items() if wide[ref.name] != ref}

        def change(op: Op, old: Op) -> tuple[Value, ...] | None:
            if isinstance(op, Cast) and op.a.dtype is op.dtype:
                return (op.a,)
            return None

        store = program.store
        tensors = {
            name: store[name].astype(np.float64)
            for name, kind in program.tensors().items()
            if kind.dtype is DType.F32 and name in store
        }
        context.note(tensors=len(tensors), ops=len(narrow))
        remade = {
            graph.name: rebuild(graph, attributes=attributes, change=change) for graph in graphs
        }
        return replace(program, graphs=remade, store=store.updated(tensors))


def _wide(ref: Ref) -> Ref:
    if isinstance(ref, NetBank | Table) and ref.dtype is DType.F32:
        return replace(ref, dtype=DType.F64)
    if isinstance(ref, Param) and ref.type.dtype is DType.F32:
        return replace(ref, type=ref.type.with_dtype(DType.F64))
    return ref
