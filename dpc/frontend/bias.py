"""The energy of an atom of each type, changed after training to fit other data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from dpc.data.dataset import DataSet
from dpc.data.neighbors import F64
from dpc.data.prediction import predictions
from dpc.data.statistics import energy_bias
from dpc.errors import InputError
from dpc.frontend.model import Model


@dataclass(frozen=True)
class BiasChange:
    """Energies of the types (eV) before and after; errors (eV/atom) on the data, if any."""

    before: F64
    after: F64
    rmse_before: float | None = None
    rmse_after: float | None = None
    frames: int = 0


def total_bias(model: Model) -> F64:
    """What the energy of an atom has beside its net, by type: [ntypes] eV."""
    both = model.out_bias + getattr(model.fitting, "bias_atom_e", 0.0)
    return both.detach().numpy().astype(np.float64)


def assign_bias(model: Model, values: Sequence[float | None]) -> BiasChange:
    """Give the types these energies; None keeps one."""
    before = total_bias(model)
    if len(values) != len(before):
        raise InputError(
            f"{len(values)} energies for {len(before)} types: expected one for each of "
            f"{' '.join(model.type_map)}"
        )
    after = np.array([b if v is None else v for b, v in zip(before, values, strict=True)])
    _set_total(model, after)
    return BiasChange(before, after)


def change_bias(model: Model, dataset: DataSet, mode: str = "change", limit: int = 0) -> BiasChange:
    """Fit the bias to the energies of the data by least squares.

    "change": to what the model as it is leaves of them; "set": to the energies themselves, as for
    a model that is not trained yet. At most `limit` frames of each system (0: all), evenly.
    """
    counts, energies, predicted = [], [], []
    for system in dataset.systems:
        wanted = min(limit or len(system), len(system))
        chosen = np.arange(wanted) * len(system) // max(1, wanted)
        for frame, labels, found in predictions(model, system, chosen):
            if labels.energy is not None:
                counts.append(np.bincount(frame.atype, minlength=len(model.type_map)))
                energies.append(labels.energy)
                predicted.append(found["energy"])
    if not energies:
        raise InputError("no frame of the data has an energy: there is nothing to fit the bias to")
    atoms = np.array(counts, np.float64)
    label, network = np.array(energies), np.array(predicted)
    before = total_bias(model)
    if mode == "change":
        after = before + energy_bias(atoms, label - network)[0]
    else:
        after = energy_bias(atoms, label)[0]
    _set_total(model, after)
    size = atoms.sum(axis=1)

    def rmse(prediction: F64) -> float:
        return float(np.sqrt(np.square((prediction - label) / size).mean()))

    moved = network + atoms @ (after - before)
    return BiasChange(before, after, rmse(network), rmse(moved), len(label))


def _set_total(model: Model, total: F64) -> None:
    with torch.no_grad():
        own = getattr(model.fitting, "bias_atom_e", torch.zeros(len(total)))
        model.out_bias.copy_(torch.from_numpy(total) - own)
