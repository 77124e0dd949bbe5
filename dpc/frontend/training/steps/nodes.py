"""Embedding nets on the nodes of a grid, in place of their values at every pair.

An embedding net is a smooth function G of one number x, and a batch asks for it at tens of
thousands of places. Between the nodes x_k of a fine grid G is a polynomial to the last digits,

    G(x) = sum_k phi_k(x) G(x_k)
    X_i = sum_j R_ij^T G(x_ij) = A_i G,   A_i = sum_j R_ij^T phi(x_ij)

so that a step runs the nets on a few hundred nodes, whatever the batch, and all that is left at the
pairs does not depend on the weights. phi are the Lagrange polynomials of the Chebyshev-Lobatto
points of each panel; panels share their ends, so that G stays continuous. Nets that do not change
are the polynomials themselves, panel by panel (frozen.py).
"""

from __future__ import annotations

import copy
import functools
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dpc.frontend.net import MlpBank
from dpc.frontend.training.steps.kernels import PANEL, GridStruct

TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-7}
"""Largest error of G between the nodes, over its largest value."""
HARMLESS = {torch.float64: 1e-9, torch.float32: 1e-5}
"""Errors above these are worth a warning, where the finest grid does not reach the tolerance."""
MAX_NODES = 3001  # more would cost more than they save


@functools.cache
def _points(n: int) -> Tensor:
    """Chebyshev-Lobatto points of [-1, 1], ascending, [n]."""
    return -torch.cos(math.pi * torch.arange(n, dtype=torch.float64) / (n - 1))


@functools.cache
def _coefficients(n: int) -> Tensor:
    """c [n, n] with phi_m(u) = sum_k c[k, m] T_k(u)."""
    k = torch.arange(n, dtype=torch.float64)
    values = torch.cos(k[:, None] * torch.acos(_points(n).clamp(-1, 1))[None, :])  # T_k(u_m)
    return torch.linalg.inv(values.T).contiguous()


@functools.cache
def _between(n: int) -> tuple[Tensor, Tensor]:
    """Places halfway between the points, and phi there: [n - 1], [n - 1, n]."""
    u = (_points(n)[1:] + _points(n)[:-1]) / 2
    k = torch.arange(n, dtype=torch.float64)
    return u, torch.cos(torch.acos(u)[:, None] * k[None, :]) @ _coefficients(n)


@dataclass(frozen=True)
class Grid:
    """`panels` panels of `width` from `origin`, for `nets` nets side by side.

    Each has `points` nodes, its two ends included.
    """

    nets: int
    origin: float
    width: float
    panels: int
    points: int = PANEL

    @property
    def nodes(self) -> int:
        """Nodes of one net."""
        return self.panels * (self.points - 1) + 1

    @property
    def end(self) -> float:
        """Where the last panel ends."""
        return self.origin + self.panels * self.width

    def struct(self) -> GridStruct:
        """The grid for pairs.c; one block of nodes for each neighbour type."""
        phi = _coefficients(PANEL).data_ptr()
        return GridStruct(self.nets, self.nodes, self.panels, self.origin, 1 / self.width, phi)

    def pieces(self, values: Tensor) -> Tensor:
        """Coefficients of u^k, u in [-1, 1], of every panel, [panels, points, M], from the values
        of a net at the nodes, [nodes, M]."""
        powers = _points(self.points)[:, None] ** torch.arange(self.points)
        return torch.linalg.inv(powers) @ self.by_panel(values.to(torch.float64))

    def places(self) -> Tensor:
        """x of every node, [nodes]."""
        u = (_points(self.points) + 1) / 2
        inner = (torch.arange(self.panels)[:, None] + u[None, :-1]).reshape(-1)
        return self.origin + self.width * torch.cat([inner, inner.new_full((1,), self.panels)])

    def reaching(self, end: float) -> Grid:
        """The same grid with as many panels as it takes to hold `end`."""
        panels = max(self.panels, math.ceil((end - self.origin) / self.width + 1e-9))
        return replace(self, panels=panels)

    def finer(self) -> Grid:
        """The same range in twice as many panels."""
        return replace(self, width=self.width / 2, panels=self.panels * 2)

    def by_panel(self, values: Tensor) -> Tensor:
        """Values at the nodes of a net, [nodes, M], as [panels, points, M]."""
        panels = values[:-1].view(self.panels, self.points - 1, -1)
        return torch.cat([panels, torch.cat([panels[1:, :1], values[-1:][None]])], 1)

    def error(self, bank: MlpBank) -> float:
        """Largest error halfway between the nodes over the largest value, of all nets."""
        u, phi = _between(self.points)
        middle = (torch.arange(self.panels)[:, None] + (u[None, :] + 1) / 2).reshape(-1)
        middle = self.origin + self.width * middle
        worst = 0.0
        with torch.no_grad():
            # in float64: float32's rounding is no matter of the grid
            for net in copy.deepcopy(bank).double():
                at_nodes = net(self.places()[:, None])
                exact = net(middle[:, None])
                found = (phi @ self.by_panel(at_nodes)).reshape(len(middle), -1)
                scale = float(at_nodes.abs().max())
                worst = max(worst, float((found - exact).abs().max()) / (scale or 1.0))
        return worst


def fit_grid(bank: MlpBank, start: Grid, tolerance: float) -> tuple[Grid, float]:
    """The first of ever finer grids that reaches the tolerance, or the finest; and its error."""
    grid = start
    while (error := grid.error(bank)) > tolerance:
        if grid.finer().nodes > MAX_NODES:
            break
        grid = grid.finer()
    return grid, error


def first_grid(nets: int, low: float, high: float, points: int = PANEL) -> Grid:
    """A coarse grid over [low, high] to start from."""
    return Grid(nets, low, max(1.0, (high - low) / 8), 1, points).reaching(high)
