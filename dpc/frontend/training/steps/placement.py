"""A batch as the kernels take it: what follows from positions and grid, not from weights."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from dpc.data.batch import Batch
from dpc.data.pairs import Pairs
from dpc.frontend.descriptors.se_e2_a import SeE2A
from dpc.frontend.model import Model
from dpc.frontend.training.steps import kernels
from dpc.frontend.training.steps.nodes import Grid


@dataclass
class Kept:
    """X of a frame by frozen nets, as these nodes have them."""

    nodes: Tensor | None = None
    x: Tensor | None = None


@dataclass(frozen=True)
class Prepared:
    """A batch as the kernels take it: atoms sorted by type, pairs by atom, rows and nodes."""

    order: Tensor  # [n] atom of the batch at each place; its pairs are first … first + count
    starts: list[int]  # [ntypes + 1]: type t has the places starts[t] … starts[t + 1]
    first: Tensor
    count: Tensor
    type: Tensor  # int32 [n]
    centre: Tensor  # int32 [npair]
    neighbor: Tensor  # int32 [npair]
    net: Tensor  # int32 [npair]: block of nodes, the neighbour's type
    r: Tensor  # [npair, 3]
    row: Tensor  # [npair, 4]
    shape: Tensor  # [npair, 4]
    empty: Tensor  # [n, ntypes]: empty slots
    farthest: float  # largest first column of the rows
    kept: Kept = field(default_factory=Kept)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays of pairs, and of X in 64 columns."""
        pairs = (self.centre, self.neighbor, self.net, self.r, self.row, self.shape)
        return sum(x.nbytes for x in pairs) + 4 * 64 * 8 * len(self.order)


@dataclass
class Spread:
    """The pairs on the nodes of one grid."""

    grid: Grid
    start: Tensor  # int32 [npair]
    phi: Tensor  # [npair, PANEL]
    slope: Tensor
    a: Tensor  # [n, 4, ntypes * nodes]; not filled where X is known


def statistics(descriptor: SeE2A) -> tuple[Tensor, Tensor]:
    """Mean and 1 / std of the rows, [ntypes, 4] float64."""
    mean = descriptor.mean.to(torch.float64).contiguous()
    return mean, (1 / descriptor.std.to(torch.float64)).contiguous()


def prepare(model: Model, descriptor: SeE2A, batch: Batch, pairs: Pairs) -> Prepared:
    """Sort atoms by type, leave excluded pairs out, count empty slots, and make the rows."""
    ntypes, config = len(model.type_map), descriptor.config
    atype = torch.from_numpy(batch.atype.reshape(-1))
    count = torch.from_numpy(pairs.offsets).diff()
    centre = torch.repeat_interleave(torch.arange(len(atype), dtype=torch.int32), count)
    neighbor = torch.from_numpy(pairs.neighbor)
    r = torch.from_numpy(pairs.r)
    ti, tj = atype[centre.long()].long(), atype[neighbor.long()].long()
    if model.pair_exclude_types:  # these slots are empty
        kept = model.keep_pairs[ti, tj]
        centre, neighbor, r, ti, tj = (x[kept] for x in (centre, neighbor, r, ti, tj))
    found = torch.bincount(centre.long() * ntypes + tj, minlength=len(atype) * ntypes)
    empty = torch.tensor(model.sel) - found.view(-1, ntypes)
    if config.exclude_types:  # these slots are taken, by rows of zeros
        kept = descriptor.keep[ti, tj]
        centre, neighbor, r, ti, tj = (x[kept] for x in (centre, neighbor, r, ti, tj))
    count = torch.bincount(centre.long(), minlength=len(atype))
    order = torch.argsort(atype, stable=True)
    order = order[atype[order] >= 0]
    types = atype[order]
    r, pair_type = r.contiguous(), ti.int()
    row, shape = r.new_empty(len(r), 4), r.new_empty(len(r), 4)
    kernels.call(
        "dpc_rows", len(r), r, pair_type, *statistics(descriptor),
        float(config.rcut_smth), float(config.rcut), row, shape,
    )  # fmt: skip
    return Prepared(
        order=order,
        starts=[int((types < t).sum()) for t in range(ntypes + 1)],
        first=(count.cumsum(0) - count)[order].contiguous(),
        count=count[order].contiguous(),
        type=types.contiguous(),
        centre=centre.contiguous(),
        neighbor=neighbor.contiguous(),
        net=tj.int(),
        r=r,
        row=row,
        shape=shape,
        empty=empty[order],
        farthest=float(row[:, 0].max()) if len(row) else 0.0,
    )


def spread(
    prepared: Prepared, grid: Grid, nothing: Tensor, dtype: torch.dtype, fill: bool = True
) -> Spread:
    """The pairs on the nodes of a grid; nothing [ntypes, 4] is the row of an empty slot."""
    n, npair, width = len(prepared.order), len(prepared.r), grid.nets * grid.nodes
    start = torch.empty(npair, dtype=torch.int32)
    phi = torch.empty(npair, kernels.PANEL, dtype=dtype)
    slope = torch.empty_like(phi)
    a = torch.empty(n, 4, width, dtype=dtype)
    kernels.call(
        "dpc_spread", n, prepared.first, prepared.count, prepared.net, prepared.row,
        grid.struct(), start, phi, slope, a if fill else None, dtype=dtype,
    )  # fmt: skip
    if fill:
        _add_empty(prepared, grid, nothing, a)
    return Spread(grid, start, phi, slope, a)


def _add_empty(prepared: Prepared, grid: Grid, nothing: Tensor, a: Tensor) -> None:
    """Empty slots have the row (0 - mean) / std, at one place for each type of centre."""
    one = torch.ones(1, dtype=torch.int64)
    for t in range(len(nothing)):
        here = slice(prepared.starts[t], prepared.starts[t + 1])
        if here.start == here.stop or not bool(nothing[t].any()):
            continue
        lone = torch.empty(1, 4, grid.nets * grid.nodes, dtype=a.dtype)
        phi = torch.empty(2, kernels.PANEL, dtype=a.dtype)
        start = torch.zeros(1, dtype=torch.int32)
        kernels.call(
            "dpc_spread", 1, one - 1, one, start.clone(), nothing[t].contiguous(),
            grid.struct(), start, phi[0], phi[1], lone, dtype=a.dtype,
        )  # fmt: skip
        panel = slice(int(start), int(start) + kernels.PANEL)
        for net in range(len(nothing)):
            block = slice(panel.start + net * grid.nodes, panel.stop + net * grid.nodes)
            slots = prepared.empty[here, net].to(a.dtype)
            a[here, :, block] += slots[:, None, None] * lone[:, :, panel]
