"""Graph: named inputs and named outputs. Its ops are whatever the outputs need."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from dpc.errors import GraphError, did_you_mean
from dpc.ir.op import Input, Op, Value

O = TypeVar("O", bound=Op)  # noqa: E741


@dataclass(frozen=True, eq=False)
class Graph:
    """A function from its inputs to its outputs; unused ops do not exist."""

    name: str
    inputs: tuple[Input, ...]
    outputs: Mapping[str, Value]

    def ops(self) -> list[Op]:
        """Every op that an output needs, inputs first, operands before their users."""
        return reachable([*(i.out for i in self.inputs), *self.outputs.values()])

    def body(self) -> list[Op]:
        """The ops without the inputs."""
        return [o for o in self.ops() if not isinstance(o, Input)]

    def find(self, kind: type[O]) -> Iterator[O]:
        """Every op of one class, in order."""
        return (o for o in self.ops() if isinstance(o, kind))

    def input(self, label: str) -> Value:
        """The value of an input."""
        for i in self.inputs:
            if i.label == label:
                return i.out
        raise GraphError(self._unknown("input", label, [i.label for i in self.inputs]))

    def output(self, name: str) -> Value:
        """The value of an output."""
        if name not in self.outputs:
            raise GraphError(self._unknown("output", name, list(self.outputs)))
        return self.outputs[name]

    def users(self) -> dict[Value, list[Op]]:
        """The ops that read each value."""
        table: dict[Value, list[Op]] = {}
        for o in self.ops():
            for value in dict.fromkeys(o.operands):
                table.setdefault(value, []).append(o)
        return table

    def _unknown(self, what: str, name: str, known: list[str]) -> str:
        hint = did_you_mean(name, known) or f" It has {', '.join(known) or 'none'}."
        return f"graph {self.name} has no {what} {name!r}.{hint}"


def reachable(values: Iterable[Value], known: Container[Value] = ()) -> list[Op]:
    """Every op that the values need, operands before their users; stops at `known` values."""
    done: set[Op] = set()
    order: list[Op] = []
    stack = [(value.op, False) for value in reversed(list(values)) if value not in known]
    while stack:
        current, operands_done = stack.pop()
        if operands_done:
            order.append(current)
        elif current not in done:
            done.add(current)
            stack.append((current, True))
            stack.extend((v.op, False) for v in reversed(current.operands) if v not in known)
    return order
