"""Where the values of one tile of atoms live while they are needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

from dpc.ir.graph import Graph
from dpc.ir.op import Value
from dpc.ir.printer import value_names
from dpc.ir.program import Buffer, MemoryPlan, Program
from dpc.passes.base import Changes, Context, Pass, PassError, register

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


@register("memory")
@dataclass(frozen=True)
class Memory(Pass):
    """Plan the workspace of a tile: offsets, lifetimes, reuse.

    A tile is `tile` atoms of one type. Buffers are for the float values of local atoms
    whose size is known; rows of neighbours differ in number from tile to tile and are the
    backend's, and outputs are written where the caller wants them.
    """

    changes: ClassVar[Changes] = Changes.NOTHING
    tile: int = 24

    def run(self, program: Program, context: Context) -> Program:
        """Largest first, each at the lowest offset that is free while it lives."""
        if self.tile < 1:
            raise PassError(f"memory: tile is {self.tile}, but must be at least one atom")
        buffers = place(lifetimes(program.energy, self.tile))
        size = max((b.offset + b.size for b in buffers), default=0)
        context.note(bytes=size, bytes_without_reuse=sum(b.size for b in buffers))
        return replace(program, memory=MemoryPlan(size, buffers))


def lifetimes(graph: Graph, tile: int) -> list[Buffer]:
    """The buffers of a graph, without offsets, in the order they are written."""
    names = value_names(graph)
    order = {op: place for place, op in enumerate(graph.body())}
    last: dict[Value, int] = {}
    for op, number in order.items():
        last.update(dict.fromkeys(op.operands, number))
    return [
        Buffer(names[value], 0, _bytes(value, tile), number, last.get(value, number))
        for op, number in order.items()
        for value in op.results
        if _is_local(value) and value not in graph.outputs.values()
    ]


def _is_local(value: Value) -> bool:
    """A float for each local atom, or a fixed number of them."""
    dims = value.dims
    return (
        value.dtype.is_float
        and dims[:1] == ("nloc",)
        and all(isinstance(dim, int) for dim in dims[1:])
    )


def _bytes(value: Value, tile: int) -> int:
    size = tile * prod(int(dim) for dim in value.dims[1:]) * value.dtype.bytes
    return -(-size // ALIGNMENT) * ALIGNMENT


def place(buffers: Iterable[Buffer]) -> tuple[Buffer, ...]:
    """Offsets such that buffers alive at the same time do not overlap."""
    given = list(buffers)
    placed: list[Buffer] = []
    for one in sorted(given, key=lambda b: (-b.size, b.first)):
        offset = 0
        for other in sorted(placed, key=lambda b: b.offset):
            together = one.first <= other.last and other.first <= one.last
            if together and offset < other.offset + other.size and other.offset < offset + one.size:
                offset = other.offset + other.size
        placed.append(replace(one, offset=offset))
    return tuple(sorted(placed, key=lambda b: (b.first, b.offset)))
