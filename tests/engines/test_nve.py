"""Energy is conserved: 2,000 steps of 0.5 fs drift less than 5e-7 eV for each atom."""

import numpy as np

from tests.engines.simulation import water_input

DT = 0.0005  # ps
MVV2E = 1.0364269e-4  # eV for (g/mol) (Å/ps)², LAMMPS's metal units
STEPS = 2000


def verlet_energy(thermo):
    """The energy [steps - 1] that velocity Verlet conserves to fourth order in the time step.

    H + dt² (v·V''·v / 12 - F·F/m / 24), with v·V''·v = d²V/dt² + F·F/m from V(t). H itself
    swings by 2e-5 eV for each atom as the hydrogens do, which would hide a small drift.
    """
    potential, total = thermo["PotEng"], thermo["TotEng"]
    squared = thermo["c_squared"] / MVV2E * DT**2
    curvature = potential[2:] - 2 * potential[1:-1] + potential[:-2]
    return total[1:-1] + curvature / 12 + squared[1:-1] / 24


def drift(energy):
    """The slope of a straight line through it, times the number of steps."""
    return np.polyfit(np.arange(len(energy)), energy - energy[0], 1)[0] * len(energy)


def test_drift(simulate, water):
    text = water_input(
        water,
        after="velocity all create 330 2026 mom yes loop geom\ntimestep 0.0005\nthermo 1\n"
        "neighbor 2.0 bin\nneigh_modify every 10 delay 0 check no\n"
        "variable squared atom (fx^2+fy^2+fz^2)/mass\n"
        "compute squared all reduce sum v_squared",
        thermo="c_squared",
        run=f"run {STEPS}",
    )
    thermo = simulate(text, ranks=2, timeout=600).thermo
    assert len(thermo["Step"]) == STEPS + 1
    conserved = verlet_energy(thermo) / 192
    assert conserved.std() < 3e-6
    assert abs(drift(conserved)) < 5e-7, f"{drift(conserved):.2e} eV/atom"
    assert (thermo["TotEng"] / 192).std() < 5e-5
