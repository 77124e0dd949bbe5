"""Face-centred cubic crystals and alloys, and the pair potential that their models imitate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I32 = NDArray[np.int32]

REPEATS = 4  # unit cells along each edge of the box: 256 atoms

# D (eV), alpha (1/Å), r0 (Å): L. A. Girifalco and V. G. Weizer, Phys. Rev. 114, 687 (1959)
MORSE = {
    "Al": (0.2703, 1.1646, 3.253),
    "Ni": (0.4205, 1.4199, 2.780),
    "Cu": (0.3429, 1.3588, 2.866),
    "Ag": (0.3323, 1.3690, 3.115),
}


@dataclass(frozen=True)
class Crystal:
    """A crystal with its elements at random places, and the options of its model.

    `lattice` and `rcut` in Å; everything random follows `seed`.
    """

    name: str
    elements: tuple[str, ...]
    lattice: float
    rcut: float
    sel: tuple[int, ...]
    type_one_side: bool = False
    seed: int = 2026


def sites(crystal: Crystal, repeats: int = REPEATS) -> tuple[F64, F64, I32]:
    """cell [3, 3] Å, coord [4 repeats^3, 3] Å, types [4 repeats^3] from 0, equally many of each."""
    corners = np.stack(np.meshgrid(*[np.arange(repeats)] * 3, indexing="ij"), -1).reshape(-1, 3)
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    coord = (corners[:, None] + basis).reshape(-1, 3) * crystal.lattice
    types = np.arange(len(coord)) % len(crystal.elements)
    shuffled = np.random.default_rng(crystal.seed).permutation(types)
    return np.eye(3) * crystal.lattice * repeats, coord, shuffled.astype(np.int32)


def data_file(crystal: Crystal, path: Path) -> Path:
    """Write the box as a LAMMPS data file."""
    cell, coord, types = sites(crystal)
    lines = [f"{crystal.name}, face-centred cubic", "", f"{len(coord)} atoms"]
    lines += [f"{len(crystal.elements)} atom types", ""]
    lines += [f"0 {cell[k, k]:.12g} {axis}lo {axis}hi" for k, axis in enumerate("xyz")]
    lines += ["", "Atoms # atomic", ""]
    lines += [
        f"{k + 1} {t + 1} {x:.12g} {y:.12g} {z:.12g}"
        for k, (t, (x, y, z)) in enumerate(zip(types, coord, strict=True))
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def morse(elements: Sequence[str], ti: I32, tj: I32, distance: F64, rcut: float) -> F64:
    """Energy (eV) of pairs of types `ti`, `tj` at `distance` (Å), 0 from rcut on.

    D (e^(-2 a (r - r0)) - 2 e^(-a (r - r0))), times 1 - 10 u^3 + 15 u^4 - 6 u^5 with u from 0 at
    0.7 rcut to 1 at rcut. D of two elements is their geometric mean, a and r0 the arithmetic.
    """
    depth, slope, place = np.array([MORSE[name] for name in elements]).T
    a = (slope[ti] + slope[tj]) / 2
    e = np.exp(-a * (distance - (place[ti] + place[tj]) / 2))
    u = np.clip((distance / rcut - 0.7) / 0.3, 0.0, 1.0)
    smooth = 1 + u**3 * (-10 + u * (15 - 6 * u))
    result: F64 = np.sqrt(depth[ti] * depth[tj]) * (e * e - 2 * e) * smooth
    return result
