"""dpc bench profile: where a step goes, stage by stage, and what part of the peak it reaches."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpc.cli.bench.options import add_system, at_least_one, system_and_data

if TYPE_CHECKING:
    from dpc.bench.md import Case
    from dpc.bench.stages import Profile
    from dpc.bench.systems import System


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the user may say."""
    add = parser.add_argument
    add("--package", type=Path, nargs="+", required=True, help="compiled packages")
    add_system(parser)
    add("--atoms", type=int, nargs="+", default=[1536], metavar="N", help="(1536)")
    add("--ranks", type=int, nargs="+", default=[1], metavar="N", help="MPI ranks (1)")
    add("--threads", type=int, nargs="+", default=[1], metavar="N", help="of each rank (1)")
    add("--steps", type=int, help="steps measured; default: some seconds' worth")


def run(args: argparse.Namespace) -> int:
    """Compile with timers, run with and without them, print and write the tables."""
    from dpc.bench import executed, md, plots, report
    from dpc.bench.contenders import own_contender
    from dpc.bench.facts import facts, warn_when_busy
    from dpc.bench.stages import profiling_package
    from dpc.bench.systems import replicas

    at_least_one(args, "ranks", "threads", "steps")
    system, data = system_and_data(args)
    for atoms in args.atoms:
        replicas(atoms, system.box_atoms)
    work: Path = args.output.resolve()
    origin = facts(sys.argv[1:])
    cases = md.make_cases(args.atoms, args.ranks, args.threads)
    own = [own_contender(package) for package in args.package]
    own = [replace(one, name=one.model.resolve().stem) for one in own]
    timed = [profiling_package(one.model, work / "packages") for one in own]
    warn_when_busy()
    records: list[dict[str, Any]] = []
    bars: dict[str, dict[str, float]] = {}
    for one, package in zip(own, timed, strict=True):
        top = executed.peaks(one.model)
        peaks = {name: rate / 1e9 for name, rate in top.flops.items()}
        print(f"{one.name}: roofline of one core {_rates(peaks)}; {top.source}")
        for case in cases:
            profile, plain = _measure(args, system, data, one.model, package, case)
            lines = executed.stage_records(profile, executed.executed(one.model, profile.rows), top)
            where: dict[str, Any] = {
                "system": system.name,
                "package": one.name,
                "precision": one.precision,
            }
            where |= {"atoms": case.atoms, "ranks": case.ranks, "threads": case.threads}
            where |= {"neighbors": round(profile.rows, 2), "us_without_timers": plain}
            records += [where | line for line in lines]
            print(table(f"{one.name}, {case}", profile, plain, lines))
            bars[f"{one.name}, {case}"] = dict(profile.stages)
            name = f"roofline-{one.folder}-{case.atoms}-{case.ranks}x{case.threads}"
            levels = {level.name: level.rate / 1e9 for level in top.levels}
            plots.roofline_plot(lines[:-2], peaks, levels, f"{one.name}, {case}", work / name)
    paths = report.write_records("profile", records, origin, work)
    paths += plots.stage_plot(bars, work / "profile")
    for path in paths:
        print(f"wrote {path}", file=sys.stderr)
    return 0


def _rates(peaks: dict[str, float]) -> str:
    return ", ".join(f"{name} {rate:.1f} GF/s" for name, rate in peaks.items())


def _measure(
    args: argparse.Namespace,
    system: System,
    data: Path,
    package: Path,
    timed: Path,
    case: Case,
) -> tuple[Profile, float]:
    """The profile, and core-µs for each atom and step of the package without timers."""
    from dpc.bench import stages
    from dpc.bench.contenders import own_contender
    from dpc.bench.lammps_run import run_lammps
    from dpc.bench.simulation import default_steps, md_input

    work: Path = args.output.resolve()
    steps = args.steps or default_steps(case.atoms)
    runs = []
    for path in (package, timed):
        one = own_contender(path)
        print(f"{path.name}: {case}, {steps} steps", file=sys.stderr)
        folder = work / "runs" / f"profile-{path.stem}-{case.atoms}-{case.ranks}x{case.threads}"
        stages.remove_stage_files(folder)
        pair = one.pair(system.elements, case.threads)
        text = md_input(system, case.atoms, steps, pair, data, warm_up=0)
        runs.append(run_lammps(one.lammps, text, folder, case.ranks, threads=case.threads))
    profile = stages.make_profile(case, runs[1], stages.read_stage_files(folder))
    return profile, round(runs[0].microseconds * case.ranks * case.threads, 4)


def table(title: str, profile: Profile, plain: float, lines: Sequence[dict[str, Any]]) -> str:
    """The stages with their part of the time and of the peak."""
    found = [
        f"{title}: {profile.rows:.1f} neighbours, {profile.total:.2f} core-µs for each atom and "
        f"step, {plain:.2f} without timers",
        "  stage                     core-µs/atom      %   kflop/atom     GF/s  % of peak",
    ]
    for line in lines:
        known = line["gflops"] is not None
        rate = f"{line['gflops']:>9.1f}  {line['percent_of_peak']:>9.1f}" if known else ""
        flops = f"{line['flops_per_atom'] / 1e3:>11.1f}" if known else " " * 11
        found.append(
            f"  {line['stage']:<24} {line['core_us_per_atom']:>13.2f}  {line['percent']:>5.1f}"
            f"  {flops}{rate}".rstrip()
        )
    return "\n".join(found)
