"""Packages for CUDA and ROCm run: their text on the processor, behind fake drivers.

libdpc opens a libcuda.so.1 or libamdhip64.so of ours, which runs the kernels of the package's
text one thread of a block after the other. What NVIDIA's and AMD's compilers made of the text
is loaded and looked at, not run.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from dpc.compiler.compile import compile_model
from dpc.errors import DpcError, ToolError
from tests.gpu_on_cpu import FakeMachine, RemotePotential, compile_kernels, fake_driver
from tests.test_compiled import BUNDLED, OTHERS, load_model, model_file, widened, worst

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


def words(language: str) -> str:
    """The first file of the kernels' text: what the words mean that the others are written in."""
    return (resources.files("dpc.backends.gpu") / "kernels" / f"{language}.h").read_text()


@pytest.fixture
def build(tmp_path):
    """`build(model, "cuda:sm_80")`: the package, and its kernels for the processor."""

    def make(model: Path, target: str) -> tuple[Path, Path]:
        temps, package = tmp_path / "temps", tmp_path / "model.dpc"
        try:
            compile_model(model, target, package, save_temps=temps)
        except ToolError as error:
            pytest.skip(str(error).splitlines()[0])
        text = next(temps.rglob("kernels.cu" if target.startswith("cuda") else "kernels.hip"))
        kernels = text.read_text().replace(words("hip"), words("cuda"))
        return package, compile_kernels(kernels, tmp_path / "kernels.so")

    return make


@pytest.fixture
def start(drivers, tmp_path):
    """`with start("cuda:sm_80", package, kernels) as potential`: in a process of its own."""

    @contextmanager
    def open_there(target: str, package: Path, kernels: Path, **options):
        kind, arch = target.split(":")
        log = str(tmp_path / "log")
        arch = arch.split(",")[0].removeprefix("sm_")
        with FakeMachine(drivers[kind], kernels, arch, FAKE_GPU_LOG=log) as machine:
            yield RemotePotential(machine, package, options)

    return open_there


def counted(log: Path) -> dict[str, int]:
    """What the fake driver counted in the last process."""
    lines = (line.rsplit(" ", 1) for line in log.read_text().splitlines())
    return {name: int(number) for name, number in lines}


def agrees(folder, target, build, start):
    """The largest error of a package's results."""
    path = model_file(folder)
    model = load_model(path)
    if model.config["descriptor"]["precision"] == "float32":
        model = widened(path)
    with start(target, *build(path, target)) as potential:
        return worst(potential, model, folder)


@pytest.mark.parametrize("folder", CASES)
def test_cuda_agrees_with_the_model(folder, build, start):
    errors = agrees(folder, "cuda:sm_80", build, start)
    assert max(errors.values()) < 1e-8, errors


@pytest.mark.slow
@pytest.mark.parametrize("folder", [f for f in BUNDLED if f.name in FAST], ids=lambda f: f.name)
def test_rocm_agrees_with_the_model(folder, build, start):
    errors = agrees(folder, "rocm:gfx90a", build, start)
    assert max(errors.values()) < 1e-8, errors


def grid(n=60):
    rng = np.random.default_rng(3)
    places = np.stack(np.meshgrid(*[np.arange(4)] * 3), -1).reshape(-1, 3)[:n] * 2.2
    return places + rng.normal(0, 0.15, places.shape), rng.integers(0, 2, n), np.eye(3) * 8.8


def test_a_small_device_gives_the_same(build, start, tmp_path):
    """Whatever the memory of the device: the same forces, from chunks of centres; and when
    positions and lists do not fit, the error says of how many atoms."""
    path = next(model_file(folder) for folder in BUNDLED if folder.name == "se_e2_a_two_side")
    made = build(path, "cuda:sm_80")
    report = json.loads((made[0] / "report.json").read_text())["build"]
    tensors = sum(report["tensors"].values())
    with start("cuda:sm_80", *made) as potential:
        whole = potential.evaluate(*grid())
    at_once = counted(tmp_path / "log")
    centers = np.bincount(grid()[1]).max()  # a chunk is of one type
    limit = at_once["most"] - int(centers) * report["bytes_per_center"] * 3 // 4
    with start("cuda:sm_80", *made, device_bytes=limit) as potential:
        chunks = potential.evaluate(*grid())
    assert counted(tmp_path / "log")["cuLaunchKernel"] > 2 * at_once["cuLaunchKernel"]
    assert counted(tmp_path / "log")["most"] <= limit
    for name in ("force", "atom_energy", "atom_virial"):
        assert np.array_equal(whole[name], chunks[name]), name
    assert whole["energy"] == pytest.approx(chunks["energy"], abs=1e-11)
    with (
        start("cuda:sm_80", *made, device_bytes=tensors + 20_000) as potential,
        pytest.raises(DpcError, match=r"not enough memory on Fake CUDA 0: the .* of 60 atoms take"),
    ):
        potential.evaluate(*grid())
