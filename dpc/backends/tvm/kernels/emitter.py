"""Emitter: writes one C function as TVM loop nests with explicit vectors.

Loops over registers and vectors of a tile are Python loops and come out unrolled; loops
over features and neighbors are `with emit.loop(n) as i:` and stay loops. A vector is a
value; `emit.let` names it so that it is computed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dpc.backends.tvm import compat
from dpc.targets import Target
from dpc.targets.target import VECTORS

Index = Any  # an int or an int32 expression
Vector = Any  # an expression of `lanes` numbers

NOTHING = -0.0
"""What adds nothing, to fill memory with: LLVM makes calls of memset where it sees zeros."""


class Emitter:
    """The statements of one function, `lanes` numbers in a vector, `vectors` in a tile."""

    def __init__(
        self, symbol: str, target: Target, dtype: str = "float64", vectors: int = VECTORS
    ) -> None:
        self.symbol = symbol
        self.target = target
        self.dtype = dtype
        self.lanes = target.lanes(dtype)
        self.vectors = vectors
        self.tile = target.tile_atoms(dtype, vectors)
        self._tir = compat.tirx()
        self._parameters: list[Any] = []
        self._blocks: list[list[Any]] = [[]]
        self._names = 0

    # parameters

    def pointer(self, name: str, dtype: str | None = None) -> Array:
        """A parameter `dtype *restrict name`, or `const dtype *` if nothing is stored to it."""
        kind = dtype or self.dtype
        data = compat.pointer(name, kind)
        buffer, declared = compat.array(name, kind, data)
        self._parameters.append(data)
        self._add(declared)
        return Array(self, buffer, kind, 0)

    def count(self, name: str) -> Index:
        """A parameter `int32_t name`."""
        variable = compat.integer(name)
        self._parameters.append(variable)
        return variable

    def finish(self, helpers: str = "") -> Any:
        """The function; `helpers` is LLVM text of what it calls by compat.helper."""
        return compat.function(self.symbol, self._parameters, self._blocks[0], helpers)

    # control

    @contextmanager
    def loop(self, extent: Index, name: str = "i") -> Iterator[Any]:
        """for i in 0 .. extent-1; the statements written inside are its body."""
        variable = compat.integer(name)
        self._blocks.append([])
        yield variable
        body = self._blocks.pop()
        self._add(compat.serial_loop(variable, self.whole(extent), body))

    def whole(self, value: Index) -> Any:
        """An int or expression as an index expression."""
        return compat.index(value) if isinstance(value, int) else value

    def run(self, call: Any) -> None:
        """A call for what it does."""
        self._add(call)

    def minimum(self, a: Index, b: Index) -> Any:
        """The smaller of two indices."""
        return self._tir.Min(self.whole(a), self.whole(b))

    def wrap(self, a: Index, n: int) -> Any:
        """a modulo n, for a < 2 n."""
        a = self.whole(a)
        return self.let(self._tir.Select(a < n, a, a - n))

    # values

    def constant(self, number: float) -> Vector:
        """`number` in every lane."""
        return self._tir.Broadcast(self._tir.FloatImm(self.dtype, float(number)), self.lanes)

    def splat(self, scalar: Any) -> Vector:
        """A scalar in every lane."""
        return self._tir.Broadcast(scalar, self.lanes)

    def let(self, value: Any) -> Any:
        """Name a value: it is computed here, once."""
        self._names += 1
        variable = self._tir.Var(f"v{self._names}", value.ty)
        self._add(self._tir.Bind(variable, value))
        return variable

    def select(self, condition: Any, yes: Vector, no: Vector) -> Vector:
        """Lane by lane."""
        return self._tir.Select(condition, yes, no)

    def at_least(self, x: Vector, low: float) -> Vector:
        """max(x, low); not-a-number stays."""
        return self._tir.Max(self.constant(low), x)

    def at_most(self, x: Vector, high: float) -> Vector:
        """min(x, high); not-a-number stays."""
        return self._tir.Min(self.constant(high), x)

    def absolute(self, x: Vector) -> Vector:
        """|x|"""
        return compat.intrinsic(self.vector_type(), "llvm.fabs", x)

    def shuffle(self, vectors: Sequence[Vector], lanes: Sequence[int]) -> Vector:
        """The named lanes of the vectors laid end to end."""
        return self._tir.Shuffle(list(vectors), [compat.index(lane) for lane in lanes])

    def bits(self, x: Vector) -> Any:
        """The bits of floating-point lanes as integers of the same size."""
        return self._tir.reinterpret(self.vector_type("int"), x)

    def from_bits(self, x: Any) -> Vector:
        """Integer lanes taken as the bits of floating-point numbers."""
        return self._tir.reinterpret(self.vector_type(), x)

    def shift_left(self, x: Any, count: int) -> Any:
        """Integer lanes shifted."""
        return self._tir.shift_left(x, self.integers(count))

    def integers(self, number: int) -> Any:
        """`number` in every lane, as integers as wide as the floating-point numbers."""
        scalar = self._tir.IntImm(self.dtype.replace("float", "int"), number)
        return self._tir.Broadcast(scalar, self.lanes)

    def register(self, name: str = "r") -> Register:
        """A vector that changes, kept in a machine register."""
        self._names += 1
        buffer, allocated = compat.register(f"{name}{self._names}", self.dtype, self.lanes)
        self._add(allocated)
        return Register(self, buffer)

    def vector_type(self, kind: str = "float") -> str:
        """TVM's name of a vector's type."""
        return f"{self.dtype.replace('float', kind)}x{self.lanes}"

    def _ramp(self, start: Index, lanes: int) -> Any:
        start = self.whole(start)
        return start if lanes == 1 else self._tir.Ramp(start, compat.index(1), lanes)

    def _add(self, statement: Any) -> None:
        self._blocks[-1].append(statement)

    def _load(self, buffer: Any, at: Index, lanes: int) -> Any:
        return self._tir.BufferLoad(buffer, [self._ramp(at, lanes)])

    def _store(self, buffer: Any, at: Index, value: Any, lanes: int) -> None:
        self._add(self._tir.BufferStore(buffer, value, [self._ramp(at, lanes)]))


@dataclass(frozen=True)
class Register:
    """A vector that changes."""

    emit: Emitter
    buffer: Any

    def get(self) -> Vector:
        """Its value now."""
        return self.emit._load(self.buffer, 0, self.emit.lanes)

    def set(self, value: Vector) -> None:
        """Give it another value."""
        self.emit._store(self.buffer, 0, value, self.emit.lanes)


@dataclass(frozen=True)
class Array:
    """A flat array from `origin` on."""

    emit: Emitter
    buffer: Any
    dtype: str
    origin: Index

    def part(self, at: Index) -> Array:
        """The array from element `at` on."""
        return Array(self.emit, self.buffer, self.dtype, self.origin + at)

    def load(self, at: Index) -> Vector:
        """Elements at .. at+lanes-1, read here and now."""
        return self.emit.let(self.emit._load(self.buffer, self.origin + at, self.emit.lanes))

    def scalar(self, at: Index) -> Any:
        """One element, read here and now."""
        return self.emit.let(self.emit._load(self.buffer, self.origin + at, 1))

    def splat(self, at: Index) -> Vector:
        """One element in every lane, read here and now."""
        return self.emit.let(self.emit.splat(self.emit._load(self.buffer, self.origin + at, 1)))

    def store(self, at: Index, value: Vector, lanes: int | None = None) -> None:
        """Write a vector (of `lanes` numbers, where that differs from the usual)."""
        self.emit._store(self.buffer, self.origin + at, value, lanes or self.emit.lanes)

    def address(self, at: Index) -> Any:
        """&element `at`"""
        return compat.address(self.buffer, self.emit.whole(self.origin + at))

    def prefetch(self, at: Index) -> None:
        """Ask for the line of element `at`."""
        self.emit._add(compat.prefetch(self.buffer, self.emit.whole(self.origin + at)))
