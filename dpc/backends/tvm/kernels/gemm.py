"""Matrix products of one tile: features times atoms, weights broadcast from one packed copy.

Arrays are [feature][TA]: the TA atoms of a tile lie in `vectors` machine vectors. A block
of `outputs` features times `vectors` vectors stays in registers while the inner loop runs.
Weights of a layer K -> N are packed [ceil(N/8)][K][8], zeros beyond N; forward reads 8
outputs of one k side by side, backward 8 outputs of 8 neighbouring k in 64 numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dpc.backends.tvm.kernels.emitter import Array, Emitter, Index, Register, Vector
from dpc.backends.tvm.kernels.spec import round_up

BLOCK = 8
"""Outputs packed side by side, on every target."""

K_BLOCK = 160
"""Features a forward block runs over before it moves to other outputs: they fit in L1."""

UNROLL = 2
"""Outputs written out in the inner loop of backward; at 4 LLVM spills the sums."""

AHEAD = 16
"""Features between a weight and the one prefetched in forward."""


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
    emit: Emitter, x: Array, w: Array, bias: Array, z: Array, inputs: int, outputs: int
) -> None:
    """z[n] = bias[n] + sum_k w[k, n] x[k] for all n up to a multiple of 8.

    x [inputs][TA], z [round_up(outputs, 8)][TA], bias as many as z has rows.
    """
    blocks = -(-inputs // K_BLOCK)
    step = -(-inputs // blocks)

    def bias_rows(row: Index) -> list[Vector]:
        return [bias.splat(row)] * emit.target.vectors

    def z_rows(row: Index) -> list[Vector]:
        return [z.load(row * emit.tile + v * emit.lanes) for v in range(emit.target.vectors)]

    _forward_block(emit, x, w, z, inputs, outputs, 0, min(step, inputs), bias_rows)
    if blocks > 1:
        with emit.loop(blocks - 1, "kb") as kb:
            first = emit.let((kb + 1) * step)
            extent = emit.let(emit.minimum(step, inputs - first))
            _forward_block(emit, x, w, z, inputs, outputs, first, extent, z_rows)


def _forward_block(
    emit: Emitter,
    x: Array,
    w: Array,
    z: Array,
    inputs: int,
    outputs: int,
    first: Index,
    extent: Index,
    initial: Callable[[Index], Sequence[Vector]],
) -> None:
    """z[n] = initial(n) + sum over `extent` features from `first`."""
    at_once = emit.target.outputs
    with emit.loop(round_up(outputs, BLOCK) // BLOCK, "n") as n:
        for part in range(0, BLOCK, at_once):
            rows = [n * BLOCK + part + r for r in range(at_once)]
            sums = _sums(emit, [initial(row) for row in rows])
            here = emit.let(n * (inputs * BLOCK) + first * BLOCK)
            with emit.loop(extent, "k") as k:
                w.prefetch(here + k * BLOCK + AHEAD * BLOCK)
                _multiply_add(
                    emit,
                    sums,
                    x,
                    first + k,
                    [w.splat(here + k * BLOCK + part + r) for r in range(at_once)],
                )
            for row, line in zip(rows, sums, strict=True):
                _store_row(emit, z, row, line)


def backward(
    emit: Emitter,
    u: Array,
    w: Array,
    g: Array,
    inputs: int,
    outputs: int,
    initial: Callable[[Index], Sequence[Vector]] | None = None,
) -> None:
    """g[k] = initial(k) + sum_n w[k, n] u[n]: the same packed weights.

    u [outputs][TA], g [inputs][TA]; `initial` gives the vectors to start from (zeros).
    """
    whole, rest = divmod(inputs, BLOCK)
    at_once = emit.target.outputs
    if whole:
        with emit.loop(whole, "kb") as kb:
            for part in range(0, BLOCK, at_once):
                _backward_block(emit, u, w, g, inputs, outputs, kb * BLOCK + part, at_once, initial)
    for part in range(0, rest, at_once):
        size = min(at_once, rest - part)
        first = whole * BLOCK + part
        _backward_block(emit, u, w, g, inputs, outputs, first, size, initial)


def _backward_block(
    emit: Emitter,
    u: Array,
    w: Array,
    g: Array,
    inputs: int,
    outputs: int,
    first: Index,
    size: int,
    initial: Callable[[Index], Sequence[Vector]] | None,
) -> None:
    """Rows first .. first+size-1 of g."""
    start = initial or (lambda row: [emit.constant(0.0)] * emit.target.vectors)
    rows = [first + r for r in range(size)]
    sums = _sums(emit, [start(row) for row in rows])

    def add(n: Index, place: Index, o: Index) -> None:
        here = [w.splat(place + r * BLOCK + o) for r in range(size)]
        _multiply_add(emit, sums, u, n, here)

    whole, rest = divmod(outputs, BLOCK)
    if whole:
        with emit.loop(whole, "n") as n:
            place = emit.let(n * (inputs * BLOCK) + first * BLOCK)
            with emit.loop(BLOCK // UNROLL, "o") as pair:
                for o in (pair * UNROLL + part for part in range(UNROLL)):
                    w.prefetch(place + (o + BLOCK) * BLOCK)  # of the next 8 features
                    add(n * BLOCK + o, place, o)
    for o in range(rest):
        add(whole * BLOCK + o, (whole * inputs + first) * BLOCK, o)
    for row, line in zip(rows, sums, strict=True):
        _store_row(emit, g, row, line)


def _sums(emit: Emitter, starts: Sequence[Sequence[Vector]]) -> list[list[Register]]:
    """Accumulators [feature][vector]."""
    lines = []
    for values in starts:
        line = []
        for value in values:
            line.append(emit.register("sum"))
            line[-1].set(value)
        lines.append(line)
    return lines


def _multiply_add(
    emit: Emitter, sums: Sequence[Sequence[Register]], x: Array, row: Index, w: Sequence[Vector]
) -> None:
    """sums[r] += w[r] x[row]"""
    vectors = [x.load(row * emit.tile + v * emit.lanes) for v in range(emit.target.vectors)]
    for line, weight in zip(sums, w, strict=True):
        for total, vector in zip(line, vectors, strict=True):
            total.set(weight * vector + total.get())


def _store_row(emit: Emitter, to: Array, row: Index, line: Sequence[Register]) -> None:
    for v, total in enumerate(line):
        to.store(row * emit.tile + v * emit.lanes, total.get())
