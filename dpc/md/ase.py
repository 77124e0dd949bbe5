"""An ASE calculator over a compiled package.

    atoms.calc = DPC("water.dpc")

Atoms are joined to the model by element, or by the names that `types` gives. Boundaries may
be periodic along none, some or all of the cell's vectors.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from numpy.typing import ArrayLike, NDArray

from dpc.errors import InputError, did_you_mean
from dpc.md.runtime import Potential

F64 = NDArray[np.float64]
VOIGT = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])  # xx, yy, zz, yz, xz, xy


class DPC(Calculator):
    """Energy, forces and stress of a compiled Deep Potential. eV, Å.

    `types` maps chemical symbols to names of the model's type map where they differ. `fparam`
    [width] and `aparam` [natoms, width] are parameters: `calc.set(fparam=...)` changes them.
    """

    implemented_properties = [
        "energy", "free_energy", "energies", "forces", "stress",
    ]  # fmt: skip
    default_parameters = {"fparam": None, "aparam": None}

    def __init__(
        self,
        package: str | os.PathLike[str] | Potential,
        *,
        threads: int = 1,
        device: int | str | None = None,
        types: Mapping[str, str] | None = None,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        **options: Any,
    ) -> None:
        if not isinstance(package, Potential):
            package = Potential(package, threads=threads, device=device)
        self.potential = package
        self.types = dict(types or {})
        super().__init__(fparam=fparam, aparam=aparam, **options)

    def set(self, **parameters: Any) -> dict[str, Any]:
        """Change fparam or aparam; what was computed with the old ones is forgotten."""
        for name in parameters:
            if name not in self.default_parameters:
                known = ["threads", "device", "types", *self.default_parameters]
                raise InputError(f"DPC has no option {name!r}.{did_you_mean(name, known)}")
        changed = super().set(**parameters)
        if changed:
            self.reset()
        return changed

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute everything: the derivatives come with the energy."""
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        atoms = self.atoms
        found = self.potential.evaluate(
            atoms.positions,
            [self.types.get(symbol, symbol) for symbol in atoms.symbols],
            periodic_cell(atoms.positions, atoms.cell.array, atoms.pbc, self.potential.rcut),
            fparam=self.parameters["fparam"],
            aparam=self.parameters["aparam"],
        )
        self.results = {
            "energy": found["energy"],
            "free_energy": found["energy"],
            "energies": found["atom_energy"],
            "forces": found["force"],
        }
        if atoms.cell.rank == 3:
            # the virial is -dE/dstrain, the stress is (dE/dstrain)/V
            stress = -(found["virial"] + found["virial"].T) / (2 * atoms.get_volume())
            self.results["stress"] = stress[VOIGT]
        elif "stress" in properties:
            raise PropertyNotImplementedError("stress needs a cell with a volume")


def periodic_cell(position: F64, cell: F64, pbc: Sequence[bool], rcut: float) -> F64 | None:
    """A fully periodic cell in which the atoms have the neighbours they have in `cell`, `pbc`.

    None for an open boundary. Along a direction that is not periodic the cell is made longer
    than the atoms extend by more than the cutoff, so that no image of an atom is near another.
    """
    periodic = [bool(p) for p in pbc]
    if not any(periodic):
        return None
    flat = [k for k in range(3) if periodic[k] and not cell[k].any()]
    if flat:
        raise InputError(
            f"pbc is {periodic}, but vector {flat[0]} of the cell is zero. Set atoms.cell, or "
            f"atoms.pbc[{flat[0]}] = False"
        )
    if all(periodic):
        return cell
    vectors = cell[periodic]
    # rows of `basis` from the rank on are unit vectors normal to every periodic vector
    _, lengths, basis = np.linalg.svd(vectors)
    if lengths[-1] < 1e-9 * lengths[0]:
        raise InputError("the periodic vectors of the cell are parallel")
    normals = basis[len(vectors) :]
    extent = np.ptp(position @ normals.T, axis=0) if len(position) else np.zeros(len(normals))
    # once the cutoff between an atom and the nearest image would do, were nothing rounded
    return np.vstack([vectors, normals * (extent + 2 * rcut)[:, None]])
