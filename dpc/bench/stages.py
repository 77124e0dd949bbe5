"""Where the time of a step goes: a package compiled with timers, and LAMMPS's own breakdown.

Timers are in plan.c (stages/profile.h) and cost nothing unless DPC_PROFILE is defined; the
package is compiled once more with that, from the program it holds. All times are core-µs for
each atom and step: of one thread of one rank, so that they add up to the time of the step
times the cores that it took.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dpc.bench.contenders import call_dpc
from dpc.bench.lammps_run import Measured
from dpc.bench.md import Case
from dpc.errors import InputError, ToolError
from dpc.package.read import PROGRAM, open_package

LABELS = {
    "env_contract": "environment, filter",
    "embedding": "embedding",
    "outer": "products",
    "outer_pairs": "products",
    "mlp_gradient": "fitting net",
    "outer_vjp": "products backward",
    "outer_pairs_vjp": "products backward",
    "env_contract_vjp": "embedding backward",
    "force": "force, virial",
    "bias": "energy",
    "other": "begin of a tile",
}
"""What tables call the stages of plan.c; others are ops with a name of their own."""

OUTSIDE = "libdpc outside tiles"
ENGINE = {"Neigh": "neighbour list", "Comm": "communication"}
"""Of LAMMPS's sections; what is left of them is `REST`."""

REST = "LAMMPS, other"


@dataclass(frozen=True)
class Profile:
    """One run: core-µs for each atom and step by stage, in the order of a step.

    `rows` is neighbours within the cutoff, for each atom; `total` is of the whole step.
    """

    case: Case
    stages: Mapping[str, float]
    rows: float
    total: float


def label(stage: str) -> str:
    """What people call a stage."""
    name = stage.replace("_vjp", " backward").replace("_", " ")
    return LABELS.get(stage, name)


def profiling_package(package: Path, folder: Path) -> Path:
    """The same program compiled with timers, by the command that a user would type."""
    opened = open_package(package)
    opened.read(PROGRAM)
    target = opened.manifest.target
    out = folder / f"{package.stem}-profile.dpc"
    folder.mkdir(parents=True, exist_ok=True)
    print(f"compiling {package} with timers to {out}", file=sys.stderr)
    compiler = os.environ.get("CC", "cc")
    words = ["compile", str(package / PROGRAM), "--passes", ""]
    words += ["--target", f"{target['kind']}:{target['arch']}", "-o", str(out)]
    if call_dpc(*words, environment={"CC": f"{compiler} -DDPC_PROFILE"}).returncode:
        raise ToolError(f"dpc compile {package / PROGRAM} failed; it says why above")
    return out


def read_stage_files(folder: Path) -> dict[str, float]:
    """The sums over ranks of what they wrote: seconds by stage, "atoms" and "rows"."""
    files = sorted(folder.glob("dpc-stages.*.txt"))
    if not files:
        raise InputError(f"{folder}: the run wrote no dpc-stages file: no timers in the package")
    found: dict[str, float] = {}
    for file in files:
        for line in file.read_text().splitlines():
            name, value = line.split()
            found[name] = found.get(name, 0.0) + float(value)
    return found


def remove_stage_files(folder: Path) -> None:
    """Those of an earlier run."""
    for file in folder.glob("dpc-stages.*.txt"):
        file.unlink()


def make_profile(case: Case, run: Measured, counted: Mapping[str, float]) -> Profile:
    """Stages of the package, then what LAMMPS says of the rest of the step."""
    atoms = counted["atoms"]
    stages: dict[str, float] = {}
    for name, seconds in counted.items():
        if name not in ("atoms", "rows", "other"):
            stages[label(name)] = stages.get(label(name), 0.0) + 1e6 * seconds / atoms
    stages[label("other")] = 1e6 * counted.get("other", 0.0) / atoms
    # times of LAMMPS are means over ranks: on a core of each rank, while its other threads wait
    scale = 1e6 * case.ranks * case.threads / run.steps / run.atoms
    stages[OUTSIDE] = scale * run.sections.get("Pair", 0.0) - sum(stages.values())
    for section, name in ENGINE.items():
        stages[name] = scale * run.sections.get(section, 0.0)
    total = scale * run.seconds
    stages[REST] = total - sum(stages.values())
    return Profile(case, stages, counted["rows"] / atoms, total)


def in_package(stages: Iterable[str]) -> list[str]:
    """Those stages that run in the package's own code."""
    engine = {OUTSIDE, REST, *ENGINE.values()}
    return [stage for stage in stages if stage not in engine]
