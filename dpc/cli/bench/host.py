"""dpc bench host: what a card's driver costs the host."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dpc.cli.bench.options import add_system, at_least_one, system_and_data


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the user may say."""
    add = parser.add_argument
    add("package", type=Path, metavar="PACKAGE", help="a package for an FPGA")
    add_system(parser)
    add("--atoms", type=int, nargs="+", metavar="N", help="default: 8 and 64 boxes")
    add("--steps", type=int, help="steps measured; default: some seconds' worth")
    add("--repeats", type=int, default=3, help="runs of each (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write host.json."""
    import dataclasses
    import json

    from dpc.bench import host
    from dpc.bench.contenders import own_contender
    from dpc.bench.facts import facts, warn_when_busy
    from dpc.bench.systems import replicas
    from dpc.errors import InputError

    at_least_one(args, "repeats", "steps")
    system, data = system_and_data(args)
    sizes = args.atoms or system.sizes[1:]
    for atoms in sizes:
        replicas(atoms, system.box_atoms)
    if not (args.package / "fpga" / "circuit.json").is_file():
        raise InputError(f"{args.package}: is not for an FPGA: compile with --target vu9p")
    work: Path = args.output.resolve()
    warn_when_busy()
    lammps = own_contender(args.package).lammps
    rows = host.measure(
        system, args.package, lammps, sizes, data, work / "runs",
        args.repeats, args.steps,
    )  # fmt: skip
    print(host.HEADER)
    for row in rows:
        print(row)
    record = {"facts": facts(sys.argv[1:]), "rows": [dataclasses.asdict(row) for row in rows]}
    (work / "host.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"wrote {work / 'host.json'}", file=sys.stderr)
    return 0
