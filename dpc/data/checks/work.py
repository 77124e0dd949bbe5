"""Energy differences of frames that are near each other against the work of their forces."""

from __future__ import annotations

import numpy as np

from dpc.data.labels import LABELS
from dpc.data.system import System
from dpc.errors import InputError

TAKEN = 120  # frames
NEAR = 0.35  # Å, the farthest that an atom may move between two frames
PAIRS = 6  # fewer say nothing


def energy_per_work(system: System, type_map: tuple[str, ...]) -> tuple[float, float] | None:
    """Slope and correlation of E_b - E_a over -(F_a + F_b) . (x_b - x_a) / 2 (trapezoidal rule).

    Both are 1 when energies and forces belong together. None where there are no such frames.
    """
    if system.mixed or not (system.has("energy") and system.has("force")):
        return None
    frames = np.arange(min(TAKEN, len(system)))
    try:
        batch = system.batch(frames, type_map, [LABELS["energy"], LABELS["force"]])
    except InputError:  # numbers that are not finite: another check says so
        return None
    energy, force = batch.labels["energy"], batch.labels["force"]
    inverse = None if batch.box is None else np.linalg.pinv(batch.box)
    changes, works = [], []
    for a in range(len(frames) - 1):
        moved = batch.coord[a + 1 :] - batch.coord[a]
        if batch.box is not None and inverse is not None:
            alike = np.abs(batch.box[a + 1 :] - batch.box[a]).max(axis=(1, 2)) < 1e-3
            moved = moved - np.round(moved @ inverse[a]) @ batch.box[a]
        else:
            alike = np.ones(len(moved), bool)
        step = np.abs(moved).max(axis=(1, 2))
        for b in np.flatnonzero(alike & (step < NEAR) & (step > 1e-6)):
            mean = (force[a] + force[a + 1 + b]) / 2
            works.append(-float((mean * moved[b]).sum()))
            changes.append(float(energy[a + 1 + b] - energy[a]))
    if len(works) < PAIRS or not np.std(works) > 0 or not np.std(changes) > 0:
        return None
    x, y = np.array(works), np.array(changes)
    return float(x @ y / (x @ x)), float(np.corrcoef(x, y)[0, 1])
