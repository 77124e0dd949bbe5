"""`dpc bench md`: whole steps in LAMMPS, contenders run in turn so that they share the weather.

Every repeat of every contender is a fresh process with the same input file but for its
pair_style lines. The time is LAMMPS's own "Loop time" of the second run in that file; the
first warms up. Medians are over repeats, ratios over runs of the same repeat.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dpc.bench.contenders import OWN, Contender, baseline
from dpc.bench.lammps_run import Measured, run_lammps
from dpc.bench.progress import Progress
from dpc.bench.simulation import default_steps, md_input
from dpc.bench.systems import System

START_SECONDS = {True: 1.0, False: 4.0}  # of a process, ours and the peer's
CORE_MICROSECONDS = {True: 40.0, False: 220.0}  # for each step and atom, before any is measured


@dataclass(frozen=True)
class Case:
    """One size on so many MPI ranks with so many threads each."""

    atoms: int
    ranks: int = 1
    threads: int = 1

    def __str__(self) -> str:
        threads = f" x {self.threads} threads" if self.threads > 1 else ""
        return f"{self.atoms} atoms, {self.ranks} rank{'s' * (self.ranks > 1)}{threads}"


@dataclass(frozen=True)
class Row:
    """One contender in one case: its repeats, and those of its baseline in the same order."""

    case: Case
    contender: Contender
    runs: tuple[Measured, ...]
    against: Contender | None = None
    against_runs: tuple[Measured, ...] = ()

    @property
    def median(self) -> float:
        """µs for each step and atom."""
        return statistics.median(run.microseconds for run in self.runs)

    @property
    def low(self) -> float:
        """The fastest repeat."""
        return min(run.microseconds for run in self.runs)

    @property
    def high(self) -> float:
        """The slowest repeat."""
        return max(run.microseconds for run in self.runs)

    @property
    def peak_bytes(self) -> int:
        """Memory of the largest rank, the most over the repeats."""
        return max(run.peak_bytes for run in self.runs)

    @property
    def total_bytes(self) -> int:
        """Memory of all ranks, the most over the repeats."""
        return max(run.total_bytes for run in self.runs)

    @property
    def ratios(self) -> list[float]:
        """How many times faster than the baseline, for each repeat."""
        return [
            theirs.microseconds / own.microseconds
            for own, theirs in zip(self.runs, self.against_runs, strict=False)
        ]


def make_cases(atoms: Iterable[int], ranks: Iterable[int], threads: Iterable[int]) -> list[Case]:
    """Every combination that the machine's cores can hold, and the smallest in any case."""
    cores = os.cpu_count() or 1
    sizes, pairs = list(atoms), [(r, t) for r in ranks for t in threads]
    least = min(r * t for r, t in pairs)
    return [Case(n, r, t) for n in sizes for r, t in pairs if r * t <= max(cores, least)]


class Forecast:
    """How long runs will take, from those that were."""

    def __init__(self) -> None:
        self.core_microseconds: dict[str, float] = {}

    def seconds(self, contender: Contender, case: Case, steps: int) -> float:
        """Of one process: start, warm-up, measured loop."""
        own = contender.kind == OWN
        each = self.core_microseconds.get(contender.name, CORE_MICROSECONDS[own])
        cores = min(case.ranks * case.threads, os.cpu_count() or 1)
        return START_SECONDS[own] + 1.05 * 1e-6 * each * case.atoms * steps / cores

    def learn(self, contender: Contender, case: Case, run: Measured) -> None:
        """Believe the last run."""
        cores = min(case.ranks * case.threads, os.cpu_count() or 1)
        self.core_microseconds[contender.name] = run.microseconds * cores


def measure(
    system: System,
    contenders: Sequence[Contender],
    cases: Sequence[Case],
    data: Path,
    work: Path,
    repeats: int,
    steps: int | None = None,
) -> list[Row]:
    """Rows for every case and contender; repeats of the contenders alternate."""
    forecast = Forecast()
    plan = [(case, k, one) for case in cases for k in range(repeats) for one in contenders]

    def left(done: int) -> float:
        return sum(
            forecast.seconds(one, case, steps or default_steps(case.atoms))
            for case, _, one in plan[done:]
        )

    progress = Progress(left(0))
    runs: dict[tuple[Case, str], list[Measured]] = {}
    for done, (case, repeat, one) in enumerate(plan, 1):
        what = f"{done}/{len(plan)}: {case}, {one.name}, repeat {repeat + 1}"
        progress.begin(what)
        count = steps or default_steps(case.atoms)
        pair = one.pair(system.elements, case.threads)
        text = md_input(system, case.atoms, count, pair, data)
        folder = work / f"{case.atoms}-{case.ranks}x{case.threads}-{one.folder}-{repeat + 1}"
        run = run_lammps(one.lammps, text, folder, case.ranks, threads=case.threads)
        runs.setdefault((case, one.name), []).append(run)
        forecast.learn(one, case, run)
        result = f"{run.microseconds:.2f} µs/step/atom, {run.wall:.0f} s"
        progress.end(f"{what}: {result}", left(done))
    progress.close()
    return [_row(case, one, contenders, runs) for case in cases for one in contenders]


def _row(
    case: Case,
    one: Contender,
    contenders: Sequence[Contender],
    runs: dict[tuple[Case, str], list[Measured]],
) -> Row:
    against = baseline(one, contenders)
    theirs = runs[case, against.name] if against else []
    return Row(case, one, tuple(runs[case, one.name]), against, tuple(theirs))


def disagreements(rows: Sequence[Row]) -> list[str]:
    """Contenders of one model whose first energies differ: eV for each atom, the worst first.

    Single precision gives 1e-6 of the energy; more means another model or a wrong result.
    """
    found = []
    for row in rows:
        own, theirs = row.runs[0].energy, (row.against_runs or row.runs)[0].energy
        if row.against is None or own is None or theirs is None:
            continue
        difference = abs(own - theirs) / row.case.atoms
        if difference > (1e-6 if row.contender.precision == "f64" else 1e-3):
            found.append((difference, f"{row.case}: {row.contender.name} and {row.against.name}"))
    return [f"{where}: {value:.1e} eV/atom apart" for value, where in sorted(found, reverse=True)]
