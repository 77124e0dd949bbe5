"""Water in fixed point: how far from float64, and how its energy keeps, in LAMMPS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dpc.bench.drift import measure_drift
from dpc.compiler.programs import lower
from dpc.md import Potential
from dpc.targets.cpu import LEVELS, runs_here
from dpc.targets.fpga import HOST
from tests.engines.simulation import WATER, water_input

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not runs_here(LEVELS[HOST]), reason=f"this is no {HOST}"),
]
DT = 0.0005  # ps
STEPS = 20_000


@pytest.fixture(scope="module")
def circuit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the bundled water model for a VU9P."""
    from dpc.compiler.compile import compile_model

    return compile_model(
        WATER / "model.dp", "vu9p", tmp_path_factory.mktemp("circuit") / "water.dpc"
    )


def water_frame():
    """Coordinates, types and cell of the bundled box."""
    lines = (WATER / "water.data").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Atoms")) + 2
    rows = np.array([line.split()[:5] for line in lines[start : start + 192]], float)
    rows = rows[rows[:, 0].argsort()]
    edges = [float(line.split()[1]) for line in lines if line.endswith(("xhi", "yhi", "zhi"))]
    return rows[:, 2:5], rows[:, 1].astype(int) - 1, np.diag(edges)


def test_close_to_float64(circuit):
    """At most 5e-4 eV/Å rms and 0.05 meV for each atom, nothing subtracted."""
    from dpc.data.inputs import graph_inputs
    from dpc.passes.measure import measure
    from dpc.passes.samples import Sample

    program, _ = lower(WATER / "model.dp")
    coord, types, cell = water_frame()
    potential = Potential(circuit)
    rng = np.random.default_rng(0)
    for spread in (0.0, 0.05):
        moved = coord + rng.normal(scale=spread, size=coord.shape)
        sample = Sample(*graph_inputs(program.facts, moved, types, cell, None, None))
        wanted = measure(program, [sample])[0]
        found = potential.evaluate(moved, types, cell)
        error = np.sqrt(np.mean((found["force"] - wanted.force) ** 2))
        assert error < 1e-4 * (1 + 10 * spread), f"{error:.1e} eV/Å rms"
        per_atom = np.ravel(found["energy"])[0] / 192 - wanted.energy[0]
        assert abs(per_atom) < 5e-5, f"{per_atom:.1e} eV for each atom"
        assert not found["force"].sum(axis=0).any()


def test_equal_bits_with_numpy(circuit):
    """192 atoms of the whole model."""
    from dpc.data.inputs import graph_inputs
    from dpc.ir.evaluate import evaluate
    from dpc.package.read import open_package

    program = open_package(circuit).program()
    coord, types, cell = water_frame()
    found = Potential(circuit).evaluate(coord, types, cell)
    inputs, owner = graph_inputs(program.facts, coord, types, cell, None, None)
    wanted = evaluate(program, "energy", inputs)
    force = np.zeros((192, 3))
    np.add.at(force, np.arange(192) if owner is None else owner, wanted["force"])
    assert np.array_equal(found["force"], force)
    assert np.array_equal(found["atom_energy"], wanted["atom_energy"])
    assert np.array_equal(found["virial"], wanted["virial"])


def test_drift(simulate, circuit):
    """20,000 steps of 0.5 fs: less than 1e-5 eV for each atom and ps."""
    text = water_input(
        circuit,
        after="velocity all create 330 2026 mom yes loop geom\ntimestep 0.0005\nthermo 1\n"
        "neighbor 2.0 bin\nneigh_modify every 10 delay 0 check no\n"
        "variable squared atom (fx^2+fy^2+fz^2)/mass\n"
        "compute squared all reduce sum v_squared",
        thermo="c_squared",
        run=f"run {STEPS}",
    )
    thermo = simulate(text, ranks=2, timeout=3600).thermo
    assert len(thermo["Step"]) == STEPS + 1
    drift, _ = measure_drift(thermo, DT, 192)
    per_ps = drift.drift / (STEPS * DT)
    assert abs(per_ps) < 1e-5, f"{per_ps:.2e} eV for each atom and ps"


def test_two_ranks_give_the_same_forces(simulate, circuit):
    """Sums are exact, so the number of processes changes no bit."""
    one, two = (simulate(water_input(circuit), ranks=ranks).force for ranks in (1, 2))
    assert np.array_equal(one, two)
