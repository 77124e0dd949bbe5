"""How far a model is from the labels of its data, in the numbers that `dp test` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dpc.data.system import Labels

UNITS = {
    "energy": "eV",
    "energy/atom": "eV",
    "force": "eV/Å",
    "virial": "eV",
    "virial/atom": "eV",
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


@dataclass
class Accuracy:
    """Errors of each labelled quantity, over any number of frames and systems."""

    frames: int = 0
    errors: dict[str, ErrorSum] = field(default_factory=dict)

    def add(self, found: Mapping[str, Any], labels: Labels, natoms: int) -> None:
        """One frame. Energies and virials also count divided by the number of atoms."""
        self.frames += 1
        natoms = max(1, natoms)
        for name, label in (
            ("energy", labels.energy),
            ("force", labels.force),
            ("virial", labels.virial),
        ):
            if label is None:
                continue
            difference = np.asarray(found[name]) - label
            if not difference.size:  # forces of no atoms
                continue
            self.errors.setdefault(name, ErrorSum()).add(difference)
            if name != "force":
                self.errors.setdefault(f"{name}/atom", ErrorSum()).add(difference / natoms)

    def lines(self) -> list[str]:
        """One line for each quantity: its two errors and their unit."""
        text = []
        for name in UNITS:
            if name in self.errors:
                e = self.errors[name]
                text.append(f"{name:<12} MAE {e.mae:.6e}  RMSE {e.rmse:.6e}  {UNITS[name]}")
        return text
