"""Reverse-mode differentiation: adjoint ops added to a graph."""

from __future__ import annotations

from collections.abc import Sequence

from dpc.errors import GraphError
from dpc.ir.graph import Graph, reachable
from dpc.ir.op import Op, Value
from dpc.ir.ops.arith import Add, OnesLike


def gradient(graph: Graph, of: str | Value, wrt: str | Value) -> Value:
    """d(sum of all elements of `of`)/d(`wrt`), a value of wrt's type.

    `of` is an output's name or a value, `wrt` an input's name or any value on the way:
    for forces, the result of op displacement.
    """
    target = graph.output(of) if isinstance(of, str) else of
    source = graph.input(wrt) if isinstance(wrt, str) else wrt
    return adjoints(target, OnesLike(target).out, [source])[0]


def adjoints(of: Value, seed: Value, wrt: Sequence[Value]) -> list[Value]:
    """The adjoint of each value of `wrt`, given `seed`, the adjoint of `of`."""
    order = reachable([of])
    depends: set[Value] = set(wrt)
    for op in order:
        if any(value in depends for value in op.operands):
            depends.update(v for v in op.results if v.dtype.is_float)
    found: dict[Value, Value] = {of: seed}
    for op in reversed(order):
        d = found.get(op.out)
        if d is None or op.out not in depends or op.out in wrt:
            continue
        _check(op, depends)
        d = found[op.out] = _named(d, op.out)
        for operand, part in zip(op.operands, op.vjp(d), strict=True):
            if part is not None and operand in depends:
                before = found.get(operand)
                found[operand] = part if before is None else Add(before, part).out
    for value in wrt:
        if value not in found:
            raise GraphError(f"{of!r} does not depend on {value!r}: there is no gradient")
    return [_named(found[value], value) for value in wrt]


def _named(d: Value, of: Value) -> Value:
    """The adjoint of %x is called %dx."""
    if d.op.names or not of.name or len(d.op.types) > 1:
        return d
    return d.op.named(f"d{of.name}").out


def _check(op: Op, depends: set[Value]) -> None:
    if len(op.types) > 1:
        raise GraphError(f"{op.name} has several results: it cannot be differentiated")
    for name, operand in op.named_operands():
        if name in op.fixed and operand in depends:
            raise GraphError(
                f"{op.name} is not differentiated with respect to {name}, but {operand!r} "
                f"depends on the positions"
            )
