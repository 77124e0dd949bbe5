"""Without any one barrier or bounds check of the kernels, packages go wrong, and it shows.

Slow: some sixty variants of the kernels are compiled for the address sanitizer and run.
"""

from __future__ import annotations

import os
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from dpc.backends.cuda import build as cuda
from dpc.backends.gpu import source
from dpc.compiler.compile import compile_model
from dpc.errors import ToolError
from tests.gpu_on_cpu import compile_kernels, fake_driver, mutants
from tests.paths import DATA

MODELS = ("ener_fparam_aparam", "se_e2_a_two_side")
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


SYSTEM = """23 7.4 0 0 0.3 7.1 0 0 -0.2 7.7
""" + "".join(
    f"{k * k % 7 % 2} {k % 3 * 2.3 + k % 5 * 0.11} {k // 3 % 3 * 2.2 + 0.07 * (k % 4)} "
    f"{k // 9 * 2.4 + 0.05 * (k % 6)}\n"
    for k in range(23)
)


class Subject:
    """A package, and the plan that its kernels are printed from."""

    def __init__(self, name: str, folder: Path, program: Path, drivers: Path) -> None:
        self.folder, self.program, self.drivers = folder, program, drivers
        plans = []
        original = cuda.kernel_text

        def remember(plan, language):
            plans.append(plan)
            return original(plan, language)

        cuda.kernel_text = remember
        try:
            model = next((DATA / "golden" / name).glob("model.*"))
            self.package = compile_model(model, "cuda:sm_80", folder / f"{name}.dpc")
        finally:
            cuda.kernel_text = original
        self.plan = plans[-1]
        self.system = folder / f"{name}.system"
        self.system.write_text(SYSTEM)
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
        command = [str(self.program), str(self.package), str(self.system)]
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
    program = programs("asan").path("run_file")
    try:
        return [Subject(name, folder, program, drivers) for name in MODELS]
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
