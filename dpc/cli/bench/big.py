"""dpc bench big: one large run of each package: time, memory, bytes for each atom."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

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
    add("--atoms", type=int, default=1_000_000, metavar="N", help="at least (%(default)s)")
    add("--steps", type=int, default=10, help="(default: %(default)s)")
    add("--ranks", type=int, default=2, help="MPI ranks (default: %(default)s)")
    add("--threads", type=int, default=1, help="of each rank (default: %(default)s)")
    add_peer(parser)


def run(args: argparse.Namespace) -> int:
    """Run a small box and the large one, print the table, write big.csv and big.json."""
    from dpc.bench import md, report
    from dpc.bench.facts import facts, warn_when_busy
    from dpc.bench.memory import Growth
    from dpc.bench.systems import at_least

    at_least_one(args, "atoms", "steps", "ranks", "threads")
    system, data = system_and_data(args)
    work: Path = args.output.resolve()
    warn_when_busy()
    origin = facts(sys.argv[1:])
    taking_part = contenders(args, system)
    small = system.box_atoms * 8
    large = at_least(max(args.atoms, 2 * small), system.box_atoms)
    cases = [md.Case(n, args.ranks, args.threads) for n in (small, large)]
    rows = md.measure(system, taking_part, cases, data, work / "runs", 1, args.steps)
    found = {(row.case.atoms, row.contender.name): row for row in rows}
    records: list[dict[str, Any]] = []
    for one in taking_part:
        first, last = found[small, one.name], found[large, one.name]
        growth = Growth.between((small, first.total_bytes), (large, last.total_bytes))
        more = {"bytes_per_atom": round(growth.per_atom), "base_mb": round(growth.base / 1e6, 1)}
        records.append(report.record(last, system) | more)
    print(table(records))
    for path in report.write_records("big", records, origin, work):
        print(f"wrote {path}", file=sys.stderr)
    return 0


def table(records: list[dict[str, Any]]) -> str:
    """Time for a step, memory of all ranks, of which so much for each atom."""
    width = max([len(r["contender"]) for r in records] + [9])
    lines = [
        f"      atoms  ranks  {'contender':<{width}}  steps   s/step  µs/step/atom   "
        "GB, all ranks  largest rank  bytes/atom"
    ]
    for r in records:
        lines.append(
            f"{r['atoms']:>11,}  {r['ranks']:>5}  {r['contender']:<{width}}  {r['steps']:>5}"
            f"  {r['ms_per_step'] / 1e3:>7.2f}  {r['us_per_step_atom']:>12.2f}"
            f"  {r['total_mb'] / 1e3:>14.2f}  {r['peak_mb'] / 1e3:>12.2f}"
            f"  {r['bytes_per_atom']:>10,}"
        )
    return "\n".join(lines)
