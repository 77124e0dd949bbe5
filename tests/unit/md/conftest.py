"""Fake packages for the Python side of the runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dpc import native
from dpc.errors import ToolError
from tests.runtime.fake_package import compile_host, write_package


@pytest.fixture(scope="session")
def make_package(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`make_package(fparam=1, host={"sel": "2"})`: a package with the fake potential."""
    try:
        native.libdpc()
    except ToolError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("packages")
    made: dict[str, Path] = {}

    def make(host: dict[str, str] | None = None, **model: int) -> Path:
        key = repr((host, model))
        if key not in made:
            place = folder / str(len(made))
            place.mkdir()
            library = compile_host(place / "host.so", ["-O2"], **(host or {}))
            made[key] = write_package(place / "fake.dpc", library, **model)
        return made[key]

    return make
