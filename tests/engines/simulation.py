"""LAMMPS runs for the tests: an input text in, thermo columns and atom columns out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dpc.bench.lammps_run import Lammps, run_lammps

WATER = Path(__file__).resolve().parents[2] / "examples" / "water"
FORCES = "fx fy fz"


@dataclass(frozen=True)
class Result:
    """`thermo[name]`: a value for each printed step; `atoms[name]`: one for each atom, by id."""

    thermo: dict[str, np.ndarray]
    atoms: dict[str, np.ndarray]
    screen: str

    @property
    def force(self) -> np.ndarray:
        """[natoms, 3] eV/Å."""
        return self.columns(*FORCES.split())

    def columns(self, *names: str) -> np.ndarray:
        """[natoms, len(names)]"""
        return np.stack([self.atoms[name] for name in names], axis=1)


class Simulations:
    """Runs inputs in numbered folders below `root`."""

    def __init__(self, lammps: Lammps, root: Path) -> None:
        self.lammps, self.root, self.count = lammps, root, 0

    def __call__(self, text: str, ranks: int = 1, timeout: float = 300.0) -> Result:
        self.count += 1
        folder = self.root / f"run{self.count}"
        run_lammps(self.lammps, text, folder, ranks, timeout)
        atoms = read_dump(folder / "atoms.dump")
        screen = (folder / "screen.txt").read_text()
        return Result(read_thermo(screen), atoms, screen)


def water_input(
    package: Path,
    *,
    setup: str = f"read_data {WATER / 'water.data'}",
    before: str = "",
    pair: str | None = None,
    after: str = "",
    thermo: str = "",
    dump: str = "",
    run: str = "run 0",
    units: str = "metal",
    newton: str = "on",
) -> str:
    """One input; every argument replaces or adds the lines of one place in it."""
    pair = pair or f"pair_style dpc {package}\npair_coeff * * O H"
    return f"""
units {units}
atom_style atomic
newton {newton}
{before}
{setup}
mass 1 15.999
mass 2 1.008
velocity all set 0 0 0
{pair}
neighbor 1.0 bin
{after}
thermo_style custom step pe etotal press pxx pyy pzz pxy pxz pyz vol {thermo}
thermo_modify format float %.17g
fix integrate all nve
{run}
write_dump all custom atoms.dump id type x y z fx fy fz {dump} modify sort id format float %.17g
"""


def read_thermo(screen: str) -> dict[str, np.ndarray]:
    """The thermo columns of every run in the output, one after the other."""
    rows: list[list[float]] = []
    names: list[str] = []
    inside = False
    for line in screen.splitlines():
        words = line.split()
        if words[:1] == ["Step"]:
            names, inside = words, True
        elif inside and len(words) == len(names) and is_number(words[0]):
            rows.append([float(word) for word in words])
        elif line.startswith("Loop time"):
            inside = False
    return {name: np.array([row[k] for row in rows]) for k, name in enumerate(names)}


def read_dump(path: Path) -> dict[str, np.ndarray]:
    """Columns of a dump file with one frame; empty when the input wrote none."""
    if not path.exists():
        return {}
    lines = path.read_text().splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("ITEM: ATOMS"))
    names = lines[start].split()[2:]
    table = np.array([line.split() for line in lines[start + 1 :]], dtype=float)
    return {name: table[:, k] for k, name in enumerate(names)}


def is_number(word: str) -> bool:
    """Whether LAMMPS printed a number here, not a warning between two rows."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def write_data(
    path: Path, cell: np.ndarray, coord: np.ndarray, types: np.ndarray, style: str = "atomic"
) -> str:
    """Write a LAMMPS data file, give the line that reads it; `cell` rows, Å, lower-triangular."""
    (xx, _, _), (xy, yy, _), (xz, yz, zz) = cell
    assert np.allclose(np.triu(cell, 1), 0.0)
    lines = ["water", "", f"{len(coord)} atoms", f"{types.max()} atom types", ""]
    lines += [f"0 {edge:.17g} {a}lo {a}hi" for a, edge in zip("xyz", (xx, yy, zz), strict=True)]
    if xy or xz or yz:
        lines.append(f"{xy:.17g} {xz:.17g} {yz:.17g} xy xz yz")
    lines += ["", f"Atoms # {style}", ""]
    molecule = "1 " if style == "bond" else ""
    lines += [
        f"{k + 1} {molecule}{t} {x:.17g} {y:.17g} {z:.17g}"
        for k, (t, (x, y, z)) in enumerate(zip(types, coord, strict=True))
    ]
    path.write_text("\n".join(lines) + "\n")
    return f"read_data {path}"


def read_water() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """cell [3, 3] Å, coord [192, 3] Å by atom id, LAMMPS types [192] of the example."""
    lines = (WATER / "water.data").read_text().splitlines()
    edges = [float(line.split()[1]) for line in lines if line.endswith(("xhi", "yhi", "zhi"))]
    start = next(k for k, line in enumerate(lines) if line.startswith("Atoms"))
    rows = [line.split() for line in lines[start + 2 : start + 2 + 192]]
    table = np.array(sorted([float(word) for word in row[:5]] for row in rows))
    return np.diag(edges), table[:, 2:5], table[:, 1].astype(int)
