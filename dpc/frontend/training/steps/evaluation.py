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
from dpc.frontend.training.steps.placement import Prepared, statistics

if TYPE_CHECKING:
    from dpc.frontend.training.steps.se_e2_a import FusedStep


class Evaluation:
    """One batch through the model: prediction, then the gradient."""

    def __init__(self, step: FusedStep, batch: Batch) -> None:
        self.step, self.batch = step, batch
        self.model = step.model
        self.prepared: Prepared = step.prepared(batch)
        self.spread = step.place(self.prepared)
        with torch.enable_grad():
            self.graph, self.folds = step.nodes(self.spread.grid)
        self.g = self.graph.detach()
        self.scale = 1 / sum(self.model.sel)
        self.axis = step.descriptor.config.axis_neuron
        self._forward()
        self._back()

    # `parts` are runs of places that share their nets: all atoms, or those of one type
    def _parts(self) -> list[tuple[slice, Tensor]]:
        if self.step.one_side:
            return [(slice(0, len(self.prepared.order)), self.g)]
        rows = len(self.g) // self.step.ntypes
        return [
            (here, self.g[t * rows : (t + 1) * rows])
            for t, here in self._types()
            if here.stop > here.start
        ]

    def _types(self) -> list[tuple[int, slice]]:
        starts = self.prepared.starts
        return [(t, slice(starts[t], starts[t + 1])) for t in range(self.step.ntypes)]

    def _contract(self, a: Tensor) -> Tensor:
        """X = a G / nnei, [n, 4, M]."""
        x = a.new_empty(len(a), 4, self.g.shape[1])
        for here, g in self._parts():
            torch.mm(a[here].flatten(0, 1), g, out=x[here].view(-1, g.shape[1]))
        return x.mul_(self.scale)

    def _forward(self) -> None:
        model, prepared = self.model, self.prepared
        fitting = self.step.fitting
        kept = prepared.kept
        if kept.x is not None and kept.nodes is self.graph:
            self.x = kept.x
        else:
            self.x = self._contract(self.spread.a)
            if not self.graph.requires_grad:
                kept.nodes, kept.x = self.graph, self.x
        self.width = self.x.shape[2] * self.axis
        d = self._outer("dpc_outer", self.x, into=self.x.new_empty(len(self.x), self.width))
        inputs = d.to(torch.float64) if d.dtype != fitting.dtype else d
        inputs = self._with_parameters(inputs).to(fitting.dtype)
        self.counted = model.counted[prepared.type.long()].to(torch.float64)
        bias = (fitting.bias_atom_e + model.out_bias)[prepared.type.long()]
        energy = torch.zeros(len(prepared.order), dtype=torch.float64)
        self.passes: list[tuple[slice, Passes]] = []
        activation = fitting.config.activation_function.lower()
        for t, here in self._types():
            if here.stop > here.start:
                fold = self.folds[t] if self.folds else None
                passes = Passes(fitting.nets[t], inputs[here], activation, fold)
                energy[here] = passes.y.squeeze(1).to(torch.float64)
                self.passes.append((here, passes))
        self.energy = (energy + bias) * self.counted

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
        prepared, spread, batch = self.prepared, self.spread, self.batch
        self.d_bar = self._fitting_back()
        self.x_bar = self._outer(
            "dpc_outer_back", self.x, self.d_bar, into=torch.zeros_like(self.x)
        )
        w = torch.empty_like(spread.a)
        for here, g in self._parts():
            torch.mm(self.x_bar[here].flatten(0, 1), g.T, out=w[here].view(-1, len(g)))
        w *= self.scale
        dr = torch.empty_like(prepared.r)
        _, inverse_std = statistics(self.step.descriptor)
        kernels.call(
            "dpc_pull", len(prepared.order), prepared.first, prepared.count, prepared.r,
            prepared.row, prepared.shape, inverse_std, prepared.type, spread.grid.struct(),
            spread.start, spread.phi, spread.slope, w, dr, dtype=self.step.dtype,
        )  # fmt: skip
        nframe, nloc = batch.nframe, batch.nloc
        force = torch.zeros(nframe, nloc, 3, dtype=torch.float64)
        virial = torch.zeros(nframe, 3, 3, dtype=torch.float64)
        kernels.call(
            "dpc_collect", len(dr), prepared.centre, prepared.neighbor, nloc, prepared.r, dr,
            force, virial,
        )  # fmt: skip
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
        kernels.call(kernel, n, width, self.axis, *arguments, into, dtype=self.x.dtype)
        return into

    @torch.no_grad()
    def gradient(self, found: Prediction) -> None:
        """d loss / d parameter, from d loss / d prediction in the `.grad` of `found`."""
        step, prepared, spread = self.step, self.prepared, self.spread
        force = _gradient(found.force)
        virial = _gradient(found.virial)
        weight = _gradient(found.energy)[:, None] + _gradient(found.atom_energy)
        weight = weight.reshape(-1)[prepared.order] * self.counted
        pushed = torch.empty_like(spread.a)
        _, inverse_std = statistics(step.descriptor)
        kernels.call(
            "dpc_push", len(prepared.order), prepared.first, prepared.count, prepared.order,
            prepared.neighbor, self.batch.nloc, force, virial, prepared.r, prepared.row,
            prepared.shape, inverse_std, prepared.type, spread.grid.struct(), spread.start,
            spread.phi, spread.slope, pushed, dtype=step.dtype,
        )  # fmt: skip
        dx = self._contract(pushed)
        dd = self._outer("dpc_outer_along", self.x, dx, into=torch.empty_like(self.d_bar))
        learned = self.graph.requires_grad
        d_bar = torch.empty_like(self.d_bar)
        for here, passes in self.passes:
            dtype = passes.y.dtype
            along = dd[here].to(dtype)
            surplus = passes.layers[0].x.shape[1] - along.shape[1]
            if surplus:
                along = torch.cat([along, along.new_zeros(len(along), surplus)], 1)
            passes.along(along)
            bar = passes.gradient(weight[here, None].to(dtype), learned)
            if bar is not None:
                d_bar[here] = bar[:, : self.width].to(d_bar.dtype)
        if not learned:
            return
        x_bar = self._outer("dpc_outer_back", self.x, d_bar, into=torch.zeros_like(self.x))
        self._outer("dpc_outer_back", dx, self.d_bar, into=x_bar)
        g_bar = torch.zeros_like(self.g)
        rows = len(self.g) // (1 if step.one_side else step.ntypes)
        for k, here in enumerate(self._all_parts()):
            into = g_bar[k * rows : (k + 1) * rows]
            torch.mm(spread.a[here].flatten(0, 1).T, x_bar[here].flatten(0, 1), out=into)
            into.addmm_(pushed[here].flatten(0, 1).T, self.x_bar[here].flatten(0, 1))
        with torch.enable_grad():
            torch.autograd.backward(self.graph, g_bar.mul_(self.scale))

    def _all_parts(self) -> list[slice]:
        """As _parts, types without atoms included."""
        if self.step.one_side:
            return [slice(0, len(self.prepared.order))]
        return [here for _, here in self._types()]


def _gradient(leaf: Tensor) -> Tensor:
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad.contiguous()
