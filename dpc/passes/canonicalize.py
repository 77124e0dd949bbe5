"""Fold constants, share equal ops, drop what nothing needs. Not one bit changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from dpc.ir.evaluate import Evaluation
from dpc.ir.graph import Graph
from dpc.ir.op import Op, Value
from dpc.ir.ops.arith import Cast, Concat, Constant, Multiply, OnesLike, Scale
from dpc.ir.params import Param
from dpc.ir.program import Program
from dpc.ir.rewrite import rewrite, share
from dpc.ir.types import ArrayType, NumpyArray
from dpc.passes.base import Changes, Context, Pass, register


@register("canonicalize")
@dataclass(frozen=True)
class Canonicalize(Pass):
    """Fold constants, share equal ops, drop unused tensors."""

    changes: ClassVar[Changes] = Changes.NOTHING

    def run(self, program: Program, context: Context) -> Program:
        """Dead ops need no work: a graph's ops are what its outputs need."""
        before = sum(len(graph.body()) for graph in program.graphs.values())
        for graph in list(program.graphs.values()):
            program = canonicalize_graph(program, graph)
        after = sum(len(graph.body()) for graph in program.graphs.values())
        context.note(ops_before=before, ops_after=after)
        return program


def canonicalize_graph(program: Program, graph: Graph) -> Program:
    """The program with one graph canonical."""
    folded = _Folded(program)
    graph = share(rewrite(graph, folded.rule, same_bits))
    return program.with_graph(graph, folded.tensors)


def same_bits(op: Op) -> Value | None:
    """Ops that give back an operand, whatever its numbers."""
    if isinstance(op, Cast) and op.a.dtype == op.dtype:
        return op.a
    if isinstance(op, Scale) and op.factor == 1.0:
        return op.a
    if isinstance(op, Concat) and len(op.parts) == 1:
        return op.parts[0]
    if isinstance(op, Multiply):
        if isinstance(op.b.op, OnesLike):
            return op.a
        if isinstance(op.a.op, OnesLike):
            return op.b
    return None


class _Folded:
    """Rule: an op on constants becomes a constant; `tensors` collects the numbers."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.tensors: dict[str, NumpyArray] = {}

    def rule(self, op: Op) -> Value | None:
        operands = op.operands
        constants = [v.op for v in operands if isinstance(v.op, Constant)]
        if not operands or len(constants) < len(operands) or len(op.types) != 1:
            return None
        if isinstance(op, OnesLike) or not len(self.program.store):
            return None  # ones are cheaper than stored; a program without numbers has none
        store = self.program.store.updated(self.tensors)
        array = np.asarray(Evaluation(store).run([op.out], {})[0])
        name = self._free_name("_".join([*(c.value.name for c in constants), op.name]))
        self.tensors[name] = array
        return Constant(Param(name, ArrayType.of(array))).out

    def _free_name(self, wanted: str) -> str:
        taken = {*self.program.refs, *self.tensors}
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted}_{number}", number + 1
        return name
