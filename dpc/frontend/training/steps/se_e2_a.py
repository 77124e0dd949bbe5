"""The fast step of se_e2_a: real pairs only, embedding nets on nodes, no automatic differentiation.

With a = sum_j R^T phi (nodes.py) a model is E(a G) + sum of a part that only depends on the type.
One step computes

    forward   X = a G, D = X^T X<, E;                                  (1 of 6 units of arithmetic)
    back      dE/dX, w = dE/da = dE/dX G^T, dE/dr, forces, virial;     (1)
    the loss and its gradient by energies, forces and virials;
    along     a' = da/dr v for v = d loss / d (dE/dr), X' = a' G, D';  (1)
    gradient  of S = sum_n w_n E_n + E'_n by every parameter.          (3)

S has the gradient of the loss: to first order the loss depends on dE/dr through v . dE/dr = E'.
"""

from __future__ import annotations

import threading
import warnings
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from dpc.data.batch import Batch
from dpc.data.pairs import Pairs
from dpc.errors import ToolError
from dpc.frontend.descriptors.se_e2_a import SeE2A
from dpc.frontend.fittings.energy import EnergyFitting
from dpc.frontend.model import Model
from dpc.frontend.training.losses import Loss
from dpc.frontend.training.prediction import Prediction, Targets
from dpc.frontend.training.steps import kernels
from dpc.frontend.training.steps.autograd import parameters
from dpc.frontend.training.steps.base import Step, steps
from dpc.frontend.training.steps.dense import Passes
from dpc.frontend.training.steps.fold import Fold, fold
from dpc.frontend.training.steps.nodes import HARMLESS, Grid, first_grid, fit_grid
from dpc.frontend.training.steps.placement import Prepared, Spread, prepare, spread, statistics

ROUGH = ("relu", "relu6", "silut", "custom_silu")
CHECK_EVERY = 100  # steps between two looks at the error between the nodes


