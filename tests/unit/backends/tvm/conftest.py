"""Kernels compiled once a session, for every instruction set this CPU can run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("tvm", reason="needs apache-tvm")

from dpc.backends.tvm.build import build_kernels  # noqa: E402
from dpc.backends.tvm.kernels.spec import KernelSpec  # noqa: E402
from dpc.targets import Target, parse_target  # noqa: E402
from dpc.targets.cpu import runs_here  # noqa: E402
from tests.unit.backends.tvm.harness import Library  # noqa: E402

ARCHS = ("x86-64-v4", "x86-64-v3", "x86-64-v2")


@pytest.fixture(scope="session", params=ARCHS)
def target(request: pytest.FixtureRequest) -> Target:
    made = parse_target(f"cpu:{request.param}")
    if not runs_here(made):
        pytest.skip(f"this CPU cannot run {request.param}")
    return made


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Library]:
    """compiled(target, specs): the same specs are compiled once a session."""
    made: dict[object, Library] = {}

    def get(target: Target, specs: tuple[KernelSpec, ...]) -> Library:
        key = (target.arch, specs)
        if key not in made:
            made[key] = Library(build_kernels(specs, target), tmp_path_factory.mktemp("kernels"))
        return made[key]

    return get
