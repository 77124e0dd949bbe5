"""The statistics of a data set put into a new model: what it starts from before it is trained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dpc.data.cache import cached
from dpc.data.dataset import DataSet
from dpc.data.labels import LABELS
from dpc.data.neighbors import F64
from dpc.data.pairs import batch_pairs
from dpc.data.statistics import chosen_frames, energy_bias, parameter_statistics
from dpc.errors import InputError
from dpc.frontend.model import Model

STEP = 8  # frames whose neighbours are in memory together


def set_statistics(
    model: Model,
    dataset: DataSet,
    sizes: Sequence[int] | None = None,
    nbatch: int = 10,
    cache: Path | None = None,
) -> None:
    """Environment mean and deviation, energy bias, and scales of the frame and atomic parameters.

    Environments are those of `nbatch` batches of each system, evenly over its frames; energies
    and parameters are those of all frames. Kept by the content of the data.
    """
    frames = chosen_frames(dataset.frames, sizes or [1] * len(dataset), nbatch)
    key = {
        "what": "statistics",
        "data": dataset.digest(("coord", "box", "energy", "fparam", "aparam")),
        "frames": [len(f) for f in frames],
        "model": json.loads(json.dumps(_options(model.config))),
    }
    found = cached(key, lambda: _compute(model, dataset, frames), cache)
    parts = model.descriptor.statistics()
    with torch.no_grad():
        for (part, _), (mean, std) in zip(parts, found["rows"], strict=True):
            part.set_statistics(np.array(mean), np.array(std))
        if found["bias"] is not None:
            model.out_bias.copy_(torch.tensor(found["bias"], dtype=torch.float64))
        for name in ("fparam", "aparam"):
            if found[name] is not None:
                mean, inverse = found[name]
                getattr(model.fitting, f"{name}_avg").copy_(torch.tensor(mean))
                getattr(model.fitting, f"{name}_inv_std").copy_(torch.tensor(inverse))


def _options(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a model's config that its statistics depend on."""
    fitting = config["fitting_net"]
    return {
        "type_map": list(config["type_map"]),
        "descriptor": {k: v for k, v in config["descriptor"].items() if k not in ("seed",)},
        "fitting": {k: fitting.get(k) for k in ("type", "atom_ener", "rcond", "numb_fparam",
                                                "numb_aparam")},
    }  # fmt: skip


def _compute(model: Model, dataset: DataSet, frames: list[Any]) -> dict[str, Any]:
    statistics = [one for _, one in model.descriptor.statistics()]
    for number, chosen in enumerate(frames):
        for first in range(0, len(chosen), STEP) if statistics else ():
            batch = dataset.batch(number, chosen[first : first + STEP])
            for one in statistics:
                one.add(batch_pairs(batch, one.rcut, one.sel), batch.atype.ravel())
    fitting = model.fitting.config
    bias = _energy_bias(model, dataset)
    return {
        "rows": [(one.mean().tolist(), one.std().tolist()) for one in statistics],
        "bias": None if bias is None else bias.tolist(),
        "fparam": _parameters(dataset, "fparam") if fitting.numb_fparam else None,
        "aparam": _parameters(dataset, "aparam") if fitting.numb_aparam else None,
    }


def _energy_bias(model: Model, dataset: DataSet) -> F64 | None:
    """None where no frame has an energy."""
    fitting = model.fitting.config
    counts, energies = labelled_energies(dataset)
    assigned = getattr(fitting, "atom_ener", ()) or None
    if not len(energies) and assigned is None:
        return None
    return energy_bias(counts, energies, assigned, getattr(fitting, "rcond", None))[0]


def labelled_energies(dataset: DataSet) -> tuple[F64, F64]:
    """Atoms of each type [n, ntypes] and energies [n] eV of all frames that have one."""
    ntypes = len(dataset.type_map)
    counts, energies = [np.zeros((0, ntypes))], [np.zeros(0)]
    for system in dataset.systems:
        for batch in system.batches(dataset.type_map, [LABELS["energy"]]):
            if batch.found["energy"]:
                counts.append(batch.counts(ntypes).astype(np.float64))
                energies.append(batch.labels["energy"])
    return np.concatenate(counts), np.concatenate(energies)


def _parameters(dataset: DataSet, name: str) -> tuple[list[float], list[float]]:
    rows = []
    for batch in dataset.batches():
        values = getattr(batch, name)
        if values is None:
            raise InputError(f"{name}: the model needs it, but the data set was opened without it")
        rows.append(values if name == "fparam" else values[batch.real])
    mean, inverse = parameter_statistics(np.concatenate(rows))
    return mean.tolist(), inverse.tolist()
