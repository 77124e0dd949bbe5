"""The step of any model: forces and the gradient of the loss by automatic differentiation."""

from __future__ import annotations

import torch
from torch import Tensor

from dpc.data.batch import Batch
from dpc.data.pairs import Pairs
from dpc.frontend.env import Env
from dpc.frontend.model import Model
from dpc.frontend.training.losses import Loss
from dpc.frontend.training.prediction import Prediction, Targets
from dpc.frontend.training.steps.base import Step


class AutogradStep(Step):
    """E from the padded environment of every atom; forces from dE/dr of the pairs."""

    name = "autograd"

    def prepare(self, batch: Batch, pairs: Pairs) -> Pairs:
        return pairs

    def predict(self, batch: Batch) -> Prediction:
        with torch.enable_grad():
            return _detached(self._evaluate(batch, create_graph=False))

    def gradient(
        self, batch: Batch, loss: Loss, fraction: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.enable_grad():
            found = self._evaluate(batch, create_graph=True)
            value, errors = loss(found, Targets.of(batch), fraction)
        if value.requires_grad:
            value.backward()
        return value.detach(), errors

    def _evaluate(self, batch: Batch, create_graph: bool) -> Prediction:
        pairs: Pairs = self.prepared(batch)
        model = self.model
        real = torch.from_numpy(batch.real.reshape(-1))
        ti = torch.from_numpy(batch.atype.reshape(-1)).long().clamp(min=0)
        r = torch.from_numpy(pairs.r).requires_grad_()
        i = centres(pairs)
        j = torch.from_numpy(pairs.neighbor).long()
        slot = slots(i, ti[j], model.sel)
        n, nnei = len(ti), sum(model.sel)
        flat = r.new_zeros(n * nnei, 3).index_copy(0, i * nnei + slot, r)
        found = torch.zeros(n * nnei, dtype=torch.bool)
        found[i * nnei + slot] = True
        found = found.view(n, nnei)
        tj = torch.repeat_interleave(torch.arange(len(model.sel)), torch.tensor(model.sel))
        tj = tj.expand(n, -1)
        if model.pair_exclude_types:
            found = found & model.keep_pairs[ti[:, None], tj]
        rows = torch.where(found[..., None], flat.view(n, nnei, 3), r.new_zeros(()))
        atom_energy = model.atom_energy(
            Env(rows, ti, tj, found), *parameters(model, batch)
        ) * real.to(torch.float64)
        energy = atom_energy.view(batch.nframe, -1).sum(1)
        (dr,) = torch.autograd.grad(energy.sum(), r, create_graph=create_graph)
        if not create_graph:
            atom_energy, energy = atom_energy.detach(), energy.detach()
        return collect(energy, atom_energy, dr, r.detach(), i, j, batch)


def centres(pairs: Pairs) -> Tensor:
    """The centre of every pair, [npair]."""
    counts = torch.from_numpy(pairs.offsets).diff()
    return torch.repeat_interleave(torch.arange(len(counts)), counts)


def slots(i: Tensor, tj: Tensor, sel: tuple[int, ...]) -> Tensor:
    """The slot of every pair, in the block of its neighbour's type; pairs come by (i, tj)."""
    group = i * len(sel) + tj
    first = torch.ones(len(group), dtype=torch.bool)
    first[1:] = group[1:] != group[:-1]
    start = torch.nonzero(first).squeeze(1)
    rank = torch.arange(len(group)) - start[torch.cumsum(first, 0) - 1]
    width = torch.tensor(sel)
    return (torch.cumsum(width, 0) - width)[tj] + rank


def parameters(model: Model, batch: Batch) -> tuple[Tensor | None, Tensor | None]:
    """fparam [n, numb_fparam] of each atom's frame, and aparam [n, numb_aparam]."""
    fparam = aparam = None
    if model.facts.fparam:
        given = batch.fparam
        if given is None:
            default = torch.tensor(model.default_fparam, dtype=torch.float64)
            fparam = default.expand(batch.nframe * batch.nloc, -1)
        else:
            fparam = torch.from_numpy(given).repeat_interleave(batch.nloc, 0)
    if model.facts.aparam and batch.aparam is not None:
        aparam = torch.from_numpy(batch.aparam).reshape(batch.nframe * batch.nloc, -1)
    return fparam, aparam


def collect(
    energy: Tensor, atom_energy: Tensor, dr: Tensor, r: Tensor, i: Tensor, j: Tensor, batch: Batch
) -> Prediction:
    """Forces and virials of a batch from dE/dr of its pairs [npair, 3]."""
    nframe, nloc = batch.nframe, batch.nloc
    force = dr.new_zeros(nframe * nloc, 3).index_add(0, i, dr).index_add(0, j, -dr)
    pair = -(dr[:, :, None] * r[:, None, :])
    virial = dr.new_zeros(nframe, 3, 3).index_add(0, i // nloc, pair)
    return Prediction(energy, force.view(nframe, nloc, 3), virial, atom_energy.view(nframe, nloc))


def _detached(found: Prediction) -> Prediction:
    return Prediction(
        found.energy.detach(),
        found.force.detach(),
        found.virial.detach(),
        found.atom_energy.detach(),
    )
