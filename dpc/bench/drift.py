"""NVE runs: how far the energy that the integrator should conserve wanders off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dpc.errors import InputError

F64 = NDArray[np.float64]

EXACT = "canonicalize widen differentiate exact_neighbors fuse memory"
"""Passes that leave the model as it is: the network itself, in float64, nothing tabulated."""

MVV2E = 1.0364269e-4  # eV for (g/mol) (Å/ps)², LAMMPS's metal units
BLOCKS = 20  # of a run, whose means are taken to be independent


@dataclass(frozen=True)
class Drift:
    """Of one run, in eV for each atom.

    `drift` is the slope of a straight line through the conserved energy times the length of the
    run, `error` the standard error of that, `fluctuation` the standard deviation around the line,
    `swing` that of the total energy itself, which velocity Verlet does not conserve as well.
    """

    steps: int
    drift: float
    error: float
    fluctuation: float
    swing: float


def conserved_energy(thermo: Mapping[str, F64], timestep: float, atoms: int) -> F64:
    """The energy [steps - 1], eV for each atom, that velocity Verlet conserves to fourth order.

    H + dt² (v·V''·v / 12 - F·F/m / 24), with v·V''·v = d²V/dt² + F·F/m from V(t); dt in ps. In
    water H itself swings by 2e-5 eV for each atom as the hydrogens do, and hides a small drift.
    """
    potential, total = thermo["PotEng"], thermo["TotEng"]
    squared = thermo["c_squared"] / MVV2E * timestep**2
    curvature = potential[2:] - 2 * potential[1:-1] + potential[:-2]
    result: F64 = (total[1:-1] + curvature / 12 + squared[1:-1] / 24) / atoms
    return result


def measure_drift(thermo: Mapping[str, F64], timestep: float, atoms: int) -> tuple[Drift, F64]:
    """The numbers, and the conserved energy they come from."""
    energy = conserved_energy(thermo, timestep, atoms)
    if len(energy) < 2 * BLOCKS:
        raise InputError(f"--steps: a drift needs {2 * BLOCKS} steps or more")
    place = np.arange(len(energy)) / len(energy)
    slope, base = np.polyfit(place, energy - energy[0], 1)
    rest = energy - energy[0] - (slope * place + base)
    length = len(energy) // BLOCKS * BLOCKS
    means = rest[:length].reshape(BLOCKS, -1).mean(axis=1)
    middles = place[:length].reshape(BLOCKS, -1).mean(axis=1)
    variance = means.var(ddof=2) / np.square(middles - middles.mean()).sum()
    total = thermo["TotEng"] / atoms
    steps = len(total) - 1
    return Drift(
        steps, float(slope), float(np.sqrt(variance)), float(rest.std()), float(total.std())
    ), energy


def read_thermo(path: Path) -> dict[str, F64]:
    """The thermo columns of every run in LAMMPS's output, one after the other."""
    rows: list[list[float]] = []
    names: list[str] = []
    inside = False
    for line in path.read_text(errors="replace").splitlines():
        words = line.split()
        if words[:1] == ["Step"]:
            names, inside = words, True
        elif line.startswith("Loop time"):
            inside = False
        elif inside and len(words) == len(names):
            try:
                rows.append([float(word) for word in words])
            except ValueError:  # a warning between two rows
                continue
    table = np.array(rows)
    return {name: table[:, k] for k, name in enumerate(names)}
