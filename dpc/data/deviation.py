"""Model deviation: how far the models of an ensemble differ on one frame.

J. Chem. Phys. 159, 054801 (2023), section II F, and Comput. Phys. Commun. 253, 107206 (2020).
The spread is about the mean of the models, or about the labels where these are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

import numpy as np

from dpc.data.neighbors import F64

COLUMNS = (
    "max_devi_v",
    "min_devi_v",
    "avg_devi_v",
    "max_devi_f",
    "min_devi_f",
    "avg_devi_f",
    "devi_e",
)


@dataclass(frozen=True)
class Deviation:
    """Of one frame: virial [3, 3] eV for each atom, force [n] eV/Å, energy eV for each atom.

    Relative ones have no unit.
    """

    virial: F64
    force: F64
    energy: float

    def row(self) -> list[float]:
        """The numbers of `COLUMNS`; the average of the virial is a root mean square."""
        v, f = self.virial, self.force
        return [
            float(v.max()),
            float(v.min()),
            float(np.sqrt(np.square(v).mean())),
            float(f.max(initial=0.0)),
            float(f.min()) if len(f) else 0.0,
            float(f.mean()) if len(f) else 0.0,
            self.energy,
        ]


def deviation(
    energies: Sequence[float],
    forces: Sequence[F64],
    virials: Sequence[F64],
    relative: float | None = None,
    relative_v: float | None = None,
    labels: tuple[float | None, F64 | None, F64 | None] = (None, None, None),
) -> Deviation:
    """energies eV, forces [n, 3] eV/Å and virials [3, 3] eV of each model, on one frame.

    `relative` (eV/Å) and `relative_v` (eV): divide by the norm of the mean plus this.
    `labels`: energy, force and virial that the spread is about, instead of the mean.
    """
    natoms = max(1, len(forces[0]))
    energy, force, virial = labels
    e = np.asarray(energies, np.float64) / natoms
    f = np.asarray(forces, np.float64)
    v = np.asarray(virials, np.float64).reshape(-1, 3, 3) / natoms
    centre_f = f.mean(axis=0) if force is None else force
    centre_v = v.mean(axis=0) if virial is None else virial / natoms
    centre_e = e.mean() if energy is None else energy / natoms
    spread_f = np.sqrt(np.square(f - centre_f).sum(axis=2).mean(axis=0))
    spread_v = np.sqrt(np.square(v - centre_v).mean(axis=0))
    if relative is not None:
        spread_f = spread_f / (np.linalg.norm(centre_f, axis=1) + relative)
    if relative_v is not None:
        spread_v = spread_v / (np.linalg.norm(centre_v) + relative_v)
    return Deviation(spread_v, spread_f, float(np.sqrt(np.square(e - centre_e).mean())))


def write_header(out: TextIO, title: str, atomic: bool = False) -> None:
    """The two lines above the rows of a system."""
    words = [*COLUMNS, *(["atm_devi_f(N)"] if atomic else [])]
    out.write(f"# {title}\n# {'step':<10}" + "".join(f"{word:<19}" for word in words) + "\n")


def write_row(out: TextIO, step: int, found: Deviation, atomic: bool = False) -> None:
    """One frame."""
    numbers = [*found.row(), *(found.force.tolist() if atomic else [])]
    out.write(f"{step:12d}" + "".join(f"{number:19.6e}" for number in numbers) + "\n")
