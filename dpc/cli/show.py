"""dpc show: what a model, a program or a package is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dpc.ir.program import Program
    from dpc.package.read import Package


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser("show", help="what a model file, a .dpir or a package holds")
    parser.add_argument("path", metavar="ANYTHING", help="a model file, a .dpir file or a package")
    parser.add_argument("--program", action="store_true", help="print the whole program")


def run(args: argparse.Namespace) -> int:
    """Print it."""
    from dpc.compiler.programs import lower
    from dpc.errors import InputError
    from dpc.package.read import is_package, open_package

    path = Path(args.path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir() and not is_package(path):
        raise InputError(f"{path}: a folder that is not a package (it has no manifest.json)")
    if path.is_dir():
        package = open_package(path)
        program = package.program()
        lines = [*_package(package), *_program(program)]
        lines += _report(package)
    else:
        program, _ = lower(path)
        lines = _program(program)
    print("\n".join(lines))
    if args.program:
        from dpc.ir.printer import to_text

        print("\n" + to_text(program))
    return 0


def _package(package: Package) -> list[str]:
    m = package.manifest
    target = " ".join(str(value) for value in m.target.values())
    return [
        f"package {package.path}: {m.model['name']}, format {m.format}, abi {m.abi}",
        f"made by dpc {m.dpc} on {m.created} for {target}",
        f"outputs {' '.join(m.model['outputs'])}",
        f"pipeline {m.pipeline}",
        f"source SHA-256 {m.model['source_sha256'] or 'unknown'}",
    ]


def _report(package: Package) -> list[str]:
    from dpc.package.report import lines

    package.verify()
    return lines(package)


def _program(program: Program) -> list[str]:
    facts = program.facts
    nearest = "" if facts.min_nbor_dist is None else f"  nearest pair {facts.min_nbor_dist:.4g} Å"
    lines = [
        f"types {' '.join(facts.type_map)}  rcut {facts.rcut} Å  "
        f"sel {' '.join(map(str, facts.sel))}{nearest}",
    ]
    if facts.fparam or facts.aparam:
        lines.append(f"parameters: {facts.fparam} per frame, {facts.aparam} per atom")
    for bank in program.banks.values():
        extras = [bank.activation, *(["resnet"] * bank.resnet), *(["timestep"] * bank.timestep)]
        widths = " > ".join(map(str, bank.widths))
        lines.append(
            f"net {bank.name}: {bank.count} by {bank.index}, {widths}, {' '.join(extras)}, "
            f"{bank.dtype}"
        )
    for table in program.tables.values():
        lines.append(
            f"table {table.name}: {table.count} by {table.index}, width {table.width}, "
            f"{table.rows} rows from {table.lower:g} to {table.upper:g}, step {table.stride:g}"
        )
    for param in program.params.values():
        lines.append(f"param {param.name}: {param.type}")
    numbers = sum(array.nbytes for array in program.store.values())
    lines.append(f"numbers {numbers:,} bytes, ops {len(program.energy.body())}")
    return lines
