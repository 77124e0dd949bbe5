"""A batch through the fused step: forward, back, along and gradient, as se_e2_a.py has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dpc.data.batch import Batch
from dpc.frontend.training.prediction import Prediction
from dpc.frontend.training.steps import kernels
from dpc.frontend.training.steps.autograd import parameters
from dpc.frontend.training.steps.dense import Passes
from dpc.frontend.training.steps.placement import Prepared

if TYPE_CHECKING:
    from dpc.frontend.training.steps.se_e2_a import FusedStep


class Evaluation:
    """One batch through the model: prediction, then the gradient."""

    def __init__(self, step: FusedStep, batch: Batch) -> None:
        self.step, self.batch = step, batch
        self.model = step.model
        self.prepared: Prepared = step.prepared(batch)
        self.embedded = step.embed(self.prepared)
        self.x = self.embedded.x
        self.axis = step.descriptor.config.axis_neuron
        self._forward()
        self._back()

    def _forward(self) -> None:
        model, prepared = self.model, self.prepared
        fitting = self.step.fitting
        self.width = self._size_of_d()
        d = self._outer("dpc_outer", self.x, into=self.x.new_empty(len(self.x), self.width))
        inputs = d.to(torch.float64) if d.dtype != fitting.dtype else d
        inputs = self._with_parameters(inputs).to(fitting.dtype)
        self.counted = model.counted[prepared.type.long()].to(torch.float64)
        bias = (fitting.bias_atom_e + model.out_bias)[prepared.type.long()]
        energy = torch.zeros(len(prepared.order), dtype=torch.float64)
        self.passes: list[tuple[slice, Passes]] = []
        activation = fitting.config.activation_function.lower()
        for t, here in enumerate(prepared.parts(True)):
            if here.stop > here.start:
                fold = self.embedded.folds[t] if self.embedded.folds else None
                passes = Passes(fitting.nets[t], inputs[here], activation, fold)
                energy[here] = passes.y.squeeze(1).to(torch.float64)
                self.passes.append((here, passes))
        self.energy = (energy + bias) * self.counted

    def _size_of_d(self) -> int:
        folds = self.embedded.folds
        return folds[0].width if folds else self.x.shape[2] * self.axis

    def _with_parameters(self, d: Tensor) -> Tensor:
        fparam, aparam = parameters(self.model, self.batch)
        fitting, order = self.step.fitting, self.prepared.order
        parts = [d]
        if fparam is not None:
            parts.append((fparam[order] - fitting.fparam_avg) * fitting.fparam_inv_std)
        if aparam is not None:
            parts.append((aparam[order] - fitting.aparam_avg) * fitting.aparam_inv_std)
        return torch.cat([p.to(torch.float64) for p in parts], 1) if len(parts) > 1 else d

    def _back(self) -> None:
        prepared, batch = self.prepared, self.batch
        self.d_bar = self._fitting_back()
        self.x_bar = self._outer(
            "dpc_outer_back", self.x, self.d_bar, into=torch.zeros_like(self.x)
        )
        dr = self.embedded.pull(self.x_bar)
        nframe, nloc = batch.nframe, batch.nloc
        force = torch.zeros(nframe, nloc, 3, dtype=torch.float64)
        virial = torch.zeros(nframe, 3, 3, dtype=torch.float64)
        kernels.call("dpc_collect", prepared.struct(), dr, force, virial)
        atom_energy = torch.zeros(nframe * nloc, dtype=torch.float64)
        atom_energy[prepared.order] = self.energy
        atom_energy = atom_energy.view(nframe, nloc)
        self.prediction = Prediction(atom_energy.sum(1), force, virial, atom_energy)

    def _fitting_back(self) -> Tensor:
        d_bar = self.x.new_empty(len(self.x), self.width)
        for here, passes in self.passes:
            bar = passes.back(self.counted[here, None].to(passes.y.dtype))
            d_bar[here] = bar[:, : self.width].to(d_bar.dtype)
        return d_bar

    def _outer(self, kernel: str, *arguments: Tensor, into: Tensor) -> Tensor:
        """D = x^T x<, its change, or its adjoint; see pairs_template.h."""
        n, _, width = self.x.shape
        triangle = int(bool(self.embedded.folds))
        kernels.call(kernel, n, width, self.axis, triangle, *arguments, into, dtype=self.x.dtype)
        return into

    @torch.no_grad()
    def gradient(self, found: Prediction) -> None:
        """d loss / d parameter, from d loss / d prediction in the `.grad` of `found`."""
        force = _gradient(found.force)
        virial = _gradient(found.virial)
        weight = _gradient(found.energy)[:, None] + _gradient(found.atom_energy)
        weight = weight.reshape(-1)[self.prepared.order] * self.counted
        dx = self.embedded.push(force, virial)
        dd = self._outer("dpc_outer_along", self.x, dx, into=torch.empty_like(self.d_bar))
        learns = self.embedded.learns
        d_bar = torch.empty_like(self.d_bar)
        for here, passes in self.passes:
            dtype = passes.y.dtype
            along = dd[here].to(dtype)
            surplus = passes.layers[0].x.shape[1] - along.shape[1]
            if surplus:
                along = torch.cat([along, along.new_zeros(len(along), surplus)], 1)
            passes.along(along)
            bar = passes.gradient(weight[here, None].to(dtype), learns)
            if bar is not None:
                d_bar[here] = bar[:, : self.width].to(d_bar.dtype)
        if learns:
            x_bar = self._outer("dpc_outer_back", self.x, d_bar, into=torch.zeros_like(self.x))
            self._outer("dpc_outer_back", dx, self.d_bar, into=x_bar)
            self.embedded.gradient(x_bar, self.x_bar)


def _gradient(leaf: Tensor) -> Tensor:
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad.contiguous()
