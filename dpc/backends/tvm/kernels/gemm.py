"""Matrix products of one tile: features times atoms, weights broadcast from one packed copy.

Arrays are [feature][TA]: the TA atoms of a tile lie in `vectors` machine vectors. A group
of rows times all vectors stays in registers while the inner loop runs over the features
that are summed; that loop is cut so that the rows it reads stay in the L1 cache (Tuning).
Weights of a layer K -> N are packed [ceil(N/8)][K][8], zeros beyond N; forward reads 8
outputs of one k side by side, backward 8 outputs of 8 neighbouring k in 64 numbers. The
sum over features is in one order whatever the tuning and the tile. What follows a product
element by element is done while its rows are still in the L1 cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from dpc.backends.tvm.kernels import bf16
from dpc.backends.tvm.kernels.emitter import Array, Emitter, Index, Vector
from dpc.backends.tvm.kernels.spec import round_up
from dpc.backends.tvm.tuning import Tuning

BLOCK = 8
"""Outputs packed side by side, on every target."""

Start = Callable[[Index], Sequence[Vector]]
"""The vectors that the sums of a row start from."""

After = Callable[[Index, int], None]
"""Writes what follows once rows `first` .. `first + count - 1` are final and in the cache."""

Kind = Callable[[Emitter, Vector, Vector, Vector], Vector]
"""sum + x w, for what the operands are."""


NUMBERS: Kind = lambda emit, total, x, w: w * x + total  # noqa: E731
"""Operands are plain numbers."""

PAIRS: Kind = bf16.dot
"""Operands are pairs of bfloat16."""


def packed_size(inputs: int, outputs: int) -> int:
    """Numbers in the packed weights of a layer."""
    return round_up(outputs, BLOCK) * inputs


def pack_weights(weight: np.ndarray) -> np.ndarray:
    """[K, N] to [ceil(N/8)][K][8], flat."""
    inputs, outputs = weight.shape
    padded = np.zeros((inputs, round_up(outputs, BLOCK)), weight.dtype)
    padded[:, :outputs] = weight
    return padded.reshape(inputs, -1, BLOCK).transpose(1, 0, 2).ravel()


def forward(
    emit: Emitter,
    tuning: Tuning,
    x: Array,
    w: Array,
    bias: Array,
    z: Array,
    inputs: int,
    outputs: int,
    after: After,
    kind: Kind = NUMBERS,
) -> None:
    """z[n] = bias[n] + sum_k w[k, n] x[k] for all n up to a multiple of 8.

    x [inputs][TA], z [round_up(outputs, 8)][TA], bias as many as outputs.
    """

    def start(row: Index) -> list[Vector]:
        return [bias.splat(row)] * emit.vectors

    product(emit, tuning, x, w, z, inputs, outputs, start, after, kind)


def product(
    emit: Emitter,
    tuning: Tuning,
    x: Array,
    w: Array,
    z: Array,
    inputs: int,
    outputs: int,
    initial: Start | None,
    after: After,
    kind: Kind,
) -> None:
    """z[n] = initial(n) + sum_k w[k, n] x[k], as `forward`; without `initial` from zeros."""
    at_once = tuning.outputs[emit.vectors - 1]
    period = math.lcm(BLOCK, at_once)  # rows after which groups and packed blocks begin together
    for first, extent, begins, ends in blocks(emit, inputs, tuning.block_rows(emit.target)):
        for base, group, rows in _groups(emit, outputs, at_once, period, BLOCK):
            sums = _Sums(emit, base, group, initial if begins else _reader(emit, z), rows, kind)
            weights = [r // BLOCK * inputs * BLOCK + r % BLOCK for r in group]
            here = emit.let(emit.whole(base * inputs + first * BLOCK))
            with emit.loop(extent, "k") as k:
                at = emit.let(here + k * BLOCK)
                for o in weights[:: min(BLOCK, at_once)]:
                    w.prefetch(at + o + tuning.ahead * BLOCK)
                sums.add(x, first + k, [w.splat(at + o) for o in weights])
            sums.store(z)
            if ends:
                after(base + group[0], rows)


def backward(
    emit: Emitter,
    tuning: Tuning,
    u: Array,
    w: Array,
    g: Array,
    inputs: int,
    outputs: int,
    initial: Start | None,
    after: After,
) -> None:
    """g[k] = initial(k) + sum_n w[k, n] u[n]: the same packed weights.

    u [outputs][TA], g [inputs][TA]; `initial` gives the vectors to start from (zeros).
    """
    at_once = tuning.outputs[emit.vectors - 1]
    whole, rest = divmod(outputs, BLOCK)
    most = max(1, tuning.block_rows(emit.target) // BLOCK)
    for first, extent, begins, ends in blocks(emit, whole, most):
        for base, group, rows in _groups(emit, inputs, at_once, at_once, 1):
            start = initial if begins else _reader(emit, g)
            sums = _Sums(emit, base, group, start, rows, NUMBERS)
            if begins and rest:
                with emit.loop(rest, "o") as o:
                    at = emit.let((whole * inputs + base) * BLOCK + o)
                    sums.add(u, o + whole * BLOCK, [w.splat(at + r * BLOCK) for r in group])
            with emit.loop(extent, "n") as n:
                at = emit.let(((first + n) * inputs + base) * BLOCK)
                with emit.loop(BLOCK // tuning.unroll, "o") as part:
                    for o in (part * tuning.unroll + i for i in range(tuning.unroll)):
                        for line in range(0, at_once, BLOCK):  # of the next group
                            w.prefetch(at + (o + at_once + line) * BLOCK)
                        here = at + o
                        row = (first + n) * BLOCK + o
                        sums.add(u, row, [w.splat(here + r * BLOCK) for r in group])
            sums.store(g)
            if ends:
                after(base + group[0], rows)


def blocks(emit: Emitter, total: int, most: int) -> Iterator[tuple[Index, Index, bool, bool]]:
    """(first, extent, begins, ends) of blocks of at most `most` of `total`, about even."""
    count = max(1, -(-total // most))
    size = -(-total // count)
    count = max(1, -(-total // size)) if size else 1
    yield 0, min(size, total), True, count == 1
    if count > 2:
        with emit.loop(count - 2, "block") as number:
            yield emit.let((number + 1) * size), size, False, False
    if count > 1:
        yield (count - 1) * size, total - (count - 1) * size, False, True


def _groups(
    emit: Emitter, rows: int, at_once: int, period: int, unit: int
) -> Iterator[tuple[Index, Sequence[int], int]]:
    """(base, offsets from it, how many of them are rows): all rows, `at_once` together.

    A loop over `period` rows, then what is left, filled up to a multiple of `unit`.
    """
    whole, rest = divmod(rows, period)
    if whole:
        with emit.loop(whole, "group") as number:
            base = emit.let(number * period)
            for start in range(0, period, at_once):
                yield base, range(start, start + at_once), at_once
    filled = round_up(rest, unit)
    for start in range(0, filled, at_once):
        end = min(start + at_once, filled)
        yield whole * period, range(start, end), min(end, rest) - start


class _Sums:
    """Sums of some rows times all vectors, in registers."""

    def __init__(
        self,
        emit: Emitter,
        base: Index,
        group: Sequence[int],
        start: Start | None,
        rows: int,
        kind: Kind,
    ) -> None:
        """They begin with start(row), those past the first `rows` with zeros."""
        self.emit, self.kind = emit, kind
        self.rows = [base + r for r in group]
        self.sums = [[emit.register("sum") for _ in range(emit.vectors)] for _ in group]
        zeros = [emit.constant(0.0)] * emit.vectors
        for number, (row, line) in enumerate(zip(self.rows, self.sums, strict=True)):
            values = start(row) if start and number < rows else zeros
            for register, value in zip(line, values, strict=True):
                register.set(value)

    def add(self, x: Array, row: Index, weights: Sequence[Vector]) -> None:
        """sums[r] += weights[r] x[row]"""
        vectors = _reader(self.emit, x)(row)
        for line, weight in zip(self.sums, weights, strict=True):
            for total, vector in zip(line, vectors, strict=True):
                total.set(self.kind(self.emit, total.get(), vector, weight))

    def store(self, to: Array) -> None:
        """Write the rows."""
        for row, line in zip(self.rows, self.sums, strict=True):
            for v, total in enumerate(line):
                to.store(row * self.emit.tile + v * self.emit.lanes, total.get())


def _reader(emit: Emitter, x: Array) -> Start:
    return lambda row: [x.load(row * emit.tile + v * emit.lanes) for v in range(emit.vectors)]
