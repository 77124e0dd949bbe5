"""dpc bench: speed, memory, where the time goes, energy drift. One kind, one module."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

KINDS = {
    "md": "LAMMPS runs: µs for each step and atom, beside a peer if asked",
    "train": "training steps: ms, memory, one process and several, beside a peer if asked",
    "profile": "where a step goes, stage by stage",
    "drift": "NVE runs: drift of the conserved energy",
    "big": "one large run: time, memory, bytes for each atom",
    "host": "what the driver of an FPGA card costs the host, without the card",
    "paper": "rows as in Tables IV and V of the DeePMD-kit v2 paper, on this machine",
}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    bench = commands.add_parser("bench", help="measure speed, memory and energy drift")
    kinds = bench.add_subparsers(dest="kind", metavar="KIND", required=True)
    for kind, text in KINDS.items():
        parser = kinds.add_parser(kind, help=text, description=text)
        importlib.import_module(f"{__name__}.{kind}").add_options(parser)
        parser.add_argument(
            "-o", "--output", type=Path, default=Path(".bench"), metavar="DIR", help="(.bench)"
        )


def run(args: argparse.Namespace) -> int:
    """Run one kind of measurement."""
    return int(importlib.import_module(f"{__name__}.{args.kind}").run(args))
