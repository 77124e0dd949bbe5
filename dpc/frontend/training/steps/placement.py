"""A batch as the kernels take it: what follows from its positions, not from weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dpc.data.batch import Batch
from dpc.data.pairs import Pairs
from dpc.frontend.descriptors.se_e2_a import SeE2A
from dpc.frontend.model import Model
from dpc.frontend.training.steps import kernels

_EMPTY, _KEPT, _ZERO = 0, 1, 2  # enum fate of pairs.c


@dataclass(frozen=True)
class Environment:
    """What makes rows of pairs; no training changes it."""

    mean: Tensor  # [ntypes, 4] float64
    inverse_std: Tensor  # [ntypes, 4] float64
    rcut_smth: float  # Å
    rcut: float  # Å
    sel: Tensor  # [ntypes]
    fate: Tensor  # int8 [ntypes, ntypes], of the pairs of two types

    @staticmethod
    def of(model: Model, descriptor: SeE2A) -> Environment:
        """That of a model."""
        config = descriptor.config
        fate = torch.full((len(model.type_map), len(model.type_map)), _KEPT, dtype=torch.int8)
        if config.exclude_types:
            fate[~descriptor.keep] = _ZERO
        if model.pair_exclude_types:
            fate[~model.keep_pairs] = _EMPTY
        return Environment(
            descriptor.mean.to(torch.float64).contiguous(),
            (1 / descriptor.std.to(torch.float64)).contiguous(),
            float(config.rcut_smth),
            float(config.rcut),
            torch.tensor(model.sel),
            fate,
        )

    @property
    def nothing(self) -> Tensor:
        """The row of an empty slot, [ntypes, 4]."""
        return -self.mean * self.inverse_std


@dataclass
class Kept:
    """X of a frame by frozen nets, as this owner has them."""

    owner: object = None
    x: Tensor | None = None


@dataclass(frozen=True)
class Prepared:
    """A batch as the kernels take it: atoms sorted by type, each with its pairs."""

    nloc: int
    starts: list[int]  # [ntypes + 1]: type t has the places starts[t] … starts[t + 1]
    order: Tensor  # [n]: atom of the batch at each place; its pairs are first … first + count
    first: Tensor
    count: Tensor
    type: Tensor  # int32 [n]
    empty: Tensor  # [n, ntypes]: empty slots
    neighbor: Tensor  # int32 [npair]
    net: Tensor  # int32 [npair]: the neighbour's type
    r: Tensor  # [npair, 3]
    radial: Tensor  # [npair, 3]
    farthest: NDArray[np.float64]  # [1]: largest first column of the rows
    environment: Environment
    kept: Kept = field(default_factory=Kept)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays of pairs, and of X in 64 columns."""
        pairs = sum(x.nbytes for x in (self.neighbor, self.net, self.r, self.radial))
        return pairs + 4 * 64 * 8 * len(self.order)

    def struct(self) -> kernels.PairsStruct:
        """The batch for pairs.c."""
        arrays = (
            self.order, self.first, self.count, self.type, self.neighbor, self.net, self.r,
            self.radial, self.environment.mean, self.environment.inverse_std,
        )  # fmt: skip
        return kernels.PairsStruct(len(self.order), self.nloc, *(x.data_ptr() for x in arrays))

    def parts(self, several: bool) -> list[slice]:
        """Runs of places that share their nets: all, or for `several` those of each type."""
        if not several:
            return [slice(0, len(self.order))]
        return [slice(a, b) for a, b in zip(self.starts, self.starts[1:], strict=False)]

    def empty_slots(self, dtype: torch.dtype) -> Iterator[tuple[slice, Prepared, Tensor]]:
        """Slots without a neighbour: their row, (0 - mean) / std, is one for a type of centre.

        Gives the atoms of a type, one such slot of a net as a pair of its own, and how many each
        of the atoms has, [atoms, 1, 1].
        """
        for t, here in enumerate(self.parts(True)):
            if here.start < here.stop and bool(self.environment.nothing[t].any()):
                for net, slots in enumerate(self.empty[here].to(dtype).T):
                    yield here, self._lone(t, net), slots[:, None, None]

    def _lone(self, centre: int, net: int) -> Prepared:
        """One atom with one pair whose switch is 0."""
        zero, one = torch.zeros(1, dtype=torch.int64), torch.ones(1, dtype=torch.int64)
        t, n = torch.tensor([[centre], [net]], dtype=torch.int32)
        r = torch.zeros(1, 3, dtype=torch.float64)
        return Prepared(
            1, [], zero, zero, one, t, self.empty[:0], n, n, r, r, self.farthest, self.environment
        )


def prepare(environment: Environment, batch: Batch, pairs: Pairs) -> Prepared:
    """Sort atoms by type, leave excluded pairs out, count empty slots.

    In NumPy and two calls: torch lets go of the interpreter in each operation, and to get it back
    every time would cost the training's thread more than the work.
    """
    n, npair, ntypes = batch.atype.size, len(pairs.neighbor), len(environment.sel)
    starts, order, first, count, empty = (
        np.empty(shape, np.int64) for shape in (ntypes + 1, n, n, n, (n, ntypes))
    )
    atype, neighbor, net = (np.empty(size, np.int32) for size in (n, npair, npair))
    r = np.empty((npair, 3))
    kernels.call(
        "dpc_sort", n, ntypes, np.ascontiguousarray(batch.atype, np.int32), pairs.offsets,
        pairs.neighbor, np.ascontiguousarray(pairs.r), environment.fate, environment.sel, starts,
        order, first, count, empty, atype, neighbor, net, r,
    )  # fmt: skip
    real = int(starts[-1])
    used = int(first[real - 1] + count[real - 1]) if real else 0
    by_atom = (torch.from_numpy(x[:real]) for x in (order, first, count, atype, empty))
    by_pair = (torch.from_numpy(x[:used]) for x in (neighbor, net, r, np.empty((used, 3))))
    most = np.full(1, -np.inf)
    made = Prepared(batch.nloc, starts.tolist(), *by_atom, *by_pair, most, environment)
    kernels.call(
        "dpc_radial", made.struct(), environment.rcut_smth, environment.rcut, made.radial, most
    )
    return made
