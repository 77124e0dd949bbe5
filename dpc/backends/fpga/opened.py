"""The circuit of a package: what it computes, the contents of its memories, how it is built."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from dpc.backends.fpga.parameters import Build
from dpc.errors import InputError
from dpc.ir.fixed.shape import Contents
from dpc.ir.fixed.store import contents_of
from dpc.ir.ops.fixed import FixedPoint
from dpc.ir.program import Program
from dpc.package.read import Package, open_package


@dataclass(frozen=True)
class Opened:
    """A package for an FPGA; `digest` is that of its circuit, which cards answer with."""

    package: Package
    program: Program
    contents: Contents
    build: Build
    digest: int


def open_circuit(path: Path) -> Opened:
    """InputError where the package is not for an FPGA."""
    package = open_package(path)
    program = package.program()
    found = list(program.energy.find(FixedPoint))
    if not found:
        raise InputError(f"{path}: is not for an FPGA: compile with --target vu9p")
    said = json.loads(package.read("fpga/circuit.json"))
    build, digest = Build.read(said["build"]), int(said["digest"], 16)
    return Opened(package, program, contents_of(found[0], program.store), build, digest)
