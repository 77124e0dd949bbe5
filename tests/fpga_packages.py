"""Packages of a small net for a card, with their circuit in software, for tests of the driver."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dpc.backends.fpga import simulator
from dpc.backends.fpga.build import circuit_files, digest_of
from dpc.backends.fpga.parameters import Build
from dpc.compiler.compile import compile_model
from dpc.ir.fixed.store import contents_of
from dpc.ir.ops.fixed import FixedPoint
from dpc.package.read import open_package
from dpc.package.write import write_package
from dpc.targets import parse_target
from tests.fixed_models import MODELS, made_program

REDUCED = replace(MODELS["reduced"], sel=24)
"""Two types within 4 Å, nets 4 x 8 and 16^3: a step of 192 atoms takes a tenth of a second."""


def small_circuit(folder: Path, target: str = "vu9p") -> Path:
    """A package whose chip holds 512 atoms, so that 192 of water and their images take several
    blocks; its circuit in software is in it."""
    path = compile_model(made_program(REDUCED), target, folder / "reduced.dpc")
    package = open_package(path)
    program = package.program()
    m = contents_of(next(iter(program.energy.find(FixedPoint))), program.store)
    build = Build.of_interval(
        m.shape, 16, 2, atoms=512, list_words=2048, history_beats=256, atom_style="block"
    )
    files = {name: package.read(name) for name in package.manifest.files}
    files |= circuit_files(m, build, parse_target(target))
    library = simulator.library(m.shape, build, digest_of(m.shape, build))
    files[simulator.SIMULATOR] = library.read_bytes()
    write_package(path, package.manifest, files)
    return path
