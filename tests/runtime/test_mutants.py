"""Without any one barrier or bounds check of the kernels, packages go wrong, and it shows.

Slow: some sixty variants of the kernels are compiled for the address sanitizer and run.
"""

from __future__ import annotations

import os
import subprocess
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from dpc.backends.cuda import build as cuda
from dpc.backends.gpu import source
from dpc.compiler.compile import compile_model
from dpc.errors import ToolError
from tests.gpu_on_cpu import ROOT, compile_kernels, fake_driver, mutants
from tests.programs import program, variant

MODELS = {
    # more neighbours of a type than one tile of rows; layers of two blocks of columns, centres of
    # two blocks of rows; the last table is used to its end
    "wide": variant(
        rcut=4.6,
        sel=(30, 84),
        neuron=(10, 40),
        type_one_side=False,
        fitting=(70, 70),
        fparam=2,
        aparam=1,
    ),
    # an embedding that no table takes the place of; a type of atoms left out
    "net": variant(
        activation="relu",
        sel=(30, 60),
        neuron=(5, 10),
        fitting=(20, 20),
        atom_exclude_types=(1,),
    ),
    # fewer slots than neighbours, of all types and of each; columns for each thread to do
    # two of; a last layer that is wider than all that shares its place
    "narrow": variant(
        sel=(9, 40),
        neuron=(65, 130),
        fitting=(20, 400),
        exclude_types=((0, 1),),
        resnet_dt=True,
    ),
    # trained, so that a basis of some columns carries the embedding
    "basis": ROOT / "examples" / "water" / "model.dp",
}
PASSES = {
    "basis": "canonicalize widen symmetrize basis{least_saving=0.0} tabulate differentiate "
    "exact_neighbors fuse memory"
}
LANGUAGES = ("cuda.h", "hip.h", "opencl.h")

NEEDLESS: dict[str, str] = {}
"""Checks that may go, and why: they save work and guard nothing."""


def kernel_files() -> dict[str, str]:
    """The kernels' text by file."""
    folder = resources.files("dpc.backends.gpu") / "kernels"
    return {
        entry.name: entry.read_text()
        for entry in sorted(folder.iterdir(), key=lambda e: e.name)
        if entry.name.endswith(".h") and entry.name not in LANGUAGES
    }


def system() -> str:
    """97 atoms, most of them of type 1, two of these so near that the tables end before."""
    rng = np.random.default_rng(5)
    places = np.stack(np.meshgrid(*[np.arange(5)] * 3), -1).reshape(-1, 3)[:97] * 1.45
    places = places + rng.normal(0, 0.08, places.shape)
    places[96] = places[50] + (0.3, 0.4, 0.2)
    types = (np.arange(97) % 5 > 0).astype(int)
    types[[50, 96]] = 1
    lines = [f"{t} {x} {y} {z}" for t, (x, y, z) in zip(types, places, strict=True)]
    return "97 7.25 0 0 0.3 7.3 0 0 -0.2 7.4\n" + "\n".join(lines) + "\n"


class Subject:
    """A package, and the plan that its kernels are printed from."""

    def __init__(self, name: str, folder: Path, runner: Path, drivers: Path) -> None:
        self.folder, self.runner, self.drivers = folder, runner, drivers
        plans = []
        original = cuda.kernel_text

        def remember(plan, language):
            plans.append(plan)
            return original(plan, language)

        cuda.kernel_text = remember
        try:
            model = MODELS[name]
            model = model if isinstance(model, Path) else program(model)
            self.package = compile_model(
                model, "cuda:sm_80", folder / f"{name}.dpc", passes=PASSES.get(name)
            )
        finally:
            cuda.kernel_text = original
        self.plan = plans[-1]
        self.system = folder / f"{name}.system"
        self.system.write_text(system())
        self.text = self.print({})
        self.good = self.run(self.text)
        assert self.good[0] == 0, self.good[1]

    def print(self, changed: dict[str, str]) -> str:
        """The kernels with some files changed."""
        original = source._file
        source._file = lambda name: changed.get(name) or original(name)
        try:
            return source.kernel_text(self.plan, "cuda")
        finally:
            source._file = original

    def run(self, text: str) -> tuple[int, str]:
        """Exit code and results."""
        kernels = compile_kernels(text, self.folder / "kernels.so", "asan", ["-O0", "-g0"])
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": str(self.drivers),
            "FAKE_GPU_KERNELS": str(kernels),
            "ASAN_OPTIONS": "detect_leaks=0:symbolize=0",
        }
        command = [str(self.runner), str(self.package), str(self.system)]
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=120
            )
        except subprocess.TimeoutExpired:
            return -1, "it does not end"
        return done.returncode, done.stdout or done.stderr

    def notices(self, changed: dict[str, str]) -> bool:
        """Is a change of the files seen? Not if the model does not use what was changed."""
        text = self.print(changed)
        if text == self.text:
            return False
        try:
            return self.run(text) != self.good
        except AssertionError:  # it does not compile
            return True


@pytest.fixture(scope="module")
def subjects(programs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutants")
    drivers = fake_driver(folder, "cuda", "asan")
    runner = programs("asan").path("run_file")
    try:
        return [Subject(name, folder, runner, drivers) for name in MODELS]
    except ToolError as error:
        pytest.skip(str(error).splitlines()[0])


@pytest.mark.slow
@pytest.mark.parametrize("file", kernel_files())
def test_nothing_can_be_left_out(subjects, file):
    text = kernel_files()[file]
    survivors = [
        what
        for what, changed in mutants(text)
        if not any(subject.notices({file: changed}) for subject in subjects)
    ]
    assert [what for what in survivors if what.split(": ", 1)[1] not in NEEDLESS] == []
