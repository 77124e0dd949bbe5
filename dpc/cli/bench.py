"""dpc bench md: how fast a package runs in LAMMPS, beside a peer if asked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dpc.errors import InputError, UsageError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    bench = commands.add_parser("bench", help="measure speed and memory")
    kinds = bench.add_subparsers(dest="kind", metavar="KIND", required=True)
    md = kinds.add_parser("md", help="LAMMPS runs of a water box: µs for each step and atom")
    md.add_argument("model", nargs="?", type=Path, help="model file; default: the bundled water")
    md.add_argument("--package", type=Path, help="a compiled package, instead of compiling MODEL")
    md.add_argument("--atoms", type=int, nargs="+", default=[192, 1536, 12288], metavar="N")
    md.add_argument("--ranks", type=int, default=2, help="MPI ranks (default: %(default)s)")
    md.add_argument("--steps", type=int, help="steps measured; default: some seconds' worth")
    md.add_argument("--repeats", type=int, default=3, help="runs of each (default: %(default)s)")
    md.add_argument(
        "--peer",
        choices=["deepmd-kit"],
        help="measure it as well, in turn; installs it into DIR/peer on first use (2 GB)",
    )
    md.add_argument("--data", type=Path, help="LAMMPS data file of the 192-atom box")
    md.add_argument(
        "-o", "--output", type=Path, default=Path(".bench"), metavar="DIR", help="(.bench)"
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write md.csv and md.json."""
    from dpc.bench import md, report
    from dpc.bench.water_box import example_file, replicas

    for option in ("ranks", "repeats"):
        if getattr(args, option) < 1:
            raise UsageError(f"--{option} is {getattr(args, option)}, but must be 1 or more")
    if args.steps is not None and args.steps < 1:
        raise UsageError(f"--steps is {args.steps}, but must be 1 or more")
    for atoms in args.atoms:
        replicas(atoms)
    work: Path = args.output.resolve()
    data = args.data or example_file("water.data")
    if not data.is_file():
        raise InputError(f"--data {data}: no such file")
    model = args.model or example_file("model.dp")
    package = args.package or md.compile_model(model, work / "packages")
    contenders = [md.own_contender(package)]
    if args.peer:
        contenders.append(md.peer_contender(model, work))
    machine = md.machine()
    if float(str(machine["load"])) > 0.5:
        print(f"other programs are running (load {machine['load']})", file=sys.stderr)
    rows = md.measure(
        contenders, args.atoms, data, work / "runs", args.ranks, args.repeats, args.steps
    )
    print(report.table(rows))
    for path in report.write(rows, machine, work):
        print(f"wrote {path}", file=sys.stderr)
    return 0
