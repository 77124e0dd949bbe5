"""The descriptor of a tile of atoms from chosen pairs of its contracted features.

    d[k] = sum_c x[c][a] x[c][b],   k = start[a] .. start[a+1]-1,   b = partner[k] >= a

What is left of the symmetric form x^T x once its negligible entries are gone; the pairs
are data, so nets of different types share the kernels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dpc.backends.tvm.kernels.emitter import NOTHING, Array, Emitter, Index, Vector
from dpc.backends.tvm.kernels.spec import C_TYPES, require_tile
from dpc.backends.tvm.tuning import Tuning
from dpc.errors import InputError
from dpc.targets import Target
from dpc.targets.target import VECTORS

COMPONENTS = 4


@dataclass(frozen=True)
class PairsSpec:
    """Forward and backward for K pairs of M features."""

    M: int
    K: int = field(compare=False)  # no part of the code
    dtype: str = "float64"
    vectors: int = VECTORS

    def __post_init__(self) -> None:
        require_tile(self.dtype, self.vectors)
        most = self.M * (self.M + 1) // 2
        if not 1 <= self.K <= most:
            raise InputError(
                f"{self.K} pairs of {self.M} features: there must be 1 to {most} of them"
            )

    def symbols(self) -> tuple[str, ...]:
        name = f"M{self.M}_v{self.vectors}"
        return (f"dpc_pairs_forward_{name}", f"dpc_pairs_backward_{name}")

    def prototypes(self) -> tuple[str, ...]:
        """x [4*M][TA], start [M+1], partner [K], d and dd [K][TA], dx [4*M][TA] overwritten."""
        c = C_TYPES[self.dtype]
        forward, backward = self.symbols()
        inputs = (
            f"const {c} *restrict x, const int32_t *restrict start, const int32_t *restrict partner"
        )
        return (
            f"void {forward}({inputs}, {c} *restrict d);",
            f"void {backward}({inputs}, const {c} *restrict dd, {c} *restrict dx);",
        )

    def work_bytes(self, target: Target) -> int:
        return 0

    def functions(self, target: Target, tuning: Tuning) -> tuple[Any, ...]:
        return self._forward(target), self._backward(target)

    def _forward(self, target: Target) -> Any:
        emit = Emitter(self.symbols()[0], target, self.dtype, self.vectors)
        x, start, partner = _inputs(emit)
        d = emit.pointer("d")
        for vectors in self._passes(target):
            with emit.loop(self.M, "a") as a:
                here = [self._read(x, a, v) for v in vectors]
                first = start.scalar(a)
                with emit.loop(emit.let(start.scalar(a + 1) - first), "i") as i:
                    k = emit.let(first + i)
                    b = partner.scalar(k)
                    for v, line in zip(vectors, here, strict=True):
                        product = _product(line, self._read(x, b, v))
                        d.store(k * emit.tile + v * emit.lanes, product)
        return emit.finish()

    def _backward(self, target: Target) -> Any:
        """dx[a] is summed in registers over its pairs, dx[b] in memory; a = b takes both."""
        emit = Emitter(self.symbols()[1], target, self.dtype, self.vectors)
        x, start, partner = _inputs(emit)
        dd, dx = emit.pointer("dd"), emit.pointer("dx")
        for vectors in self._passes(target):
            with emit.loop(COMPONENTS * self.M, "row") as row:
                for v in vectors:
                    dx.store(row * emit.tile + v * emit.lanes, emit.constant(NOTHING))
            with emit.loop(self.M, "a") as a:
                here = [self._read(x, a, v) for v in vectors]
                sums = [[emit.register("dx") for _ in range(COMPONENTS)] for _ in vectors]
                for total in (total for line in sums for total in line):
                    total.set(emit.constant(0.0))
                first = start.scalar(a)
                with emit.loop(emit.let(start.scalar(a + 1) - first), "i") as i:
                    k = emit.let(first + i)
                    b = partner.scalar(k)
                    for v, line, totals in zip(vectors, here, sums, strict=True):
                        factor = dd.load(k * emit.tile + v * emit.lanes)
                        other = self._read(x, b, v)
                        for c, total in enumerate(totals):
                            total.set(factor * other[c] + total.get())
                            at = self._at(emit, b, c, v)
                            dx.store(at, factor * line[c] + dx.load(at))
                for v, totals in zip(vectors, sums, strict=True):
                    for c, total in enumerate(totals):
                        at = self._at(emit, a, c, v)
                        dx.store(at, total.get() + dx.load(at))
        return emit.finish()

    def _passes(self, target: Target) -> list[range]:
        """Vectors that one pass over the pairs takes: x[a] and its sums stay in registers."""
        if 2 * COMPONENTS * self.vectors + 2 * COMPONENTS <= target.registers:
            return [range(self.vectors)]
        return [range(v, v + 1) for v in range(self.vectors)]

    def _at(self, emit: Emitter, m: Index, c: int, v: int) -> Index:
        return (m + c * self.M) * emit.tile + v * emit.lanes

    def _read(self, x: Array, m: Index, v: int) -> list[Vector]:
        """The four components of feature m."""
        return [x.load(self._at(x.emit, m, c, v)) for c in range(COMPONENTS)]


def _inputs(emit: Emitter) -> tuple[Array, Array, Array]:
    return emit.pointer("x"), emit.pointer("start", "int32"), emit.pointer("partner", "int32")


def _product(a: list[Vector], b: list[Vector]) -> Vector:
    value = a[0] * b[0]
    for x, y in zip(a[1:], b[1:], strict=True):
        value = x * y + value
    return value
