"""dpc bench drift: NVE runs of packages beside the uncompiled network in float64."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpc.cli.bench.options import (
    add_models,
    add_system,
    at_least_one,
    contenders,
    system_and_data,
)

if TYPE_CHECKING:
    from dpc.bench.contenders import Contender
    from dpc.bench.systems import System

POINTS = 1000  # of a curve in the plot


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the user may say."""
    add_models(parser)
    add_system(parser)
    add = parser.add_argument
    add("--atoms", type=int, metavar="N", help="default: one box")
    add("--steps", type=int, default=10_000, help="(default: %(default)s)")
    add("--ranks", type=int, default=2, help="MPI ranks (default: %(default)s)")
    add("--no-exact", action="store_true", help="leave out the run of the network itself")


def run(args: argparse.Namespace) -> int:
    """Run, print the table, write drift.csv, drift.json and a plot."""
    from dpc.bench import plots, report
    from dpc.bench.drift import measure_drift, read_thermo
    from dpc.bench.facts import facts
    from dpc.bench.lammps_run import run_lammps
    from dpc.bench.md import Case, Forecast
    from dpc.bench.progress import Progress
    from dpc.bench.simulation import drift_input

    at_least_one(args, "ranks", "steps")
    system, data = system_and_data(args)
    origin = facts(sys.argv[1:])
    work: Path = args.output.resolve()
    case = Case(args.atoms or system.box_atoms, args.ranks)
    packages = contenders(args, system)
    taking_part = [*_exact(args, system), *packages]
    forecast = Forecast()
    records: list[dict[str, Any]] = []
    curves = {}
    progress = Progress(sum(forecast.seconds(one, case, args.steps) for one in taking_part))
    for k, one in enumerate(taking_part):
        progress.begin(f"{one.name}: {args.steps} steps")
        folder = work / "runs" / f"drift-{case.atoms}-{one.folder}"
        text = drift_input(system, case.atoms, args.steps, one.pair(system.elements), data)
        measured = run_lammps(one.lammps, text, folder, case.ranks, timeout=24 * 3600)
        forecast.learn(one, case, measured)
        thermo = read_thermo(folder / "screen.txt")
        found, energy = measure_drift(thermo, system.timestep, case.atoms)
        records.append(
            {"system": system.name, "atoms": case.atoms, "contender": one.name}
            | {"precision": one.precision, "ps": found.steps * system.timestep}
            | asdict(found)
        )
        each = max(1, len(energy) // POINTS)
        curves[one.name] = (
            [system.timestep * (n + 1) for n in range(0, len(energy), each)],
            list(1e6 * (energy[::each] - energy[0])),
        )
        left = sum(forecast.seconds(o, case, args.steps) for o in taking_part[k + 1 :])
        progress.end(f"{one.name}: {measured.wall:.0f} s", left)
    progress.close()
    print(table(records))
    paths = report.write_records("drift", records, origin, work)
    paths += plots.drift_plot(curves, work / "drift")
    for path in paths:
        print(f"wrote {path}", file=sys.stderr)
    return 0


def _exact(args: argparse.Namespace, system: System) -> list[Contender]:
    """The network itself, compiled with nothing left out; for one model."""
    from dpc.bench.contenders import compile_model, own_contender
    from dpc.bench.drift import EXACT

    if args.no_exact:
        return []
    work: Path = args.output.resolve()
    model = args.model[0] if args.model else system.model(work / "systems")
    name = f"{model.stem}-exact"
    package = compile_model(model, work / "packages", None, "cpu", EXACT, name)
    return [replace(own_contender(package), name="exact network")]


def table(records: list[dict[str, Any]]) -> str:
    """Drift over the run with its standard error; both beside the exact network's noise."""
    first = records[0]
    noise = first["fluctuation"] if first["contender"] == "exact network" else None
    lines = [
        f"{first['system']}, {first['atoms']} atoms, NVE, {first['steps']} steps "
        f"({first['ps']:g} ps); µeV for each atom",
        "  contender             drift ± error      fluctuation   total energy's",
    ]
    for r in records:
        line = f"  {r['contender']:<16} {1e6 * r['drift']:>10.4f} ± {1e6 * r['error']:<10.4f}"
        line += f" {1e6 * r['fluctuation']:>10.4f}   {1e6 * r['swing']:>10.2f}"
        if noise and r is not first:
            line += f"   |drift| {abs(r['drift']) / noise:.2g} of the exact network's fluctuation"
        lines.append(line)
    return "\n".join(lines)
