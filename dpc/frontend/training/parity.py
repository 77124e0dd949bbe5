"""What a trained model says of its validation data, beside what the data say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dpc.data.labels import LABELS
from dpc.frontend.training.tasks import Task

F64 = NDArray[np.float64]
MOST_ATOMS = 20_000  # evaluated for the page: enough for a picture


@dataclass
class Compared:
    """Expected and found numbers of one quantity."""

    name: str
    unit: str
    expected: F64
    found: F64

    @property
    def rmse(self) -> float:
        """Root mean square difference."""
        return float(np.sqrt(np.square(self.found - self.expected).mean()))


@torch.no_grad()
def compare(task: Task) -> list[Compared]:
    """Energy per atom, forces and virial per atom on frames of the validation data, or ours."""
    loader = task.validation or task.training
    dataset = loader.dataset
    labels = [LABELS[name] for name in ("energy", "force", "virial")]
    units = {"energy per atom": "eV", "force": "eV/Å", "virial per atom": "eV"}
    pairs: dict[str, list[tuple[F64, F64]]] = {name: [] for name in units}
    total = sum(n * a for n, a in zip(dataset.frames, dataset.nslots, strict=True))
    every = max(1, total // MOST_ATOMS)
    for number, count in enumerate(dataset.frames):
        for k in range(0, count, every):
            batch = dataset.batch(number, [k], labels)
            found = task.step.predict(batch)
            n, real = float(batch.natoms[0]), batch.real
            values = {
                "energy per atom": ("energy", found.energy.numpy() / n, 1 / n),
                "force": ("force", found.force.numpy()[real], None),
                "virial per atom": ("virial", found.virial.numpy() / n, 1 / n),
            }
            for name, (label, value, scale) in values.items():
                if label in batch.labels:
                    data = batch.labels[label]
                    data = data[real] if scale is None else data * scale
                    pairs[name].append((data.ravel(), value.ravel()))
    return [
        Compared(name, units[name], *(np.concatenate(x) for x in zip(*found, strict=True)))
        for name, found in pairs.items()
        if found
    ]
