"""Energies and virials of atoms: they add up, and they are libdpc's."""

import numpy as np
import pytest

from tests.engines.simulation import read_water, water_input

BAR = 1602176.5  # eV/Å³ in bar, as LAMMPS has it for metal units

ENERGY = "compute e all pe/atom pair"
STRESS = "compute s all stress/atom NULL pair"
CENTROID = "compute c all centroid/stress/atom NULL pair"


@pytest.mark.parametrize("ranks", [1, 2])
def test_sums_are_the_totals(simulate, water, ranks):
    result = simulate(
        water_input(
            water,
            after=f"{ENERGY}\n{STRESS}\n{CENTROID}",
            dump="c_e c_s[*] c_c[*]",
        ),
        ranks,
    )
    energy = result.atoms["c_e"].sum()
    np.testing.assert_allclose(energy, result.thermo["PotEng"][0], rtol=1e-12)
    volume = result.thermo["Volume"][0]
    pressure = [result.thermo[name][0] for name in ("Pxx", "Pyy", "Pzz", "Pxy", "Pxz", "Pyz")]
    stress = result.columns(*(f"c_s[{k}]" for k in range(1, 7))).sum(axis=0)
    np.testing.assert_allclose(-stress / volume, pressure, rtol=1e-10, atol=1e-6)
    centroid = result.columns(*(f"c_c[{k}]" for k in range(1, 10))).sum(axis=0)
    np.testing.assert_allclose(-centroid[:6] / volume, pressure, rtol=1e-10, atol=1e-6)
    np.testing.assert_allclose(-centroid[6:] / volume, pressure[3:], rtol=1e-10, atol=1e-6)


@pytest.mark.parametrize("ranks", [1, 2])
def test_atoms_equal_libdpc(simulate, water, ranks):
    """LAMMPS's centroid xy is r_x force_y: libdpc's W[y][x]."""
    from dpc.md import Potential

    cell, coord, types = read_water()
    expected = Potential(str(water)).evaluate(coord, types - 1, cell=cell)
    result = simulate(water_input(water, after=f"{ENERGY}\n{CENTROID}", dump="c_e c_c[*]"), ranks)
    np.testing.assert_allclose(result.atoms["c_e"], expected["atom_energy"], rtol=1e-12)
    columns = result.columns(*(f"c_c[{k}]" for k in range(1, 10))) / -BAR
    w = expected["atom_virial"]
    order = [(0, 0), (1, 1), (2, 2), (1, 0), (2, 0), (2, 1), (0, 1), (0, 2), (1, 2)]
    for k, (a, b) in enumerate(order):
        np.testing.assert_allclose(columns[:, k], w[:, a, b], rtol=0, atol=1e-9)
