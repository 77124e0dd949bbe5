"""The first layer of the nets that read the descriptor: it is linear, so products can be folded in.

A linear change of the descriptor is a linear change of the rows of these weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dpc.ir.graph import Graph
from dpc.ir.op import Value
from dpc.ir.ops.arith import Cast, Concat
from dpc.ir.ops.net import Mlp
from dpc.ir.ops.parameters import BroadcastAtoms
from dpc.ir.params import NetBank, Shortcut
from dpc.ir.types import DType, NumpyArray


class Use(NamedTuple):
    """A bank that reads the components of a descriptor from row `start` of its first layer."""

    bank: NetBank
    start: int


def uses(graph: Graph, descriptor: Value, what: str) -> tuple[list[Use], str]:
    """The banks fed by a descriptor, or why pass `what` cannot change their first layers."""
    users = graph.users()
    found: list[Use] = []
    todo: list[tuple[Value, int]] = [(descriptor, 0)]
    while todo:
        value, start = todo.pop()
        if value in graph.outputs.values():
            return [], f"%{value.name} is an output of the graph"
        for op in users.get(value, []):
            if isinstance(op, Concat) and op.parts.count(value) == 1:
                before = op.parts[: op.parts.index(value)]
                todo.append((op.out, start + sum(int(part.dims[-1]) for part in before)))
            elif isinstance(op, Cast) and op.dtype.is_float:
                todo.append((op.out, start))
            elif isinstance(op, Mlp) and not op.scalar:
                layer = op.net.layers[0]
                if op.net.dtype is not DType.F64:
                    return [], f"{op.net} is {op.net.dtype}: put widen before {what}"
                if layer.shortcut is not Shortcut.NONE:
                    return [], f"the first layer of {op.net} adds its own input to its result"
                found.append(Use(op.net, start))
            elif not isinstance(op, BroadcastAtoms):  # which reads only the number of atoms
                return [], f"{op.name} reads the descriptor too"
    banks = {use.bank.name for use in found}
    mlps = [op for op in graph.find(Mlp) if op.net.name in banks]
    if len(set(found)) != len(banks) or len(mlps) != len(found):
        return [], "a net also reads something else than this descriptor"
    return found, "" if found else "no net reads the descriptor"


def resized(found: Iterable[Use], before: int, after: int) -> dict[str, NetBank]:
    """The banks by name, for a descriptor of `after` components instead of `before`."""
    banks = {}
    for bank in {use.bank for use in found}:
        new = replace(bank, widths=(bank.widths[0] - before + after, *bank.widths[1:]))
        # by its new widths the first layer may look like one that adds its input
        if new.layers[0].shortcut is not Shortcut.NONE:
            new = replace(new, plain=(0, *bank.plain))
        banks[bank.name] = new
    return banks


def weights(
    store: Mapping[str, NumpyArray], use: Use, components: int
) -> dict[str, tuple[NumpyArray, NumpyArray, NumpyArray]]:
    """First-layer weights by tensor: rows before the descriptor's, its own, and after."""
    names = [f"{use.bank.name}.{k}.0.weight" for k in range(use.bank.count)]
    ends = (use.start, use.start + components)
    return {name: _three(np.split(store[name], ends)) for name in names}


def _three(parts: list[NumpyArray]) -> tuple[NumpyArray, NumpyArray, NumpyArray]:
    return parts[0], parts[1], parts[2]
