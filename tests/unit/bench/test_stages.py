"""Timers of a package, and the drift of an energy."""

import shutil
import subprocess

import numpy as np
import pytest

from dpc.backends.cpu.build import stage_files
from dpc.bench.drift import measure_drift, read_thermo
from dpc.bench.lammps_run import Measured
from dpc.bench.md import Case
from dpc.bench.stages import (
    OUTSIDE,
    REST,
    in_package,
    label,
    make_profile,
    read_stage_files,
    remove_stage_files,
)
from dpc.errors import InputError

PROGRAM = """
typedef struct { int count; } dpc_tile;
#define DPC_MODEL_H
#include "profile.h"
static int run_tile(dpc_tile *tile) {
  DPC_STAGES(tile);
  for (int a = 0; a < tile->count; a++) {
    DPC_STAGE(first);
    DPC_ROWS(10);
    for (volatile int k = 0; k < 20000; k++) continue;
    DPC_STAGE(second);
  }
  return 0;
}
int main(void) {
  dpc_tile tile = {3};
  return run_tile(&tile) + run_tile(&tile);
}
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
@pytest.mark.parametrize("timed", [True, False])
def test_timers(tmp_path, timed):
    (tmp_path / "profile.h").write_bytes(stage_files()["profile.h"])
    (tmp_path / "dpc_model.h").write_text("")
    (tmp_path / "main.c").write_text(PROGRAM)
    flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", *(["-DDPC_PROFILE"] * timed)]
    subprocess.run(["cc", *flags, "main.c", "-o", "main"], cwd=tmp_path, check=True)
    subprocess.run(["./main"], cwd=tmp_path, check=True)
    if not timed:
        with pytest.raises(InputError, match="no timers"):
            read_stage_files(tmp_path)
        return
    found = read_stage_files(tmp_path)
    assert (found["atoms"], found["rows"]) == (6, 60)
    assert 1e-6 < found["first"] < 10 and found["second"] < found["first"]
    remove_stage_files(tmp_path)
    assert not list(tmp_path.glob("dpc-stages*"))


def test_stages_add_up_to_the_step():
    counted = {"atoms": 1000.0, "rows": 90_000.0, "other": 1e-4, "env_contract": 2e-3}
    counted |= {"mlp_gradient": 1e-2, "force": 1e-3}
    sections = {"Pair": 0.0085, "Neigh": 0.0005, "Comm": 0.0001, "Other": 0.0001}
    run = Measured(100, 10, 0.0095, 0, 1.0, sections=sections)
    profile = make_profile(Case(100, 2, 1), run, counted)
    assert profile.rows == 90
    assert profile.stages["fitting net"] == pytest.approx(10.0)
    assert profile.total == pytest.approx(19.0)
    assert sum(profile.stages.values()) == pytest.approx(profile.total)
    assert profile.stages[OUTSIDE] == pytest.approx(17.0 - 13.1)
    assert profile.stages[REST] == pytest.approx(19.0 - 17.0 - 1.0 - 0.2)
    assert in_package(profile.stages) == [
        "environment, filter",
        "fitting net",
        "force, virial",
        "begin of a tile",
    ]
    assert label("new_op_vjp") == "new op backward"


def made_thermo(steps, slope, noise):
    """A harmonic oscillator's energies as LAMMPS prints them, and a drift."""
    rng = np.random.default_rng(0)
    time = np.arange(steps + 1)
    total = slope * time / steps + noise * rng.normal(size=steps + 1)
    potential = np.zeros(steps + 1)
    return {"PotEng": potential, "TotEng": total, "c_squared": np.zeros(steps + 1)}


def test_drift_is_found_in_noise():
    found, energy = measure_drift(made_thermo(2000, 1e-3, 1e-4), 0.0005, 10)
    assert len(energy) == 1999 and found.steps == 2000
    assert abs(found.drift - 1e-4) < 4 * found.error < 1e-5
    assert found.fluctuation == pytest.approx(1e-5, rel=0.1)
    with pytest.raises(InputError, match="--steps"):
        measure_drift(made_thermo(30, 0, 0), 0.0005, 10)


def test_a_harmonic_oscillator_keeps_its_energy():
    """Velocity Verlet: the corrected energy swings 100 times less than the energy."""
    mass, spring, dt, mvv2e = 1.0, 2.0, 0.01, 1.0364269e-4
    x, v, rows = 1.0, 0.0, []
    accelerate = spring / mass / mvv2e
    dt *= mass**0.5 * 0.01
    for _ in range(400):
        energy = spring * x * x / 2, mvv2e * mass * v * v / 2
        rows.append((energy[0], sum(energy), (spring * x) ** 2 / mass))
        v -= accelerate * x * dt / 2
        x += v * dt
        v -= accelerate * x * dt / 2
    table = np.array(rows).T
    thermo = dict(zip(("PotEng", "TotEng", "c_squared"), table, strict=True))
    found, _ = measure_drift(thermo, dt, 1)
    assert found.fluctuation < 0.01 * found.swing


def test_thermo_with_a_warning_in_it(tmp_path):
    text = "   Step PotEng TotEng\n 0 1.0 2.0\nWARNING: x y\n 1 1.5 2.5\nLoop time of 1\n 7 8 9\n"
    (tmp_path / "screen.txt").write_text(text)
    thermo = read_thermo(tmp_path / "screen.txt")
    assert thermo["TotEng"].tolist() == [2.0, 2.5]
