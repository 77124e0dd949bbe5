"""Embedding nets that learn: X = a G with the values G on the nodes of a grid (nodes.py)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from dpc.frontend.net import MlpBank
from dpc.frontend.training.steps import kernels
from dpc.frontend.training.steps.embedded import Embedded
from dpc.frontend.training.steps.fold import Fold
from dpc.frontend.training.steps.nodes import Grid
from dpc.frontend.training.steps.placement import Prepared


class Learned(Embedded):
    """One batch on the nodes of `grid`; `scale` is 1 / nnei."""

    learns = True

    def __init__(
        self, bank: MlpBank, one_side: bool, grid: Grid, prepared: Prepared, scale: float
    ) -> None:
        self.grid, self.prepared, self.scale = grid, prepared, scale
        self.folds: list[Fold] = []
        places = grid.places().to(bank.dtype)[:, None]
        with torch.enable_grad():
            self.graph = torch.cat([net(places) for net in bank])
        self.g = self.graph.detach()
        self.parts = prepared.parts(not one_side)  # each has its rows of G
        self._spread()
        self._x = self._contract(self.a)
        self.pushed: Tensor | None = None

    @property
    def x(self) -> Tensor:
        return self._x

    def _spread(self) -> None:
        """a [n, 4, nets * nodes], and for each pair where it is on the nodes."""
        prepared, grid, dtype = self.prepared, self.grid, self.g.dtype
        npair = len(prepared.r)
        self.start = torch.empty(npair, dtype=torch.int32)
        self.phi = torch.empty(npair, kernels.PANEL, dtype=dtype)
        self.slope = torch.empty_like(self.phi)
        self.a = torch.empty(len(prepared.order), 4, grid.nets * grid.nodes, dtype=dtype)
        kernels.call(
            "dpc_spread", prepared.struct(), grid.struct(), self.start, self.phi, self.slope,
            self.a, dtype=dtype,
        )  # fmt: skip
        start = torch.empty(1, dtype=torch.int32)
        phi, lone = self.phi.new_empty(2, kernels.PANEL), self.a.new_empty(self.a.shape[1:])
        for here, pair, slots in prepared.empty_slots(dtype):
            kernels.call("dpc_spread", pair.struct(), grid.struct(), start, *phi, lone, dtype=dtype)
            panel = slice(int(start), int(start) + kernels.PANEL)
            self.a[here, :, panel] += slots * lone[:, panel]

    def _contract(self, a: Tensor) -> Tensor:
        x = a.new_empty(len(a), 4, self.g.shape[1])
        for g, here in self._by_part(self.g):
            torch.mm(a[here].flatten(0, 1), g, out=x[here].view(-1, g.shape[1]))
        return x.mul_(self.scale)

    def _by_part(self, g: Tensor) -> Iterator[tuple[Tensor, slice]]:
        """The rows of G that each part of the atoms uses, and that part."""
        return zip(g.chunk(len(self.parts)), self.parts, strict=True)

    def pull(self, x_bar: Tensor) -> Tensor:
        w = torch.empty_like(self.a)
        for g, here in self._by_part(self.g):
            torch.mm(x_bar[here].flatten(0, 1), g.T, out=w[here].view(-1, len(g)))
        w *= self.scale
        dr = torch.empty_like(self.prepared.r)
        kernels.call(
            "dpc_pull", self.prepared.struct(), self.grid.struct(), self.start, self.phi,
            self.slope, w, dr, dtype=w.dtype,
        )  # fmt: skip
        return dr

    def push(self, force: Tensor, virial: Tensor) -> Tensor:
        self.pushed = torch.empty_like(self.a)
        kernels.call(
            "dpc_push", self.prepared.struct(), self.grid.struct(), force, virial, self.start,
            self.phi, self.slope, self.pushed, dtype=self.a.dtype,
        )  # fmt: skip
        return self._contract(self.pushed)

    def gradient(self, x_bar: Tensor, change_bar: Tensor) -> None:
        assert self.pushed is not None
        g_bar = torch.zeros_like(self.g)
        for into, here in self._by_part(g_bar):
            torch.mm(self.a[here].flatten(0, 1).T, x_bar[here].flatten(0, 1), out=into)
            into.addmm_(self.pushed[here].flatten(0, 1).T, change_bar[here].flatten(0, 1))
        with torch.enable_grad():
            torch.autograd.backward(self.graph, g_bar.mul_(self.scale))
