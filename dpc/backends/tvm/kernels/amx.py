"""Products on AMX tiles: 16 outputs by 16 lanes, 32 features at once, bfloat16 into float32.

Of x [pairs][TA] one tile takes 16 pairs of features of one vector of atoms; of the weights
it takes 16 outputs by 32 features.

Operands may come as sums of two bfloat16 parts, the second 8 bits further down. Without the
product of the second ones three products give relative errors of 2^-17. (Three parts and six
products are better than float32, but weights of that size stream from the L3 cache: slower.)

Weights of a layer K -> N are packed [ceil(N/16)][ceil(K/32)][parts][16][32], zeros beyond K;
rows beyond N are never read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from dpc.backends.tvm import compat
from dpc.backends.tvm.kernels.bf16 import round_to_bf16, widen_bf16
from dpc.backends.tvm.kernels.emitter import NOTHING, Array, Emitter, Index
from dpc.backends.tvm.kernels.gemm import After, blocks
from dpc.backends.tvm.kernels.spec import round_up
from dpc.backends.tvm.tuning import Tuning

FEATURE = "amx"
"""What a target must have."""

ROWS = 16
"""Outputs, pairs of features, and lanes of a tile."""

SUMS = 6
"""Tiles that hold sums: numbers 0 to 5."""

WEIGHTS, INPUTS = 6, 7
"""Numbers of the other tiles."""

LONGER = 4
"""Blocks of features in units of those of ordinary products: reading the L2 cache is hidden."""

_WORDS = ROWS * 16
"""float32 that fill a tile."""


def _config(rows: int) -> str:
    """The 64 bytes that set up the tiles, for weights and sums of `rows` outputs."""
    row_bytes = 8 * [64, 0] + 16 * [0]
    counts = [*(WEIGHTS + 1) * [rows], ROWS] + 8 * [0]
    numbers = [1, 0, *14 * [0], *row_bytes, *counts]
    return ", ".join(f"i8 {number}" for number in numbers)


def _define(name: str, parameters: str, body: str) -> str:
    return (
        f"define available_externally void @dpc_amx_{name}({parameters}) "
        f"alwaysinline nounwind #1 {{\n{body}\n  ret void\n}}\n"
    )


def helpers(rows: Sequence[int]) -> str:
    """LLVM text of the functions that `product` calls; `rows`: outputs of the tiles in use."""
    text = [
        "declare void @llvm.x86.ldtilecfg(ptr)",
        "declare void @llvm.x86.tilerelease()",
        "declare void @llvm.x86.tilezero(i8)",
        "declare void @llvm.x86.tileloadd64(i8, ptr, i64)",
        "declare void @llvm.x86.tilestored64(i8, ptr, i64)",
        "declare void @llvm.x86.tdpbf16ps(i8, i8, i8)",
        _define("end", "", "  call void @llvm.x86.tilerelease()"),
    ]
    for count in sorted(set(rows)):
        text += [
            f"@dpc_amx_config_{count} = private unnamed_addr constant [64 x i8] "
            f"[{_config(count)}], align 64",
            _define(
                f"begin_{count}",
                "",
                f"  call void @llvm.x86.ldtilecfg(ptr @dpc_amx_config_{count})",
            ),
        ]
    for tile in (*range(SUMS), WEIGHTS, INPUTS):
        move = f"i8 {tile}, ptr %at, i64 %stride"
        text += [
            _define(f"zero_{tile}", "", f"  call void @llvm.x86.tilezero(i8 {tile})"),
            _define(
                f"load_{tile}", "ptr %at, i64 %stride", f"  call void @llvm.x86.tileloadd64({move})"
            ),
            _define(
                f"store_{tile}",
                "ptr %at, i64 %stride",
                f"  call void @llvm.x86.tilestored64({move})",
            ),
            _define(
                f"add_{tile}",
                "",
                f"  call void @llvm.x86.tdpbf16ps(i8 {tile}, i8 {WEIGHTS}, i8 {INPUTS})",
            ),
        ]
    attributes = '"target-cpu"="x86-64-v4" "target-features"="+amx-tile,+amx-bf16"'
    return "\n".join([*text, f"attributes #1 = {{ {attributes} }}"]) + "\n"


def tile_rows(outputs: int) -> tuple[int, ...]:
    """The outputs of the tiles that a product uses."""
    return (ROWS, outputs % ROWS) if outputs % ROWS else (ROWS,)


def packed_size(inputs: int, outputs: int, parts: int) -> int:
    """float32 in the packed weights of a layer."""
    return -(-outputs // ROWS) * -(-inputs // (2 * ROWS)) * parts * _WORDS


def pack_weights(weight: np.ndarray, parts: int) -> np.ndarray:
    """[K, N] to [ceil(N/16)][ceil(K/32)][parts][16][32] bfloat16, flat, as float32."""
    inputs, outputs = weight.shape
    whole = np.zeros((round_up(inputs, 2 * ROWS), round_up(outputs, ROWS)), np.float64)
    whole[:inputs, :outputs] = weight
    found = []
    for _ in range(parts):
        found.append(round_to_bf16(whole))
        whole = whole - widen_bf16(found[-1])
    stacked = np.stack(found)  # [parts, K, N]
    shape = (parts, -1, 2 * ROWS, whole.shape[1] // ROWS, ROWS)
    blocks = stacked.reshape(shape).transpose(3, 1, 0, 4, 2)
    return np.ascontiguousarray(blocks).reshape(-1).view(np.float32)


def product(
    emit: Emitter,
    tuning: Tuning,
    x: Sequence[Array],
    w: Array,
    z: Array,
    inputs: int,
    outputs: int,
    after: After,
) -> None:
    """z[n] = sum_k w[k, n] x[k].

    x: each part [round_up(ceil(K/2), 16)][TA] pairs; those beyond K are set to zero here.
    """
    _zero_beyond(emit, x, inputs)
    steps = -(-inputs // (2 * ROWS))
    most = max(1, LONGER * tuning.block_rows(emit.target) // (len(x) * ROWS))
    for first, extent, begins, ends in blocks(emit, steps, most):
        for base, count, rows in _groups(outputs, SUMS // emit.vectors, emit):
            sums = [(b, v, b * emit.vectors + v) for b in range(count) for v in range(emit.vectors)]

            def move(how: str, base: Index = base, sums: list[tuple[int, int, int]] = sums) -> None:
                for block, v, number in sums:
                    at = (base + block) * (ROWS * emit.tile) + v * emit.lanes
                    _call(emit, f"{how}_{number}", z.address(at), emit.tile * 4)

            if begins:
                for _, _, number in sums:
                    _call(emit, f"zero_{number}")
            else:
                move("load")
            with emit.loop(extent, "k") as k:
                step = emit.let(first + k)
                for block in range(count):
                    here = ((base + block) * steps + step) * (len(x) * _WORDS)
                    _add_step(emit, x, w, here, step, block * emit.vectors)
            move("store")
            if ends:
                after(base * ROWS, (count - 1) * ROWS + rows)
    _call(emit, "end")


def _add_step(
    emit: Emitter, x: Sequence[Array], w: Array, here: Index, step: Index, number: int
) -> None:
    """Add 32 features to the sums `number` ..: the products of parts that count."""
    for part in range(len(x)):
        _call(emit, f"load_{WEIGHTS}", w.address(here + part * _WORDS), 4 * ROWS)
        for other in x[: len(x) - part]:
            for v in range(emit.vectors):
                at = step * (ROWS * emit.tile) + v * emit.lanes
                _call(emit, f"load_{INPUTS}", other.address(at), emit.tile * 4)
                _call(emit, f"add_{number + v}")


def _groups(outputs: int, at_once: int, emit: Emitter) -> Iterator[tuple[Index, int, int]]:
    """(first block, blocks, rows of the last one); the tiles are set up for them."""
    whole, rest = divmod(outputs, ROWS)
    groups, left = divmod(whole, at_once)
    if whole:
        _call(emit, f"begin_{ROWS}")
    if groups:
        with emit.loop(groups, "group") as number:
            yield emit.let(number * at_once), at_once, ROWS
    if left:
        yield groups * at_once, left, ROWS
    if rest:
        _call(emit, f"begin_{rest}")
        yield whole, 1, rest


def _zero_beyond(emit: Emitter, x: Sequence[Array], inputs: int) -> None:
    """What is beyond K meets weights of zero, but must not be infinite."""
    first = -(-inputs // 2)
    with emit.loop(round_up(first, ROWS) - first, "row") as row:
        for part in x:
            for v in range(emit.vectors):
                at = (row + first) * emit.tile + v * emit.lanes
                part.store(at, emit.constant(NOTHING))


def _call(emit: Emitter, name: str, *arguments: object) -> None:
    emit.run(compat.action(f"dpc_amx_{name}", *arguments))
