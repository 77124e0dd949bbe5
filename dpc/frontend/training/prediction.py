"""What a model says of a batch, and what the data say of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dpc.data.batch import Batch


@dataclass
class Prediction:
    """Of all frames of a batch: energy [nframe] eV, force [nframe, nloc, 3] eV/Å, virial
    [nframe, 3, 3] eV, atom_energy [nframe, nloc] eV. Float64; fillers have zeros."""

    energy: Tensor
    force: Tensor
    virial: Tensor
    atom_energy: Tensor

    def leaves(self) -> Prediction:
        """The same numbers, of which gradients can be asked."""
        parts = (self.energy, self.force, self.virial, self.atom_energy)
        return Prediction(*(part.detach().requires_grad_() for part in parts))


@dataclass
class Targets:
    """Labels of a batch by name; only those the system has."""

    labels: dict[str, Tensor]
    real: Tensor  # [nframe, nloc] bool: False for fillers of mixed data
    natoms: Tensor  # [nframe], float64

    @staticmethod
    def of(batch: Batch) -> Targets:
        """The labels of a batch as tensors."""
        real = torch.from_numpy(batch.real)
        labels = {name: torch.from_numpy(array) for name, array in batch.labels.items()}
        return Targets(labels, real, real.sum(1).to(torch.float64))

    def get(self, name: str) -> Tensor | None:
        """A label, where the system has it."""
        return self.labels.get(name)

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the real atoms of [nframe, nloc, …] and then over frames."""
        real = self.real.reshape(*self.real.shape, *[1] * (values.dim() - 2))
        width = values[0, 0].numel()
        return ((values * real).flatten(1).sum(1) / (self.natoms * width).clamp(min=1)).mean()
