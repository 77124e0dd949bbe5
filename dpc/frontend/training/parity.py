"""What a trained model says of its validation data, beside what the data say."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from dpc.data.labels import LABELS
from dpc.frontend.training.tasks import Task

F64 = NDArray[np.float64]
MOST_ATOMS = 20_000  # evaluated for the page: enough for a picture


@torch.no_grad()
def compare(task: Task) -> dict[str, tuple[F64, F64]]:
    """(label, prediction) of energy/atom, force and virial/atom on frames of the validation data.

    Evenly chosen frames; of the training data where there are no others.
    """
    dataset = (task.validation or task.training).dataset
    labels = [LABELS[name] for name in ("energy", "force", "virial")]
    pairs: dict[str, list[tuple[F64, F64]]] = {}
    total = sum(n * a for n, a in zip(dataset.frames, dataset.nslots, strict=True))
    every = max(1, total // MOST_ATOMS)
    for number, count in enumerate(dataset.frames):
        for k in range(0, count, every):
            batch = dataset.batch(number, [k], labels)
            found, real, n = task.step.predict(batch), batch.real, float(batch.natoms[0])
            for name, label, value in (
                ("energy/atom", "energy", found.energy.numpy()),
                ("force", "force", found.force.numpy()),
                ("virial/atom", "virial", found.virial.numpy()),
            ):
                if label in batch.labels:
                    data = batch.labels[label]
                    both = (data[real], value[real]) if name == "force" else (data / n, value / n)
                    pairs.setdefault(name, []).append((both[0].ravel(), both[1].ravel()))
    return {
        name: (np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts]))
        for name, parts in pairs.items()
    }
