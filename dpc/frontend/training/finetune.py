"""The energy bias of a model moved to other data, whose zero of energy may be another one."""

from __future__ import annotations

import numpy as np
import torch

from dpc.data.dataset import DataSet
from dpc.data.labels import LABELS
from dpc.errors import InputError
from dpc.frontend.model import Model
from dpc.frontend.training.steps import make_step

FRAMES = 200  # more do not change the mean error of a few numbers


def shift_bias(model: Model, dataset: DataSet, frames: int = FRAMES) -> np.ndarray:
    """Add to out_bias what makes the energy errors smallest by least squares: eV for each type.

    Evenly chosen frames; of types that always come in one ratio, the smallest change is taken.
    """
    step, _ = make_step(model)
    counts, errors = [], []
    total = sum(dataset.frames)
    every = max(1, total // frames)
    place = 0
    for number, system in enumerate(dataset.systems):
        for k in range(len(system)):
            place += 1
            if (place - 1) % every or not system.has("energy"):
                continue
            batch = dataset.batch(number, [k], [LABELS["energy"]])
            found = float(step.predict(batch).energy[0])
            counts.append(batch.counts(len(model.type_map))[0])
            errors.append(float(batch.labels["energy"][0]) - found)
    if not counts:
        raise InputError("no frame has an energy: there is nothing to fit the bias to")
    shift = np.linalg.lstsq(np.array(counts, float), np.array(errors), rcond=None)[0]
    with torch.no_grad():
        model.out_bias += torch.from_numpy(shift)
    return np.asarray(shift)
