"""make demo: compile the bundled water model, run LAMMPS on it, show energies, speed and a plot."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
OUT = Path.cwd() / "demo-output"
BIN = Path(sys.executable).parent
STEPS = 1000
RANKS = min(2, os.cpu_count() or 1)


def run(title: str, *command: str) -> str:
    """Run one command with its output on the screen; the result is that output."""
    print(f"\n== {title}\n$ {' '.join(command)}", flush=True)
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=OUT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    if process.wait():
        raise SystemExit(f"demo: '{command[0]}' failed with exit code {process.returncode}")
    return "".join(lines)


def thermo(log: str) -> tuple[list[str], np.ndarray]:
    """The thermo table of a LAMMPS log: column names and numbers [rows, columns]."""
    header, *rows = log[log.index("   Step") : log.index("Loop time")].splitlines()
    numbers = [row.split() for row in rows if row.lstrip()[:1].isdigit()]  # not the warnings
    return header.split(), np.array(numbers, dtype=float)


def plot(columns: list[str], rows: np.ndarray, natoms: int) -> Path:
    """Temperature, potential and total energy against time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    time = rows[:, columns.index("Step")] * 0.5e-3
    figure, axes = plt.subplots(2, 1, sharex=True, figsize=(7, 6), constrained_layout=True)
    axes[0].plot(time, rows[:, columns.index("Temp")], color="tab:red")
    axes[0].set_ylabel("temperature / K")
    axes[0].set_title(f"{natoms} atoms of water, LAMMPS with pair_style dpc, NVE, 0.5 fs")
    for name, label in (("PotEng", "potential energy"), ("TotEng", "total energy")):
        energy = rows[:, columns.index(name)]
        axes[1].plot(time, (energy - energy[0]) / natoms * 1e3, label=label)
    axes[1].set_ylabel("change of energy / meV per atom")
    axes[1].set_xlabel("time / ps")
    axes[1].legend()
    path = OUT / "water.png"
    figure.savefig(path, dpi=120)
    return path


def main() -> None:
    OUT.mkdir(exist_ok=True)
    run("compile", "dpc", "compile", str(HERE / "model.dp"), "--target", "cpu", "-o", "water.dpc")
    run("what came out", "dpc", "show", "water.dpc")
    variables = ["-var", "package", "water.dpc", "-var", "data", str(HERE / "water.data")]
    variables += ["-var", "steps", str(STEPS)]
    lmp = ["mpirun", "-n", str(RANKS), "lmp", "-in", str(HERE / "in.water")]
    log = run(f"{STEPS} steps of MD on {RANKS} ranks", *lmp, *variables)

    loop = re.search(r"Loop time of (\S+) on \d+ procs for (\d+) steps with (\d+) atoms", log)
    if loop is None:
        raise SystemExit("demo: the LAMMPS log has no 'Loop time' line")
    seconds, steps, natoms = float(loop[1]), int(loop[2]), int(loop[3])
    columns, rows = thermo(log)
    total = rows[:, columns.index("TotEng")]
    print("\n== results")
    print(f"potential energy   {rows[0, columns.index('PotEng')]:.4f} eV at step 0")
    print(f"drift              {abs(total[-1] - total[0]) / natoms:.1e} eV/atom in {steps} steps")
    print(f"speed              {seconds / steps / natoms * 1e6:.1f} µs/step/atom on {RANKS} ranks")
    print(f"                   {steps * 0.5e-6 / seconds * 86400:.2f} ns/day")
    files = [file for file in (OUT / "water.dpc").rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    print(f"package            {size / 1e6:.1f} MB in demo-output/water.dpc")
    print(f"plot               {plot(columns, rows, natoms).relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
