"""Changing graphs: rules, substitution, sharing. Graphs are immutable: all make new ones.

Ops that nothing needs any more are gone without asking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dpc.errors import GraphError
from dpc.ir.graph import Graph, reachable
from dpc.ir.op import Input, Op, Value

Replacement = Op | Value | tuple[Value, ...] | None
Rule = Callable[[Op], Replacement]


def rewrite(graph: Graph, *rules: Rule) -> Graph:
    """Offer each op, operands first, to the rules; the first answer replaces it.

    A rule sees the op with its operands already rewritten and answers with an op, a value,
    a value for each result, or None. Types must not change. The new results take the
    names of the old ones when they have none.
    """

    def apply(op: Op) -> tuple[Value, ...]:
        for rule in rules:
            answer = rule(op)
            if answer is not None:
                return _checked(op, answer, getattr(rule, "__name__", "rule"))
        return op.results

    return _mapped(graph, apply)


def substitute(graph: Graph, changes: Mapping[Value, Value]) -> Graph:
    """Put other values, of whatever type, in place of some; what depends on them is remade.

    The new values are taken as they are. An input that is replaced by an input gives it its
    place; other inputs that the new values need are added at the end.
    """
    new = dict(changes)
    for op in reachable([*graph.outputs.values()], known=changes):
        remade = op.with_operands(lambda value: new.get(value, value))
        new.update(zip(op.results, remade.results, strict=True))
    outputs = {name: new.get(value, value) for name, value in graph.outputs.items()}
    inputs = [changes.get(i.out, i.out).op for i in graph.inputs]
    inputs += [op for op in reachable([*outputs.values()]) if op not in inputs]
    kept = tuple(op for op in inputs if isinstance(op, Input))
    return Graph(graph.name, kept, outputs)


def share(graph: Graph) -> Graph:
    """Equal ops on equal operands become one."""
    known: dict[Any, Op] = {}

    def apply(op: Op) -> tuple[Value, ...]:
        # as text: 0.0 and -0.0 are equal, but are not the same
        key = (type(op), op.operands, repr(op.attributes()))
        return known.setdefault(key, op).results

    return _mapped(graph, apply)


def _mapped(graph: Graph, apply: Callable[[Op], tuple[Value, ...]]) -> Graph:
    new: dict[Value, Value] = {i.out: i.out for i in graph.inputs}
    for op in graph.body():
        new.update(zip(op.results, apply(op.with_operands(new.__getitem__)), strict=True))
    return replace(graph, outputs={name: new[v] for name, v in graph.outputs.items()})


def _checked(op: Op, answer: Op | Value | tuple[Value, ...], rule: str) -> tuple[Value, ...]:
    if isinstance(answer, Op):
        answer = (answer if answer.names else answer.named(*op.names)).results
    elif isinstance(answer, Value):
        answer = (answer,)
    got = tuple(value.type for value in answer)
    if got != op.types:
        words = [", ".join(map(str, types)) for types in (got, op.types)]
        raise GraphError(f"{rule} turned {op.name} into {words[0]}, but it gave {words[1]}")
    return answer
