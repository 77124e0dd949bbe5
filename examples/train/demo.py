"""make demo-train: make data, train on them, compile the model, run LAMMPS with it.

The data are frames of a hot copper-gold crystal; ASE's effective medium theory gives energies,
forces and virials. It stands for the electronic structure method that a real project would use.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
OUT = Path.cwd() / "demo-train-output"
BIN = Path(sys.executable).parent
FRAMES = {"train": (160, 1), "valid": (40, 2)}  # how many, seed


def run(title: str, *command: str) -> str:
    """Run one command with its output on the screen; the result is that output."""
    print(f"\n== {title}\n$ {' '.join(command)}", flush=True)
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, cwd=OUT, env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    if process.wait():
        raise SystemExit(f"demo: '{command[0]}' failed with exit code {process.returncode}")
    return "".join(lines)


def crystal(rng: np.random.Generator):  # type: ignore[no-untyped-def]
    """108 atoms of a face-centred crystal, half copper and half gold, strained at random."""
    from ase.build import bulk

    atoms = bulk("Cu", "fcc", a=3.9, cubic=True).repeat(3)
    gold = rng.permutation(len(atoms))[: len(atoms) // 2]
    atoms.symbols[gold] = "Au"
    strain = np.eye(3) * rng.uniform(0.97, 1.03) + np.tril(rng.normal(0, 0.01, (3, 3)))
    atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
    return atoms


def make_data(folder: Path, frames: int, seed: int) -> None:
    """Frames of several short runs at 300 to 1500 K, as a data folder of DeePMD-kit."""
    from ase import units
    from ase.calculators.emt import EMT
    from ase.md.langevin import Langevin

    rng = np.random.default_rng(seed)
    runs, found = 8, []
    start = crystal(rng)
    for k in range(runs):
        atoms = crystal(rng)
        atoms.symbols[:] = start.symbols  # one data folder has one list of types
        atoms.calc = EMT()
        heat = (300 + 1200 * k / (runs - 1)) * units.kB
        dynamics = Langevin(atoms, 3 * units.fs, temperature_K=heat / units.kB,
                            friction=0.05 / units.fs, rng=rng, fixcm=False)  # fmt: skip
        for _ in range(frames // runs):
            dynamics.run(8)
            virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
            found.append((atoms.get_positions(), atoms.cell.array.copy(),
                          atoms.get_potential_energy(), atoms.get_forces(), virial))  # fmt: skip
    target = folder / "set.000"
    target.mkdir(parents=True)
    (folder / "type_map.raw").write_text("Cu\nAu\n")
    types = (start.symbols == "Au").astype(int)
    (folder / "type.raw").write_text("\n".join(map(str, types)) + "\n")
    for name, column in zip(("coord", "box", "energy", "force", "virial"), zip(*found, strict=True),
                            strict=True):  # fmt: skip
        np.save(target / f"{name}.npy", np.array(column).reshape(len(found), -1))


def write_lammps(path: Path) -> None:
    """The crystal that LAMMPS starts from."""
    from ase.io import write

    atoms = crystal(np.random.default_rng(3))
    write(path, atoms, format="lammps-data", specorder=["Cu", "Au"], masses=False)


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    for name, (frames, seed) in FRAMES.items():
        print(f"== {frames} frames of copper and gold into data/{name}", flush=True)
        make_data(OUT / "data" / name, frames, seed)
    write_lammps(OUT / "alloy.data")
    shutil.copy(HERE / "input.json", OUT / "input.json")
    run("are the data sound?", "dpc", "data", "check", "data/train")
    run("train", "dpc", "train", "input.json")
    test = run("errors on frames it has not seen", "dpc", "test", "model.pt", "-s", "data/valid")
    run("compile", "dpc", "compile", "model.pt", "--target", "cpu", "-o", "alloy.dpc")
    log = run("500 steps of MD", "lmp", "-in", str(HERE / "in.alloy"))
    if importlib.util.find_spec("dpc.targets.fpga"):
        command = ("dpc", "compile", "model.pt", "--target", "vu9p", "-o", "alloy-vu9p.dpc")
        run("compile for an FPGA", *command)
    rows = [line.split() for line in log.splitlines() if re.match(r"^\s+\d+\s+-?\d+\.\d", line)]
    total = [float(row[3]) for row in rows]
    force = re.search(r"force\s+MAE \S+\s+RMSE (\S+)", test)
    print("\n== results")
    print(f"force error   {float(force[1]):.4f} eV/Å" if force else "no force error")
    print(f"drift         {abs(total[-1] - total[0]) / 108:.1e} eV/atom in 1 ps")
    print(
        "pages         demo-train-output/model.train.html, demo-train-output/alloy.dpc/report.html"
    )


if __name__ == "__main__":
    main()
