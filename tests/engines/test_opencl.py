"""LAMMPS with a package for OpenCL, run by PoCL, beside the package for the processor."""

import subprocess
import sys

import numpy as np
import pytest

from tests.engines.simulation import WATER, water_input
from tests.test_opencl import pytestmark  # noqa: F401  skips where there is no OpenCL

RUN = (
    "velocity all create 330 2026 mom yes loop geom\ntimestep 0.0005\nthermo 20\n"
    "neighbor 2.0 bin\nneigh_modify every 10 delay 0 check no\n"
)


@pytest.fixture(scope="module")
def water_opencl(tmp_path_factory):
    package = tmp_path_factory.mktemp("packages") / "water-opencl.dpc"
    command = [sys.executable, "-m", "dpc", "compile", str(WATER / "model.dp")]
    subprocess.run([*command, "--target", "opencl", "-o", str(package)], check=True, timeout=600)
    return package


def check(simulate, water, water_opencl, steps, ranks):
    ours = simulate(water_input(water_opencl, after=RUN, run=f"run {steps}"), ranks, timeout=900)
    cpu = simulate(water_input(water, after=RUN, run=f"run {steps}"), ranks)
    assert len(ours.thermo["Step"]) == steps // 20 + 1
    np.testing.assert_allclose(ours.thermo["PotEng"], cpu.thermo["PotEng"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(ours.force, cpu.force, rtol=0, atol=1e-7)


def test_40_steps_on_two_ranks_as_on_the_processor(simulate, water, water_opencl):
    check(simulate, water, water_opencl, 40, 2)


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 2])
def test_200_steps_as_on_the_processor(simulate, water, water_opencl, ranks):
    check(simulate, water, water_opencl, 200, ranks)
