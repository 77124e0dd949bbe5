"""Options that several kinds of measurement share, and what they stand for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dpc.errors import InputError, UsageError

if TYPE_CHECKING:
    from dpc.bench.contenders import Contender
    from dpc.bench.systems import System

PEER_PRECISION = {"f64": "f64", "f32": "f32", "mixed": "f32"}
"""The peer's model that a package of each precision is compared with."""


def add_models(parser: argparse.ArgumentParser) -> None:
    """What is measured."""
    add = parser.add_argument
    add("model", nargs="*", type=Path, help="model files; default: that of the system")
    add("--package", type=Path, nargs="+", default=[], help="packages, instead of compiling MODEL")
    add("--precision", nargs="+", metavar="P", help="compile for f64, f32, mixed")
    add("--target", nargs="+", default=["cpu"], metavar="T", help="compile for these (cpu)")


def add_peer(parser: argparse.ArgumentParser) -> None:
    """Who it is compared with."""
    parser.add_argument(
        "--peer",
        choices=["deepmd-kit"],
        help="measure it as well, in turn; on first use it is installed into DIR/peer (2 GB), "
        "unless it is in .bench/peer",
    )
    parser.add_argument(
        "--peer-precision",
        nargs="+",
        choices=["f64", "f32"],
        metavar="P",
        help="f64, f32 (default: those that the packages are compared with)",
    )


def add_system(parser: argparse.ArgumentParser) -> None:
    """Which atoms."""
    add = parser.add_argument
    add("--system", default="water", help="water, copper or alloy4 (default: %(default)s)")
    add("--data", type=Path, help="LAMMPS data file of the system's box, instead of its own")


def system_and_data(args: argparse.Namespace) -> tuple[System, Path]:
    """The system, and the data file of its box."""
    from dpc.bench.systems import find_system

    system = find_system(args.system)
    data: Path = args.data or system.data(args.output.resolve() / "systems")
    if not data.is_file():
        raise InputError(f"--data {data}: no such file")
    return system, data


def at_least_one(args: argparse.Namespace, *options: str) -> None:
    """Refuse numbers below 1."""
    for option in options:
        given = getattr(args, option)
        for value in given if isinstance(given, list) else [given]:
            if value is not None and value < 1:
                raise UsageError(f"--{option} is {value}, but must be 1 or more")


def contenders(args: argparse.Namespace, system: System) -> list[Contender]:
    """Packages, given or compiled, then the peer's models, each with a name of its own."""
    from dpc.bench.contenders import compile_model, named, own_contender, peer_contender

    work = args.output.resolve()
    models = args.model or [system.model(work / "systems")]
    packages = args.package or [
        compile_model(model, work / "packages", precision, target)
        for model in models
        for precision in args.precision or [None]
        for target in args.target
    ]
    own = [own_contender(package) for package in packages]
    if not getattr(args, "peer", None):
        return named(own)
    needed = list(dict.fromkeys(PEER_PRECISION.get(one.precision, "f64") for one in own))
    peers = [
        peer_contender(model, work, precision)
        for model in models
        for precision in args.peer_precision or needed
    ]
    return named(own + peers)
