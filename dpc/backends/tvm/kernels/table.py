"""Tabulated embedding nets: quintic pieces, contracted with the environment rows.

Neighbors run one after another, the M channels lie in the vector lanes. Row r of the
table covers one piece; t is the distance from its start:

    G[m] = ((((c5 t + c4) t + c3) t + c2) t + c1) t + c0

forward   x[c][m] += sum_j env[j][c] G_j[m]
backward  denv[j][c] = sum_m dx[c][m] G_j[m],
          denv[j][0] += sum_m (sum_c env[j][c] dx[c][m]) G_j'[m]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dpc.backends.tvm.kernels.emitter import Array, Emitter, Index, Vector
from dpc.backends.tvm.kernels.spec import C_TYPES, round_up
from dpc.backends.tvm.tuning import Tuning
from dpc.errors import InputError
from dpc.targets import Target

ORDER = 5
COMPONENTS = 4
"""Numbers in a row of the environment matrix."""


@dataclass(frozen=True)
class TableSpec:
    """The two kernels of all tables with `M` channels."""

    M: int
    dtype: str = "float64"

    def __post_init__(self) -> None:
        if self.M < 1:
            raise InputError(f"a table with {self.M} channels: at least one is needed")

    def symbols(self) -> tuple[str, ...]:
        return (f"dpc_table_forward_M{self.M}", f"dpc_table_backward_M{self.M}")

    def prototypes(self) -> tuple[str, ...]:
        """coef [rows][6][MP], row [n], t [n], env [n][4], x and dx [4][MP], denv [n][4]."""
        c = C_TYPES[self.dtype]
        forward, backward = self.symbols()
        inputs = (
            f"const {c} *restrict coef, const int32_t *restrict row, const {c} *restrict t, "
            f"const {c} *restrict env, int32_t n"
        )
        return (
            f"void {forward}({inputs}, {c} *restrict x);",
            f"void {backward}({inputs}, const {c} *restrict dx, {c} *restrict denv);",
        )

    def padded(self, target: Target) -> int:
        """MP: channels up to a whole vector."""
        return round_up(self.M, target.lanes(self.dtype))

    def pack(self, coefficients: np.ndarray, target: Target) -> np.ndarray:
        """[..., rows, 6, M] to [..., rows, 6, MP], zeros beyond M."""
        if coefficients.shape[-2:] != (ORDER + 1, self.M):
            raise InputError(
                f"table: coefficients of shape {coefficients.shape}, but must be "
                f"[rows, {ORDER + 1}, {self.M}]"
            )
        beyond = [(0, 0)] * (coefficients.ndim - 1) + [(0, self.padded(target) - self.M)]
        return np.ascontiguousarray(np.pad(coefficients, beyond).astype(self.dtype))

    def work_bytes(self, target: Target) -> int:
        return 0

    def functions(self, target: Target, tuning: Tuning) -> tuple[Any, ...]:
        return self._forward(target), self._backward(target)

    def _forward(self, target: Target) -> Any:
        emit, piece = self._begin(self.symbols()[0], target)
        x = emit.pointer("x")
        padded = self.padded(target)
        for first, count in _passes(padded // emit.lanes, target):
            starts = [(first + v) * emit.lanes for v in range(count)]
            sums = [[emit.register("x") for _ in range(COMPONENTS)] for _ in starts]
            for start, line in zip(starts, sums, strict=True):
                for c, total in enumerate(line):
                    total.set(x.load(c * padded + start))
            with emit.loop(piece.n, "j") as j:
                at, t, env = piece.read(j)
                for start, line in zip(starts, sums, strict=True):
                    value = _value(emit, piece.coef, at + start, padded, t)
                    for c, total in enumerate(line):
                        total.set(value * env[c] + total.get())
            for start, line in zip(starts, sums, strict=True):
                for c, total in enumerate(line):
                    x.store(c * padded + start, total.get())
        return emit.finish()

    def _backward(self, target: Target) -> Any:
        emit, piece = self._begin(self.symbols()[1], target)
        dx, denv = emit.pointer("dx"), emit.pointer("denv")
        padded = self.padded(target)
        vectors = padded // emit.lanes
        unrolled = vectors if vectors <= MAX_UNROLLED else 1
        with emit.loop(piece.n, "j") as j:
            at, t, env = piece.read(j)
            sums = [emit.register("d") for _ in range(COMPONENTS)]
            for total in sums:
                total.set(emit.constant(0.0))
            with emit.loop(vectors // unrolled, "m") as m:
                for part in range(unrolled):
                    start = emit.let(emit.whole((m * unrolled + part) * emit.lanes))
                    value, slope = _value_and_slope(emit, piece.coef, at + start, padded, t)
                    lines = [dx.load(c * padded + start) for c in range(COMPONENTS)]
                    along = emit.let(lines[0] * env[0])
                    for c in range(1, COMPONENTS):
                        along = emit.let(lines[c] * env[c] + along)
                    for line, total in zip(lines, sums, strict=True):
                        total.set(line * value + total.get())
                    sums[0].set(along * slope + sums[0].get())
            _store_sums(emit, [total.get() for total in sums], denv, j * COMPONENTS)
        return emit.finish()

    def _begin(self, symbol: str, target: Target) -> tuple[Emitter, _Piece]:
        emit = Emitter(symbol, target, self.dtype)
        coef, row = emit.pointer("coef"), emit.pointer("row", "int32")
        t, env = emit.pointer("t"), emit.pointer("env")
        step = (ORDER + 1) * self.padded(target)
        return emit, _Piece(coef, row, t, env, emit.count("n"), step)


MAX_UNROLLED = 16
"""Vectors of channels that the backward kernel writes out before it makes a loop of them."""


@dataclass(frozen=True)
class _Piece:
    """The parameters that both kernels share."""

    coef: Array
    row: Array
    t: Array
    env: Array
    n: Index
    step: int  # numbers in one row of the table

    def read(self, j: Index) -> tuple[Index, Vector, list[Vector]]:
        """Of neighbor j: where its piece starts, t, and the environment row."""
        emit = self.coef.emit
        at = emit.let(self.row.scalar(j) * self.step)
        env = [self.env.splat(j * COMPONENTS + c) for c in range(COMPONENTS)]
        return at, self.t.splat(j), env


def _passes(vectors: int, target: Target) -> list[tuple[int, int]]:
    """(first vector, count) of each pass: 4 sums for every vector must fit in registers."""
    most = max(1, (target.registers - 4) // COMPONENTS)
    passes = -(-vectors // most)
    counts = [vectors // passes + (p < vectors % passes) for p in range(passes)]
    return [(sum(counts[:p]), count) for p, count in enumerate(counts)]


def _value(emit: Emitter, coef: Array, at: Index, padded: int, t: Vector) -> Vector:
    """G of one vector of channels."""
    value = coef.load(at + ORDER * padded)
    for power in range(ORDER - 1, -1, -1):
        value = emit.let(value * t + coef.load(at + power * padded))
    return value


def _value_and_slope(
    emit: Emitter, coef: Array, at: Index, padded: int, t: Vector
) -> tuple[Vector, Vector]:
    """G and dG/dt of one vector of channels: Horner's rule and its derivative."""
    slope = coef.load(at + ORDER * padded)
    value = emit.let(slope * t + coef.load(at + (ORDER - 1) * padded))
    for power in range(ORDER - 2, -1, -1):
        slope = emit.let(slope * t + value)
        value = emit.let(value * t + coef.load(at + power * padded))
    return value, slope


