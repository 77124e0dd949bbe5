"""`dpc bench md`: the water box in LAMMPS, contenders run in turn so that they share the weather.

Every repeat of every contender is a fresh process with the same input file but for its
pair_style lines. The time is LAMMPS's own "Loop time" of the second run in that file; the
first warms up. Medians are over repeats.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dpc
from dpc.bench import peer
from dpc.bench.lammps_run import Lammps, Measured, run_lammps
from dpc.bench.water_box import default_steps, water_input
from dpc.errors import InputError, ToolError


@dataclass(frozen=True)
class Contender:
    """One way to compute the same model in LAMMPS."""

    name: str
    model: Path
    style: str
    lammps: Lammps

    def pair(self) -> str:
        """The lines of the input that differ between contenders."""
        return f"pair_style   {self.style} {self.model.resolve()}\npair_coeff   * * O H"


@dataclass(frozen=True)
class Row:
    """One contender at one size: µs for each step and atom over the repeats."""

    atoms: int
    ranks: int
    contender: str
    runs: tuple[Measured, ...]

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


def compile_model(model: Path, folder: Path) -> Path:
    """`model` compiled for this CPU, by the command that a user would type."""
    package = folder / f"{model.stem}.dpc"
    folder.mkdir(parents=True, exist_ok=True)
    print(f"compiling {model} to {package}", file=sys.stderr)
    command = [sys.executable, "-m", "dpc", "compile", str(model), "--target", "cpu"]
    root = str(Path(dpc.__file__).parents[1])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    result = subprocess.run(
        [*command, "-o", str(package)], stdout=sys.stderr, env=os.environ | {"PYTHONPATH": paths}
    )
    if result.returncode:
        raise ToolError(f"dpc compile {model} failed; it says why above")
    return package


def own_contender(package: Path) -> Contender:
    """The package, in the LAMMPS of dpc's own environment."""
    from dpc import lammps

    if not (package / "manifest.json").exists():
        raise InputError(f"{package}: not a compiled package (no manifest.json in it)")
    return Contender("dpc", package, "dpc", Lammps(Path(sys.prefix), lammps.build_plugin().parent))


def peer_contender(model: Path, work: Path) -> Contender:
    """DeePMD-kit with `model` compressed."""
    environment = peer.install(work.resolve() / "peer")
    compressed = peer.compressed_model(model, environment, work.resolve() / "peer-models")
    return Contender("deepmd-kit", compressed, "deepmd", peer.peer_lammps(environment))


def measure(
    contenders: list[Contender],
    sizes: Iterable[int],
    data: Path,
    work: Path,
    ranks: int,
    repeats: int,
    steps: int | None = None,
) -> list[Row]:
    """Rows for every size and contender; repeats of the contenders alternate."""
    rows = []
    sizes = list(sizes)
    total, done = len(sizes) * len(contenders) * repeats, 0
    for atoms in sizes:
        runs: dict[str, list[Measured]] = {c.name: [] for c in contenders}
        for repeat in range(repeats):
            for contender in contenders:
                done += 1
                what = f"[{done}/{total}] {atoms} atoms, {contender.name}, repeat {repeat + 1}"
                print(f"{what} …", end="", file=sys.stderr, flush=True)
                text = water_input(atoms, steps or default_steps(atoms), contender.pair(), data)
                folder = work / f"{atoms}-{contender.name}-{repeat + 1}"
                run = run_lammps(contender.lammps, text, folder, ranks)
                runs[contender.name].append(run)
                print(
                    f"\r{what}: {run.microseconds:.2f} µs/step/atom, {run.wall:.0f} s",
                    file=sys.stderr,
                )
        rows += [Row(atoms, ranks, name, tuple(results)) for name, results in runs.items()]
    return rows


def machine() -> dict[str, object]:
    """What the numbers were measured on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [s for s in cpuinfo.read_text().splitlines() if s.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
    }
