"""Pressure is the slope of energy: P_ab = -dE/d(strain_ab) / V."""

import numpy as np
import pytest

from tests.engines.simulation import water_input

BAR = 1602176.5  # eV/Å³ in bar, as LAMMPS has it for metal units
STEP = 1e-4

DEFORM = {
    "Press": ("x scale {s} y scale {s} z scale {s}", 3.0),
    "Pxx": ("x scale {s}", 1.0),
    "Pzz": ("z scale {s}", 1.0),
}
SHEAR = {"Pxy": "xy", "Pxz": "xz", "Pyz": "yz"}


def slope(energies, step):
    """Fourth-order difference of values at -2, -1, 1 and 2 steps."""
    far, near = energies[3] - energies[0], energies[2] - energies[1]
    return (8 * near - far) / (12 * step)


def energies(simulate, package, changes, after=""):
    """Energy of the box after each change, every one applied to the original box."""
    values = []
    for change in changes:
        lines = f"{after}\nchange_box all {change} remap"
        values.append(simulate(water_input(package, after=lines)).thermo["PotEng"][0])
    return values


@pytest.mark.parametrize("name", DEFORM)
def test_diagonal(simulate, water, name):
    change, count = DEFORM[name]
    scales = [1 + k * STEP for k in (-2, -1, 1, 2)]
    values = energies(simulate, water, [change.format(s=f"{s:.17g}") for s in scales])
    plain = simulate(water_input(water))
    expected = -slope(values, STEP) / plain.thermo["Volume"][0] * BAR / count
    np.testing.assert_allclose(plain.thermo[name][0], expected, rtol=1e-6, atol=0.05)


@pytest.mark.parametrize("name", SHEAR)
def test_shear(simulate, water, name):
    """xy is the x component of the second cell vector: its strain is xy / ly."""
    triclinic = "change_box all triclinic"
    plain = simulate(water_input(water, after=triclinic))
    edge = plain.thermo["Volume"][0] ** (1 / 3)
    changes = [f"{SHEAR[name]} final {k * STEP * edge:.17g}" for k in (-2, -1, 1, 2)]
    values = energies(simulate, water, changes, triclinic)
    expected = -slope(values, STEP) / plain.thermo["Volume"][0] * BAR
    np.testing.assert_allclose(plain.thermo[name][0], expected, rtol=1e-6, atol=0.05)
