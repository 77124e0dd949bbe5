"""LAMMPS and Python call the same library: the numbers are the same."""

import numpy as np

from tests.engines.simulation import read_water, water_input, write_data

BAR = 1602176.5  # eV/Å³ in bar, as LAMMPS has it for metal units


def check(result, expected, volume):
    """Energy, forces and pressure of one step against `evaluate`."""
    np.testing.assert_allclose(result.thermo["PotEng"][0], expected["energy"], rtol=1e-13)
    np.testing.assert_allclose(result.force, expected["force"], rtol=0, atol=1e-10)
    virial = np.asarray(expected["virial"])
    pressure = {"Pxx": (0, 0), "Pyy": (1, 1), "Pzz": (2, 2), "Pxy": (0, 1), "Pyz": (1, 2)}
    for name, (a, b) in pressure.items():
        given = result.thermo[name][0] / BAR * volume
        np.testing.assert_allclose(given, virial[a, b], rtol=1e-10, atol=1e-8)


def test_orthogonal_box(simulate, water):
    from dpc.md import Potential

    cell, coord, types = read_water()
    expected = Potential(str(water)).evaluate(coord, types - 1, cell=cell)
    check(simulate(water_input(water)), expected, np.linalg.det(cell))


def test_sheared_box(simulate, water, tmp_path):
    """A cell that no orthogonal one equals: tilted along all three."""
    from dpc.md import Potential

    cell, coord, types = read_water()
    strain = np.eye(3) + np.array([[0.02, 0, 0], [0.11, -0.01, 0], [-0.07, 0.16, 0.03]])
    sheared, moved = cell @ strain, coord @ strain
    expected = Potential(str(water)).evaluate(moved, types - 1, cell=sheared)
    setup = write_data(tmp_path / "sheared.data", sheared, moved, types)
    for ranks in (1, 2):
        result = simulate(water_input(water, setup=setup), ranks)
        check(result, expected, np.linalg.det(sheared))


def test_triclinic_description_of_the_same_crystal(simulate, water, tmp_path):
    """Rows a, b, c and a, b + a, c - b span one lattice: energy and forces are the same."""
    cell, coord, types = read_water()
    skewed = cell.copy()
    skewed[1] += cell[0]
    skewed[2] -= cell[1]
    wrapped = (coord @ np.linalg.inv(skewed) % 1.0) @ skewed
    setup = "box tilt large\n" + write_data(tmp_path / "skewed.data", skewed, wrapped, types)
    plain = simulate(water_input(water))
    same = simulate(water_input(water, setup=setup), ranks=2)
    np.testing.assert_allclose(same.thermo["PotEng"], plain.thermo["PotEng"], rtol=1e-12)
    np.testing.assert_allclose(same.force, plain.force, rtol=0, atol=1e-9)
    for name in ("Pxx", "Pyy", "Pzz", "Pxy", "Pxz", "Pyz"):
        np.testing.assert_allclose(same.thermo[name], plain.thermo[name], rtol=1e-9, atol=1e-6)


def test_replicated_box(simulate, water):
    """Twice the box, twice the energy; a box smaller than two cutoffs needs several images."""
    plain = simulate(water_input(water))
    double = simulate(water_input(water, after="replicate 2 1 1"), ranks=2)
    np.testing.assert_allclose(double.thermo["PotEng"], 2 * plain.thermo["PotEng"], rtol=1e-12)
    np.testing.assert_allclose(double.thermo["Press"], plain.thermo["Press"], rtol=1e-9)