@steps.register("se_e2_a")
class FusedStep(Step):
    """se_e2_a with an energy fitting. `Prepared` may be made in another thread."""

    name = "fused"

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        assert isinstance(model.descriptor, SeE2A) and isinstance(model.fitting, EnergyFitting)
        self.descriptor, self.fitting = model.descriptor, model.fitting
        self.ntypes = len(model.type_map)
        self.one_side = self.descriptor.config.type_one_side
        self.dtype = self.descriptor.dtype
        self.grid: Grid | None = None
        self._lock = threading.Lock()
        self._nodes: Tensor | None = None  # of frozen nets, folded
        self._folds: list[Fold] = []  # of each type of centre
        self._since_check = 0
        self._warned = False

    @staticmethod
    def refuses(model: Model) -> str:
        descriptor, fitting = model.descriptor, model.fitting
        if not isinstance(fitting, EnergyFitting):
            return f"fitting {model.config['fitting_net']['type']}"
        if bool(fitting.vacuum.any()):
            return "atom_ener"
        activation = descriptor.config.activation_function.partition(":")[0].lower()
        if activation in ROUGH:
            return f"embedding nets with {activation}, which is not smooth"
        if descriptor.config.axis_neuron > kernels.MOST_AXIS:
            return f"axis_neuron above {kernels.MOST_AXIS}"
        try:
            kernels.library()
        except ToolError as error:
            return str(error)
        return ""

    def state(self) -> dict[str, Any]:
        grid = None if self.grid is None else asdict(self.grid)
        return {"grid": grid, "since_check": self._since_check}

    def restore(self, state: dict[str, Any]) -> None:
        self.grid = None if state.get("grid") is None else Grid(**state["grid"])
        self._since_check = state.get("since_check", 0)

    def prepare(self, batch: Batch, pairs: Pairs) -> Prepared:
        return prepare(self.model, self.descriptor, batch, pairs)

    def _place(self, prepared: Prepared) -> Spread:
        """The pairs of a batch on the nodes; the grid grows where they reach beyond it."""
        mean, inverse_std = statistics(self.descriptor)
        nothing = -mean * inverse_std  # the row of an empty slot
        with self._lock:
            low = float(nothing[:, 0].min())
            high = max(prepared.farthest, float(nothing[:, 0].max()))
            if self.grid is None:
                self.grid = self._fine(first_grid(self.ntypes, low, high))
            elif high > self.grid.end:
                self.grid = self.grid.reaching(high)
                self._nodes = None
            grid = self.grid
        return spread(prepared, grid, nothing, self.dtype)

    def predict(self, batch: Batch) -> Prediction:
        with torch.no_grad():
            return _Run(self, batch).prediction

    def gradient(
        self, batch: Batch, loss: Loss, fraction: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        self._check_grid()
        with torch.no_grad():
            run = _Run(self, batch)
        found = run.prediction.leaves()
        value, errors = loss(found, Targets.of(batch), fraction)
        if value.requires_grad:
            value.backward()
            run.gradient(found)
        return value.detach(), errors

    def nodes(self, grid: Grid) -> tuple[Tensor, list[Fold]]:
        """Values of every net on the nodes, [nets * nodes, M], with their graph.

        Of frozen nets in fewer columns, with a fold for each type of centre where that saves any.
        """
        if self._nodes is not None:
            return self._nodes, self._folds
        places = grid.places().to(self.dtype)[:, None]
        trainable = any(p.requires_grad for p in self.descriptor.embedding.parameters())
        with torch.set_grad_enabled(trainable):
            values = torch.cat([net(places) for net in self.descriptor.embedding])
        if trainable:
            return values, []
        parts = list(values.chunk(1 if self.one_side else self.ntypes))
        # a first layer with a shortcut needs the whole of D
        straight = all(net[0].repeats == 0 for net in self.fitting.nets)
        folds = fold(parts, self.descriptor.config.axis_neuron) if straight else []
        if folds:
            values = torch.cat([f.columns(g) for f, g in zip(folds, parts, strict=True)])
        self._nodes, self._folds = values, folds * (self.ntypes if self.one_side else 1)
        return self._nodes, self._folds

    def _check_grid(self) -> None:
        """Refine the grid when the nets have become too rough for it."""
        self._since_check += 1
        if self.grid is None or self._since_check < CHECK_EVERY or self._nodes is not None:
            return
        self._since_check = 0
        self.grid = self._fine(self.grid)

    def _fine(self, grid: Grid) -> Grid:
        """A grid fine enough for the nets; where none is, the finest, with a warning."""
        bank = self.descriptor.embedding
        grid, error = fit_grid(bank, grid)
        if error > HARMLESS[bank.dtype] and not self._warned:
            self._warned = True
            warnings.warn(
                f"the embedding nets are so rough that the fused step evaluates them with an error "
                f"of {error:.1e}; training.fused false is exact",
                stacklevel=2,
            )
        return grid


class _Run:
    """One batch through the model."""

    def __init__(self, step: FusedStep, batch: Batch) -> None:
        self.step, self.batch = step, batch
        self.model = step.model
        self.prepared: Prepared = step.prepared(batch)
        self.spread = step._place(self.prepared)
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
        self.x = self._contract(self.spread.a)
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
            surplus = passes.layers[0].x.shape[1] - self.width
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
        for k, (here, _) in enumerate(self._numbered_parts()):
            into = g_bar[k * rows : (k + 1) * rows]
            torch.mm(spread.a[here].flatten(0, 1).T, x_bar[here].flatten(0, 1), out=into)
            into.addmm_(pushed[here].flatten(0, 1).T, self.x_bar[here].flatten(0, 1))
        with torch.enable_grad():
            torch.autograd.backward(self.graph, g_bar.mul_(self.scale))

    def _numbered_parts(self) -> list[tuple[slice, None]]:
        """As _parts, types without atoms included."""
        if self.step.one_side:
            return [(slice(0, len(self.prepared.order)), None)]
        return [(here, None) for _, here in self._types()]


def _gradient(leaf: Tensor) -> Tensor:
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad.contiguous()
