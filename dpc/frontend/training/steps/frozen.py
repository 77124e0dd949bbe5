"""Embedding nets that do not learn: polynomials, panel by panel, of as few columns as say it all.

X of a frame then never changes and is kept with it; its slopes follow from the polynomials at each
pair, which costs less than going through the nodes of a grid.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dpc.frontend.net import MlpBank
from dpc.frontend.training.steps import kernels
from dpc.frontend.training.steps.embedded import Embedded
from dpc.frontend.training.steps.fold import Fold, fold
from dpc.frontend.training.steps.nodes import Grid
from dpc.frontend.training.steps.placement import Prepared

TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-7}
"""Largest error of the polynomials over the largest value; `fold` leaves out more."""
POINTS = 8
"""Of a panel, TERMS in pairs.c: polynomials of degree 7."""
WIDE = 8  # columns are padded to a multiple of it, as in pairs.c


class Tables:
    """The nets as polynomials on the panels of `grid`, in the columns that `folds` leave.

    `foldable` says that what follows can take fewer columns than M. `scale` is 1 / nnei.
    """

    def __init__(
        self, bank: MlpBank, one_side: bool, axis: int, grid: Grid, foldable: bool, scale: float
    ) -> None:
        self.grid, self.dtype, self.one_side = grid, bank.dtype, one_side
        places = grid.places().to(bank.dtype)[:, None]
        with torch.no_grad():
            values = [net(places) for net in bank]
        parts = [torch.cat(values)] if one_side else list(torch.cat(values).chunk(grid.nets))
        folds = fold(parts, axis) if foldable else []
        if folds:
            parts = [f.columns(g) for f, g in zip(folds, parts, strict=True)]
        self.folds: list[Fold] = folds * (grid.nets if one_side else 1)
        self.columns = parts[0].shape[1]
        values = list(torch.cat(parts).split(grid.nodes))
        pieces = torch.stack([grid.pieces(g) for g in values]) * scale
        self.padding = -self.columns % WIDE
        self.coefficients = torch.nn.functional.pad(pieces.to(bank.dtype), (0, self.padding))

    def struct(self) -> kernels.TableStruct:
        """The tables for pairs.c."""
        grid = self.grid
        return kernels.TableStruct(
            0 if self.one_side else grid.nets, grid.panels, self.columns + self.padding,
            grid.origin, 1 / grid.width, self.coefficients.data_ptr(),
        )  # fmt: skip


class Frozen(Embedded):
    """One batch by the tables."""

    learns = False

    def __init__(self, tables: Tables, prepared: Prepared) -> None:
        self.tables, self.prepared, self.folds = tables, prepared, tables.folds
        if prepared.kept.owner is not tables:
            prepared.kept.owner, prepared.kept.x = tables, self._made()

    @property
    def x(self) -> Tensor:
        assert self.prepared.kept.x is not None
        return self.prepared.kept.x

    def _made(self) -> Tensor:
        x = self._rows(self.prepared)
        for here, pair, slots in self.prepared.empty_slots(x.dtype):
            x[here] += slots * self._rows(pair)
        return self._cut(x)

    def _rows(self, prepared: Prepared) -> Tensor:
        x = self._empty(len(prepared.order))
        kernels.call("dpc_table_rows", prepared.struct(), self.tables.struct(), x, dtype=x.dtype)
        return x

    def _empty(self, n: int) -> Tensor:
        return torch.empty(n, 4, self.tables.columns + self.tables.padding, dtype=self.tables.dtype)

    def _cut(self, x: Tensor) -> Tensor:
        return x[..., : self.tables.columns].contiguous()

    def pull(self, x_bar: Tensor) -> Tensor:
        x_bar = torch.nn.functional.pad(x_bar, (0, self.tables.padding))
        dr = torch.empty_like(self.prepared.r)
        kernels.call(
            "dpc_table_pull", self.prepared.struct(), self.tables.struct(), x_bar, dr,
            dtype=x_bar.dtype,
        )  # fmt: skip
        return dr

    def push(self, force: Tensor, virial: Tensor) -> Tensor:
        change = self._empty(len(self.prepared.order))
        kernels.call(
            "dpc_table_push", self.prepared.struct(), self.tables.struct(), force, virial, change,
            dtype=change.dtype,
        )  # fmt: skip
        return self._cut(change)

    def gradient(self, x_bar: Tensor, change_bar: Tensor) -> None:
        """Nothing learns."""
