"""How fast one core of a target may be: arithmetic by number format, reading by cache level.

For most targets only the instruction set is known, not the machine, so the rates are those of
a common core at an assumed clock. `dpc.cost.machine` measures them where the target is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dpc.targets.target import Target

CLOCK = 3.0e9
"""Cycles per second of an unknown machine."""

FMA_UNITS = 2
"""Vectors that a core multiplies and adds in one cycle. AVX-512 cores with halved units,
such as Zen 4, do half of it: there measured rates and assumed ones differ most."""

# (name, bytes of one core, bytes per cycle in vectors of 64 bytes): server cores of 2022-2024
_LEVELS = (("L1", 48 << 10, 128.0), ("L2", 1 << 20, 48.0), ("L3", 32 << 20, 12.0))
_MEMORY = 16.0e9  # bytes/s


@dataclass(frozen=True)
class Level:
    """A place that numbers are read from; `rate` in bytes per second, one core reading."""

    name: str
    bytes: float
    rate: float


@dataclass(frozen=True)
class Roofline:
    """Rates of one core. `flops` per second by number format: f64, f32 and, if there, bf16."""

    flops: Mapping[str, float]
    levels: tuple[Level, ...]  # the fastest first; the last one holds everything
    clock: float  # cycles per second
    source: str  # where the numbers come from

    def home(self, size: float) -> Level:
        """The fastest level that holds so many bytes."""
        return next((one for one in self.levels if size <= one.bytes), self.levels[-1])


def assumed_roofline(target: Target) -> Roofline:
    """What the instruction set says, at an assumed clock."""
    vector = target.vector_bytes
    per_cycle = 2 if target.fma else 1  # flops of a lane: a multiply-add is two
    flops = {"f64": CLOCK * FMA_UNITS * per_cycle * vector / 8}
    flops["f32"] = 2 * flops["f64"]
    if "bf16" in target.features:
        flops["bf16"] = 4 * flops["f64"]
    levels = [Level(name, size, CLOCK * min(rate, 2.0 * vector)) for name, size, rate in _LEVELS]
    source = (
        f"assumed: {CLOCK / 1e9:g} GHz, {FMA_UNITS} vectors of {vector} bytes "
        f"{'multiplied and added' if target.fma else 'multiplied or added'} in a cycle"
    )
    return Roofline(flops, (*levels, Level("memory", float("inf"), _MEMORY)), CLOCK, source)
