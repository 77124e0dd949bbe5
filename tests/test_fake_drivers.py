"""Packages for CUDA and ROCm run: their text on the processor, behind fake drivers.

libdpc opens a libcuda.so.1 or libamdhip64.so of ours, which runs the kernels of the package's
text one thread of a block after the other. What NVIDIA's and AMD's compilers made of the text
is loaded and looked at, not run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.gpu_on_cpu import FakeMachine, RemotePotential, compile_kernels, fake_driver
from tests.test_compiled import BUNDLED, OTHERS, load_model, model_file, widened, worst

from dpc.compiler.compile import compile_model
from dpc.errors import ToolError

FAST = ("se_e2_a_two_side", "ener_fparam_aparam")
CASES = [
    pytest.param(folder, id=folder.name, marks=() if folder.name in FAST else pytest.mark.slow)
    for folder in BUNDLED + OTHERS
]
DRIVERS = {"cuda": "cuda", "rocm": "hip"}


@pytest.fixture(scope="session")
def drivers(tmp_path_factory):
    """Folders with the fake drivers."""
    return {
        target: fake_driver(tmp_path_factory.mktemp(driver), driver)
        for target, driver in DRIVERS.items()
    }


@pytest.fixture
def run(drivers, tmp_path):
    """`with run(model, "cuda:sm_80") as potential`: compiled, and open in another process."""

    @contextmanager
    def start(model: Path, target: str, **options) -> Iterator[RemotePotential]:
        temps, package = tmp_path / "temps", tmp_path / "model.dpc"
        kind, arch = target.split(":")
        try:
            compile_model(model, target, package, save_temps=temps)
        except ToolError as error:
            pytest.skip(str(error).splitlines()[0])
        text = next(temps.rglob("kernels.cu" if kind == "cuda" else "kernels.hip"))
        kernels = compile_kernels(text.read_text(), tmp_path / "kernels.so")
        environment = {"FAKE_GPU_LOG": str(tmp_path / "log")}
        with FakeMachine(
            drivers[kind], kernels, arch.split(",")[0].removeprefix("sm_"), **environment
        ) as machine:
            yield RemotePotential(machine, package, options)

    return start


@pytest.mark.parametrize("folder", CASES)
def test_cuda_agrees_with_the_model(folder, run):
    path = model_file(folder)
    model = load_model(path)
    if model.config["descriptor"]["precision"] == "float32":
        model = widened(path)
    with run(path, "cuda:sm_80") as potential:
        errors = worst(potential, model, folder)
    assert max(errors.values()) < 1e-8, errors


def grid(n=60):
    rng = np.random.default_rng(3)
    places = np.stack(np.meshgrid(*[np.arange(4)] * 3), -1).reshape(-1, 3)[:n] * 2.2
    return places + rng.normal(0, 0.15, places.shape), rng.integers(0, 2, n), np.eye(3) * 8.8


def test_a_small_device_gives_the_same(run):
    """Whatever the memory of the device: the same forces, from chunks of centres."""
    path = next(model_file(folder) for folder in BUNDLED if folder.name == "se_e2_a_two_side")
    with run(path, "cuda:sm_80", device_bytes=600_000) as small:
        few = small.evaluate(*grid())
        all_at_once = RemotePotential(small.machine, small.package).evaluate(*grid())
    for name in ("force", "atom_energy", "atom_virial"):
        assert np.array_equal(few[name], all_at_once[name]), name
    assert few["energy"] == pytest.approx(all_at_once["energy"], abs=1e-11)