def _store_sums(emit: Emitter, sums: list[Vector], to: Array, at: Index) -> None:
    """to[at + c] = sum of the lanes of sums[c], for all four c at once.

    Two vectors a, b merge into one that holds sums of a in some lanes and of b in the
    others: half the shuffles that summing each by itself takes.
    """
    stride = 1
    vectors = [emit.let(s) for s in sums]
    while len(vectors) > 1 and stride < emit.lanes:
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        vectors = [_merge(emit, a, b, stride) for a, b in pairs]
        stride *= 2
    if len(vectors) > 1:  # two lanes: two results in each vector
        for number, vector in enumerate(vectors):
            to.store(at + number * emit.lanes, vector)
        return
    total, lanes = vectors[0], emit.lanes
    while lanes > COMPONENTS:
        lanes //= 2
        low = emit.shuffle([total], range(lanes))
        total = emit.let(low + emit.shuffle([total], range(lanes, 2 * lanes)))
    to.store(at, total, COMPONENTS)


def _merge(emit: Emitter, a: Vector, b: Vector, stride: int) -> Vector:
    """Lanes l with bit `stride` clear: a[l] + a[l + stride]; set: b[l] + b[l - stride]."""
    n = emit.lanes
    straight = [n + lane if lane & stride else lane for lane in range(n)]
    crossed = [n + lane - stride if lane & stride else lane + stride for lane in range(n)]
    return emit.let(emit.shuffle([a, b], straight) + emit.shuffle([a, b], crossed))
