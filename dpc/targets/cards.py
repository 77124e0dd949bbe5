"""Named GPU cards: published peaks, for estimates. No time of these was measured by us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Card:
    """One card as its maker describes it; a card of two dies counts as one die of it.

    Rates are without matrix units, which `matrix` names apart, in flop/s and bytes/s.
    """

    name: str
    arch: str
    processors: int  # multiprocessors, compute units
    flops: Mapping[str, float]  # f64, f32
    matrix: Mapping[str, float]  # f64, bf16
    bandwidth: float
    memory: float  # bytes
    registers: int  # of one multiprocessor, 32 bits each
    shared_bytes: int
    threads: int  # the most that are resident in one multiprocessor
    blocks: int
    warp: int = 32
    unit: int = 8  # registers of a thread are given out by so many


def _card(name: str, arch: str, processors: int, rates: str, memory: str, limits: str) -> Card:
    f64, f32, matrix64, bf16 = (float(word) * 1e12 for word in rates.split())
    bandwidth, size = (float(word) * 1e9 for word in memory.split())
    registers, shared, threads, blocks, warp = map(int, limits.split())
    flops, matrix = {"f64": f64, "f32": f32}, {"f64": matrix64, "bf16": bf16}
    return Card(
        name, arch, processors, MappingProxyType(flops), MappingProxyType(matrix), bandwidth, size,
        registers, shared << 10, threads, blocks, warp,
    )  # fmt: skip


CARDS = (
    # Tflop/s: f64, f32, f64 and bf16 of matrix units | GB/s, GB | registers, shared KiB,
    # threads and blocks of a multiprocessor, warp. Data sheets of the makers, dense rates.
    _card("A100 80 GB", "sm_80", 108, "9.7 19.5 19.5 312", "2039 80", "65536 164 2048 32 32"),
    _card("H100 SXM", "sm_90", 132, "33.5 66.9 66.9 989", "3350 80", "65536 228 2048 32 32"),
    _card("B200", "sm_100", 148, "37 75 37 2250", "7700 180", "65536 228 2048 32 32"),
    _card("MI250 die", "gfx90a", 104, "22.6 22.6 45.3 181", "1638 64", "131072 64 2048 32 64"),
    _card("MI300X", "gfx942", 304, "81.7 163.4 163.4 1307", "5300 192", "131072 64 2048 32 64"),
)
"""Each with one of the architectures that kernels are compiled for."""

PAPER = MappingProxyType(
    {
        "V100": {"f64": 1.94, "f32": 1.51},
        "A100": {"f64": 1.56, "f32": 1.42},
        "MI250": {"f64": 1.74, "f32": 1.41},
    }
)
"""µs/step/atom that DeePMD-kit v2's compressed model of water took: J. Chem. Phys. 159, 054801."""


def cards_of(archs: tuple[str, ...]) -> list[Card]:
    """The cards of these architectures, in the table's order."""
    return [card for card in CARDS if card.arch in archs]


def occupancy(card: Card, registers: int, shared_bytes: int, threads: int) -> float:
    """The part of a multiprocessor's threads that a kernel can keep resident."""
    warps = -(-threads // card.warp)
    each = -(-registers // card.unit) * card.unit * card.warp  # of a warp
    by_registers = card.registers // max(1, each) // warps
    by_shared = card.shared_bytes // (shared_bytes + 1024) if shared_bytes else card.blocks
    by_threads = card.threads // (warps * card.warp)
    blocks = min(by_registers, by_shared, by_threads, card.blocks)
    return blocks * warps * card.warp / card.threads
