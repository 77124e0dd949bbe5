"""`dpc bench host`: what a card's driver costs the host, by a device that answers at once.

The time is the processor's in LAMMPS's pair style: checks, positions to fixed point, commands and
results through the driver's buffers, forces added up. The device `null` takes everything and gives
zeros.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dpc.bench.lammps_run import Lammps, run_lammps
from dpc.bench.simulation import NEVER, USUAL, md_input
from dpc.bench.systems import System

WORK = 6_000_000  # steps times atoms: half a second of a core, so that others even out


@dataclass(frozen=True)
class HostCost:
    """Core-microseconds of the pair style for each step and atom: medians over repeats.

    `steady`: neighbour lists stay; `usual`: they are made again, and sent, every 10 steps.
    """

    atoms: int
    steady: float
    usual: float

    def __str__(self) -> str:
        return f"{self.atoms:8d} {self.steady:10.4f} {self.usual:14.4f}"


HEADER = "   atoms     steady  rebuilt by 10   µs of a core for each step and atom"


def measure(
    system: System,
    package: Path,
    lammps: Lammps,
    sizes: Iterable[int],
    data: Path,
    work: Path,
    repeats: int,
    steps: int | None = None,
) -> list[HostCost]:
    """Each size on one core, with lists that stay and with those of a usual run."""
    pair = (
        f"pair_style   dpc {package.resolve()} device null\n"
        f"pair_coeff   * * {' '.join(system.elements)}"
    )
    found = []
    for atoms in sizes:
        count = steps or max(50, WORK // atoms)
        costs: dict[str, list[float]] = {USUAL: [], NEVER: []}
        for repeat in range(repeats):
            for rebuild, values in costs.items():
                text = md_input(system, atoms, count, pair, data, rebuild=rebuild)
                folder = work / f"host-{atoms}-{repeat + 1}"
                run = run_lammps(lammps, text, folder)
                spent = run.sections["Pair"] * run.cpu_use
                values.append(1e6 * spent / count / atoms)
        steady, usual = (statistics.median(costs[way]) for way in (NEVER, USUAL))
        found.append(HostCost(atoms, steady, usual))
    return found
