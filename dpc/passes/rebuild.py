"""Remaking a graph op by op where types change: what `ir.rewrite` rules may not do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from dpc.ir.graph import Graph
from dpc.ir.op import Input, Op, Value

Change = Callable[[Op], tuple[Value, ...] | None]


def rebuild(
    graph: Graph,
    change: Change,
    inputs: tuple[Input, ...] | None = None,
    instead: Mapping[Value, Value] | None = None,
) -> Graph:
    """Remake every op on its remade operands; types follow from the operands.

    `change` sees each remade op and may answer with other results; `inputs` are the new
    inputs in the old order; `instead` says what the users of an old input read.
    """
    new_inputs = graph.inputs if inputs is None else inputs
    made = {old.out: new.out for old, new in zip(graph.inputs, new_inputs, strict=True)}
    made.update(instead or {})
    for op in graph.body():
        new = op.with_operands(made.__getitem__)
        results = change(new) or new.results
        made.update(zip(op.results, results, strict=True))
    outputs = {name: made[value] for name, value in graph.outputs.items()}
    return replace(graph, inputs=new_inputs, outputs=outputs)


def keep_name(old: Op, new: Op) -> tuple[Value, ...]:
    """Results of `new` under the names of `old`."""
    return (new if new.names or len(new.types) != len(old.types) else new.named(*old.names)).results
