"""Energy is conserved: 2,000 steps of 0.5 fs drift less than 1e-6 eV for each atom."""

import numpy as np

from tests.engines.simulation import water_input


def test_drift(simulate, water):
    """Drift is the slope of a straight line through the total energy, times the length of the run.

    Velocity Verlet's own oscillation at 0.5 fs, some 1e-5 eV for each atom, is not drift: it
    follows the hydrogens and averages out over the line.
    """
    text = water_input(
        water,
        after="velocity all create 330 2026 mom yes loop geom\ntimestep 0.0005\nthermo 1\n"
        "neighbor 2.0 bin\nneigh_modify every 10 delay 0 check no",
        run="run 2000",
    )
    result = simulate(text, ranks=2, timeout=600)
    step, energy = result.thermo["Step"], result.thermo["TotEng"] / 192
    assert len(step) == 2001
    drift = np.polyfit(step, energy - energy[0], 1)[0] * 2000
    assert abs(drift) < 1e-6, f"{drift:.2e} eV/atom"
    assert energy.std() < 1e-4
