"""What is loaded into the memories of the RTL: one 64-bit word for each memory row.

A word: block in bits 59 to 63, bank 49 to 58, row 36 to 48, data 0 to 35. The files in rtl/ say
what their banks hold; numbers of blocks are those of dp_core and dp_fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpc.backends.fpga.parameters import Build
from dpc.errors import DpcError
from dpc.ir.fixed.shape import (
    C_BITS,
    DATA_BITS,
    PACKED_WEIGHT_BITS,
    ROW_BITS,
    SUM_BITS,
    Contents,
)

REGISTERS, TABLE, PADS, PAIRS, BACK_LISTS, ACT, HEAD = range(7)
FIRST_LAYER = 8  # three blocks for each layer: weights, biases, activation and way back
SHIFTS = (
    "row_s", "row_h", "x", "d", "energy", "dx", "dr", "along", "dt_g", "dt_s", "dt_h", "f_u", "f_h"
)  # fmt: skip
LAYER_SHIFTS = {"y": 16, "slope": 32, "back": 48}
NO_WORD = np.uint64(0xFFFFFFFFFFFFFFFF)  # loads nothing

Array = NDArray[Any]


def images(m: Contents, build: Build) -> NDArray[np.uint64]:
    """All words of a model."""
    parts = [*_registers(m), *_table(m), *_pads(m), *_pairs(m, build), *_back_lists(m, build)]
    parts += [*_act(m), *_head(m, build)]
    for number in range(len(m.layers)):
        parts += _layer(m, build, number)
    return np.concatenate(parts)


def _words(block: int, bank: Any, row: Any, data: Any, bits: int) -> NDArray[np.uint64]:
    """Words of `bits` <= 36 bits; bank, row and data are broadcast."""
    bank, row, data = np.broadcast_arrays(bank, row, np.asarray(data, np.int64))
    limit = 1 << bits
    if data.size and (data.min() < -limit // 2 or data.max() >= limit):
        raise DpcError(f"block {block} of the image: {data.min()}..{data.max()} in {bits} bits")
    if data.size and (bank.max() >= 1 << 10 or row.max() >= 1 << 13):
        raise DpcError(f"block {block} of the image has {bank.max()} banks of {row.max()} rows")
    address = (
        np.uint64(block << 23) | (bank.astype(np.uint64) << np.uint64(13)) | row.astype(np.uint64)
    )
    low = (data & (limit - 1)).astype(np.uint64)
    return np.asarray((address << np.uint64(36)) | low, np.uint64).ravel()


def _long_words(block: int, bank: Any, row: Any, data: Any) -> Iterator[NDArray[np.uint64]]:
    """48-bit sums take two banks."""
    data = np.asarray(data, np.int64)
    assert data.size == 0 or np.abs(data).max() < 1 << (SUM_BITS - 1)
    yield _words(block, bank, row, data & ((1 << 36) - 1), 36)
    yield _words(block, np.asarray(bank) + 1, row, (data >> 36) & 0xFFF, 12)


def _registers(m: Contents) -> Iterator[NDArray[np.uint64]]:
    assert m.shift["moment"] == 19, "dp_virial shifts by 5, then by 19"
    for row, name in enumerate(SHIFTS):
        yield _words(REGISTERS, 0, row, m.shift[name], 6)
    yield _words(REGISTERS, 0, [len(SHIFTS), len(SHIFTS) + 1], [m.u_cut, m.u_min], 32)
    for name, first in LAYER_SHIFTS.items():
        shifts = np.asarray(m.shift[name])
        yield _words(REGISTERS, 0, first + np.arange(len(shifts)), shifts, 6)


def _table(m: Contents) -> Iterator[NDArray[np.uint64]]:
    rows = m.table.reshape(-1, m.shape.channels * 4)  # channel and degree are the bank
    yield _words(TABLE, np.arange(rows.shape[1]), np.arange(len(rows))[:, None], rows, C_BITS)


def _pads(m: Contents) -> Iterator[NDArray[np.uint64]]:
    shape = m.shape
    row = np.arange(shape.ntypes * shape.width)
    yield from _long_words(PADS, 0, row, m.start.ravel())
    if shape.split:
        yield from _long_words(PADS, 2, row, m.pad.ravel())
    else:
        for t in range(shape.ntypes):
            yield from _long_words(PADS, 2 + 2 * t, row, m.pad[:, t].ravel())


def _pairs(m: Contents, build: Build) -> Iterator[NDArray[np.uint64]]:
    lanes = build.product_lanes
    beats = -(-m.shape.products // lanes)
    k = np.minimum(np.arange(beats * lanes), m.shape.products - 1)  # the last one fills up
    a, b = m.pairs[k].T
    yield _words(PAIRS, np.arange(beats * lanes) % lanes, np.arange(beats * lanes) // lanes,
                 a | b << 8, 16)  # fmt: skip


def back_lists(m: Contents, build: Build) -> list[list[tuple[int, int, int, int, int]]]:
    """For each lane (k, column to multiply with, column of the sum, use, last)."""
    columns: list[list[tuple[int, int]]] = [[] for _ in range(m.shape.width)]
    for k, (a, b) in enumerate(m.pairs):
        columns[a].append((k, int(b)))
        columns[b].append((k, int(a)))
    lists: list[list[tuple[int, int, int, int, int]]] = [[] for _ in range(build.back_lanes)]
    for column in sorted(range(m.shape.width), key=lambda c: (-len(columns[c]), c)):
        entries = columns[column]
        lane = min(lists, key=len)
        if not entries:
            lane.append((0, 0, column, 0, 1))
        for at, (k, other) in enumerate(entries):
            lane.append((k, other, column, 1, int(at == len(entries) - 1)))
    longest = max(map(len, lists))
    if longest > build.back_beats:
        raise DpcError(
            f"the adjoint of the descriptor takes {longest} cycles on {build.back_lanes} lanes, "
            f"but the circuit is built for {build.back_beats}"
        )
    return lists


def _back_lists(m: Contents, build: Build) -> Iterator[NDArray[np.uint64]]:
    lanes = build.product_lanes
    for bank, entries in enumerate(back_lists(m, build)):
        data = np.zeros(build.back_beats, np.int64)
        for row, (k, other, column, use, last) in enumerate(entries):
            data[row] = (
                k % lanes | (k // lanes) << 4 | other << 12 | column << 20 | use << 28 | last << 29
            )
        yield _words(BACK_LISTS, bank, np.arange(build.back_beats), data, 30)


def _act(m: Contents) -> Iterator[NDArray[np.uint64]]:
    yield _words(ACT, np.arange(4), np.arange(len(m.act))[:, None], m.act, C_BITS)


def _by_lanes(values: Array, lanes: int) -> tuple[Array, Array, Array]:
    """Values [ntypes, width] as (lane, row, value); what fills the last row is 0."""
    ntypes, width = values.shape
    beats = -(-width // lanes)
    filled = np.zeros((ntypes, beats * lanes), np.int64)
    filled[:, :width] = values
    at = np.arange(ntypes * beats * lanes)
    return at % lanes, at // lanes, filled.ravel()


def _head(m: Contents, build: Build) -> Iterator[NDArray[np.uint64]]:
    lanes = build.layer_lanes[-1]
    lane, row, weight = _by_lanes(m.head, lanes)
    yield _words(HEAD, 2 * lane, row, weight, 18)
    lane, row, back = _by_lanes(m.head_back, lanes)
    yield _words(HEAD, 2 * lane + 1, row, back, DATA_BITS)
    yield from _long_words(HEAD, 2 * lanes, np.arange(m.shape.ntypes), m.head_bias)


def _layer(m: Contents, build: Build, number: int) -> Iterator[NDArray[np.uint64]]:
    layer, block = m.layers[number], FIRST_LAYER + 3 * number
    in_lanes, lanes = (build.product_lanes, *build.layer_lanes)[number : number + 2]
    ntypes, inputs, outputs = layer.weight.shape
    in_width = -(-inputs // in_lanes) * in_lanes
    beats = -(-outputs // lanes)
    count = lanes * in_width
    # a row: column by column of this cycle, all inputs of each
    weight = np.zeros((ntypes, beats * lanes, in_width), np.int64)
    weight[:, :outputs, :inputs] = layer.weight.swapaxes(1, 2)
    bits = PACKED_WEIGHT_BITS if m.shape.packed[number] else ROW_BITS
    each = 36 // bits  # weights in a bank
    rows = np.zeros((ntypes * beats, -(-count // each) * each), np.int64)
    rows[:, :count] = weight.reshape(ntypes * beats, count)
    # two products of packed weights keep apart only if none is -128
    assert np.abs(rows).max(initial=0) <= (1 << (bits - 1)) - int(m.shape.packed[number])
    banks = np.zeros((len(rows), rows.shape[1] // each), np.int64)
    for k in range(each):
        banks |= (rows[:, k::each] & ((1 << bits) - 1)) << (k * bits)
    row = np.arange(len(rows))[:, None]
    yield _words(block, np.arange(banks.shape[1]), row, banks, each * bits)

    lane, row, bias = _by_lanes(layer.bias, lanes)
    _, _, shift = _by_lanes(layer.z_shift, lanes)
    assert np.abs(bias).max() < 1 << (SUM_BITS - 1)
    yield _words(block + 1, 2 * lane, row, bias & ((1 << 36) - 1), 36)
    yield _words(block + 1, 2 * lane + 1, row, (bias >> 36) & 0xFFF | shift << 12, 18)

    lane, row, idt = _by_lanes(layer.idt, lanes)
    yield _words(block + 2, lane, row, idt, 18)
    lane, row, back = _by_lanes(layer.back_shift, lanes)
    yield _words(block + 2, lanes + lane, row, back, 6)
