"""Kernels compiled once, for every instruction set this CPU can run."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("tvm", reason="needs apache-tvm")

import dpc.backends.tvm  # noqa: E402
from dpc.backends.tvm.build import build_kernels  # noqa: E402
from dpc.backends.tvm.kernels.spec import KernelSpec  # noqa: E402
from dpc.backends.tvm.tuning import Tuning, default_tuning  # noqa: E402
from dpc.targets import Target, parse_target  # noqa: E402
from dpc.targets.cpu import runs_here  # noqa: E402
from tests.unit.backends.tvm.harness import Library, link  # noqa: E402

ARCHS = ("x86-64-v4", "x86-64-v3", "x86-64-v2")


@pytest.fixture(scope="session", params=ARCHS)
def target(request: pytest.FixtureRequest) -> Target:
    return runnable(request.param)


@pytest.fixture(scope="session")
def bf16_target() -> Target:
    return runnable("x86-64-v4+bf16")


def runnable(arch: str) -> Target:
    """The target, where this CPU can run it."""
    made = parse_target(f"cpu:{arch}")
    if not runs_here(made):
        pytest.skip(f"this CPU cannot run {arch}")
    return made


@pytest.fixture(scope="session")
def compiled(request: pytest.FixtureRequest) -> Callable[..., Library]:
    """compiled(target, specs, tuning): kept between sessions while the generator is the same."""
    folder = request.config.cache.mkdir("dpc-kernels")
    generator = _digest_of_generator()
    opened: dict[Path, Library] = {}

    def get(target: Target, specs: tuple[KernelSpec, ...], tuning: Tuning | None = None) -> Library:
        chosen = tuning or default_tuning(target)
        key = hashlib.sha256(repr((generator, target, specs, chosen)).encode()).hexdigest()
        path = folder / f"{key[:32]}.so"
        if path not in opened:
            if not path.exists():
                with tempfile.TemporaryDirectory(dir=folder) as home:
                    made = Path(home) / "kernels.so"
                    link(build_kernels(specs, target, chosen).object_bytes, made)
                    os.replace(made, path)
            opened[path] = Library(target, path)
        return opened[path]

    return get


def _digest_of_generator() -> str:
    home = Path(dpc.backends.tvm.__path__[0])
    files = sorted(home.rglob("*.py"))
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()
