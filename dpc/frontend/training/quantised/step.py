"""The step of a training in fixed point: the integers of the circuit forward, and their gradient.

Embedding nets and statistics are in the tables, which stay as they are (as in the second step of
NVNMD's training); the fitting nets learn. What comes before them is a constant of each frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from dpc.data.batch import Batch
from dpc.data.pairs import Pairs
from dpc.errors import InputError
from dpc.frontend.fittings.energy import EnergyFitting
from dpc.frontend.model import Model
from dpc.frontend.training.losses import Loss
from dpc.frontend.training.prediction import Prediction, Targets
from dpc.frontend.training.quantised.leaves import FirstLayer, Leaves
from dpc.frontend.training.quantised.numbers import StraightThrough
from dpc.frontend.training.steps.base import Step
from dpc.ir.fixed.frames import square, to_fixed
from dpc.ir.fixed.numbers import Integers
from dpc.ir.fixed.pipeline import Gathered, Neighbors, Results, finish, gather
from dpc.ir.fixed.shape import ENERGY_FRAC, FORCE_FRAC, R_BITS, VIRIAL_FRAC, Contents
from dpc.ir.types import NumpyArray


class Circuit(Protocol):
    """Makes the integers of a circuit from a model's weights, as a compile does."""

    @property
    def first(self) -> FirstLayer:
        """How its first layer comes from the model's."""
        ...

    def contents(self, model: Model) -> Contents:
        """With the weights that the model has now, in formats that stay."""
        ...


@dataclass
class Prepared:
    """A batch up to the descriptor, whole numbers in float64."""

    ti: NumpyArray  # [nframe * nloc], fillers as type 0
    near: Neighbors
    found: Gathered

    @property
    def nbytes(self) -> int:
        """Memory of the large arrays."""
        c: Any = self.found.channels
        large: list[Any] = [c.g, c.g_slope, self.found.x, self.found.d]
        return sum(x.numel() * 8 for x in large)


class QuantisedStep(Step):
    """Energy, forces and virial of the integer model; only the fitting nets have a gradient."""

    name = "quantised"

    def __init__(self, model: Model, circuit: Circuit, limit: int = 1 << 30) -> None:
        super().__init__(model)
        if not isinstance(model.fitting, EnergyFitting):
            raise InputError("training in fixed point: the fitting net must be of type ener")
        self.fitting, self.circuit = model.fitting, circuit
        model.descriptor.requires_grad_(False)
        self._frozen = circuit.contents(model)
        self.room = limit

    def prepare(self, batch: Batch, pairs: Pairs) -> Prepared:
        m = self._frozen
        ti = np.maximum(batch.atype.reshape(-1), 0)
        center, neighbor = pairs.centre.astype(np.int64), pairs.neighbor.astype(np.int64)
        here = batch.coord.reshape(-1, 3)[center]
        # positions are rounded, as the circuit has them, not differences
        limit = 1 << (R_BITS - 1)
        r = np.clip(to_fixed(here + pairs.r) - to_fixed(here), -limit, limit - 1)
        u = square(m, r)
        of = u < m.u_cut
        center, neighbor, r, u = center[of], neighbor[of], r[of], u[of]
        near = Neighbors(center, ti[center], ti[neighbor], r, u, neighbor)
        return Prepared(ti, _tensors(near), _tensors(gather(Integers(m), m, ti, near)))

    def predict(self, batch: Batch) -> Prediction:
        with torch.no_grad():
            return self._evaluate(batch, Leaves(self.circuit.contents(self.model)).contents)

    def gradient(
        self, batch: Batch, loss: Loss, fraction: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        leaves = Leaves(self.circuit.contents(self.model))
        with torch.enable_grad():
            found = self._evaluate(batch, leaves.contents)
            value, errors = loss(found, Targets.of(batch), fraction)
            if value.requires_grad:
                value.backward()
                leaves.give(self.fitting, self.circuit.first)
        return value.detach(), errors

    def _evaluate(self, batch: Batch, m: Contents) -> Prediction:
        prepared: Prepared = self.prepared(batch)
        found: Any = finish(StraightThrough(m), m, prepared.ti, prepared.near, prepared.found)
        return self._collect(batch, prepared, found)

    def _collect(self, batch: Batch, prepared: Prepared, found: Results) -> Prediction:
        """From integers of atoms and pairs to eV and Å."""
        nframe, nloc = batch.nframe, batch.nloc
        energy: Any = found.energy
        bias = (self.fitting.bias_atom_e + self.model.out_bias)[torch.from_numpy(prepared.ti)]
        real = torch.from_numpy(batch.real.reshape(-1))
        atom_energy = ((energy * 2.0**-ENERGY_FRAC + bias) * real).view(nframe, nloc)
        i, j = torch.as_tensor(prepared.near.center), torch.as_tensor(prepared.near.neighbor)
        slope: Any = found.slope
        force = slope.new_zeros(nframe * nloc, 3).index_add(0, i, slope).index_add(0, j, -slope)
        moment: Any = found.moment
        virial = moment.new_zeros(nframe, 3, 3).index_add(0, i // nloc, -moment)
        return Prediction(
            atom_energy.sum(1),
            (force * 2.0**-FORCE_FRAC).view(nframe, nloc, 3),
            virial * 2.0**-VIRIAL_FRAC,
            atom_energy,
        )


def _tensors(of: Any) -> Any:
    """A dataclass of arrays with tensors instead: indices as they are, numbers in float64."""
    names = ("center", "ti", "tj", "neighbor")
    if isinstance(of, Neighbors):
        parts = {n: torch.from_numpy(np.asarray(getattr(of, n), np.int64)) for n in names}
        return replace(of, r=_number(of.r), u=_number(of.u), **parts)
    channels = of.channels
    for name, array in vars(channels).items():
        setattr(channels, name, _number(array))
    return Gathered(channels, _number(of.rows), _number(of.x), _number(of.d))


def _number(x: NumpyArray) -> Tensor:
    return torch.from_numpy(np.asarray(x, np.float64))
