"""Which numbers an embedding net can be asked for: the reach of the normalised s(r)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dpc.ir.op import Value
from dpc.ir.ops.arith import Cast
from dpc.ir.ops.environment import EnvMatrix, Radial, ScaleRows, switch
from dpc.ir.params import ParamStore
from dpc.passes.base import PassError
from dpc.passes.quintic import Array

#: Å; the shortest distance for models that do not know theirs
NEAREST = 0.5


@dataclass(frozen=True)
class Radius:
    """x of a distance: ``(sw(r)/r - mean) / std`` of each centre type."""

    mean: Array  # [ntypes]
    std: Array  # [ntypes]
    rcut: float
    rcut_smth: float

    def x(self, r: float) -> Array:
        """Normalised s of a neighbour at r (Å) for each centre type; an empty slot is at rcut."""
        sw, _ = switch(np.array(r, np.float64), self.rcut_smth, self.rcut)
        return np.asarray((sw / r - self.mean) / self.std)


class Reach(NamedTuple):
    """From `lower`, an empty slot, to `upper`, the shortest distance, over all centre types.

    A one-sided net serves centres of every type, and each has its own mean and spread.
    """

    lower: float
    upper: float
    nearest: float  # Å
    radii: tuple[Radius, ...]


def reach_of(
    inputs: Sequence[Value],
    store: ParamStore,
    nearest: float | None,
    lower: float | None = None,
    upper: float | None = None,
) -> Reach:
    """The reach of the inputs of one bank; `lower` and `upper` count where they are given."""
    shortest = NEAREST if nearest is None else nearest
    radii = [radius for x in inputs if (radius := radius_of(x, store)) is not None]
    if len(radii) < len(inputs) and (lower is None or upper is None):
        raise PassError(
            "the input does not come from env_matrix, so its range is not known. Give lower= "
            "and upper="
        )
    for rcut in [radius.rcut for radius in radii if not 0.0 < shortest < radius.rcut]:
        raise PassError(f"the shortest distance is {shortest} Å, but must be 0 to {rcut}, rcut")
    if lower is None:
        lower = min(float(radius.x(radius.rcut).min()) for radius in radii)
    if upper is None:
        upper = max(float(radius.x(shortest).max()) for radius in radii)
    if not lower < upper:
        raise PassError(f"the range from {lower} to {upper} is empty")
    return Reach(lower, upper, shortest, tuple(radii))


def radius_of(x: Value, store: ParamStore) -> Radius | None:
    """How a net's input follows from the distance; None when it does not come from one."""
    while not isinstance(x.op, EnvMatrix):
        if isinstance(x.op, Radial | ScaleRows):
            x = x.op.env
        elif isinstance(x.op, Cast):
            x = x.op.a
        else:
            return None
    env = x.op
    mean, std = store[env.mean.name], store[env.std.name]
    return Radius(mean[:, 0], std[:, 0], env.rcut, env.rcut_smth)
