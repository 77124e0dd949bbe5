"""dpc bench paper: rows as in the benchmark tables of the DeePMD-kit v2 paper.

J. Chem. Phys. 159, 054801 (2023), Tables IV and V: time for a step and atom in LAMMPS, and the
largest system that memory holds, for compressed se_e2_a models in double and single precision.
The published rows are of other machines and their figures are not repeated here: what is
printed was measured on this one, dpc's packages and DeePMD-kit in turn.
"""

from __future__ import annotations

import argparse
import copy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpc.cli.bench.options import add_peer, at_least_one, contenders

if TYPE_CHECKING:
    from dpc.bench.systems import System

TIMED, LARGER = 12_288, 49_152
"""Atoms whose time is measured; with those of the second, memory for each atom."""

MEMORY_STEPS = 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the user may say."""
    add = parser.add_argument
    add("--system", nargs="+", default=["water"], help="water, copper, alloy4 (water)")
    add("--precision", nargs="+", default=["f64", "f32"], metavar="P", help="(f64 f32)")
    add("--ranks", type=int, default=2, help="MPI ranks (default: %(default)s)")
    add("--repeats", type=int, default=3, help="runs of each (default: %(default)s)")
    add("--steps", type=int, help="steps measured; default: some seconds' worth")
    add_peer(parser)
    parser.set_defaults(model=[], package=[], target=["cpu"], data=None, peer="deepmd-kit")
    parser.add_argument("--no-peer", dest="peer", action="store_const", const=None)


def run(args: argparse.Namespace) -> int:
    """Measure every system, print the rows, write paper.csv and paper.json."""
    from dpc.bench import report
    from dpc.bench.facts import facts, warn_when_busy
    from dpc.bench.memory import physical_memory
    from dpc.bench.systems import find_system

    at_least_one(args, "ranks", "repeats", "steps")
    systems = [find_system(name) for name in args.system]
    warn_when_busy()
    origin = facts(sys.argv[1:])
    records = [line for system in systems for line in _rows(args, system)]
    print(table(records, physical_memory()))
    for path in report.write_records("paper", records, origin, args.output.resolve()):
        print(f"wrote {path}", file=sys.stderr)
    return 0


def _rows(args: argparse.Namespace, system: System) -> list[dict[str, Any]]:
    from dpc.bench import md, report
    from dpc.bench.memory import Growth, physical_memory

    work: Path = args.output.resolve()
    data = system.data(work / "systems")
    own = copy.copy(args)
    own.system = system.name
    taking_part = contenders(own, system)
    where = work / "runs" / f"paper-{system.name}"

    def measure(atoms: int, repeats: int, steps: int | None) -> list[md.Row]:
        cases = [md.Case(atoms, args.ranks)]
        return md.measure(system, taking_part, cases, data, where, repeats, steps)

    timed = measure(TIMED, args.repeats, args.steps)
    larger = measure(LARGER, 1, MEMORY_STEPS)
    found = []
    for row, other in zip(timed, larger, strict=True):
        growth = Growth.between((TIMED, row.total_bytes), (LARGER, other.total_bytes))
        more = {
            "bytes_per_atom": round(growth.per_atom),
            "largest_atoms": round(growth.largest(physical_memory())),
            "memory_gb": round(physical_memory() / 1e9, 1),
        }
        found.append(report.record(row, system) | more)
    return found


def table(records: list[dict[str, Any]], memory: float) -> str:
    """Both tables in one: time, and the largest system by extrapolation of memory."""
    lines = [
        f"compressed se_e2_a, {TIMED:,} atoms in LAMMPS, {records[0]['ranks']} ranks; largest "
        f"system: by memory, extrapolated to {memory / 1e9:.1f} GB",
        "  system   contender           precision  µs/step/atom   bytes/atom  largest/10³ atoms",
    ]
    for r in records:
        lines.append(
            f"  {r['system']:<8} {r['contender']:<18}  {r['precision']:<9}"
            f"  {r['us_per_step_atom']:>12.2f}  {r['bytes_per_atom']:>11,}"
            f"  {r['largest_atoms'] / 1e3:>17,.0f}"
        )
    return "\n".join(lines)
