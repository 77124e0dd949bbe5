"""The descriptor of a tile of atoms from its contracted features: x^T x, part of it.

    d[m, a] = sum_c x[c][m] x[c][a],   m < M, a < axis

in the order m, then a. Symmetric: of the pairs (m, a) and (a, m) with both < axis only
the one with a <= m, so K = M axis - axis (axis - 1) / 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dpc.backends.tvm.kernels.emitter import Array, Emitter, Index, Register, Vector
from dpc.backends.tvm.kernels.spec import C_TYPES, require_tile
from dpc.backends.tvm.tuning import Tuning
from dpc.errors import InputError
from dpc.targets import Target
from dpc.targets.target import VECTORS

COMPONENTS = 4


@dataclass(frozen=True)
class OuterSpec:
    """Forward and backward for M features of which the first `axis` are the second factor."""

    M: int
    axis: int
    symmetric: bool = False
    dtype: str = "float64"
    vectors: int = VECTORS

    def __post_init__(self) -> None:
        require_tile(self.dtype, self.vectors)
        if not 1 <= self.axis <= self.M:
            raise InputError(
                f"axis_neuron is {self.axis}, but must be between 1 and the {self.M} outputs of "
                "the embedding net"
            )

    @property
    def K(self) -> int:
        """Numbers in the descriptor."""
        full = self.M * self.axis
        return full - self.axis * (self.axis - 1) // 2 if self.symmetric else full

    def symbols(self) -> tuple[str, ...]:
        name = f"M{self.M}_A{self.axis}_{'s' if self.symmetric else 'f'}_v{self.vectors}"
        return (f"dpc_outer_forward_{name}", f"dpc_outer_backward_{name}")

    def prototypes(self) -> tuple[str, ...]:
        """x [4*M][TA], d and dd [K][TA], dx [4*M][TA] overwritten."""
        c = C_TYPES[self.dtype]
        forward, backward = self.symbols()
        return (
            f"void {forward}(const {c} *restrict x, {c} *restrict d);",
            f"void {backward}(const {c} *restrict x, const {c} *restrict dd, {c} *restrict dx);",
        )

    def work_bytes(self, target: Target) -> int:
        return 0

    def functions(self, target: Target, tuning: Tuning) -> tuple[Any, ...]:
        return self._forward(target), self._backward(target)

    def _triangle(self) -> int:
        """Features m whose row of d ends at a = m."""
        return self.axis if self.symmetric else 0

    def _row(self, m: Index) -> Index:
        """Where d[m, 0] is, for m at or beyond the triangle."""
        t = self._triangle()
        return m * self.axis - t * (t - 1) // 2

    def _forward(self, target: Target) -> Any:
        emit = Emitter(self.symbols()[0], target, self.dtype, self.vectors)
        tile = _Tile(emit, emit.pointer("x"), self.M)
        d = emit.pointer("d")
        for v in range(self.vectors):
            with emit.loop(self._triangle(), "m") as m:
                row = emit.let(_triangle_row(m))
                here = tile.read(m, v)
                with emit.loop(m + 1, "a") as a:
                    product = _product(emit, here, tile.read(a, v))
                    d.store(tile.at(row + a, v), product)
            for first, count, size in _blocks(self._triangle(), self.M, _at_once(target)):
                with emit.loop(count, "m") as block:
                    ms = [emit.let(emit.whole(first + block * size + r)) for r in range(size)]
                    lines = [tile.read(m, v) for m in ms]
                    with emit.loop(self.axis, "a") as a:
                        other = tile.read(a, v)
                        for m, here in zip(ms, lines, strict=True):
                            d.store(tile.at(self._row(m) + a, v), _product(emit, here, other))
        return emit.finish()

    def _backward(self, target: Target) -> Any:
        emit = Emitter(self.symbols()[1], target, self.dtype, self.vectors)
        tile = _Tile(emit, emit.pointer("x"), self.M)
        dd, dx = emit.pointer("dd"), _Tile(emit, emit.pointer("dx"), self.M)
        for v in range(self.vectors):
            self._triangle_backward(emit, tile, dd, dx, v)
            self._first_factor(emit, tile, dd, dx, v)
            self._second_factor(emit, tile, dd, dx, v)
        return emit.finish()

    def _triangle_backward(self, emit: Emitter, x: _Tile, dd: Array, dx: _Tile, v: int) -> None:
        """dx[m] = sum_a (dd[m, a] or dd[a, m]) x[a], once more for a = m; m, a < axis."""
        with emit.loop(self._triangle(), "m") as m:
            row = emit.let(_triangle_row(m))
            sums = _zeros(emit)
            with emit.loop(m + 1, "a") as a:
                _add(sums, dd.load(x.at(row + a, v)), x.read(a, v))
            with emit.loop(self.axis - m, "a") as after:
                a = emit.let(m + after)
                _add(sums, dd.load(x.at(_triangle_row(a) + m, v)), x.read(a, v))
            dx.write(m, v, sums)

    def _first_factor(self, emit: Emitter, x: _Tile, dd: Array, dx: _Tile, v: int) -> None:
        """dx[m] = sum_a dd[m, a] x[a] for m beyond the triangle."""
        target = emit.target
        for first, count, size in _blocks(self._triangle(), self.M, _at_once(target)):
            with emit.loop(count, "m") as block:
                ms = [emit.let(emit.whole(first + block * size + r)) for r in range(size)]
                sums = [_zeros(emit) for _ in ms]
                with emit.loop(self.axis, "a") as a:
                    other = x.read(a, v)
                    for m, line in zip(ms, sums, strict=True):
                        _add(line, dd.load(x.at(self._row(m) + a, v)), other)
                for m, line in zip(ms, sums, strict=True):
                    dx.write(m, v, line)

    def _second_factor(self, emit: Emitter, x: _Tile, dd: Array, dx: _Tile, v: int) -> None:
        """dx[a] += sum_m dd[m, a] x[m] over m beyond the triangle."""
        for first, count, size in _blocks(0, self.axis, _at_once(emit.target)):
            with emit.loop(count, "a") as block:
                rows = [emit.let(emit.whole(first + block * size + r)) for r in range(size)]
                sums = [_zeros(emit, dx.read(a, v)) for a in rows]
                with emit.loop(self.M - self._triangle(), "m") as beyond:
                    m = emit.let(beyond + self._triangle())
                    other = x.read(m, v)
                    for a, line in zip(rows, sums, strict=True):
                        _add(line, dd.load(x.at(self._row(m) + a, v)), other)
                for a, line in zip(rows, sums, strict=True):
                    dx.write(a, v, line)


@dataclass(frozen=True)
class _Tile:
    """An array [4*M][TA], read and written one feature and vector at a time."""

    emit: Emitter
    array: Array
    M: int

    def at(self, row: Index, v: int) -> Index:
        """Where vector v of a row is."""
        return row * self.emit.tile + v * self.emit.lanes

    def read(self, m: Index, v: int) -> list[Vector]:
        """The four components of feature m."""
        return [self.array.load(self.at(m + c * self.M, v)) for c in range(COMPONENTS)]

    def write(self, m: Index, v: int, line: list[Register]) -> None:
        """Set the four components of feature m."""
        for c, value in enumerate(line):
            self.array.store(self.at(m + c * self.M, v), value.get())


def _triangle_row(m: Index) -> Index:
    """Pairs (m', a) with a <= m' < m."""
    return (m * (m + 1)) >> 1


def _at_once(target: Target) -> int:
    """Features held in registers together: four components of each, and of one more."""
    return 4 if target.registers >= 32 else 2


def _blocks(first: int, end: int, size: int) -> list[tuple[int, int, int]]:
    """(first, count, size): first .. end-1 cut into blocks, the rest one by one."""
    whole, rest = divmod(end - first, size)
    parts = [(first, whole, size), (first + whole * size, rest, 1)]
    return [part for part in parts if part[1]]


def _product(emit: Emitter, a: list[Vector], b: list[Vector]) -> Vector:
    value = a[0] * b[0]
    for x, y in zip(a[1:], b[1:], strict=True):
        value = x * y + value
    return value


def _zeros(emit: Emitter, start: list[Vector] | None = None) -> list[Register]:
    line = [emit.register("dx") for _ in range(COMPONENTS)]
    for c, total in enumerate(line):
        total.set(start[c] if start else emit.constant(0.0))
    return line


def _add(line: list[Register], factor: Vector, vectors: list[Vector]) -> None:
    """line[c] += factor vectors[c]"""
    for total, vector in zip(line, vectors, strict=True):
        total.set(factor * vector + total.get())
