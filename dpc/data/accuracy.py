"""How far a model is from the labels of its data, in the numbers that `dp test` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dpc.data.neighbors import F64
from dpc.data.system import Labels

UNITS = {
    "energy": "eV",
    "energy/atom": "eV",
    "force": "eV/Å",
    "virial": "eV",
    "virial/atom": "eV",
    "atom_energy": "eV",
}


@dataclass
class ErrorSum:
    """Running mean absolute and root mean square error of one quantity."""

    count: int = 0
    absolute: float = 0.0
    squared: float = 0.0

    def add(self, difference: Any) -> None:
        """More differences, of any shape."""
        d = np.asarray(difference, dtype=np.float64)
        self.count += d.size
        self.absolute += float(np.abs(d).sum())
        self.squared += float(np.square(d).sum())

    @property
    def mae(self) -> float:
        """Mean absolute error."""
        return self.absolute / self.count

    @property
    def rmse(self) -> float:
        """Root mean square error."""
        return float(np.sqrt(self.squared / self.count))


def compared(
    found: Mapping[str, Any], labels: Labels, natoms: int
) -> Iterator[tuple[str, F64, F64]]:
    """(quantity, label, prediction) of one frame for every label that it has and the model gives.

    Energies and virials come again divided by the number of atoms.
    """
    for name, label in (
        ("energy", labels.energy),
        ("force", labels.force),
        ("virial", labels.virial),
        ("atom_energy", labels.atom_ener),
    ):
        if label is None or not np.size(label) or name not in found:  # forces of no atoms
            continue
        pair = np.asarray(label, np.float64), np.asarray(found[name], np.float64)
        yield (name, *pair)
        if name in ("energy", "virial"):
            yield f"{name}/atom", pair[0] / max(1, natoms), pair[1] / max(1, natoms)


@dataclass
class Accuracy:
    """Errors of each labelled quantity, over any number of frames and systems.

    Every number counts alike, so that systems are weighted by their sizes, as `dp test` does.
    """

    frames: int = 0
    errors: dict[str, ErrorSum] = field(default_factory=dict)

    def add(self, found: Mapping[str, Any], labels: Labels, natoms: int) -> None:
        """One frame."""
        self.frames += 1
        for name, label, prediction in compared(found, labels, natoms):
            self.errors.setdefault(name, ErrorSum()).add(prediction - label)

    def lines(self) -> list[str]:
        """One line for each quantity: its two errors and their unit."""
        text = []
        for name in UNITS:
            if name in self.errors:
                e = self.errors[name]
                text.append(f"{name:<12} MAE {e.mae:.6e}  RMSE {e.rmse:.6e}  {UNITS[name]}")
        return text
