"""The C tests of the runtime, compiled with and without sanitizers, and fake packages."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runtime.fake_package import RUNTIME, compile_host, write_package

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
PROTOTYPES = ["-Wstrict-prototypes", "-Wmissing-prototypes"]
SANITIZERS = {
    "plain": ["-O2"],
    "asan": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "tsan": ["-O1", "-g", "-fsanitize=thread"],
}


class Programs:
    """C tests linked with all of libdpc, built when first asked for."""

    def __init__(self, folder: Path, flags: list[str]) -> None:
        self.folder, self.flags = folder, flags
        self.include = [f"-I{RUNTIME / 'include'}", f"-I{RUNTIME / 'src'}"]

    def _compile(self, *arguments: str, cwd: Path | None = None) -> None:
        command = ["gcc", "-std=c11", *self.flags, *WARNINGS, *PROTOTYPES, "-pthread"]
        subprocess.run([*command, *self.include, *arguments], cwd=cwd, check=True)

    def path(self, name: str) -> Path:
        """The program of runtime/tests/NAME.c."""
        made = self.folder / name
        objects = sorted(self.folder.glob("*.o"))
        if not objects:
            self._compile("-c", *map(str, (RUNTIME / "src").glob("*.c")), cwd=self.folder)
            objects = sorted(self.folder.glob("*.o"))
        if not made.exists():
            source = RUNTIME / "tests" / f"{name}.c"
            self._compile(str(source), *map(str, objects), "-ldl", "-lm", "-o", str(made))
        return made

    def run(self, name: str, *arguments: object, timeout: float = 120) -> str:
        """Run it; its output. A failed check or a sanitizer's report fails the test."""
        command = [str(self.path(name)), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, f"{name} ended with {done.returncode}\n{done.stderr}"
        return done.stdout


def _needs_gcc() -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: apt install gcc")


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Programs]:
    """`programs("asan")`: the C tests with that sanitizer."""
    _needs_gcc()
    made: dict[str, Programs] = {}

    def get(sanitizer: str) -> Programs:
        if sanitizer not in made:
            folder = tmp_path_factory.mktemp(sanitizer)
            made[sanitizer] = Programs(folder, SANITIZERS[sanitizer])
        return made[sanitizer]

    return get


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`hosts("asan", abi="2")`: a fake bin/host.so, compiled once for each set of switches."""
    _needs_gcc()
    folder = tmp_path_factory.mktemp("hosts")
    made: dict[str, Path] = {}

    def get(sanitizer: str = "plain", **defines: str) -> Path:
        key = repr((sanitizer, sorted(defines.items())))
        if key not in made:
            path = folder / f"{len(made)}.so"
            made[key] = compile_host(path, SANITIZERS[sanitizer], **defines)
        return made[key]

    return get


@pytest.fixture
def package(tmp_path: Path, hosts: Callable[..., Path]) -> Path:
    """A good package with a host.so for the address sanitizer."""
    return write_package(tmp_path / "fake.dpc", hosts("asan"))
