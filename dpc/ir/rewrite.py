"""Changing graphs: rules, substitution, sharing. Graphs are immutable: all make new ones.

Ops that nothing needs any more are gone without asking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dpc.errors import GraphError
from dpc.ir.graph import Graph
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
    """The graph with some values replaced by others, of whatever type; users are remade."""
    for old, new in changes.items():
        if isinstance(old.op, Input) and not isinstance(new.op, Input):
            raise GraphError(f"substitute: {old!r} is an input; replace its users' operands")
    table = dict(changes)

    def change(value: Value) -> Value:
        seen = {value}
        while value in table:
            value = table[value]
            if value in seen:
                raise GraphError(f"substitute: {value!r} is replaced by itself")
            seen.add(value)
        return value

    done: dict[Value, Value] = {}

    def final(value: Value) -> Value:
        value = change(value)
        return done.get(value, value)

    order = Graph(graph.name, graph.inputs, {**graph.outputs}).ops()
    extra = [v for v in changes.values() if v.op not in set(order)]
    if extra:
        names = {**graph.outputs, **{f"\0{i}": v for i, v in enumerate(extra)}}
        order = Graph(graph.name, graph.inputs, names).ops()
    for op in _by_final_operands(order, change):
        new_op = op.with_operands(final)
        done.update(zip(op.results, new_op.results, strict=True))
    return replace(graph, outputs={name: final(v) for name, v in graph.outputs.items()})


def _by_final_operands(order: Sequence[Op], change: Callable[[Value], Value]) -> list[Op]:
    """The ops so that each follows those its changed operands come from."""
    done: set[Op] = set()
    result: list[Op] = []
    stack = [(op, False) for op in reversed(order)]
    while stack:
        op, ready = stack.pop()
        if ready:
            result.append(op)
        elif op not in done:
            done.add(op)
            stack.append((op, True))
            stack.extend((change(v).op, False) for v in reversed(op.operands))
    return result


def share(graph: Graph) -> Graph:
    """Equal ops on equal operands become one."""
    known: dict[Any, Op] = {}

    def apply(op: Op) -> tuple[Value, ...]:
        key = (type(op), op.operands, tuple(op.attributes().values()))
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
