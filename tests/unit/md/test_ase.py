"""The ASE calculator: signs, derivatives, boundaries, energy conservation."""

from __future__ import annotations

import numpy as np
import pytest

from dpc.errors import InputError
from dpc.md import Potential

ase = pytest.importorskip("ase", reason="ASE is not installed: pip install 'dpc[ase]'")

from ase import Atoms, units  # noqa: E402
from ase.build import molecule  # noqa: E402
from ase.calculators.calculator import PropertyNotImplementedError  # noqa: E402
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress  # noqa: E402
from ase.md.verlet import VelocityVerlet  # noqa: E402

from dpc.md.ase import DPC, periodic_cell  # noqa: E402

CELL = np.array([[6.0, 0.0, 0.0], [1.0, 5.0, 0.5], [-2.0, 1.0, 7.0]])


@pytest.fixture
def atoms(make_package):
    random = np.random.default_rng(5)
    grid = np.stack(np.meshgrid(*[np.arange(k) / k for k in (2, 2, 3)], indexing="ij"), -1)
    coord = (grid.reshape(-1, 3) + random.uniform(-0.08, 0.08, (12, 3))) @ CELL
    made = Atoms("O4H8", positions=coord, cell=CELL, pbc=True)
    made.calc = DPC(make_package())
    return made


def test_equals_potential(atoms, make_package):
    out = Potential(make_package()).evaluate(atoms.positions, list(atoms.symbols), CELL)
    assert atoms.get_potential_energy() == out["energy"]
    assert atoms.get_potential_energy(force_consistent=True) == out["energy"]
    np.testing.assert_array_equal(atoms.get_forces(), out["force"])
    np.testing.assert_array_equal(atoms.get_potential_energies(), out["atom_energy"])


def test_derivatives(atoms):
    forces = calculate_numerical_forces(atoms, eps=1e-4, iatoms=[0, 7])
    np.testing.assert_allclose(atoms.get_forces()[[0, 7]], forces, rtol=0, atol=1e-6)
    stress = calculate_numerical_stress(atoms, eps=1e-5, voigt=True)
    np.testing.assert_allclose(atoms.get_stress(), stress, rtol=0, atol=1e-7)


@pytest.mark.parametrize("pbc", [(1, 1, 0), (0, 1, 1), (1, 0, 0), (0, 1, 0)])
def test_partly_periodic(atoms, pbc):
    """Equal to a supercell of the periodic directions with much vacuum along the others."""
    atoms.set_pbc(pbc)
    atoms.positions[3] += 3 * CELL[2]  # outside the cell, where it matters that it is not wrapped
    periodic = np.array(pbc, bool)
    vacuum = CELL.copy()
    normals = np.linalg.inv(CELL).T  # rows: normal to the other two vectors
    for k in np.flatnonzero(~periodic):
        direction = normals[k] / np.linalg.norm(normals[k])
        if periodic.sum() == 2:
            vacuum[k] = 60 * direction
    if periodic.sum() == 1:
        vacuum[~periodic] *= 12  # long enough in any direction
    full = Atoms(
        atoms.symbols, positions=atoms.positions, cell=vacuum, pbc=True, calculator=atoms.calc
    )
    energy, forces = full.get_potential_energy(), full.get_forces()
    np.testing.assert_allclose(atoms.get_potential_energy(), energy, rtol=0, atol=1e-12)
    np.testing.assert_allclose(atoms.get_forces(), forces, rtol=0, atol=1e-12)
    bare = atoms.copy()
    bare.cell[~periodic] = 0  # vectors of open directions do not matter
    bare.calc = atoms.calc
    np.testing.assert_allclose(bare.get_potential_energy(), energy, rtol=0, atol=1e-12)
    with pytest.raises(PropertyNotImplementedError):
        bare.get_stress()


def test_open(make_package):
    water = molecule("H2O")
    water.calc = DPC(make_package())
    far = molecule("H2O", vacuum=20.0)
    far.pbc = True
    far.calc = water.calc
    assert water.get_potential_energy() == pytest.approx(far.get_potential_energy(), abs=1e-12)
    forces = calculate_numerical_forces(water, eps=1e-4)
    np.testing.assert_allclose(water.get_forces(), forces, rtol=0, atol=1e-6)


def test_periodic_vector_of_zero(make_package):
    water = molecule("H2O", cell=[5, 5, 0])
    water.pbc = True
    water.calc = DPC(make_package())
    with pytest.raises(InputError, match=r"vector 2 of the cell is zero.*pbc\[2\] = False"):
        water.get_potential_energy()


def test_parallel_periodic_vectors():
    cell = np.array([[5.0, 0, 0], [10.0, 0, 0], [0, 0, 0]])
    with pytest.raises(InputError, match="parallel"):
        periodic_cell(np.zeros((1, 3)), cell, (True, True, False), 4.0)


@pytest.mark.parametrize("pbc", [True, (True, True, False), False])
def test_energy_is_conserved(atoms, pbc):
    """What Verlet's algorithm leaves of a change falls with the square of the time step."""
    atoms.pbc = pbc
    errors = []
    for steps in (30, 60):
        run = atoms.copy()
        run.calc = atoms.calc
        start, energies = run.get_total_energy(), []
        dynamics = VelocityVerlet(run, timestep=15 / steps * units.fs)
        dynamics.attach(lambda: energies.append(run.get_total_energy()))  # noqa: B023
        dynamics.run(steps)
        assert run.get_kinetic_energy() > 0.1
        errors.append(np.abs(np.array(energies) - start).max())
    assert errors[1] < 1e-4 and 3 < errors[0] / errors[1] < 5, errors


def test_parameters_forget_old_results(make_package):
    water = molecule("H2O", vacuum=4.0)
    water.calc = DPC(make_package(fparam=1, aparam=1), fparam=[0.0], aparam=np.zeros(3))
    first = water.get_potential_energy()
    water.calc.set(fparam=[1.0])
    second = water.get_potential_energy()
    assert second != first
    water.calc.set(fparam=[1.0])
    assert water.calc.results  # nothing changed, nothing forgotten
    water.calc.set(aparam=np.ones(3))
    assert water.get_potential_energy() != second


def test_names_of_types(make_package):
    heavy = Atoms("SiGe", positions=[[0, 0, 0], [0, 0, 1.5]])
    heavy.calc = DPC(make_package(), types={"Si": "O", "Ge": "H"})
    water = Atoms("OH", positions=heavy.positions, calculator=DPC(make_package()))
    assert heavy.get_potential_energy() == water.get_potential_energy()
    heavy.calc = DPC(make_package())
    with pytest.raises(InputError, match="Ge"):
        heavy.get_potential_energy()


def test_options_that_are_not_there(make_package):
    with pytest.raises(InputError, match="no option 'thread'. Did you mean 'threads'"):
        DPC(make_package(), thread=2)
    DPC(make_package(), label="run", directory=".")  # ASE's own stay
