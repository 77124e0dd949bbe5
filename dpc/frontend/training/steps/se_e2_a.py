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
from dpc.frontend.training.steps.base import Step, steps
from dpc.frontend.training.steps.evaluation import Evaluation
from dpc.frontend.training.steps.fold import Fold, fold
from dpc.frontend.training.steps.nodes import HARMLESS, Grid, first_grid, fit_grid
from dpc.frontend.training.steps.placement import Prepared, Spread, prepare, spread, statistics

ROUGH = ("relu", "relu6", "silut", "custom_silu")
ROOM = 384 << 20  # bytes for frames with their X, where nets are frozen
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
        self.room = 0 if self._learned() else ROOM
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

    def place(self, prepared: Prepared) -> Spread:
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
            known = self._nodes is not None and prepared.kept.nodes is self._nodes
        return spread(prepared, grid, nothing, self.dtype, fill=not known)

    def predict(self, batch: Batch) -> Prediction:
        with torch.no_grad():
            return Evaluation(self, batch).prediction

    def gradient(
        self, batch: Batch, loss: Loss, fraction: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        self._check_grid()
        with torch.no_grad():
            run = Evaluation(self, batch)
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
        trainable = self._learned()
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

    def _learned(self) -> bool:
        return any(p.requires_grad for p in self.descriptor.embedding.parameters())

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
