"""What a circuit takes of a part: DSP slices, BRAM, URAM and LUTs by block, from its shape.

DSP, BRAM and URAM follow the RTL line by line (tests/rtl holds them against synthesis); LUTs are
an estimate with no place and route behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from dpc.backends.fpga.parameters import Build
from dpc.ir.fixed.shape import (
    C_BITS,
    DATA_BITS,
    PACKED_WEIGHT_BITS,
    R_BITS,
    ROW_BITS,
    SUM_BITS,
    X_BITS,
    Shape,
)

BEAT = 29  # last, types of centre and neighbour, number of the centre
ATOM = 104  # a type and three positions
INDEX = 16
LUT_PRODUCT = 55  # a product's share of sums, registers and rounding in the fabric
LUT_WEIGHT = 21  # a weight of 18 bits in memory of LUTs, up to 64 rows
LUT_ROUND = 150  # a rounding whose shift is in a register
URAM_ROWS, URAM_BITS = 4096, 72
BRAM_ROWS, BRAM_BITS = 512, 72


@dataclass(frozen=True)
class Use:
    """Blocks of a part."""

    dsp: float = 0
    bram: float = 0
    uram: float = 0
    lut: float = 0

    def __add__(self, other: Use) -> Use:
        return Use(*(getattr(self, n) + getattr(other, n) for n in ("dsp", "bram", "uram", "lut")))


def multiplier(a: int, b: int) -> int:
    """DSP slices of an a times b bit product: 27 x 18 is one."""
    low, high = sorted((a, b))
    if low <= ROW_BITS and high <= 27:
        return 1
    return ceil((low - 1) / 17) * ceil((high - 1) / 26)


def memory(bits: int, rows: int, style: str, two_reads: bool = False) -> Use:
    """One memory of the RTL (dp_ram; dp_ram_2r has two reads)."""
    if style == "ultra":
        return Use(uram=ceil(bits / URAM_BITS) * ceil(rows / URAM_ROWS))
    if style == "distributed":
        return Use(lut=(1 + two_reads) * bits * ceil(rows / 64) * LUT_WEIGHT / 18)
    return Use(bram=_block_ram(bits, rows, two_reads))


def _block_ram(bits: int, rows: int, two_reads: bool) -> float:
    """BRAM36 of a memory: 72 bits in 512 rows, 36 where both ports read; halves exist."""
    shapes = [(36, 1024), (18, 2048), (9, 4096), (4, 8192), (2, 16384), (1, 32768)]
    if not two_reads:
        shapes = [(72, 512), *shapes]
    best = min(ceil(bits / width) * ceil(depth_of(rows, depth)) for width, depth in shapes)
    halves = [(18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384)]
    if not two_reads:
        halves = [(36, 512), *halves]
    half = min(ceil(bits / width) * ceil(depth_of(rows, depth)) for width, depth in halves) / 2
    return min(float(best), half)


def depth_of(rows: int, depth: int) -> float:
    """How many memories of a depth hold so many rows."""
    return rows / depth


def resources(shape: Shape, build: Build) -> Mapping[str, Use]:
    """By block, in the order of the pipeline."""
    found = {
        "positions, list": _inputs(build),
        "pair table": _table(shape, build),
        "sum over neighbours": _contract(shape, build),
        "history": _history(shape, build),
        "descriptor": _descriptor(shape, build),
        **{f"layer {k}": _layer(shape, build, k) for k in range(len(shape.hidden))},
        "head": _head(shape, build),
        "pair forces": _pair_back(shape, build),
        "virial": _virial(build),
        "sums of atoms": _sums(build),
    }
    return found


def total(uses: Mapping[str, Use]) -> Use:
    """All blocks."""
    return sum(uses.values(), Use())


def _inputs(build: Build) -> Use:
    coords = memory(ATOM, build.atoms, build.atom_style)
    whole = memory(128, build.list_words, build.atom_style)
    for _ in range(build.lanes + 1):
        whole += coords
    return whole + Use(lut=3000)


def _table(shape: Shape, build: Build) -> Use:
    lanes, channels = build.lanes, shape.channels
    rows = shape.ntypes**2 * shape.rows
    found = Use(lut=lanes * (channels * 4 * LUT_PRODUCT + 4 * LUT_ROUND + 1500))
    for copy in range(ceil(lanes / 2)):
        both = 2 * copy + 1 < lanes
        one = memory(C_BITS, rows, build.table_style, two_reads=both)
        found += Use(*(4 * channels * getattr(one, n) for n in ("dsp", "bram", "uram", "lut")))
    square = multiplier(R_BITS, R_BITS)
    return found + Use(dsp=lanes * (3 * square + 4 * channels + 3 * multiplier(C_BITS, R_BITS)))


def _contract(shape: Shape, build: Build) -> Use:
    products = 4 * shape.columns * build.lanes
    drain = 4 * shape.width * 48 / 2
    pads = 1 if shape.split else shape.ntypes
    return Use(dsp=products + pads * 3, lut=products * LUT_PRODUCT + drain + 4 * LUT_ROUND)


def _history(shape: Shape, build: Build) -> Use:
    kept = 2 + INDEX + 3 * R_BITS + 3 + 3 * C_BITS + 4 * DATA_BITS
    kept += shape.columns * (ROW_BITS + C_BITS)
    depth = build.history_beats
    x = memory(1 + 4 * X_BITS, build.atoms_in_flight * shape.width, "distributed")
    return memory(BEAT + build.lanes * kept, depth, "block") + x


def _descriptor(shape: Shape, build: Build) -> Use:
    forward = 4 * multiplier(X_BITS, X_BITS) * build.product_lanes
    back = 4 * multiplier(X_BITS, DATA_BITS) * build.back_lanes
    copies = 2 * build.product_lanes + build.back_lanes
    columns = memory(4 * X_BITS, 2 * shape.width, "distributed")
    lut = (forward + back) * LUT_PRODUCT + copies * columns.lut
    return Use(
        dsp=forward + back, lut=lut + (build.product_lanes + 4 * build.back_lanes) * LUT_ROUND
    )


def _layer(shape: Shape, build: Build, number: int) -> Use:
    """Forward, activation and back: the weights are stored once."""
    inputs, outputs = shape.widths[number : number + 2]
    in_lanes, lanes = (build.product_lanes, *build.layer_lanes)[number : number + 2]
    in_width = ceil(inputs / in_lanes) * in_lanes
    weights = in_width * lanes
    rows = shape.ntypes * ceil(outputs / lanes)
    packed = shape.packed[number]
    bits = PACKED_WEIGHT_BITS if packed else ROW_BITS
    each = 36 // bits
    stored = memory(each * bits, rows, build.weight_style, two_reads=True)
    act = Use()
    for copy in range(ceil(lanes / 2)):
        one = memory(C_BITS, shape.act_rows, "block", two_reads=2 * copy + 1 < lanes)
        act += Use(bram=4 * one.bram)
    # two products of a slice: of two outputs forward, of two inputs back
    products = in_width * ceil(lanes / 2) + lanes * ceil(in_width / 2) if packed else 2 * weights
    dsp = products + lanes * (4 + 2 * multiplier(C_BITS, ROW_BITS) + 1)
    banks = ceil(weights / each)
    lut = (2 * weights + dsp - products) * LUT_PRODUCT + banks * stored.lut
    lut += (4 * lanes + in_lanes) * LUT_ROUND
    lut += (in_width + outputs) * 48  # vectors that wait, and sums
    return Use(dsp=dsp, bram=banks * stored.bram, uram=banks * stored.uram, lut=lut) + act


def _head(shape: Shape, build: Build) -> Use:
    """A product in each lane; weights and adjoints in memories of LUTs."""
    lanes = build.layer_lanes[-1]
    rows = shape.ntypes * ceil(shape.hidden[-1] / lanes)
    stored = memory(ROW_BITS + DATA_BITS, rows, "distributed")
    bias = memory(SUM_BITS, shape.ntypes, "distributed")
    return Use(dsp=lanes, lut=lanes * (LUT_PRODUCT + stored.lut) + bias.lut + LUT_ROUND)


def _pair_back(shape: Shape, build: Build) -> Use:
    m = shape.columns
    each = 4 * m + 4 * m + m * multiplier(X_BITS, C_BITS)
    each += 3 * multiplier(X_BITS, R_BITS) + 2 * multiplier(X_BITS, C_BITS)
    each += 6 * multiplier(X_BITS, R_BITS)
    lut = build.lanes * (each * LUT_PRODUCT + 15 * LUT_ROUND)
    return Use(dsp=build.lanes * each, lut=lut + shape.width * 4 * X_BITS)


def _virial(build: Build) -> Use:
    products = 9 * multiplier(R_BITS, R_BITS) * build.lanes
    return Use(dsp=products, lut=products * LUT_PRODUCT)


def _sums(build: Build) -> Use:
    found = memory(32, build.atoms, build.atom_style)
    for _ in range(build.lanes + 1):
        found += memory(120, build.atoms, build.atom_style)
    return found + Use(lut=2000 * (build.lanes + 1))
