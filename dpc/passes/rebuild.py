"""Remaking a graph op by op where types change: what `ir.rewrite` rules may not do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dpc.ir.graph import Graph
from dpc.ir.op import Input, Op, Value, spec

Attributes = Callable[[Op], Mapping[str, Any]]
Change = Callable[[Op, Op], tuple[Value, ...] | None]


def rebuild(
    graph: Graph,
    *,
    attributes: Attributes = lambda op: {},
    change: Change = lambda new, old: None,
    inputs: tuple[Input, ...] | None = None,
    instead: Mapping[Value, Value] | None = None,
) -> Graph:
    """Remake every op on its remade operands; types follow from operands and attributes.

    `attributes` gives the attributes of an old op that change with its operands. `change`
    sees the remade op and the old one and may answer with other results. `inputs` are the
    new inputs in the old order, `instead` is what the users of an old input read.
    """
    new_inputs = graph.inputs if inputs is None else inputs
    made = {old.out: new.out for old, new in zip(graph.inputs, new_inputs, strict=True)}
    made.update(instead or {})
    for old in graph.body():
        new = _remake(old, made, attributes(old))
        results = change(new, old) or new.results
        made.update(zip(old.results, results, strict=True))
    outputs = {name: made[value] for name, value in graph.outputs.items()}
    return replace(graph, inputs=new_inputs, outputs=outputs)


def _remake(op: Op, made: Mapping[Value, Value], attributes: Mapping[str, Any]) -> Op:
    if not attributes:
        return op.with_operands(made.__getitem__)
    operands: dict[str, Any] = {}
    for name in spec(type(op)).operands:
        got = getattr(op, name)
        operands[name] = tuple(made[v] for v in got) if isinstance(got, tuple) else made[got]
    return replace(op, **operands, **attributes)
