"""How long a step should take: every op against the roofline, over what steps reach of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dpc.cost.program import OpWork
from dpc.cost.work import Work
from dpc.targets.roofline import Roofline

EFFICIENCY = 0.72
"""What whole steps reach of their roofline: measured on water (1536 atoms, one core), float64 and
float32, with and without basis, x86-64-v3 and v4; these seven lie between 0.66 and 0.79."""

CORES = (1, 2)


@dataclass(frozen=True)
class Stage:
    """One op. Seconds of one atom on one core at the roofline: the longer of two counts.

    `compute` is arithmetic or, for ops that do little of it, their instructions.
    """

    name: str
    work: Work
    compute: float
    reading: float

    @property
    def seconds(self) -> float:
        """Arithmetic and reading overlap."""
        return max(self.compute, self.reading)


@dataclass(frozen=True)
class Forecast:
    """Of one atom in one step."""

    stages: tuple[Stage, ...]
    efficiency: float
    roofline: Roofline

    @property
    def ideal(self) -> float:
        """Seconds on one core at the roofline."""
        return sum(stage.seconds for stage in self.stages)

    def seconds(self, cores: int = 1) -> float:
        """Expected on so many cores, each with tiles of its own."""
        return self.ideal / self.efficiency / cores


def forecast(works: Sequence[OpWork], roofline: Roofline) -> Forecast:
    """Ops that do nothing are left out."""
    stages = tuple(_stage(one, roofline) for one in works if one.work.flops)
    return Forecast(stages, EFFICIENCY, roofline)


def _stage(one: OpWork, roofline: Roofline) -> Stage:
    # a format without a unit of its own is computed in float32
    other = roofline.flops["f32"]
    compute = sum(
        amount / roofline.flops.get(name, other) for name, amount in one.work.flops.items()
    )
    compute = max(compute, one.cycles / roofline.clock)
    reading = sum(
        amount / roofline.home(one.homes[source]).rate for source, amount in one.work.bytes.items()
    )
    return Stage(one.op.name, one.work, compute, reading)
