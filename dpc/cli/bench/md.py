"""dpc bench md: how fast packages run in LAMMPS, beside a peer if asked."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dpc.cli.bench.options import (
    add_models,
    add_peer,
    add_system,
    at_least_one,
    contenders,
    system_and_data,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the user may say."""
    add_models(parser)
    add_system(parser)
    add = parser.add_argument
    add("--atoms", type=int, nargs="+", metavar="N", help="default: 1, 8 and 64 boxes")
    add("--ranks", type=int, nargs="+", default=[2], metavar="N", help="MPI ranks (2)")
    add("--threads", type=int, nargs="+", default=[1], metavar="N", help="of each rank (1)")
    add("--steps", type=int, help="steps measured; default: some seconds' worth")
    add("--repeats", type=int, default=3, help="runs of each (default: %(default)s)")
    add_peer(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write md.csv, md.json and plots."""
    from dpc.bench import md, plots, report
    from dpc.bench.facts import facts, warn_when_busy
    from dpc.bench.systems import replicas

    at_least_one(args, "ranks", "threads", "repeats", "steps")
    system, data = system_and_data(args)
    sizes = args.atoms or system.sizes
    for atoms in sizes:
        replicas(atoms, system.box_atoms)
    work: Path = args.output.resolve()
    warn_when_busy()
    origin = facts(sys.argv[1:])
    taking_part = contenders(args, system)
    cases = md.make_cases(sizes, args.ranks, args.threads)
    rows = md.measure(system, taking_part, cases, data, work / "runs", args.repeats, args.steps)
    print(report.table(rows, system))
    for line in md.disagreements(rows):
        print(f"warning: first energies differ: {line}", file=sys.stderr)
    written = report.write(rows, system, origin, work)
    written += plots.md_plots([report.record(row, system) | origin for row in rows], work)
    for path in written:
        print(f"wrote {path}", file=sys.stderr)
    return 0
