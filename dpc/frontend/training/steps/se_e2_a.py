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

import functools
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
from dpc.frontend.training.steps import frozen, kernels, nodes
from dpc.frontend.training.steps.base import Step, steps
from dpc.frontend.training.steps.embedded import Embedded
from dpc.frontend.training.steps.evaluation import Evaluation
from dpc.frontend.training.steps.frozen import POINTS, Frozen, Tables
from dpc.frontend.training.steps.learned import Learned
from dpc.frontend.training.steps.nodes import HARMLESS, Grid, first_grid, fit_grid
from dpc.frontend.training.steps.placement import Environment, Prepared, prepare

ROUGH = ("relu", "relu6", "silut", "custom_silu")
ROOM = 448 << 20  # bytes for frames with their X, where nets are frozen
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
        self.grid: Grid | None = None
        self.room = 0 if self._learns() else ROOM
        self._tables: Tables | None = None  # of frozen nets
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
        grid = None if state.get("grid") is None else Grid(**state["grid"])
        # nets that learned in the run before may be frozen in this one
        self.grid = grid if grid and grid.points == self._points() else None
        self._since_check = state.get("since_check", 0)

    @functools.cached_property
    def environment(self) -> Environment:
        """What no training changes."""
        return Environment.of(self.model, self.descriptor)

    @functools.cached_property
    def _nothing(self) -> tuple[float, float]:
        """The smallest and the largest first column of rows of empty slots."""
        first = self.environment.nothing[:, 0].tolist()
        return min(first), max(first)

    def prepare(self, batch: Batch, pairs: Pairs) -> Prepared:
        return prepare(self.environment, batch, pairs)

    def embed(self, prepared: Prepared) -> Embedded:
        """The embedding of a batch; the grid grows where its pairs reach beyond it."""
        bank, one_side = self.descriptor.embedding, self.descriptor.config.type_one_side
        grid, scale = self._reaching(float(prepared.farthest[0])), 1 / sum(self.model.sel)
        if self._learns():
            return Learned(bank, one_side, grid, prepared, scale)
        if self._tables is None or self._tables.grid is not grid:
            # a first layer with a shortcut needs the whole of D
            straight = all(net[0].repeats == 0 for net in self.fitting.nets)
            axis = self.descriptor.config.axis_neuron
            self._tables = Tables(bank, one_side, axis, grid, straight, scale)
        return Frozen(self._tables, prepared)

    def _reaching(self, farthest: float) -> Grid:
        low, high = self._nothing[0], max(farthest, self._nothing[1])
        if self.grid is None:
            self.grid = self._fine(first_grid(self.ntypes, low, high, self._points()))
        elif high > self.grid.end:
            self.grid = self.grid.reaching(high)
        return self.grid

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

    def _points(self) -> int:
        return kernels.PANEL if self._learns() else POINTS

    def _learns(self) -> bool:
        return any(p.requires_grad for p in self.descriptor.embedding.parameters())

    def _check_grid(self) -> None:
        """Refine the grid when the nets have become too rough for it."""
        self._since_check += 1
        if self.grid is None or self._since_check < CHECK_EVERY or not self._learns():
            return
        self._since_check = 0
        self.grid = self._fine(self.grid)

    def _fine(self, grid: Grid) -> Grid:
        """A grid fine enough for the nets; where none is, the finest, with a warning."""
        bank = self.descriptor.embedding
        limits = nodes.TOLERANCE if self._learns() else frozen.TOLERANCE
        grid, error = fit_grid(bank, grid, limits[bank.dtype])
        if error > HARMLESS[bank.dtype] and not self._warned:
            self._warned = True
            warnings.warn(
                f"the embedding nets are so rough that the fused step evaluates them with an error "
                f"of {error:.1e}; training.fused false is exact",
                stacklevel=2,
            )
        return grid
